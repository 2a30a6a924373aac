//! Puts the web interface into the server, if somebody has built it; `cargo xtask ui` does.
//! Never: runs Node, reaches for the network, or writes outside `OUT_DIR`. Without a built interface the server builds
//! all the same and serves a page that says so.

#[path = "ui_inputs.rs"]
mod ui_inputs;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    // A packager may have built the interface elsewhere.
    println!("cargo::rerun-if-env-changed=LEGATOR_UI_DIST");
    let dist = env::var_os("LEGATOR_UI_DIST").map_or_else(|| here.join("ui/dist"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", dist.display());

    let mut files = Vec::new();
    walk(&dist, &mut files);
    files.sort();
    let mut table = String::from("pub static ASSETS: &[Asset] = &[\n");
    if files.iter().any(|file| file.ends_with("index.html")) {
        warn_of_old_pages(&here.join("ui"), &dist);
        for file in &files {
            let path = file.strip_prefix(&dist)?.to_string_lossy().into_owned();
            if path.starts_with('.') || path.ends_with(".br") || path.ends_with(".gz") {
                continue;
            }
            let packed = |ending: &str| {
                let packed = PathBuf::from(format!("{}.{ending}", file.display()));
                if packed.exists() { format!("Some(include_bytes!({packed:?}))") } else { "None".to_owned() }
            };
            let (gzip, brotli) = (packed("gz"), packed("br"));
            writeln!(
                table,
                "    Asset {{ path: {path:?}, raw: include_bytes!({file:?}), gzip: {gzip}, brotli: {brotli} }},"
            )?;
        }
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("ui_assets.rs"), table)?;
    Ok(())
}

/// What is shipped does not carry yesterday's pages without saying so.
fn warn_of_old_pages(ui: &Path, dist: &Path) {
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for name in ui_inputs::INPUTS {
            println!("cargo::rerun-if-changed={}", ui.join(name).display());
        }
        if fs::read_to_string(dist.join(".inputs")).unwrap_or_default().trim() != ui_inputs::digest(ui) {
            println!("cargo::warning=the web interface was built from other sources; run `cargo xtask ui`");
        }
    }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, into);
        } else {
            into.push(path);
        }
    }
}
