//! A folder as a commit has it, read through the `git` of this machine.
//!
//! The program and not a library: whoever has a work tree has it, it knows every format and extension of the repository,
//! and it saves a hundred crates. Nothing is checked out: names and contents come from the object store.
//! Never: runs a hook, a filter or a helper of the repository, asks a question, or goes to the network.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use legator_engine::Fault;

use super::source::Files;
use crate::exit::Failure;

const MOST_FILES: usize = 20_000;
const MOST_FILE_BYTES: usize = 4 * 1024 * 1024;
const MOST_BYTES: usize = 64 * 1024 * 1024;

pub fn read(folder: &Path, rev: &str) -> Result<Files, Failure> {
    if rev.is_empty() || rev.starts_with('-') || rev.contains(char::is_control) {
        return Err(Failure::Usage(format!("`{rev}` names no revision")));
    }
    let commit =
        run(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{rev}^{{commit}}")], &[])
            .map_err(|_| {
                Failure::Local(format!(
                    "`{}` is not in a git work tree, or that has no revision `{rev}`",
                    folder.display()
                ))
            })?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    let prefix = String::from_utf8_lossy(&run(folder, &["rev-parse", "--show-prefix"], &[])?).trim().to_owned();
    let mut listing = vec!["ls-tree", "-r", "-z", "--full-tree", "--long", &commit];
    if !prefix.is_empty() {
        listing.extend(["--", &prefix]);
    }
    let listed = run(folder, &listing, &[])?;
    let (mut wanted, mut faults, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let entry = String::from_utf8_lossy(entry);
        let Some((head, path)) = entry.split_once('\t') else { continue };
        let Some(path) = path.strip_prefix(&prefix) else { continue };
        let ours = path == "bundle.toml" || path.starts_with("policies/") || path.starts_with("scripts/");
        if !ours || path.split('/').any(|part| part.starts_with('.')) {
            continue;
        }
        let mut words = head.split_whitespace();
        let (mode, _, id, size) = (words.next(), words.next(), words.next(), words.next());
        if !matches!(mode, Some("100644" | "100755")) {
            let fault = Fault::whole(path, format!("`{path}` is a link or a submodule")).code("symlink");
            faults.push(fault.help("put the file itself there"));
            continue;
        }
        let size: usize = size.and_then(|size| size.parse().ok()).unwrap_or(usize::MAX);
        if size > MOST_FILE_BYTES {
            let fault = Fault::whole(path, format!("the file has {size} bytes; {MOST_FILE_BYTES} are taken"));
            faults.push(fault.code("too-large").help("cut it into several"));
            continue;
        }
        bytes += size;
        wanted.push((path.to_owned(), id.unwrap_or_default().to_owned()));
    }
    if wanted.len() > MOST_FILES || bytes > MOST_BYTES {
        return Err(Failure::Usage(format!("`{rev}` has more than {MOST_FILES} files or {MOST_BYTES} bytes")));
    }
    if !faults.is_empty() {
        return Err(Failure::Bundle(faults));
    }
    contents(folder, wanted)
}

/// The files, all from one process: each answer is a line with the size, then the bytes, then a newline.
fn contents(folder: &Path, wanted: Vec<(String, String)>) -> Result<Files, Failure> {
    let asked: String = wanted.iter().map(|(_, id)| format!("{id}\n")).collect();
    let said = run(folder, &["cat-file", "--batch"], asked.as_bytes())?;
    let short = || Failure::Local("git gave less than was asked for".to_owned());
    let (mut files, mut rest) = (Files::new(), said.as_slice());
    for (path, _) in wanted {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(short)?;
        let (head, after) = rest.split_at(end);
        let size = String::from_utf8_lossy(head).rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
        let body = size.and_then(|size| after.get(1..=size)).ok_or_else(short)?;
        rest = after.get(body.len() + 2..).ok_or_else(short)?;
        files.insert(path, body.to_vec());
    }
    Ok(files)
}

fn run(folder: &Path, args: &[&str], input: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::Local(format!("could not ask git: {why}"));
    let mut child = Command::new("git")
        .args(["--no-pager", "--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
        .args(["-c", "protocol.allow=never"])
        .arg("-C")
        .arg(folder)
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        // A hook that calls us has set these to its own repository, and the folder says which is meant.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_PREFIX")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let stdin = child.stdin.take();
    let input = input.to_vec();
    // Both ends are served at once, or git waits for us while we wait for git.
    let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let ended = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    let _ = writer.join();
    if !ended.status.success() {
        return Err(failed(String::from_utf8_lossy(&ended.stderr).trim().to_owned()));
    }
    Ok(ended.stdout)
}
