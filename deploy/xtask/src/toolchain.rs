//! The compiler that this tree is written for, pinned in `.config/toolchain`.
//! An older one is refused with the way to get it; a newer one is used, and said.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

const PIN: &str = ".config/toolchain";

type Version = (u32, u32, u32);

/// Fails when the compiler is too old; otherwise says what there is.
pub fn check(root: &Path) -> Result<String> {
    let pin = fs::read_to_string(root.join(PIN)).with_context(|| format!("cannot read `{PIN}`"))?;
    let said = process::run(Command::new("rustc").current_dir(root).arg("--version"), &|_| {})?.well()?.stdout;
    judge(pin.trim(), said.trim())
}

fn judge(pin: &str, said: &str) -> Result<String> {
    let wanted = version(pin).with_context(|| format!("`{PIN}` says `{pin}`, which is no version"))?;
    let there = said.split_whitespace().nth(1).and_then(version);
    let there = there.with_context(|| format!("`rustc --version` says `{said}`, which has no version in it"))?;
    if there < wanted {
        bail!(
            "this is {said}, and the tree is written for {pin}; get it with `rustup toolchain install {pin}` and `rustup override set {pin}`"
        );
    }
    Ok(if there > wanted { format!("{said}, newer than the pinned {pin}: lints may differ") } else { said.into() })
}

/// Three numbers; what follows a `-` (as in `1.97.0-nightly`) does not count.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split('-').next()?.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    let version = (next()?, next()?, next()?);
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_pinned_compiler_and_names_a_newer_one() {
        assert_eq!(judge("1.95.0", "rustc 1.95.0 (5980 2026-04-14)").unwrap(), "rustc 1.95.0 (5980 2026-04-14)");
        assert!(judge("1.95.0", "rustc 1.97.0-nightly (x)").unwrap().contains("newer than the pinned 1.95.0"));
        assert!(judge("1.95.0", "rustc 1.100.0 (x)").is_ok());
    }

    #[test]
    fn refuses_an_older_compiler_and_says_how_to_get_one() {
        let fault = judge("1.95.0", "rustc 1.94.9 (x)").unwrap_err().to_string();
        assert!(fault.contains("rustup toolchain install 1.95.0"), "{fault}");
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        assert!(judge("stable", "rustc 1.95.0").is_err());
        assert!(judge("1.95.0", "rustc").is_err());
        assert!(judge("1.95.0", "rustc 1.95").is_err());
    }
}
