//! The words after `cargo xtask`: few enough to be read by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

/// One task of the tool.
pub struct Task {
    pub word: &'static str,
    pub about: &'static str,
    pub help: &'static str,
    /// Options that stand alone.
    pub flags: &'static [&'static str],
    /// Options that take a value. One in capitals is a word that stands by itself, once.
    pub values: &'static [&'static str],
    pub run: fn(&Args) -> Result<ExitCode>,
}

/// The options of one call.
#[derive(Debug, Default)]
pub struct Args {
    flags: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Task {
    pub fn page(&self) -> String {
        let mut usage = format!("cargo xtask {}", self.word);
        self.flags.iter().for_each(|flag| usage.push_str(&format!(" [{flag}]")));
        for value in self.values {
            usage.push_str(&if self.bare() == Some(value) { format!(" [{value}]") } else { format!(" [{value} …]") });
        }
        format!("{usage}\n\n{}", self.help)
    }

    /// The word that stands by itself, if the task takes one.
    fn bare(&self) -> Option<&'static str> {
        self.values.iter().copied().find(|value| !value.starts_with('-'))
    }
}

impl Args {
    pub fn read(task: &Task, words: &[String]) -> Result<Self> {
        let mut args = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, glued) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            if task.flags.contains(&name) && glued.is_none() {
                args.flags.push(name.into());
            } else if task.values.contains(&name) {
                let value = glued.or_else(|| words.next().map(String::as_str));
                let value = value.with_context(|| format!("`{name}` wants a value"))?;
                args.values.insert(name.into(), value.into());
            } else if let Some(bare) = task.bare().filter(|bare| !word.starts_with('-') && args.value(bare).is_none()) {
                args.values.insert(bare.into(), word.clone());
            } else {
                bail!("`cargo xtask {}` does not know `{word}`; `--help` says what it knows", task.word);
            }
        }
        Ok(args)
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

pub fn overview(tasks: &[Task]) -> String {
    let mut page = "cargo xtask <task> [options]\n\n".to_owned();
    for task in tasks {
        // Writing to a string does not fail.
        let _ = writeln!(page, "  {:<8} {}", task.word, task.about);
    }
    page.push_str("\n`cargo xtask <task> --help` says more.");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Task = Task {
        word: "demo",
        about: "",
        help: "",
        flags: &["--once"],
        values: &["--port", "PLACE"],
        run: |_| Ok(ExitCode::SUCCESS),
    };

    fn read(words: &[&str]) -> Result<Args> {
        Args::read(&TASK, &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn reads_flags_and_values() {
        let args = read(&["--once", "--port", "8443"]).unwrap();
        assert!(args.has("--once"));
        assert_eq!(args.value("--port"), Some("8443"));
        assert_eq!(read(&["--port=1"]).unwrap().value("--port"), Some("1"));
        assert!(!read(&[]).unwrap().has("--once"));
    }

    #[test]
    fn reads_one_word_that_stands_by_itself() {
        assert_eq!(read(&["here", "--port", "1"]).unwrap().value("PLACE"), Some("here"));
        assert!(TASK.page().starts_with("cargo xtask demo [--once] [--port …] [PLACE]\n"), "{}", TASK.page());
        assert!(Args::read(&Task { values: &["--port"], ..TASK }, &["stray".to_owned()]).is_err());
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for words in [&["--twice"][..], &["--port"], &["--once=yes"], &["here", "stray"], &["PLACE=here", "x"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
