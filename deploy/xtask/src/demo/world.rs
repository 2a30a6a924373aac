//! The demo's small world: one server, its probes, its people, and every command line that brings them up.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::children::Kept;
use super::interrupt::Interrupt;
use super::marks;
use super::teller::{Answer, Stage};
use crate::{process, workspace};

/// How long a part of the world may take to come up on a busy machine.
const COMES_UP: Duration = Duration::from_secs(60);
/// The first administrator, whose key the server writes once.
const ADMIN: &str = "admin";

/// The three programs.
pub struct Binaries {
    pub server: PathBuf,
    pub probe: PathBuf,
    pub ctl: PathBuf,
}

impl Binaries {
    pub fn of(root: &Path, profile: &str) -> Self {
        let of = |name| workspace::binary(root, profile, name);
        Self { server: of("legator"), probe: of("legator-probe"), ctl: of("legatorctl") }
    }
}

/// Everything that runs. Fields are dropped in order: the probes go before their server.
pub struct World {
    probes: BTreeMap<String, Kept>,
    server: Kept,
    binaries: Binaries,
    folder: PathBuf,
    port: u16,
    /// The SHA-256 of the server's public key, by which the command line knows it.
    fingerprint: String,
    keys: BTreeMap<String, String>,
}

impl World {
    /// Starts the server and waits until its administrator can ask it something.
    pub fn start(binaries: Binaries, folder: &Path, port: u16, interrupt: &Interrupt) -> Result<Self> {
        Self::start_with(binaries, folder, port, &[], interrupt)
    }

