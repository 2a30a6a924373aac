//! The inventory as it travels: whole where the server has none, later only the sections whose digest changed.
//! Never: larger than a frame. A full inventory goes in parts, and a section that is too large alone is cut and says so.

use std::collections::BTreeMap;
use std::time::Duration;

use legator_protocol::{Inventory, ToServer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::config::Places;
use crate::service::Pace;
use crate::session::SessionEnd;
use crate::{clock, durable, sections};

/// The most bytes of sections in one message; a frame takes a mebibyte.
const MOST: usize = 700 * 1024;

/// What the server said it has: a digest, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub digest: Option<String>,
}

/// What was sent last: each section's digest. Kept on disk, so that a restart sends only changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    sections: BTreeMap<String, String>,
}

impl Sent {
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, digest) in &self.sections {
            hash.update(format!("{name} {digest}\n"));
        }
        hex::encode(hash.finalize())
    }
}

/// Reports once the server said what it has, and then every quarter of an hour; ends only with the session.
pub async fn report(
    places: &Places,
    pace: Pace,
    mut known: watch::Receiver<Option<Known>>,
    outgoing: mpsc::Sender<ToServer>,
) -> SessionEnd {
    let path = places.state("inventory.json");
    let stored = || std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Sent>(&bytes).ok());
    let mut sent = stored().unwrap_or_default();
    loop {
        let Ok(now) = known.wait_for(Option::is_some).await.map(|known| known.clone()) else {
            return SessionEnd::Stuck;
        };
        known.mark_unchanged();
        let mut has = now.and_then(|known| known.digest);
        loop {
            let collected = sections::collect().await;
            let base = has.take().filter(|has| *has == sent.digest());
            let (messages, now) = changes(collected, base.is_some().then_some(&sent), clock::now_ms());
            for message in messages {
                if outgoing.send(ToServer::Inventory(message)).await.is_err() {
                    return SessionEnd::Stuck;
                }
            }
            sent = now;
            has = Some(sent.digest());
            if let Err(fault) =
                serde_json::to_vec(&sent).map_err(Into::into).and_then(|sent| durable::replace(&path, &sent))
            {
                tracing::warn!(%fault, "cannot keep the inventory's digests; the next session sends it whole");
            }
            tokio::select! {
                () = sleep(jittered(pace.inventory)) => {}
                _ = known.changed() => break,
            }
        }
    }
}

fn jittered(every: Duration) -> Duration {
    every.mul_f64(0.9 + clock::unit() * 0.2)
}

/// The messages that bring the server from `base` (nothing, if none) to `collected`, and what it has then.
fn changes(collected: Vec<(&'static str, Value)>, base: Option<&Sent>, at_ms: u64) -> (Vec<Inventory>, Sent) {
    let mut now = base.cloned().unwrap_or_default();
    let mut messages: Vec<(Inventory, usize)> = Vec::new();
    for (name, value) in collected {
        let (value, text) = fitting(value);
        let digest = hex::encode(Sha256::digest(&text));
        if now.sections.get(name) == Some(&digest) {
            continue;
        }
        let before = (base.is_some() || !messages.is_empty()).then(|| now.digest());
        now.sections.insert(name.to_owned(), digest);
        let digest = now.digest();
        match messages.last_mut() {
            Some((message, size)) if *size + text.len() <= MOST => {
                message.sections.insert(name.to_owned(), value);
                message.digest = digest;
                *size += text.len();
            }
            _ => {
                let sections = BTreeMap::from([(name.to_owned(), value)]);
                messages.push((Inventory { digest, base: before, collected_at_ms: at_ms, sections }, text.len()));
            }
        }
    }
    (messages.into_iter().map(|(message, _)| message).collect(), now)
}

/// The value with its text, cut to what one message holds.
fn fitting(mut value: Value) -> (Value, String) {
    let mut text = value.to_string();
    while text.len() > MOST {
        let Some(list) = value.as_array_mut().filter(|list| list.len() > 1) else {
            value = json!({ "cut": "this section is too large to send" });
            return (value.clone(), value.to_string());
        };
        let keep = list.len() * MOST / text.len();
        list.truncate(keep.clamp(1, list.len() - 1).saturating_sub(1).max(1));
        list.push(json!({ "cut": "this section is too large to send whole" }));
        text = value.to_string();
        if value.as_array().is_some_and(|list| list.len() <= 2) && text.len() > MOST {
            value = json!({ "cut": "this section is too large to send" });
            text = value.to_string();
        }
    }
    (value, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_all_at_first_and_then_only_what_changed() {
        let host = |disks: u64| vec![("system", json!({"cpus": 2})), ("disks", json!([disks]))];
        let (messages, sent) = changes(host(1), None, 7);
        assert_eq!(messages.len(), 1);
        assert_eq!((messages[0].base.clone(), messages[0].sections.len()), (None, 2));
        assert_eq!(messages[0].digest, sent.digest());

        let (messages, same) = changes(host(1), Some(&sent), 8);
        assert!(messages.is_empty() && same == sent);

        let (messages, after) = changes(host(2), Some(&sent), 9);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].base, Some(sent.digest()));
        assert_eq!(messages[0].sections.keys().collect::<Vec<_>>(), ["disks"]);
        assert_eq!(messages[0].digest, after.digest());
    }

    #[test]
    fn a_large_host_is_sent_in_parts_that_build_on_each_other() {
        let large = || json!(vec!["x".repeat(1000); 600]);
        let (messages, sent) = changes(vec![("packages", large()), ("users", large()), ("system", json!({}))], None, 7);
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].base.clone(), messages[1].base.clone()), (None, Some(messages[0].digest.clone())));
        assert_eq!(messages[1].digest, sent.digest());
    }

    #[test]
    fn a_section_larger_than_a_frame_is_cut_and_says_so() {
        let (value, text) = fitting(json!(vec!["x".repeat(1000); 2000]));
        assert!(text.len() <= MOST && text.len() > MOST / 2, "{}", text.len());
        assert!(value.as_array().unwrap().last().unwrap()["cut"].is_string());
        for hopeless in [json!("x".repeat(MOST + 1)), json!(["x".repeat(MOST), "x".repeat(MOST), "y"])] {
            assert!(fitting(hopeless).1.len() <= MOST);
        }
    }
}
