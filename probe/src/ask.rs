//! Asks a program of the host, for looking and for the inventory: a clean environment, ten seconds, four megabytes.
//! Never: runs what an order says. Programs and options here are this probe's own.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Where programs are looked for, by the probe and by what it runs.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
pub const LANG: &str = "C.UTF-8";

const PATIENCE: Duration = Duration::from_secs(10);
const MOST: u64 = 4 * 1024 * 1024;

/// What it wrote to standard output, if it is there and ended well.
pub async fn ask(program: &str, args: &[&str]) -> Option<String> {
    let answer = async {
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", LANG)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut text = Vec::new();
        child.stdout.take()?.take(MOST).read_to_end(&mut text).await.ok()?;
        child.wait().await.ok()?.success().then(|| String::from_utf8_lossy(&text).into_owned())
    };
    timeout(PATIENCE, answer).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_text_and_a_failure_is_none() {
        assert_eq!(ask("echo", &["a"]).await.as_deref(), Some("a\n"));
        assert_eq!(ask("false", &[]).await, None);
        assert_eq!(ask("no-such-program-here", &[]).await, None);
    }
}