    /// The same, with more options of the server.
    pub fn start_with(
        binaries: Binaries,
        folder: &Path,
        port: u16,
        options: &[&str],
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let data = folder.join("server");
        for made in [folder.join("logs"), folder.join("probes"), marks(folder), data.clone()] {
            fs::create_dir_all(&made).with_context(|| format!("cannot make `{}`", made.display()))?;
        }
        let mut command = Command::new(&binaries.server);
        command.arg("serve").arg("--data").arg(&data).arg("--listen").arg(format!("127.0.0.1:{port}"));
        command.args(options);
        let mut server = Kept::start(&mut command, &folder.join("logs/server.log"))?;
        let mut secret = |name: &str| {
            let path = data.join(name);
            interrupt.until(&format!("the server to write `{name}`"), COMES_UP, || {
                if let Some(status) = server.ended()? {
                    bail!("the server ended with {status}; it said:\n{}", server.last_words());
                }
                Ok(fs::read_to_string(&path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
            })
        };
        let keys = BTreeMap::from([(ADMIN.to_owned(), secret("admin.key")?)]);
        let fingerprint = secret("tls.fingerprint")?;
        let mut world =
            Self { probes: BTreeMap::new(), server, binaries, folder: folder.into(), port, fingerprint, keys };
        interrupt.until("the server to answer", COMES_UP, || {
            let words = ["probes"].map(String::from);
            world.alive()?;
            Ok(world.act(ADMIN, &words)?.well.then_some(()))
        })?;
        Ok(world)
    }

    /// Enrolls a real probe, starts it, and waits until the server sees it.
    pub fn enroll(&mut self, name: &str, tags: &[&str], interrupt: &Interrupt) -> Result<()> {
        let home = self.folder.join("probes").join(name);
        let (etc, state) = (home.join("etc"), home.join("state"));
        // A folder that was given and kept knows its probes from the last time.
        if !etc.join("probe.toml").is_file() {
            self.init(name, tags, &etc, &state)?;
        }
        let mut run = Command::new(&self.binaries.probe);
        placed(run.arg("run"), name, &etc, &state);
        let kept = Kept::start(&mut run, &self.folder.join("logs").join(format!("{name}.log")))?;
        self.probes.insert(name.into(), kept);
        interrupt.until(&format!("`{name}` to connect"), COMES_UP, || {
            self.alive()?;
            let said = self.asked(ADMIN, &["probes", "show", name])?;
            // A busy machine makes its probes `degraded`, which is connected all the same.
            let status = said.pointer("/status").and_then(Value::as_str);
            Ok(matches!(status, Some("online" | "degraded")).then_some(()))
        })
    }

    fn init(&mut self, name: &str, tags: &[&str], etc: &Path, state: &Path) -> Result<()> {
        let mut line = vec!["tokens", "create"];
        line.extend(tags.iter().flat_map(|tag| ["--tag", tag]));
        let said = self.asked(ADMIN, &line)?;
        let token = said.pointer("/token").and_then(Value::as_str).context("the answer has no token")?;
        let mut init = Command::new(&self.binaries.probe);
        init.args(["init", "--server", &self.url(), "--name", name]);
        init.args(tags.iter().flat_map(|tag| ["--tag", tag]));
        // By the environment, since anybody may read the arguments of a process.
        placed(init.env("LEGATOR_TOKEN", token), name, etc, state);
        process::run(&mut init, &|_| {})?.well()?;
        Ok(())
    }

    /// Makes a second person with the right to approve, and keeps their key beside the data.
    pub fn invite(&mut self, name: &str) -> Result<()> {
        let file = self.folder.join(format!("{name}.key"));
        let key = match fs::read_to_string(&file) {
            Ok(key) => key,
            Err(_) => {
                self.asked(ADMIN, &["users", "create", name, "--role", "approver"])?;
                let said = self.asked(ADMIN, &["keys", "create", "--user", name, "--name", "demo"])?;
                let key = said.pointer("/plain_key").and_then(Value::as_str).context("the answer has no key")?;
                let mut open = fs::OpenOptions::new();
                let file = open.write(true).create_new(true).mode(0o600).open(&file);
                file.and_then(|mut file| file.write_all(key.as_bytes()))
                    .context("cannot keep the second person's key")?;
                key.to_owned()
            }
        };
        self.keys.insert(name.into(), key);
        Ok(())
    }

    /// Makes somebody with a role, and gives their key. An agent is the first administrator's.
    pub fn engage(&mut self, role: &str) -> Result<String> {
        let name = format!("the {role}");
        let mut line = vec!["users", "create", &name, "--role", role];
        if role == "agent" {
            line.extend(["--kind", "agent", "--owner", ADMIN]);
        }
        self.asked(ADMIN, &line)?;
        let said = self.asked(ADMIN, &["keys", "create", "--user", &name, "--name", "key"])?;
        Ok(said.pointer("/plain_key").and_then(Value::as_str).context("the answer has no key")?.to_owned())
    }

    /// Fails, with its last words, when a process of the world has ended.
    pub fn alive(&mut self) -> Result<()> {
        let all = std::iter::once(("the server", &mut self.server))
            .chain(self.probes.iter_mut().map(|(name, kept)| (name.as_str(), kept)));
        for (name, kept) in all {
            if let Some(status) = kept.ended()? {
                bail!("{name} ended with {status}; it said:\n{}", kept.last_words());
            }
        }
        Ok(())
    }

    /// Stays until somebody interrupts, or fails when a process of the world ends.
    pub fn watch(&mut self, interrupt: &Interrupt) -> Result<()> {
        interrupt.until("the end", Duration::MAX, || {
            self.alive()?;
            Ok(interrupt.came().then_some(()))
        })
    }

    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    pub fn server_id(&self) -> u32 {
        self.server.id()
    }

    pub fn probe_id(&self, name: &str) -> Option<u32> {
        self.probes.get(name).map(Kept::id)
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Where a reader goes on, with what they need for it.
    pub fn way_on(&self) -> String {
        let Self { folder, fingerprint, binaries, .. } = self;
        // It works once, and only until somebody has chosen a password; a kept folder may know one already.
        let link = fs::read_to_string(folder.join("server/setup.link")).ok();
        let web = link.map_or_else(
            || self.url(),
            |token| format!("{}/setup#{}   (once: choose a name and a password)", self.url(), token.trim()),
        );
        format!(
            "web      {web}\nAPI      {url}/docs\nlogs     {logs}\n\nexport LEGATOR_SERVER={url}\nexport LEGATOR_FINGERPRINT={fingerprint}\nexport XDG_STATE_HOME={state}\nexport LEGATOR_API_KEY=$(cat {key})\n{ctl} run web-1 -- uptime",
            url = self.url(),
            logs = self.logs().display(),
            key = folder.join("server/admin.key").display(),
            state = folder.join("ctl").display(),
            ctl = binaries.ctl.display(),
        )
    }

    /// Types a line that must end well, and returns its answer.
    fn asked(&mut self, who: &str, line: &[&str]) -> Result<Value> {
        let words: Vec<String> = line.iter().map(|word| (*word).into()).collect();
        let answer = self.act(who, &words)?;
        if !answer.well {
            bail!("`legatorctl {}` did not end well: {}", line.join(" "), answer.stderr.trim());
        }
        serde_json::from_str(&answer.stdout).with_context(|| format!("`legatorctl {}` printed no JSON", line.join(" ")))
    }
}

impl Stage for World {
    fn props(&self) -> Vec<(String, String)> {
        vec![("marks".into(), marks(&self.folder).display().to_string())]
    }

    fn act(&mut self, who: &str, line: &[String]) -> Result<Answer> {
        let key = self.keys.get(who).with_context(|| format!("`{who}` has no key"))?;
        let mut command = Command::new(&self.binaries.ctl);
        command.args(["--output", "json"]).args(line);
        command
            .env("LEGATOR_SERVER", self.url())
            .env("LEGATOR_FINGERPRINT", &self.fingerprint)
            .env("LEGATOR_API_KEY", key);
        // The person at the keyboard has settings of their own; the story does not read them.
        command.env("XDG_CONFIG_HOME", self.folder.join("ctl"));
        // A log of an earlier demo at the same address is another log; its checkpoints are not held against this one.
        command.env("XDG_STATE_HOME", self.folder.join("ctl"));
        let output = command.output().with_context(|| format!("cannot start `{}`", self.binaries.ctl.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer { well: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }
}

/// Gives a probe folders and a machine of its own, since all three share this one.
fn placed(command: &mut Command, name: &str, etc: &Path, state: &Path) {
    command
        .arg("--config-dir")
        .arg(etc)
        .arg("--state-dir")
        .arg(state)
        .env("LEGATOR_MACHINE_ID", format!("demo-{name}"));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// Programs that say what real ones would.
    fn actors(folder: &Path) -> Binaries {
        let server = "data=$3; echo key-of-admin > $data/admin.key; echo pin > $data/tls.fingerprint; echo serving; exec sleep 600";
        let ctl = r#"case "$*" in
            *"tokens create --tag web") echo '{"token": "lgt_x"}' ;;
            *"keys create"*) echo '{"plain_key": "key-of-ben"}' ;;
            *"probes show"*) echo '{"status": "online"}' ;;
            *"whoami"*) echo "{\"key\": \"$LEGATOR_API_KEY\", \"pin\": \"$LEGATOR_FINGERPRINT\"}" ;;
            *"fail"*) echo "no such thing" >&2; exit 1 ;;
            *) echo '{}' ;;
        esac"#;
        let probe = r#"case "$1" in init) case "$LEGATOR_TOKEN $*" in "lgt_x init --server https://127.0.0.1:1 --name web-1 --tag web"*) ;; *) exit 2 ;; esac ;; run) exec sleep 600 ;; esac"#;
        Binaries {
            server: script(folder, "legator", server),
            probe: script(folder, "legator-probe", probe),
            ctl: script(folder, "legatorctl", ctl),
        }
    }

