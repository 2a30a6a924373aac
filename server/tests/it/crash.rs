//! The real programs, killed: at every crash point of the road, and at moments of chance. Whatever happens, nothing was
//! done that was not written down before, nothing was done twice, and everything comes to its end.

use std::collections::BTreeMap;

use legator_server::fault::POINTS;
use serde_json::{Value, json};
use testkit::program::Programs;
use testkit::{look_back, soon};

use crate::text;

const SERVER: &str = env!("CARGO_BIN_EXE_legator");

/// Appends one line to a file: what the probe really did can be counted there.
fn mark(programs: &Programs, word: &str) -> Value {
    json!({ "argv": ["/bin/sh", "-c", format!("echo {word} >> {}; echo done", marks(programs).display())] })
}

fn marks(programs: &Programs) -> std::path::PathBuf {
    programs.folder.path().join("marks")
}

/// How often each word was written.
fn counted(programs: &Programs) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for word in std::fs::read_to_string(marks(programs)).unwrap_or_default().lines() {
        *counted.entry(word.to_owned()).or_default() += 1;
    }
    counted
}

/// Asks, with the word as the idempotency key. `None` if the server died before it answered.
async fn ask(programs: &Programs, word: &str) -> Option<Value> {
    let admin = programs.admin();
    let request = admin.request(testkit::reqwest::Method::POST, "/api/v1/probes/host-1/command");
    let answer = request.header("Idempotency-Key", word).json(&mark(programs, word)).send();
    let answer = soon("an answer or a death", answer).await.ok()?;
    let body: Value = answer.json().await.ok()?;
    body["id"].is_string().then_some(body)
}

/// A server with an enrolled probe.
async fn fresh() -> Programs {
    let mut programs = Programs::new(SERVER);
    programs.start_server(None);
    assert!(programs.server_answers().await, "{}", programs.told());
    programs.enroll("host-1").await;
    programs
}

/// Everything has come to its end, and the books agree with what was done.
async fn reckon(programs: &Programs, accepted: &[String]) {
    let mut states = BTreeMap::new();
    for command in programs.commands().await {
        let ended = programs.admin().ended(text(&command, "id")).await;
        states.insert(text(&ended, "id").to_owned(), text(&ended, "state").to_owned());
    }
    for id in accepted {
        assert!(states.contains_key(id), "{id} was accepted and is gone: {states:?}");
    }
    for (word, times) in counted(programs) {
        assert_eq!(times, 1, "{word} was done {times} times\n{}", programs.told());
    }
    let succeeded = states.values().filter(|state| *state == "succeeded").count();
    let done = counted(programs).len();
    assert!(succeeded <= done, "{succeeded} are said to have succeeded, {done} were done: {states:?}");
    look_back(&programs.data(), Some(&programs.admin())).await;
}

#[tokio::test]
async fn a_server_that_dies_at_any_point_of_the_road_forgets_nothing_and_does_nothing_twice() {
    let mut programs = fresh().await;
    let mut accepted = Vec::new();
    for point in POINTS {
        programs.start_server(Some(point));
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        // A fresh one, because a probe that loses its server again and again waits longer each time.
        programs.start_probe();
        let word = point.replace('.', "-");
        let answered = ask(&programs, &word).await;
        let death = programs.server_ends().await;
        assert!(!death.success(), "{point}");

        // Before anything is durable nothing was accepted; after it, whoever asks again gets the same command.
        programs.start_server(None);
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        let again = ask(&programs, &word).await.unwrap();
        if let Some(answered) = answered {
            assert_eq!(text(&answered, "id"), text(&again, "id"), "{point}");
        }
        let early = ["road.judged", "road.recording"].contains(point);
        assert_eq!(again["repeated"], !early, "{point}: {again}");
        let ended = programs.admin().ended(text(&again, "id")).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended}\n{}", programs.told());
        assert_eq!(counted(&programs).get(&word), Some(&1), "{point}");
        accepted.push(text(&again, "id").to_owned());
    }
    reckon(&programs, &accepted).await;
    assert_eq!(counted(&programs).len(), POINTS.len());
}

/// Chance with a beginning: the same rounds each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[tokio::test]
async fn a_server_and_a_probe_that_are_killed_again_and_again_keep_their_books_true() {
    let mut programs = fresh().await;
    programs.start_probe();
    let (mut dice, mut accepted) = (Dice(7), Vec::new());
    for round in 0..12 {
        // Asked one after another, so that the blow falls into a command in a different place each time.
        let n = 1 + dice.below(4);
        for nth in 0..n {
            accepted
                .extend(ask(&programs, &format!("r{round}-{nth}")).await.map(|asked| text(&asked, "id").to_owned()));
        }
        let word = format!("r{round}-blow");
        let into = ask(&programs, &word);
        let blow = std::time::Duration::from_micros(dice.below(30_000));
        // Not for luck: the moment of the blow is what is random here.
        let asked = tokio::time::timeout(blow, into).await;
        accepted.extend(asked.ok().flatten().map(|asked| text(&asked, "id").to_owned()));
        if dice.below(2) == 0 {
            programs.start_server(None);
            assert!(programs.server_answers().await, "{}", programs.told());
        } else {
            programs.start_probe();
        }
    }
    assert!(accepted.len() >= 12);
    reckon(&programs, &accepted).await;
}
