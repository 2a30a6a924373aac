//! The rules: checked offline from a folder, and read from a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use legator_engine::{Bundle, Fault};
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// More than any bundle has; a wrong folder is noticed instead of read.
const MOST_FILES: usize = 4096;

/// Check a folder of policies, without a server.
#[derive(Args)]
pub struct Offline {
    #[command(subcommand)]
    one: OfflineOne,
}

#[derive(Subcommand)]
enum OfflineOne {
    /// Load a bundle as the server does, and show every fault with its place.
    Check {
        /// The folder with `bundle.toml`.
        folder: PathBuf,
    },
}

/// The policies that decide: list, look, reload.
#[derive(Args)]
pub struct Policies {
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Subcommand)]
enum One {
    /// One policy with its text.
    Show {
        /// Its `@id`.
        id: String,
    },
    /// Have the server read its folder again now.
    Reload,
}

impl Offline {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let OfflineOne::Check { folder } = self.one;
        let files = read(&folder)?;
        match Bundle::load(&files) {
            Ok(bundle) => {
                let (policies, scripts) = (bundle.policies().count(), bundle.scripts().count());
                let said = json!({ "ok": true, "revision": bundle.revision(), "policies": policies, "scripts": scripts, "faults": [] });
                screen.either(&said, || {
                    screen.data(&format!(
                        "{}{policies} policies, {scripts} scripts, revision {}",
                        word("ok"),
                        bundle.revision()
                    ));
                });
                Ok(Exit::OK)
            }
            Err(faults) => {
                screen.either(&json!({ "ok": false, "faults": faults }), || show_faults(screen, &faults));
                Ok(Exit::FAILED)
            }
        }
    }
}

fn show_faults(screen: Screen, faults: &[Fault]) {
    for fault in faults {
        screen.data(&format!("{}\n", clean::lines(&fault.render())));
    }
    screen.note(&format!("{} fault(s)", faults.len()));
}

/// Every file below a folder, by its path from there; dot files are editors' and git's.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let fault = |source| Failure::File { verb: "read", path: next.clone(), source };
        for entry in std::fs::read_dir(&next).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(fault)?);
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(|source| Failure::File { verb: "read", path, source })?;
            files.insert(name, bytes);
            if files.len() > MOST_FILES {
                return Err(Failure::Usage(format!(
                    "`{}` has more than {MOST_FILES} files; is it a bundle?",
                    folder.display()
                )));
            }
        }
    }
    Ok(files)
}

impl Policies {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let bundle = server.get(&["api", "v1", "policies"], &[]).await?;
                screen.either(&bundle, || list(screen, &bundle));
            }
            Some(One::Show { id }) => {
                let policy = server.get(&["api", "v1", "policies", &id], &[]).await?;
                screen.either(&policy, || {
                    screen.note(&format!("{}:{}", field::shown(&policy, "file"), field::number(&policy, "line")));
                    screen.data(&clean::lines(field::text(&policy, "source")));
                });
            }
            Some(One::Reload) => {
                let after = server.post(&["api", "v1", "policies", "reload"], &[], &Value::Null).await?;
                screen.either(&after, || {
                    let said = if after["changed"] == true { "now decides" } else { "decides already" };
                    screen.note(&format!("revision {} {said}", field::shown(&after, "revision")));
                });
            }
        }
        Ok(Exit::OK)
    }
}

fn list(screen: Screen, bundle: &Value) {
    let rows = field::list(bundle, "policies").iter().map(|policy| {
        vec![
            field::shown(policy, "id"),
            field::shown(policy, "effect"),
            format!("{}:{}", field::shown(policy, "file"), field::number(policy, "line")),
            field::shown(policy, "rationale"),
        ]
    });
    screen.table(&["POLICY", "EFFECT", "PLACE", "RATIONALE"], rows.collect());
    screen.note(&format!("revision {} from {}", field::shown(bundle, "revision"), field::shown(bundle, "source")));
    for fault in field::list(bundle, "faults") {
        screen.note(&format!(
            "refused: {}:{}: {}",
            field::shown(fault, "file"),
            field::number(fault, "line"),
            field::shown(fault, "message")
        ));
    }
}
