//! Proofs that an entry is in the log: fetched once, checked anywhere.

use std::path::PathBuf;

use clap::Args;
use legator_engine::tlog::{self, Ticket, Verifier};
use serde_json::{Value, json};

use super::kept::Kept;
use super::keys::Turns;
use super::{verifier, write_file};
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Get the proof that an entry is in the log.
#[derive(Args)]
pub struct Proof {
    /// An entry's index, or a command: then its newest entry.
    what: String,
    /// The proof into this file, and the entry beside it into FILE.entry.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Check a proof, without a server.
#[derive(Args)]
pub struct CheckProof {
    /// The proof.
    proof: PathBuf,
    /// The entry, exactly as it was hashed.
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    /// The log's key, `name+keyid+base64`.
    #[arg(long, value_name = "KEY")]
    verifier: String,
    /// The turns of the log's key, as `audit keys --out` kept them: then the key may be one of before or after.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Proof {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let index = match self.what.parse::<u64>() {
            Ok(index) => index,
            Err(_) => newest_of(server, &self.what).await?,
        };
        let kept = Kept::of(server)?.verifier()?;
        let (proof, size) = fetch(server, index, kept.as_ref()).await?;
        if let Some(path) = &self.out {
            write_file(path, field::text(&proof, "proof"))?;
            let mut beside = path.clone().into_os_string();
            beside.push(".entry");
            write_file(&PathBuf::from(beside), field::text(&proof, "entry"))?;
        }
        screen.either(&proof, || {
            if self.out.is_none() {
                screen.data(field::text(&proof, "proof").trim_end());
            }
            let by = if kept.is_some() { "the key seen before" } else { "the key that the server names" };
            screen.note(&format!("{}entry {index} is one of {size}, checked with {by}", word("ok")));
            screen.note(&format!("        {}", field::shown(&proof, "verifier")));
        });
        Ok(Exit::OK)
    }
}

/// The newest entry of a command.
pub async fn newest_of(server: &Server, command: &str) -> Result<u64, Failure> {
    let page = server.get(&["api", "v1", "audit"], &[("command", command), ("limit", "1")]).await?;
    let newest = field::list(&page, "entries").first().and_then(|entry| entry["index"].as_u64());
    newest.ok_or_else(|| Failure::Local(format!("the log has no entry of `{}`", clean::line(command))))
}

/// A proof that was checked on arrival, and how large the log is that it speaks of.
pub async fn fetch(server: &Server, index: u64, known: Option<&Verifier>) -> Result<(Value, u64), Failure> {
    let number = index.to_string();
    let proof = server.get(&["api", "v1", "audit", "entries", &number, "proof"], &[]).await?;
    let said = verifier(field::text(&proof, "verifier"))
        .map_err(|fault| Failure::Log(format!("the server's log key cannot be read: {fault}")))?;
    let Some(entry) = proof["entry"].as_str() else {
        return Err(Failure::Log(format!("the text of entry {index} is lost; only its hash is left")));
    };
    let keys = match known {
        Some(known) if *known != said => Turns::of(server).await?.follow(known)?.keys,
        _ => tlog::Keys::of(said),
    };
    let size = check(field::text(&proof, "proof"), entry, &keys, Some(index))?;
    Ok((proof, size))
}

fn check(proof: &str, entry: &str, keys: &tlog::Keys, index: Option<u64>) -> Result<u64, Failure> {
    let unproven = |why: String| Failure::Log(format!("the proof does not prove it: {why}"));
    let ticket = Ticket::parse(proof).map_err(|fault| unproven(fault.to_string()))?;
    if index.is_some_and(|index| index != ticket.index) {
        return Err(unproven(format!("it is of entry {}", ticket.index)));
    }
    let head = ticket.verify_under(entry.as_bytes(), keys).map_err(|fault| unproven(fault.to_string()))?;
    Ok(head.size)
}

impl CheckProof {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let (proof, entry) = (super::read_file(&self.proof)?, super::read_file(&self.entry)?);
        let key = verifier(&self.verifier)?;
        // An editor's newline at the end is not part of the entry, which is one line of JSON.
        let entry = entry.strip_suffix('\n').unwrap_or(&entry);
        let keys = match &self.keys {
            Some(path) => Turns::kept(path)?.follow(&key).map(|followed| followed.keys),
            None => Ok(tlog::Keys::of(key.clone())),
        };
        let size = match keys.and_then(|keys| check(&proof, entry, &keys, None)) {
            Ok(size) => size,
            Err(Failure::Log(why)) if screen.json => {
                screen.document(&json!({ "ok": false, "why": why }));
                return Ok(Exit::LOG);
            }
            Err(failure) => return Err(failure),
        };
        let index = Ticket::parse(&proof).map(|ticket| ticket.index).unwrap_or_default();
        screen.either(&json!({ "ok": true, "index": index, "size": size }), || {
            screen.data(&format!("{}it is entry {index} of a log of {size}, signed by `{}`", word("ok"), key.name()));
        });
        Ok(Exit::OK)
    }
}