    fn world(folder: &Path) -> World {
        World::start(actors(folder), folder, 1, &Interrupt::default()).unwrap()
    }

    #[test]
    fn brings_up_a_server_a_probe_and_a_second_person_and_takes_them_down() {
        let folder = tempfile::tempdir().unwrap();
        let mut world = world(folder.path());
        world.enroll("web-1", &["web"], &Interrupt::default()).unwrap();
        world.invite("ben").unwrap();
        world.alive().unwrap();
        let said = world.asked("ben", &["whoami"]).unwrap();
        assert_eq!(said, serde_json::json!({"key": "key-of-ben", "pin": "pin"}));
        assert!(world.way_on().contains("https://127.0.0.1:1"));
        assert!(!world.way_on().contains("key-of-admin"), "a key is pointed to, not printed");
        assert!(!world.way_on().contains("/setup#"), "who has a password needs no link");
        fs::write(folder.path().join("server/setup.link"), "once\n").unwrap();
        assert!(world.way_on().contains("https://127.0.0.1:1/setup#once "), "{}", world.way_on());
        let ids = [world.server_id(), world.probe_id("web-1").unwrap()];
        drop(world);
        assert!(ids.iter().all(|id| !Path::new(&format!("/proc/{id}")).exists()));
    }

    #[test]
    fn a_kept_folder_knows_its_people_and_probes_again() {
        let folder = tempfile::tempdir().unwrap();
        world(folder.path()).invite("ben").unwrap();
        let mode = fs::metadata(folder.path().join("ben.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.path().join("ben.key"), "key-from-last-time").unwrap();
        fs::create_dir_all(folder.path().join("probes/web-1/etc")).unwrap();
        fs::write(folder.path().join("probes/web-1/etc/probe.toml"), "").unwrap();
        let mut world = world(folder.path());
        world.invite("ben").unwrap();
        assert_eq!(world.asked("ben", &["whoami"]).unwrap()["key"], "key-from-last-time");
        // `db` gets no token from these programs, so this succeeds only without one.
        world.enroll("web-1", &["db"], &Interrupt::default()).unwrap();
    }

    #[test]
    fn says_what_a_program_said_when_it_did_not_do_its_part() {
        let folder = tempfile::tempdir().unwrap();
        let mut world = world(folder.path());
        let fault = world.asked(ADMIN, &["fail"]).unwrap_err().to_string();
        assert!(fault.contains("no such thing"), "{fault}");
        let fault = format!("{:#}", world.enroll("web-1", &["db"], &Interrupt::default()).unwrap_err());
        assert!(fault.contains("no token"), "{fault}");
        assert!(world.asked("nobody", &["whoami"]).unwrap_err().to_string().contains("`nobody` has no key"));
    }

    #[test]
    fn a_server_that_ends_is_noticed_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let binaries =
            Binaries { server: script(folder.path(), "ends", "echo port taken; exit 7"), ..actors(folder.path()) };
        let fault = World::start(binaries, folder.path(), 1, &Interrupt::default()).err().unwrap().to_string();
        assert!(fault.contains("exit status: 7") && fault.contains("port taken"), "{fault}");
    }
}
