//! One run of the system's `git`, with nothing of the server's surroundings in it.
//! Never: a prompt, a hook, a configuration file, a credential on a command line, or a run without an end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::{GitFault, GitSettings};

/// What is configured for every run, whatever a repository or the system says.
const CONFIG: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.symlinks", "false"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("fetch.fsckObjects", "true"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("http.followRedirects", "false"),
    ("maintenance.auto", "false"),
    ("protocol.allow", "never"),
    ("protocol.ext.allow", "never"),
    ("protocol.file.allow", "always"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.ssh.allow", "always"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
    ("transfer.fsckObjects", "true"),
];

/// The most that a run may print.
const MAX_OUT: u64 = 64 * 1024 * 1024;
const MAX_WHY: u64 = 4 * 1024;
/// How often a run that fetches is weighed.
const WEIGH: Duration = Duration::from_millis(200);

/// A run that is about to be.
pub struct Child<'s> {
    pub settings: &'s GitSettings,
    pub most: Duration,
    pub what: &'static str,
    /// What the mirror may weigh.
    pub limit: u64,
}

/// A run that has ended.
pub struct Ended {
    pub well: bool,
    pub out: Vec<u8>,
    /// What it said on its error output, cut and made safe to show.
    pub why: String,
    what: &'static str,
}

impl Ended {
    /// It, if it ended well.
    pub fn good(self) -> Result<Self, GitFault> {
        if self.well {
            return Ok(self);
        }
        // Git would ask a person now, and there is none.
        let asked = self.why.contains("terminal prompts disabled");
        let why = if asked {
            "it wants to know who asks, and `--bundle-git-token` is missing or was not taken".to_owned()
        } else if self.why.is_empty() {
            "git gave no reason".to_owned()
        } else {
            self.why
        };
        Err(GitFault::Failed { what: self.what, why })
    }
}

impl Child<'_> {
    pub async fn run(self, arguments: &[&str], input: Option<String>) -> Result<Ended, GitFault> {
        let mut command = self.command(arguments);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().map_err(GitFault::NoGit)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async move {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // If it does not want to hear, its end says why.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let talk = async {
            let ((), out, why) = tokio::join!(feed, take(stdout, MAX_OUT), take(stderr, MAX_WHY));
            (child.wait().await, out, why)
        };
        let what = self.what;
        let (status, out, why) = tokio::select! {
            talked = talk => talked,
            () = tokio::time::sleep(self.most) => return Err(GitFault::Slow { what, after: self.most }),
            () = self.outweighed() => return Err(GitFault::Large { what, limit: self.limit }),
        };
        let status = status.map_err(GitFault::NoGit)?;
        if out.len() as u64 > MAX_OUT {
            return Err(GitFault::Large { what, limit: MAX_OUT });
        }
        Ok(Ended { well: status.success(), out, why: shown(&why), what })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let GitSettings { mirror, url, token, ssh_key, known_hosts, ca, .. } = self.settings;
        let mut command = Command::new("git");
        command.arg("-C").arg(mirror).args(arguments).current_dir(mirror);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).env_clear();
        for name in ["PATH", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "GIT_SSL_CAINFO"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(ca) = ca {
            command.env("GIT_SSL_CAINFO", ca);
        }
        let home = mirror.join("home");
        command.env("HOME", &home).env("GNUPGHOME", &home).env("XDG_CONFIG_HOME", &home).env("LC_ALL", "C");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ATTR_NOSYSTEM", "1");
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "").env("GIT_PROTOCOL_FROM_USER", "0");
        command.env("GIT_LFS_SKIP_SMUDGE", "1").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_REPLACE_OBJECTS", "1");
        let mut ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o PermitLocalCommand=no".to_owned();
        if let Some(key) = ssh_key {
            ssh.push_str(&format!(" -o IdentitiesOnly=yes -i {}", quoted(key)));
        }
        if let Some(hosts) = known_hosts {
            ssh.push_str(&format!(" -o UserKnownHostsFile={}", quoted(hosts)));
        }
        command.env("GIT_SSH_COMMAND", ssh).env("GIT_SSH_VARIANT", "ssh");
        let mut config: Vec<(String, String)> =
            CONFIG.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if let Some(token) = token {
            // In the environment, since everybody may read a command line; and for this address only.
            let said = STANDARD.encode(format!("legator:{}", token.expose()));
            config.push((format!("http.{}.extraHeader", url.as_str()), format!("Authorization: Basic {said}")));
        }
        command.env("GIT_CONFIG_COUNT", config.len().to_string());
        for (n, (key, value)) in config.into_iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{n}"), key).env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        command
    }

    /// Ends when the mirror weighs too much.
    async fn outweighed(&self) {
        loop {
            tokio::time::sleep(WEIGH).await;
            if weight(&self.settings.mirror) > self.limit {
                return;
            }
        }
    }
}

async fn take(from: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(from) = from {
        let mut bounded = from.take(most + 1);
        // What was read until it broke is what there is.
        let _ = bounded.read_to_end(&mut out).await;
    }
    out
}

/// Its words in one line, without what a terminal would obey.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line: String = lines.collect::<Vec<_>>().join("; ");
    line.chars().filter(|letter| !letter.is_control()).take(600).collect()
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// How many bytes lie below a folder.
pub fn weight(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => weight(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |metadata| metadata.len()),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_made_safe_to_show() {
        assert_eq!(shown(b"fatal: \x1b[31mno\x07\n\nhint: x\n"), "fatal: [31mno; hint: x");
        assert!(shown(&[b'x'; 4000]).len() <= 600);
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
    }
}
