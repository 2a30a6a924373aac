//! Evidence: entries of the audit log in one file, each with its own proof, so that somebody who has nothing but the
//! log's key can check them without a server.
//!
//! A plain tar: `entries/N.json` with the exact bytes, `proofs/N.proof` with its C2SP proof, `turns/N.json` and `turns/N.proof`
//! for each turn of the log's key (so that whoever knows one of its keys can check what another signed), `verifier.txt`, `README.txt`,
//! and last `manifest.json`, which says what was asked for and names every file by its digest.
//! Never: believes the bundle's own key where another was given, or a file that the manifest does not name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::archive::{Limits, tar};
use crate::tlog::{Keys, Ticket, TicketFault, Turn, TurnFault, Verifier};
use crate::vote::{Ring, RingFault};

pub const FORMAT: &str = "legator-evidence-v1";
const MANIFEST: &str = "manifest.json";
const KEY: &str = "verifier.txt";

/// What was asked for, and what is in the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    /// Who exported it, by name.
    pub by: String,
    /// UTC milliseconds.
    pub made_at: i64,
    /// What entries were narrowed by; empty if by nothing.
    pub narrowed_by: BTreeMap<String, String>,
    pub entries: u64,
    /// Entries whose body was dropped: their place is proved, and what they said is not here.
    pub dropped: u64,
    /// SHA-256 (hex) of every other file.
    pub files: BTreeMap<String, String>,
}

/// Writes a bundle file by file.
pub struct Writer {
    manifest: Manifest,
}

/// Why it is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceFault {
    #[error("the file cannot be read: {0}")]
    Archive(String),
    #[error("`{0}` is missing")]
    Missing(String),
    #[error("`{0}` is not what the manifest says")]
    Altered(String),
    #[error("`{0}` is in the file and not in the manifest")]
    Extra(String),
    #[error("the manifest cannot be read: {0}")]
    Manifest(String),
    #[error("the bundle names another key than the one that was given")]
    OtherKey,
    #[error("the key cannot be read: {0}")]
    Key(String),
    #[error("entry {index} is not proved: {fault}")]
    Proof { index: String, fault: TicketFault },
    #[error("entry {0} says another place than its proof")]
    Misplaced(String),
    #[error(transparent)]
    Turn(#[from] TurnFault),
    #[error(transparent)]
    Vote(#[from] RingFault),
}

/// What evidence shows.
#[derive(Clone, Debug)]
pub struct Shown {
    pub manifest: Manifest,
    /// The key that is believed: the one that was given, else the one that the bundle names.
    pub verifier: String,
    /// How often the log's key was turned; each turn leads from one key to the next.
    pub turns: usize,
    /// Entries that are proved to be in the log, with their text.
    pub proved: u64,
    /// Ranges of places that are not here, between the first and the last that is.
    pub gaps: Vec<(u64, u64)>,
    pub votes: Ring,
}

impl Writer {
    pub fn new(by: &str, made_at: i64, narrowed_by: BTreeMap<String, String>) -> Self {
        let (by, format) = (by.to_owned(), FORMAT.to_owned());
        let (entries, dropped, files) = (0, 0, BTreeMap::new());
        Self { manifest: Manifest { format, by, made_at, narrowed_by, entries, dropped, files } }
    }

    /// The beginning of the file.
    pub fn begin(&mut self, verifier: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let readme = "Entries of a Legator audit log. Check them with:\n\n    legatorctl audit verify-evidence FILE --verifier KEY\n\n\
            where KEY is the log's key as you know it from elsewhere; the one in verifier.txt is only what this file says.\n";
        self.put(&mut out, "README.txt", readme.as_bytes());
        self.put(&mut out, KEY, format!("{verifier}\n").as_bytes());
        out
    }

    /// One entry with its proof. `json` is absent where retention dropped it.
    pub fn entry(&mut self, index: u64, json: Option<&str>, proof: &str) -> Vec<u8> {
        let mut out = Vec::new();
        match json {
            Some(json) => self.put(&mut out, &format!("entries/{index:012}.json"), json.as_bytes()),
            None => self.manifest.dropped += 1,
        }
        self.manifest.entries += 1;
        self.put(&mut out, &format!("proofs/{index:012}.proof"), proof.as_bytes());
        out
    }

    /// One turn of the log's key. They come in the order of the log.
    pub fn turn(&mut self, index: u64, json: &str, proof: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out, &format!("turns/{index:012}.json"), json.as_bytes());
        self.put(&mut out, &format!("turns/{index:012}.proof"), proof.as_bytes());
        out
    }

    /// The manifest and the end.
    pub fn end(self) -> Vec<u8> {
        let mut out = Vec::new();
        let text = serde_json::to_string_pretty(&self.manifest).unwrap_or_default();
        // The path is short, which is all that can be wrong with one.
        let _ = tar::put(&mut out, MANIFEST, text.as_bytes());
        tar::end(&mut out);
        out
    }

    fn put(&mut self, out: &mut Vec<u8>, path: &str, bytes: &[u8]) {
        let _ = tar::put(out, path, bytes);
        self.manifest.files.insert(path.to_owned(), hex::encode(Sha256::digest(bytes)));
    }
}

