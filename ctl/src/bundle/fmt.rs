//! `bundle fmt`: one layout for policies and TOML. Scripts and the schema are left as they are.
//! Never: writes what it has not read again and found to say the same.

use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::bundle::format::format;
use serde_json::json;

use super::source;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Lay out policies by Cedar's formatter, and TOML; scripts and the schema are left alone.
///
/// What comes out is read again, and written only if it says the same and has every comment.
#[derive(Args)]
pub struct Fmt {
    /// The folder with `bundle.toml`.
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Write nothing; end with 1 if a file would change.
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        if !self.folder.is_dir() {
            return Err(Failure::Usage(format!(
                "`{}` is no folder; archives and commits stay as they are",
                self.folder.display()
            )));
        }
        let (mut changed, mut failed) = (Vec::new(), Vec::new());
        for (path, bytes) in source::read(&self.folder)? {
            match format(&path, &bytes) {
                Ok(Some(text)) if text.as_bytes() != bytes => {
                    if !self.check {
                        write(&self.folder.join(&path), &text)?;
                    }
                    changed.push(path);
                }
                Ok(_) => {}
                Err(fault) => failed.push(fault.to_string()),
            }
        }
        let ok = failed.is_empty() && (!self.check || changed.is_empty());
        screen.either(&json!({ "ok": ok, "changed": changed, "failed": failed }), || {
            for path in &changed {
                screen.data(&format!("{} {path}", if self.check { "would change" } else { "laid out" }));
            }
            for fault in &failed {
                screen.note(&crate::clean::line(fault));
            }
            if ok && changed.is_empty() {
                screen.data(&format!("{}every file is laid out", word("ok")));
            }
        });
        Ok(if ok { Exit::OK } else { Exit::FAILED })
    }
}

/// Written beside and put in place, so that no moment has half a file.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |source| Failure::File { verb: "write", path: path.to_owned(), source };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.with_file_name(format!(".{name}.new"));
    std::fs::write(&beside, text).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
