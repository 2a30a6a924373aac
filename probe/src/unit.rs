//! The systemd unit, and the way out: what `install` puts on the host, and what `uninstall` takes away.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::ask::ask;
use crate::config::Places;
use crate::durable;

pub const NAME: &str = "legator-probe.service";
const FILE: &str = "/etc/systemd/system/legator-probe.service";

#[derive(Debug, thiserror::Error)]
pub enum UnitFault {
    #[error("this host does not run systemd; start `{0} run` by whatever starts services here")]
    NoSystemd(String),
    #[error("cannot write `{FILE}`: {0}; run as root")]
    Unwritable(io::Error),
    #[error("cannot find this program's own file: {0}")]
    Nowhere(io::Error),
    #[error("`systemctl {0}` failed; `journalctl -u {NAME}` says why")]
    Systemctl(&'static str),
    #[error("cannot remove `{path}`: {source}; run as root, or remove it by hand")]
    Irremovable { path: String, source: io::Error },
}

/// Writes the unit, and starts it now and at every boot.
pub async fn install(places: &Places) -> Result<Vec<String>, UnitFault> {
    let program = std::env::current_exe().map_err(UnitFault::Nowhere)?;
    if !Path::new("/run/systemd/system").exists() {
        return Err(UnitFault::NoSystemd(program.display().to_string()));
    }
    durable::write(Path::new(FILE), text(&program, places).as_bytes()).map_err(UnitFault::Unwritable)?;
    ask("systemctl", &["daemon-reload"]).await.ok_or(UnitFault::Systemctl("daemon-reload"))?;
    ask("systemctl", &["enable", "--now", NAME]).await.ok_or(UnitFault::Systemctl("enable --now legator-probe"))?;
    Ok(vec![format!("wrote `{FILE}`"), format!("started `{NAME}`, now and at every boot")])
}

fn text(program: &Path, places: &Places) -> String {
    let (program, config, state) = (program.display(), places.config_dir.display(), places.state_dir.display());
    format!(
        "# Written by `legator-probe install`; `legator-probe uninstall` removes it.\n\
         [Unit]\n\
         Description=Legator probe\n\
         After=network-online.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         ExecStart={program} --config-dir {config} --state-dir {state} run\n\
         Restart=always\n\
         RestartSec=5\n\
         # The probe ends its commands itself, and says how they ended.\n\
         KillMode=mixed\n\
         TimeoutStopSec=20\n\
         OOMScoreAdjust=-500\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

/// Stops and removes everything of the probe but the floor, which is the administrator's, and the program itself.
/// Says what it did.
pub async fn uninstall(places: &Places) -> Result<Vec<String>, UnitFault> {
    let mut done = Vec::new();
    if Path::new(FILE).exists() {
        if Path::new("/run/systemd/system").exists() {
            ask("systemctl", &["disable", "--now", NAME])
                .await
                .ok_or(UnitFault::Systemctl("disable --now legator-probe"))?;
            done.push(format!("stopped `{NAME}`"));
        }
        remove(Path::new(FILE), &mut done)?;
        let _ = ask("systemctl", &["daemon-reload"]).await;
    }
    remove(&places.config(), &mut done)?;
    for name in ["journal", "spool", "checkpoints"] {
        remove(&places.state(name), &mut done)?;
    }
    for name in ["policy.json", "inventory.json", "status.json", "lock"] {
        remove(&places.state(name), &mut done)?;
    }
    for dir in [&places.state_dir, &places.config_dir] {
        // Somebody else's file in it keeps it: `remove_dir` takes empty ones only.
        if fs::remove_dir(dir).is_ok() {
            done.push(format!("removed `{}`", dir.display()));
        }
    }
    Ok(done)
}

/// What `uninstall` would leave.
pub fn left(places: &Places) -> Vec<PathBuf> {
    [places.floor()].into_iter().filter(|path| path.exists()).collect()
}

fn remove(path: &Path, done: &mut Vec<String>) -> Result<(), UnitFault> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Ok(()) => done.push(format!("removed `{}`", path.display())),
        Err(fault) if fault.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(UnitFault::Irremovable { path: path.display().to_string(), source }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn takes_away_what_is_the_probes_and_leaves_what_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { config_dir: dir.path().join("etc"), state_dir: dir.path().join("var") };
        durable::private_dir(&places.config_dir).unwrap();
        durable::private_dir(&places.state("journal")).unwrap();
        for path in [places.config(), places.floor(), places.state("status.json"), places.state("journal/x.json")] {
            fs::write(path, "x").unwrap();
        }
        let done = uninstall(&places).await.unwrap().join("\n");
        assert!(done.contains("probe.toml") && done.contains("journal"), "{done}");
        assert!(!places.state_dir.exists() && !places.config().exists());
        assert_eq!(left(&places), [places.floor()]);
    }

    #[test]
    fn the_unit_names_this_program_and_its_places() {
        let places = Places { config_dir: "/etc/legator".into(), state_dir: "/var/lib/legator-probe".into() };
        let text = text(Path::new("/usr/local/bin/legator-probe"), &places);
        assert!(text.contains(
            "\nExecStart=/usr/local/bin/legator-probe --config-dir /etc/legator --state-dir /var/lib/legator-probe run\n"
        ));
    }
}