/// Checks evidence with the log's key; without one, with the key that the bundle names, which proves no more than that
/// it fits itself.
pub fn verify(file: &[u8], key: Option<&Verifier>) -> Result<Shown, EvidenceFault> {
    const MOST: usize = 4 << 30;
    let limits = Limits { packed_bytes: MOST, unpacked_bytes: MOST, file_bytes: MOST, files: 20_000_000 };
    let found = tar::entries(file, &limits).map_err(|fault| EvidenceFault::Archive(fault.message))?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in found {
        if files.insert(entry.path.clone(), entry.bytes).is_some() {
            return Err(EvidenceFault::Extra(entry.path));
        }
    }
    let manifest = files.remove(MANIFEST).ok_or_else(|| EvidenceFault::Missing(MANIFEST.to_owned()))?;
    let manifest: Manifest =
        serde_json::from_slice(&manifest).map_err(|error| EvidenceFault::Manifest(error.to_string()))?;
    if manifest.format != FORMAT {
        return Err(EvidenceFault::Manifest(format!("its format is `{}`", manifest.format)));
    }
    for (path, digest) in &manifest.files {
        let bytes = files.get(path).ok_or_else(|| EvidenceFault::Missing(path.clone()))?;
        if hex::encode(Sha256::digest(bytes)) != *digest {
            return Err(EvidenceFault::Altered(path.clone()));
        }
    }
    if let Some(extra) = files.keys().find(|path| !manifest.files.contains_key(*path)) {
        return Err(EvidenceFault::Extra(extra.clone()));
    }
    let said = text(&files, KEY)?;
    let said = Verifier::parse(said.trim()).map_err(|fault| EvidenceFault::Key(fault.to_string()))?;
    let (trusted, keys) = (key.unwrap_or(&said), keys(&files, key.unwrap_or(&said))?);
    if !keys.has(&said) {
        return Err(EvidenceFault::OtherKey);
    }
    let (mut ring, mut places, mut proved) = (Ring::default(), Vec::new(), 0);
    for path in files.keys().filter(|path| path.starts_with("proofs/")) {
        let number = path.trim_start_matches("proofs/").trim_end_matches(".proof");
        let fail = |fault| EvidenceFault::Proof { index: number.to_owned(), fault };
        let ticket = Ticket::parse(text(&files, path)?).map_err(fail)?;
        if number.parse() != Ok(ticket.index) {
            return Err(EvidenceFault::Misplaced(number.to_owned()));
        }
        places.push(ticket.index);
        // What was dropped has a place and no text; there is nothing to prove of it.
        let name = format!("entries/{number}.json");
        let Some(json) = files.get(&name) else { continue };
        ticket.verify_under(json, &keys).map_err(fail)?;
        ring.take(std::str::from_utf8(json).unwrap_or_default())?;
        proved += 1;
    }
    let entries = files.keys().filter(|path| path.starts_with("entries/")).count() as u64;
    if entries != proved || proved + manifest.dropped != manifest.entries {
        return Err(EvidenceFault::Manifest("it counts other entries than there are".to_owned()));
    }
    let gaps = places.windows(2).filter_map(|pair| match pair {
        [one, next] if one + 1 < *next => Some((one + 1, next - 1)),
        _ => None,
    });
    let (verifier, turns) = (trusted.to_string(), keys.n_turns());
    Ok(Shown { gaps: gaps.collect(), manifest, verifier, turns, proved, votes: ring })
}

