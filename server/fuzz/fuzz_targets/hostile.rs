//! One program for every target: the world that it is linked with is large, and which target is meant is a word in the
//! environment, `LEGATOR_FUZZ`. The targets are in `server/src/hostile`.
#![no_main]

use std::sync::OnceLock;

use legator_server::hostile::{self, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("LEGATOR_FUZZ").unwrap_or_default();
        let Some(target) = hostile::named(&name) else { panic!("`LEGATOR_FUZZ` names no target: `{name}`") };
        let _ = TARGET.set(target);
    },
    |bytes: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(bytes);
        }
    }
);
