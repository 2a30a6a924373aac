//! Programs that the checks need and cargo cannot bring: installed when we may, asked for when we may not.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;
use crate::progress::Line;

struct Need {
    program: &'static str,
    packages: &'static [&'static str],
    why: &'static str,
}

const ALWAYS: &[Need] = &[
    Need { program: "cc", packages: &["gcc", "libc6-dev"], why: "SQLite and the TLS library are C" },
    Need { program: "git", packages: &["git"], why: "bundles come from repositories, and figures name a commit" },
    Need { program: "openssl", packages: &["openssl"], why: "it signs a webhook's call, apart from our own code" },
    Need { program: "/usr/sbin/sshd", packages: &["openssh-server"], why: "a repository is followed over ssh" },
    Need {
        program: "npm",
        packages: &["nodejs", "npm"],
        why: "people sign in by a certified provider, which is a program of Node",
    },
    Need { program: "ssh-keygen", packages: &["openssh-client"], why: "commits are signed and proved with it" },
];
/// Debian's Python leaves out what makes an environment of one's own.
const PYTHON: Need =
    Need { program: "python3", packages: &["python3", "python3-venv"], why: "the fuzzer of the API runs in it" };
const WEB: &[Need] = &[
    Need { program: "npm", packages: &["nodejs", "npm"], why: "the web interface is built and tested with it" },
    Need { program: "chromium", packages: &["chromium"], why: "the web interface is walked through in it" },
];

/// Whether the tree has a web interface to build.
pub fn has_web(root: &Path) -> bool {
    root.join("server/ui/package.json").is_file()
}

/// Makes sure that everything is there.
pub fn meet(root: &Path, line: &Line) -> Result<()> {
    let needs = ALWAYS.iter().chain(if has_web(root) { WEB } else { &[] });
    let mut missing: Vec<&Need> = needs.filter(|need| !there(need.program)).collect();
    let venv = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if !venv.is_ok_and(|ended| ended.status.success()) {
        missing.push(&PYTHON);
    }
    let Some(packages) = plan(&missing, rustix::process::geteuid().is_root() && there("apt-get"))? else {
        return Ok(());
    };
    let say = |text: &str| line.say(text);
    process::run(Command::new("apt-get").args(["update", "-q"]), &say)?.well()?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut install, &say)?.well()?;
    Ok(())
}

/// The certified provider that the server's tests sign in by: `npm ci`, if the lock is another than was installed.
pub fn provider(root: &Path, line: &Line) -> Result<()> {
    let folder = root.join("server/tests/provider");
    let (stamp, lock) = (folder.join("node_modules/.installed-lock"), fs::read(folder.join("package-lock.json"))?);
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    process::run(&mut command, &|text| line.say(text))?.well()?;
    fs::write(&stamp, lock)?;
    Ok(())
}

/// The packages to install; none if nothing is missing; a fault if only a person can install them.
fn plan(missing: &[&Need], may_install: bool) -> Result<Option<Vec<&'static str>>> {
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    if !packages.is_empty() && !may_install {
        let reasons: Vec<String> =
            missing.iter().map(|need| format!("`{}` is missing ({})", need.program, need.why)).collect();
        bail!("{}; on Debian or Ubuntu: `sudo apt-get install {}`", reasons.join(", "), packages.join(" "));
    }
    Ok((!packages.is_empty()).then_some(packages))
}

pub fn there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installs_only_what_is_missing_and_only_when_it_may() {
        assert_eq!(plan(&[], false).unwrap(), None);
        assert_eq!(plan(&[&ALWAYS[0]], true).unwrap(), Some(vec!["gcc", "libc6-dev"]));
        let fault = plan(&[&ALWAYS[0], &ALWAYS[1]], false).unwrap_err().to_string();
        assert!(fault.contains("`cc` is missing") && fault.contains("apt-get install gcc libc6-dev git"), "{fault}");
    }

    #[test]
    fn finds_programs_on_the_path() {
        assert!(there("sh"));
        assert!(!there("no-such-program-anywhere"));
    }
}
