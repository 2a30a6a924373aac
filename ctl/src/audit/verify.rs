//! Has the log been cut or rewritten since it was last looked at? Answered here, not by the server.

use std::path::PathBuf;

use clap::Args;
use legator_engine::tlog::{Checkpoint, Hash, Keys, Span, Verifier, verify_consistency};
use legator_engine::vote::Ring;
use serde_json::{Value, json};

use super::kept::Kept;
use super::keys::{Followed, Turns, another};
use super::offline::{Recomputed, Sum, open};
use super::{read, read_file, verifier};
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Check that the log was not cut or rewritten since it was last looked at.
#[derive(Args)]
#[command(
    after_help = "The newest checkpoint is kept below `~/.local/state/legator/checkpoints`, and the next check begins there. \
    The first check has nothing to hold the log against and says so; `--verifier` pins the key from the start. Where the \
    log's key was turned since, the turns are followed from the key that is known to the one of now.\n\n\
    Ends with 5 if anything does not fit."
)]
pub struct Verify {
    /// Hold the log against this checkpoint instead of the kept one.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The log's key, `name+keyid+base64`, of now or of before; none is trusted that it does not lead to.
    #[arg(long, value_name = "KEY")]
    verifier: Option<String>,
    /// Also fetch every entry and recompute the whole log.
    #[arg(long)]
    full: bool,
    /// Ask no server: recompute the log from this export.
    #[arg(long, value_name = "EXPORT", requires = "checkpoint", requires = "verifier", conflicts_with = "full")]
    offline: Option<PathBuf>,
}

