//! Walks a story: types each line, compares the answer with what was told, and says both.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::interrupt::Interrupt;

/// A part of the story with a point of its own.
pub struct Scene {
    pub title: &'static str,
    pub why: &'static str,
    pub acts: &'static [Act],
}

/// One line that somebody types, and what must come of it. Places in the answer are JSON pointers.
pub struct Act {
    pub who: &'static str,
    pub line: &'static [&'static str],
    pub end: End,
    /// What the answer must say at a place.
    pub says: &'static [(&'static str, &'static str)],
    /// What later lines may use, and where it stands in the answer.
    pub keep: &'static [(&'static str, &'static str)],
    /// What to show of the answer.
    pub tell: &'static [&'static str],
}

/// How the program must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Well,
    Badly,
    /// The answer alone says it.
    Any,
}

/// Who types the lines.
pub trait Stage {
    /// What stands for itself from the beginning.
    fn props(&self) -> Vec<(String, String)>;
    /// Types the line as this person: whether it ended well, and its answer.
    fn act(&mut self, who: &str, line: &[String]) -> Result<Answer>;
}

pub struct Answer {
    pub well: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Which scenes went as told.
#[derive(Default)]
pub struct Outcome(Vec<(&'static str, Result<()>)>);

impl Outcome {
    pub fn as_told(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(_, end)| end.is_ok())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let well = self.0.iter().filter(|(_, end)| end.is_ok()).count();
        write!(f, "{well} of {} scenes went as told", self.0.len())?;
        for (title, end) in &self.0 {
            if let Err(fault) = end {
                write!(f, "\n  not as told: {title}: {fault:#}")?;
            }
        }
        Ok(())
    }
}

/// Tells the whole story; a scene that goes wrong does not keep the next one from being told.
pub fn tell(story: &[Scene], stage: &mut dyn Stage, interrupt: &Interrupt) -> Outcome {
    let mut kept: BTreeMap<String, String> = stage.props().into_iter().collect();
    let mut outcome = Outcome::default();
    for (at, scene) in story.iter().enumerate() {
        println!("\n{} {}\n  {}", at + 1, scene.title, scene.why);
        let end = scene.acts.iter().try_for_each(|act| {
            if interrupt.came() {
                bail!("interrupted");
            }
            play(act, stage, &mut kept)
        });
        println!("  {}", if end.is_ok() { "as told" } else { "NOT as told" });
        outcome.0.push((scene.title, end));
    }
    outcome
}

fn play(act: &Act, stage: &mut dyn Stage, kept: &mut BTreeMap<String, String>) -> Result<()> {
    let line = act.line.iter().map(|word| filled(word, kept)).collect::<Result<Vec<_>>>()?;
    println!("  {}$ legatorctl {}", act.who, line.join(" "));
    let answer = stage.act(act.who, &line)?;
    let said: Value = serde_json::from_str(&answer.stdout).unwrap_or(Value::Null);
    let shown: Vec<String> = act.tell.iter().filter_map(|place| said.pointer(place)).map(plain).collect();
    if !shown.is_empty() {
        println!("    {}", shown.join("  "));
    }
    judge(act, &answer, &said).with_context(|| format!("`legatorctl {}`", line.join(" ")))?;
    for (name, place) in act.keep {
        let value =
            said.pointer(place).with_context(|| format!("the answer has nothing at `{place}`: {}", told(&answer)))?;
        kept.insert((*name).into(), plain(value));
    }
    Ok(())
}

fn judge(act: &Act, answer: &Answer, said: &Value) -> Result<()> {
    let as_told = match act.end {
        End::Well => answer.well,
        End::Badly => !answer.well,
        End::Any => true,
    };
    if !as_told {
        bail!("it was to end {}; it said: {}", if act.end == End::Well { "well" } else { "badly" }, told(answer));
    }
    for (place, wanted) in act.says {
        let there = said.pointer(place).map(plain);
        if there.as_deref() != Some(*wanted) {
            bail!(
                "`{place}` was to say `{wanted}`, and says {}: {}",
                there.map_or("nothing".into(), |text| format!("`{text}`")),
                told(answer)
            );
        }
    }
    Ok(())
}

/// The word with every `{name}` replaced by what was kept under it.
fn filled(word: &str, kept: &BTreeMap<String, String>) -> Result<String> {
    let Some((before, rest)) = word.split_once('{') else { return Ok(word.into()) };
    let (name, after) = rest.split_once('}').with_context(|| format!("`{word}` opens a name and does not close it"))?;
    let value = kept.get(name).with_context(|| format!("nothing was kept as `{name}`"))?;
    Ok(format!("{before}{value}{}", filled(after, kept)?))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

/// What the program said, short enough for a message.
fn told(answer: &Answer) -> String {
    let all = format!("{} {}", answer.stdout.trim(), answer.stderr.trim());
    all.trim().chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers lines from a list, and remembers who typed them.
    struct Script {
        answers: Vec<(bool, &'static str)>,
        typed: Vec<String>,
    }

    impl Stage for Script {
        fn props(&self) -> Vec<(String, String)> {
            vec![("marks".into(), "/marks".into())]
        }

        fn act(&mut self, who: &str, line: &[String]) -> Result<Answer> {
            self.typed.push(format!("{who}: {}", line.join(" ")));
            let (well, stdout) = self.answers.remove(0);
            Ok(Answer { well, stdout: stdout.into(), stderr: String::new() })
        }
    }

    const HELD: Scene = Scene {
        title: "held",
        why: "",
        acts: &[
            Act {
                who: "ana",
                line: &["run", "{marks}/x"],
                end: End::Any,
                says: &[("/state", "held")],
                keep: &[("id", "/id")],
                tell: &["/state"],
            },
            Act { who: "ben", line: &["approve", "{id}"], end: End::Well, says: &[], keep: &[], tell: &[] },
        ],
    };
    const REFUSED: Scene = Scene {
        title: "refused",
        why: "",
        acts: &[Act { who: "ana", line: &["run"], end: End::Badly, says: &[("/n", "1")], keep: &[], tell: &[] }],
    };

    fn told_with(answers: Vec<(bool, &'static str)>) -> (Outcome, Vec<String>) {
        let mut stage = Script { answers, typed: Vec::new() };
        let outcome = tell(&[HELD, REFUSED], &mut stage, &Interrupt::default());
        (outcome, stage.typed)
    }

    #[test]
    fn goes_as_told_and_hands_on_what_it_kept() {
        let (outcome, typed) =
            told_with(vec![(false, r#"{"state": "held", "id": "cmd_1"}"#), (true, ""), (false, r#"{"n": 1}"#)]);
        assert!(outcome.as_told(), "{outcome}");
        assert_eq!(typed, ["ana: run /marks/x", "ben: approve cmd_1", "ana: run"]);
        assert_eq!(outcome.to_string(), "2 of 2 scenes went as told");
    }

    #[test]
    fn notices_another_answer_and_tells_the_next_scene() {
        let (outcome, typed) =
            told_with(vec![(true, r#"{"state": "succeeded", "id": "cmd_1"}"#), (false, r#"{"n": 1}"#)]);
        assert!(!outcome.as_told());
        assert_eq!(typed, ["ana: run /marks/x", "ana: run"]);
        assert!(outcome.to_string().contains("was to say `held`, and says `succeeded`"), "{outcome}");
    }

    #[test]
    fn notices_another_end() {
        let held = (true, r#"{"state": "held", "id": "cmd_1"}"#);
        let (outcome, _) = told_with(vec![held, (false, "no"), (true, r#"{"n": 1}"#)]);
        assert!(outcome.to_string().starts_with("0 of 2"), "{outcome}");
        let (outcome, _) = told_with(vec![held, (true, ""), (false, "not JSON")]);
        assert!(outcome.to_string().contains("says nothing"), "{outcome}");
    }

    #[test]
    fn notices_when_there_is_nothing_to_keep() {
        let (outcome, _) = told_with(vec![(true, r#"{"state": "held"}"#), (false, r#"{"n": 1}"#)]);
        assert!(outcome.to_string().contains("nothing at `/id`"), "{outcome}");
    }

    #[test]
    fn a_story_without_scenes_is_not_as_told() {
        let mut stage = Script { answers: Vec::new(), typed: Vec::new() };
        assert!(!tell(&[], &mut stage, &Interrupt::default()).as_told());
    }
}