/// The keys of the log, that the trusted one is one of, by the turns in the bundle; each has to be in the log.
fn keys(files: &BTreeMap<String, Vec<u8>>, trusted: &Verifier) -> Result<Keys, EvidenceFault> {
    let mut turns = Vec::new();
    for path in files.keys().filter(|path| path.starts_with("turns/") && path.ends_with(".json")) {
        turns.extend(Turn::read(text(files, path)?)?);
    }
    let keys = match Keys::trusting(trusted, &turns) {
        Err(TurnFault::Stranger(_)) => return Err(EvidenceFault::OtherKey),
        keys => keys?,
    };
    for turn in turns {
        let (number, index) = (format!("{:012}", turn.index), turn.index);
        let fail = |fault| EvidenceFault::Proof { index: index.to_string(), fault };
        let ticket = Ticket::parse(text(files, &format!("turns/{number}.proof"))?).map_err(fail)?;
        if ticket.index != index {
            return Err(EvidenceFault::Misplaced(number));
        }
        ticket.verify_under(text(files, &format!("turns/{number}.json"))?.as_bytes(), &keys).map_err(fail)?;
    }
    Ok(keys)
}

fn text<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str) -> Result<&'f str, EvidenceFault> {
    let bytes = files.get(path).ok_or_else(|| EvidenceFault::Missing(path.to_owned()))?;
    std::str::from_utf8(bytes).map_err(|_| EvidenceFault::Altered(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::tlog::{Checkpoint, Signer, Tree, leaf_hash};

    /// A log of one entry, whose proof has no path.
    fn bundle(json: &str) -> (Vec<u8>, Signer) {
        let signer = Signer::new("legator/audit", SigningKey::from_bytes(&[7; 32])).unwrap();
        let mut tree = Tree::new();
        tree.append(leaf_hash(json.as_bytes()), |_, _| {});
        let checkpoint = Checkpoint::sign(1, tree.root(), &signer);
        let proof = Ticket { index: 0, path: Vec::new(), checkpoint }.to_string();
        let mut writer = Writer::new("ana", 7, BTreeMap::new());
        let mut file = writer.begin(&signer.verifier().to_string());
        file.extend(writer.entry(0, Some(json), &proof));
        file.extend(writer.end());
        (file, signer)
    }

    #[test]
    fn what_is_written_verifies() {
        let (file, signer) = bundle("{\"index\":0}");
        let shown = verify(&file, Some(&signer.verifier())).unwrap();
        assert_eq!((shown.proved, shown.gaps.len(), shown.manifest.by.as_str()), (1, 0, "ana"));
    }

    #[test]
    fn one_letter_more_or_less_anywhere_is_noticed() {
        let (file, signer) = bundle("{\"index\":0}");
        let mut noticed = 0;
        for at in (0..file.len()).step_by(37) {
            let mut altered = file.clone();
            altered[at] ^= 1;
            // Padding says nothing, so nothing of it can be altered.
            if file[at] != 0 {
                assert!(verify(&altered, Some(&signer.verifier())).is_err(), "byte {at}");
                noticed += 1;
            }
        }
        assert!(noticed > 20, "{noticed}");
        for cut in [0, 1, 511, 512, file.len() / 2, file.len() - 600] {
            assert!(verify(&file[..cut], Some(&signer.verifier())).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_whole_bundle_by_another_key_is_not_evidence_of_this_log() {
        let (file, _) = bundle("{\"index\":0}");
        let other = Signer::new("legator/audit", SigningKey::from_bytes(&[8; 32])).unwrap();
        assert!(matches!(verify(&file, Some(&other.verifier())), Err(EvidenceFault::OtherKey)));
    }
}
