//! `bundle check`: loads a bundle as the server does, and shows every fault with its place.

use std::path::PathBuf;

use clap::Args;
use legator_engine::{Bundle, Fault};
use serde_json::json;

use super::source;
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Load a bundle as the server does, and show every fault with its place.
#[derive(Args)]
pub struct Check {
    /// The folder with `bundle.toml`.
    folder: PathBuf,
}

impl Check {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let files = source::read(&self.folder)?;
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
                screen.either(&json!({ "ok": false, "faults": faults }), || show(screen, &faults));
                Ok(Exit::FAILED)
            }
        }
    }
}

fn show(screen: Screen, faults: &[Fault]) {
    for fault in faults {
        screen.data(&format!("{}\n", clean::lines(&fault.render())));
    }
    screen.note(&format!("{} fault(s)", faults.len()));
}
