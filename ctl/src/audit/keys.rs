//! The keys of the log, one after the other: whoever trusts one of them follows the turns to the others.
//! Never: a turn that is not signed by both keys, or that is not proved to stand in the log.

use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::tlog::{self, Checkpoint, Ticket, Turn, TurnFault, Verifier};
use serde_json::Value;

use super::kept::Kept;
use super::{read_file, verifier, write_file};
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// The keys that sign the log or did, and that each of them named the next.
#[derive(Args)]
#[command(
    after_help = "Keep what `--out` writes with proofs and checkpoints: with it `audit check-proof --keys` follows from a key that \
    you know to the one that signed, without a server."
)]
pub struct Keys {
    /// The turns of the key into this file, for checks without a server.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The log's key as you know it, `name+keyid+base64`; the one that was seen before, if absent.
    #[arg(long, value_name = "KEY")]
    verifier: Option<String>,
}

/// The turns that a server told of, or a file that kept what it told.
pub struct Turns(Vec<Told>);

struct Told {
    turn: Turn,
    entry: String,
    ticket: Ticket,
}

/// The keys that turns lead through, and the heads of the log that the turns were proved in.
pub struct Followed {
    pub keys: tlog::Keys,
    pub heads: Vec<Checkpoint>,
}

impl Keys {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let told = server.get(&["api", "v1", "audit", "keys"], &[]).await?;
        let turns = Turns::read(&told)?;
        let said = verifier(field::text(&told, "verifier"))
            .map_err(|fault| Failure::Log(format!("the server's log key cannot be read: {fault}")))?;
        let known = match &self.verifier {
            Some(text) => Some(verifier(text)?),
            None => Kept::of(server)?.verifier()?,
        };
        let Followed { keys, .. } = turns.follow(known.as_ref().unwrap_or(&said))?;
        if *keys.now() != said {
            return Err(another(&said, keys.now()));
        }
        if let Some(path) = &self.out {
            write_file(path, &format!("{told:#}\n"))?;
        }
        screen.either(&told, || {
            let rows = field::list(&told, "keys").iter().map(|key| {
                let until = if key["until"].is_u64() { field::shown(key, "until") } else { "now".to_owned() };
                let by = field::shown(&key["turn"], "by");
                vec![field::shown(key, "verifier"), field::shown(key, "from"), until, field::time(key, "since"), by]
            });
            screen.table(&["KEY", "FROM", "UNTIL", "SINCE", "TURNED BY"], rows.collect());
            let by = if known.is_some() { "the key that was known before" } else { "the key that the server names" };
            if keys.n_turns() > 0 {
                screen.note(&format!("{}each key named the next, and both signed; followed from {by}", word("ok")));
            }
            if let Some(path) = &self.out {
                screen.note(&format!("the turns are kept in `{}`", path.display()));
            }
        });
        Ok(Exit::OK)
    }
}

impl Turns {
    /// What the server knows. One from before keys could be turned has none.
    pub async fn of(server: &Server) -> Result<Self, Failure> {
        match server.get(&["api", "v1", "audit", "keys"], &[]).await {
            Err(Failure::Problem(problem)) if problem.status == 404 => Ok(Self(Vec::new())),
            told => Self::read(&told?),
        }
    }

    /// What `audit keys --out` kept.
    pub fn kept(path: &Path) -> Result<Self, Failure> {
        let text = read_file(path)?;
        let told = serde_json::from_str(&text).map_err(|fault| {
            Failure::Usage(format!("`{}` is not what `audit keys --out` writes: {fault}", path.display()))
        })?;
        Self::read(&told)
    }

    fn read(told: &Value) -> Result<Self, Failure> {
        let turns = field::list(told, "keys").iter().map(|key| &key["turn"]).filter(|turn| turn.is_object());
        let turns = turns.map(|told| {
            let entry = field::text(told, "entry").to_owned();
            let turn = Turn::read(&entry).map_err(|fault| Failure::Log(fault.to_string()))?;
            let turn = turn.ok_or_else(|| Failure::Log("what is said to turn the log's key does not".to_owned()))?;
            let ticket =
                Ticket::parse(field::text(told, "proof")).map_err(|fault| unproved(&turn, &fault.to_string()))?;
            Ok(Told { turn, entry, ticket })
        });
        turns.collect::<Result<_, _>>().map(Self)
    }

    pub const fn n(&self) -> usize {
        self.0.len()
    }

    /// The keys of the log, for whoever trusts `known`: each turn is signed by both of its keys, and stands in the log.
    pub fn follow(&self, known: &Verifier) -> Result<Followed, Failure> {
        let turns: Vec<Turn> = self.0.iter().map(|told| told.turn.clone()).collect();
        let keys = tlog::Keys::trusting(known, &turns).map_err(|fault| match (fault, turns.last()) {
            (TurnFault::Stranger(_), Some(last)) => another(&last.new, known),
            (fault, _) => Failure::Log(fault.to_string()),
        })?;
        let mut heads: Vec<Checkpoint> = Vec::new();
        for Told { turn, entry, ticket } in &self.0 {
            if ticket.index != turn.index {
                return Err(unproved(turn, "the proof is of another entry"));
            }
            let head = ticket.verify_under(entry.as_bytes(), &keys);
            let head = head.map_err(|fault| unproved(turn, &fault.to_string()))?;
            if !heads.contains(&head) {
                heads.push(head);
            }
        }
        Ok(Followed { keys, heads })
    }
}

fn unproved(turn: &Turn, why: &str) -> Failure {
    Failure::Log(format!("the turn of the log's key in entry {} is not proved to be in the log: {why}", turn.index))
}

pub fn another(said: &Verifier, believed: &Verifier) -> Failure {
    Failure::Log(format!(
        "the log is signed by another key than before, and no turn leads there: `{}` was `{}`; this is another log",
        clean::line(&said.to_string()),
        clean::line(&believed.to_string())
    ))
}
