//! A bundle in one file: a gzipped tar of plain files behind a manifest of their digests, which a key may sign.
//!
//! The manifest is a C2SP signed note, so the same keys and the same reader serve here and in the audit log.
//! The same files give the same archive, byte for byte. Pure: bytes in, files out.
//! Never: believes a length, a name or a digest that the archive states. What was not checked does not come out.

mod manifest;
pub(crate) mod tar;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use crate::bundle::{Bundle, Fault, MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, path_fault};
use crate::tlog::{NoteFault, Signer, Verifier};
pub use manifest::Manifest;

/// Where the manifest lies in the archive: first, so that a reader knows what to expect.
const MANIFEST: &str = "MANIFEST";

/// How much an archive may hold. What is more is refused before it is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the archive itself.
    pub packed_bytes: usize,
    /// Of all its files.
    pub unpacked_bytes: usize,
    pub file_bytes: usize,
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packed_bytes: 16 * 1024 * 1024,
            unpacked_bytes: MOST_BYTES,
            file_bytes: MOST_FILE_BYTES,
            files: MOST_FILES,
        }
    }
}

/// An archive that was opened: every file is the one that the manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    pub files: BTreeMap<String, Vec<u8>>,
    pub manifest: Manifest,
    note: String,
}

impl Archive {
    /// Checks that this key signed it.
    pub fn signed_by(&self, verifier: &Verifier) -> Result<(), NoteFault> {
        if !self.manifest.signed {
            return Err(NoteFault::Unsigned(verifier.name().to_owned()));
        }
        verifier.open(&self.note).map(|_| ())
    }

    /// The names of the keys that claim to have signed it. Only [`Archive::signed_by`] says whether they did.
    pub fn claimed_signers(&self) -> Vec<&str> {
        let lines = self.note.lines().filter_map(|line| line.strip_prefix("\u{2014} "));
        if self.manifest.signed { lines.filter_map(|line| line.split(' ').next()).collect() } else { Vec::new() }
    }
}

/// Whether these bytes may be an archive at all, rather than something else that was meant.
pub fn looks_like_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Packs a bundle's files. They are put into their canonical form, and what does not belong to a bundle is left out.
pub fn pack(files: &BTreeMap<String, Vec<u8>>, name: &str, signer: Option<&Signer>) -> Result<Vec<u8>, Vec<Fault>> {
    let files = Bundle::canonical_files(files)?;
    let text = manifest::write(name, &Bundle::revision_of(&files)?, &files);
    let note = signer.map_or(text.clone(), |signer| signer.sign(&text));
    let mut packed = Vec::new();
    tar::put(&mut packed, MANIFEST, note.as_bytes()).map_err(|fault| vec![fault])?;
    for (path, bytes) in &files {
        tar::put(&mut packed, path, bytes).map_err(|fault| vec![fault])?;
    }
    tar::end(&mut packed);
    // No name, no time and no system in the header: these would differ from machine to machine.
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    let failed = |error: std::io::Error| vec![broken(format!("could not pack: {error}"))];
    gzip.write_all(&packed).map_err(failed)?;
    gzip.finish().map_err(failed)
}

/// Opens an archive. Refuses whatever is not a bundle's archive to the letter.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Archive, Fault> {
    if bytes.len() > limits.packed_bytes {
        let message = format!("the archive has {} bytes; {} are taken", bytes.len(), limits.packed_bytes);
        return Err(Fault::whole("archive", message).code("too-large").help("is it a bundle?"));
    }
    let entries = tar::entries(&unpacked(bytes, limits)?, limits)?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut note = None;
    for (n, tar::Entry { path, bytes }) in entries.into_iter().enumerate() {
        if n == 0 {
            if path != MANIFEST {
                return Err(broken(format!("the archive begins with `{path}`, not with `{MANIFEST}`")));
            }
            note = Some(bytes);
            continue;
        }
        if let Some(fault) = path_fault(&path) {
            return Err(fault);
        }
        if bytes.len() > limits.file_bytes {
            let message = format!("the file has {} bytes; {} are taken", bytes.len(), limits.file_bytes);
            return Err(Fault::whole(path, message).code("too-large").help("cut it into several"));
        }
        if files.contains_key(&path) {
            let fault = Fault::whole(&path, format!("`{path}` is in the archive twice"));
            return Err(fault.code("archive-duplicate").help(REBUILD));
        }
        files.insert(path, bytes);
    }
    let note = note.ok_or_else(|| broken("the archive is empty".to_owned()))?;
    let note = String::from_utf8(note).map_err(|_| broken(format!("`{MANIFEST}` is not text")))?;
    let manifest = manifest::read(&note)?;
    compare(&manifest, &files)?;
    let revision = Bundle::revision_of(&files).map_err(|mut faults| faults.remove(0))?;
    if revision != manifest.revision {
        let message = format!("the manifest says revision {}, and the files are {revision}", manifest.revision);
        return Err(Fault::whole(MANIFEST, message).code("archive-altered").help(REBUILD));
    }
    Ok(Archive { files, manifest, note })
}

const REBUILD: &str = "build it again with `legatorctl bundle build`";

fn broken(message: String) -> Fault {
    Fault::whole("archive", message).code("archive").help(REBUILD)
}

/// Unpacks at most what may be unpacked; a small file can be told to become any size.
fn unpacked(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Fault> {
    // Each file brings a header and padding along.
    let most = limits.unpacked_bytes.saturating_add((limits.files + 2).saturating_mul(2 * tar::BLOCK));
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(most as u64 + 1).read_to_end(&mut unpacked);
    if unpacked.len() > most {
        let message = format!("the archive unpacks to more than {} bytes", limits.unpacked_bytes);
        return Err(Fault::whole("archive", message).code("archive-bomb").help("is it a bundle?"));
    }
    read.map_err(|error| broken(format!("the archive is no gzip: {error}")))?;
    Ok(unpacked)
}

/// Holds the files against the manifest's list, both ways.
fn compare(manifest: &Manifest, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Fault> {
    let altered = |path: &str, message: String| Fault::whole(path, message).code("archive-altered").help(REBUILD);
    for (path, bytes) in files {
        match manifest.files.get(path) {
            None => return Err(altered(path, format!("the manifest does not name `{path}`"))),
            Some(digest) if *digest != digest_of(bytes) => {
                return Err(altered(path, format!("`{path}` is not the file that the manifest names")));
            }
            Some(_) => {}
        }
    }
    match manifest.files.keys().find(|path| !files.contains_key(*path)) {
        Some(path) => Err(altered(path, format!("the manifest names `{path}`, and the archive does not hold it"))),
        None => Ok(()),
    }
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
