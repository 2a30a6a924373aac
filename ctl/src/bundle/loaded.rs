//! A bundle from its folder, for commands that need one that can be loaded.

use std::path::Path;

use legator_engine::{Bundle, Fault};
use serde_json::json;

use super::gate::{self, Gate};
use super::source;
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// The bundle and what its manifest wants covered, or the code to end with after its faults were shown.
pub fn load(place: &Path, screen: Screen) -> Result<Result<(Bundle, Gate), Exit>, Failure> {
    let files = source::read(place)?;
    let loaded = Bundle::load(&files).map(|bundle| (bundle, gate::of(&files)));
    Ok(loaded.map_err(|faults| {
        screen.either(&json!({ "ok": false, "faults": faults }), || show(screen, &faults));
        Exit::FAILED
    }))
}

/// Every fault, as a compiler would print it.
pub fn show(screen: Screen, faults: &[Fault]) {
    for fault in faults {
        screen.data(&format!("{}\n", clean::lines(&fault.render())));
    }
    screen.note(&format!("{} fault(s)", faults.len()));
}

/// As many threads as this machine does at once.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