impl Verify {
    pub async fn obey(self, server: impl FnOnce() -> Result<Server, Failure>, screen: Screen) -> Result<Exit, Failure> {
        let report = match (&self.offline, &self.checkpoint, &self.verifier) {
            (Some(export), Some(checkpoint), Some(key)) => offline(export, checkpoint, key, screen),
            _ => self.online(&server()?, screen).await,
        };
        match report {
            Ok(report) => {
                screen.either(&report, || {});
                Ok(Exit::OK)
            }
            Err(Failure::Log(why)) if screen.json => {
                screen.document(&json!({ "ok": false, "why": why }));
                Ok(Exit::LOG)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn online(&self, server: &Server, screen: Screen) -> Result<Value, Failure> {
        let kept = Kept::of(server)?;
        let older = match &self.checkpoint {
            Some(path) => Some(read_file(path)?),
            None => kept.note()?,
        };
        let mut head = head(server).await?;
        let known = match &self.verifier {
            Some(text) => Some(verifier(text)?),
            None => kept.verifier()?,
        };
        let first_time = known.is_none();
        let known = known.unwrap_or_else(|| head.1.clone());
        let (mut keys, mut heads) = (Keys::of(known.clone()), Vec::new());
        // One key signed everything that we have in hand, in most cases.
        let strange = older.as_ref().is_some_and(|note| keys.open(note).is_err());
        if head.1 != known || strange {
            let turns = Turns::of(server).await?;
            if turns.n() == 0 && head.1 != known {
                return Err(another(&head.1, &known));
            }
            Followed { keys, heads } = turns.follow(&known)?;
            // The head that comes after the turns were told has all of them before it.
            head = self::head(server).await?;
            if head.1 != *keys.now() {
                return Err(another(&head.1, keys.now()));
            }
        }
        let note = &head.0;
        let newest = open(note, &keys)?;
        let older = older.map(|note| open(&note, &keys)).transpose()?;
        for older in older.iter().chain(&heads) {
            consistent(server, &keys, older, &newest).await?;
        }
        let mut votes = None;
        if self.full {
            let mut recomputed = Recomputed::against(newest.clone());
            read::every_entry(server, newest.size, |line| {
                recomputed.take(line);
                Ok(())
            })
            .await?;
            let sum = recomputed.finish()?;
            if sum.keys(&known)?.now() != keys.now() {
                return Err(Failure::Log(
                    "the log's own turns of its key lead to another key than it is signed with".to_owned(),
                ));
            }
            votes = Some(sum.votes);
        }
        kept.keep(note, keys.now())?;
        self.say(screen, first_time, older.as_ref(), &newest, &kept, (&keys, &known));
        if let Some(votes) = votes.as_ref().filter(|_| !screen.json) {
            say_votes(screen, votes);
        }
        Ok(json!({
            "votes": votes.as_ref().map(counted),
            "ok": true, "size": newest.size, "root": newest.root.to_base64(), "from": older.map(|older| older.size),
            "first_time": first_time, "recomputed": self.full, "verifier": keys.now().to_string(), "turns_followed": followed(&keys, &known).len(),
        }))
    }

    fn say(
        &self,
        screen: Screen,
        first_time: bool,
        older: Option<&Checkpoint>,
        newest: &Checkpoint,
        kept: &Kept,
        (keys, known): (&Keys, &Verifier),
    ) {
        if screen.json {
            return;
        }
        let ok = word("ok");
        let size = newest.size;
        match older {
            Some(older) => screen
                .data(&format!("{ok}the log of {size} entries begins with the {} that were seen before", older.size)),
            None => screen.data(&format!("{ok}the log has {size} entries, and its head is signed")),
        }
        if self.full {
            screen.data(&format!("{ok}recomputed from {size} entries: every one leads to the signed root"));
        }
        say_turns(screen, keys, known);
        if first_time {
            screen.note(
                "this is the first look: the key was taken on trust. Compare it with the server's own, or pin it:",
            );
            screen.note(&format!("  legatorctl audit verify --verifier {}", clean::line(&keys.now().to_string())));
        }
        screen.note(&format!("the head is kept in `{}`", kept.path()));
    }
}

/// The log's newest head, and the key that the server says signed it.
async fn head(server: &Server) -> Result<(String, Verifier), Failure> {
    let head = server.get(&["api", "v1", "audit", "checkpoint"], &[]).await?;
    let said = verifier(field::text(&head, "verifier"));
    let said = said.map_err(|fault| Failure::Log(format!("the server's log key cannot be read: {fault}")))?;
    Ok((field::text(&head, "note").to_owned(), said))
}

/// The keys that came after the one that was known.
fn followed<'k>(keys: &'k Keys, known: &Verifier) -> Vec<&'k Span> {
    keys.spans().skip_while(|span| span.verifier != *known).skip(1).collect()
}

fn say_turns(screen: Screen, keys: &Keys, known: &Verifier) {
    for span in followed(keys, known) {
        let (entry, key) = (span.from - 1, clean::line(&span.verifier.to_string()));
        screen.data(&format!("{}the key was turned in entry {entry}, signed by both: now `{key}`", word("ok")));
    }
}

/// Whether the newest log begins with the older one.
async fn consistent(server: &Server, keys: &Keys, older: &Checkpoint, newest: &Checkpoint) -> Result<(), Failure> {
    let (old, new) = (older.size, newest.size);
    if new < old {
        return Err(Failure::Log(format!("the log is cut: it had {old} entries and has {new}")));
    }
    let from = old.to_string();
    let proof = server.get(&["api", "v1", "audit", "consistency"], &[("from", &from)]).await?;
    // The log may have grown in between: the proof comes with the head that it leads to.
    let head = open(field::text(&proof, "note"), keys)?;
    let unfit = || Failure::Log("the server's consistency proof cannot be read".to_owned());
    let path: Option<Vec<Hash>> =
        field::list(&proof, "path").iter().map(|hash| Hash::from_base64(hash.as_str().unwrap_or_default())).collect();
    let path = path.ok_or_else(unfit)?;
    verify_consistency(old, older.root, head.size, head.root, &path).map_err(|fault| {
        Failure::Log(format!("the log of now does not continue the {old} entries that were seen before: {fault}"))
    })?;
    if head.size == new && head.root != newest.root {
        return Err(Failure::Log(format!("the server signs two different logs of {new} entries")));
    }
    Ok(())
}

pub fn say_votes(screen: Screen, votes: &Ring) {
    if votes.good > 0 {
        let by =
            if votes.by_passkey > 0 { format!(", {} of them with a passkey", votes.by_passkey) } else { String::new() };
        screen.data(&format!("{}{} signed votes are what their voters signed{by}", word("ok"), votes.good));
    }
    if votes.unknown > 0 {
        screen.note(&format!("{} votes are signed with keys whose enrollment is not among the entries", votes.unknown));
    }
}

pub fn counted(votes: &Ring) -> Value {
    json!({ "signed": votes.good, "by_passkey": votes.by_passkey, "unknown_keys": votes.unknown, "unsigned": votes.unsigned })
}

fn offline(
    export: &std::path::Path,
    checkpoint: &std::path::Path,
    key: &str,
    screen: Screen,
) -> Result<Value, Failure> {
    let (note, known) = (read_file(checkpoint)?, verifier(key)?);
    // Which key has to have signed it, the log's own turns say; so the signature is checked last.
    let wanted = Checkpoint::read_unverified(&note)
        .map_err(|fault| Failure::Log(format!("the checkpoint does not verify: {fault}")))?;
    let mut recomputed = Recomputed::against(wanted.clone());
    for line in read_file(export)?.lines() {
        recomputed.take(line);
    }
    let sum = recomputed.finish()?;
    let keys = sum.keys(&known)?;
    open(&note, &keys)?;
    let Sum { fits, beyond, votes, .. } = sum;
    if !screen.json {
        screen.data(&format!("{}{fits} entries lead to the root that the checkpoint signs", word("ok")));
        say_turns(screen, &keys, &known);
        say_votes(screen, &votes);
        if beyond > 0 {
            screen.note(&format!("{beyond} more entries came after the checkpoint and are not signed by it"));
        }
    }
    Ok(
        json!({ "ok": true, "size": fits, "root": wanted.root.to_base64(), "beyond": beyond, "recomputed": true, "votes": counted(&votes), "turns_followed": followed(&keys, &known).len(), "verifier": keys.now().to_string() }),
    )
}
