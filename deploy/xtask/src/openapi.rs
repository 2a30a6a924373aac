//! The committed description of the API, `server/openapi.json`, and whether it still says what the server does.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::args::Args;
use crate::progress::Steps;
use crate::{process, workspace};

pub const HELP: &str = "\
Builds the workspace, asks the server for its OpenAPI document, and writes it to `server/openapi.json`.

  --check   writes nothing; fails and names the places when the committed document says something else";

pub const DOCUMENT: &str = "server/openapi.json";
/// Differences to show; more than these are the same change.
const SHOWN: usize = 10;

pub fn run(args: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let mut steps = Steps::new(2);
    let built = steps.run("build the workspace", |line| {
        process::run(&mut workspace::cargo_command(&root, &["build", "--workspace"]), &|text| line.say(text))?.well()
    });
    if built.is_none() {
        return Ok(ExitCode::FAILURE);
    }
    let word = if args.has("--check") { "compare" } else { "write" };
    steps.run(&format!("{word} `{DOCUMENT}`"), |_| if args.has("--check") { check(&root) } else { write(&root) });
    Ok(if steps.went_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fails when the committed document and the built server disagree.
pub fn check(root: &Path) -> Result<()> {
    let committed = fs::read_to_string(root.join(DOCUMENT))
        .with_context(|| format!("cannot read `{DOCUMENT}`; `cargo xtask openapi` writes it"))?;
    let committed = serde_json::from_str(&committed).with_context(|| format!("`{DOCUMENT}` is not JSON"))?;
    let mut places = Vec::new();
    differ("", &committed, &document(&ask(root)?)?, &mut places);
    if !places.is_empty() {
        let shown: Vec<&str> = places.iter().take(SHOWN).map(String::as_str).collect();
        bail!(
            "`{DOCUMENT}` and the server differ in {} places; `cargo xtask openapi` writes it anew\n  {}",
            places.len(),
            shown.join("\n  ")
        );
    }
    Ok(())
}

/// As the server prints it, in its own order.
fn write(root: &Path) -> Result<()> {
    let text = ask(root)?;
    document(&text)?;
    fs::write(root.join(DOCUMENT), text).with_context(|| format!("cannot write `{DOCUMENT}`"))
}

/// What the built server says of its API.
fn ask(root: &Path) -> Result<String> {
    let said =
        process::run(Command::new(workspace::binary(root, "debug", "legator")).arg("openapi"), &|_| {})?.well()?;
    Ok(said.stdout)
}

fn document(text: &str) -> Result<Value> {
    let value: Value = serde_json::from_str(text).context("`legator openapi` printed no JSON")?;
    let n_paths = value.get("paths").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    if value.get("openapi").is_none() || n_paths == 0 {
        bail!("`legator openapi` printed JSON that describes no API");
    }
    Ok(value)
}

/// Collects the places (JSON pointers) at which two values say different things.
fn differ(place: &str, old: &Value, new: &Value, places: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let place = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
                match new.get(key) {
                    Some(other) => differ(&place, value, other, places),
                    None => places.push(format!("{place} is gone")),
                }
            }
            for key in new.keys().filter(|key| !old.contains_key(*key)) {
                places.push(format!("{place}/{} is new", key.replace('~', "~0").replace('/', "~1")));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                differ(&format!("{place}/{at}"), old, new, places);
            }
        }
        _ if old == new => {}
        _ => places.push(format!("{place} changed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn takes_only_a_document_that_describes_something() {
        assert!(document("").is_err());
        assert!(document("{}").is_err());
        assert!(document(r#"{"openapi": "3.0.0", "paths": {}}"#).is_err());
        assert!(document(r#"{"openapi": "3.0.0", "paths": {"/probes": {}}}"#).is_ok());
    }

    #[test]
    fn names_the_places_that_differ() {
        let old = json!({"paths": {"/probes": {"get": 1}, "/old": {}}, "tags": [1, 2]});
        let new = json!({"tags": [1, 3], "paths": {"/new": {}, "/probes": {"get": 2}}});
        let mut places = Vec::new();
        differ("", &old, &new, &mut places);
        places.sort();
        assert_eq!(
            places,
            ["/paths/~1new is new", "/paths/~1old is gone", "/paths/~1probes/get changed", "/tags/1 changed"]
        );
        places.clear();
        differ("", &old, &old.clone(), &mut places);
        assert!(places.is_empty());
    }
}
