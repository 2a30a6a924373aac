//! What the things that a command touches look like, right before and right after it.
//! Never: fails a command. What cannot be seen reads `error`, and what is not there has no values.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use legator_protocol::{Look, LookKind, Seen};
use sha2::{Digest, Sha256};

use crate::ask::ask;

type Values = BTreeMap<String, String>;

/// Larger files are told by size and time alone.
const MOST_HASHED: u64 = 64 * 1024 * 1024;
/// As many as are looked at for one command.
const MOST_LOOKS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at everything once.
pub async fn look(looks: &[Look]) -> Vec<Values> {
    let mut seen = Vec::new();
    for look in looks.iter().take(MOST_LOOKS) {
        let values = match look.kind {
            LookKind::Unit => unit(&look.target).await,
            LookKind::File => file(look.target.clone()).await,
            LookKind::Package => package(&look.target).await,
            LookKind::User => user(&look.target),
        };
        seen.push(values.unwrap_or_else(|why| Values::from([("error".to_owned(), why)])));
    }
    seen
}

/// Both sides together, in the order of the looks.
pub fn compare(looks: &[Look], before: Vec<Values>, after: Vec<Values>) -> Vec<Seen> {
    let sides = before.into_iter().zip(after);
    looks.iter().cloned().zip(sides).map(|(look, (before, after))| Seen { look, before, after }).collect()
}

async fn unit(name: &str) -> Result<Values, String> {
    // A target that reads as an option would change what is asked.
    if name.starts_with('-') {
        return Err("the name begins with `-`".to_owned());
    }
    let properties = "LoadState,ActiveState,SubState,UnitFileState";
    let text = ask("systemctl", &["show", "--no-pager", "-p", properties, "--", name]).await;
    let text = text.ok_or("`systemctl show` gave no answer")?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (snake(name), value.to_owned())).collect())
}

async fn package(name: &str) -> Result<Values, String> {
    if name.starts_with('-') {
        return Err("the name begins with `-`".to_owned());
    }
    let pair = |text: &str| {
        let (version, state) = text.split_once('\t').unwrap_or((text, ""));
        let values = [("version", version.trim()), ("state", state.trim())];
        values
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    if Path::new("/var/lib/dpkg/status").exists() {
        // dpkg-query fails for a package that it never heard of, which is to say: not there.
        let text = ask("dpkg-query", &["-W", "-f", "${Version}\t${db:Status-Status}", "--", name]).await;
        return Ok(text.as_deref().map(pair).unwrap_or_default());
    }
    if Path::new("/lib/apk/db/installed").exists() {
        let text = fs::read_to_string("/lib/apk/db/installed").map_err(|fault| fault.to_string())?;
        let found = crate::sections::apk(&text).into_iter().find(|(found, _)| found == name);
        return Ok(found.map(|(_, version)| pair(&format!("{version}\tinstalled"))).unwrap_or_default());
    }
    if ask("rpm", &["--version"]).await.is_some() {
        let text = ask("rpm", &["-q", "--qf", "%{VERSION}-%{RELEASE}\tinstalled", "--", name]).await;
        return Ok(text.as_deref().map(pair).unwrap_or_default());
    }
    Err("no package manager that the probe knows (dpkg, rpm, apk)".to_owned())
}

async fn file(path: String) -> Result<Values, String> {
    let reading = tokio::task::spawn_blocking(move || file_now(Path::new(&path)));
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(values)) => values.map_err(|fault| fault.to_string()),
        Ok(Err(_)) => Err("the look was broken off".to_owned()),
        Err(_) => Err("the file did not answer within 15 s".to_owned()),
    }
}

fn file_now(path: &Path) -> io::Result<Values> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(fault) if matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Values::new());
        }
        Err(fault) => return Err(fault),
    };
    let kind = meta.file_type();
    let word = match kind {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        kind if kind.is_symlink() => "link",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        kind if kind.is_block_device() || kind.is_char_device() => "device",
        _ => "other",
    };
    let mut values = Values::from([
        ("kind".to_owned(), word.to_owned()),
        ("mode".to_owned(), format!("{:04o}", meta.mode() & 0o7777)),
        ("owner".to_owned(), name_in("/etc/passwd", meta.uid())),
        ("group".to_owned(), name_in("/etc/group", meta.gid())),
        ("size".to_owned(), meta.size().to_string()),
    ]);
    if kind.is_symlink()
        && let Ok(target) = fs::read_link(path)
    {
        values.insert("target".to_owned(), target.display().to_string());
    }
    if kind.is_file() && meta.size() <= MOST_HASHED {
        values.insert("sha256".to_owned(), hashed(path)?);
    }
    Ok(values)
}

fn hashed(path: &Path) -> io::Result<String> {
    // The path may have become a link or a pipe since it was looked at; neither is followed or waited for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut hash = Sha256::new();
    let mut file = file.take(MOST_HASHED);
    let mut buffer = vec![0u8; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}

fn user(name: &str) -> Result<Values, String> {
    let Some(account) = account(name) else { return Ok(Values::new()) };
    let values = [
        ("uid", account.uid.to_string()),
        ("gid", account.gid.to_string()),
        ("groups", account.groups.join(",")),
        ("home", account.home),
        ("shell", account.shell),
    ];
    Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A line of `/etc/passwd`, with the further groups that `/etc/group` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub shell: String,
    pub groups: Vec<String>,
}

/// Everyone this host knows by its own files.
pub fn accounts() -> Vec<Account> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    accounts_in(&passwd, &groups)
}

pub fn account(name: &str) -> Option<Account> {
    accounts().into_iter().find(|account| account.name == name)
}

fn accounts_in(passwd: &str, groups: &str) -> Vec<Account> {
    let groups: Vec<(&str, Vec<&str>)> = groups
        .lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            Some((*fields.first()?, fields.get(3)?.split(',').collect()))
        })
        .collect();
    let read = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
        let further =
            groups.iter().filter(|(_, members)| members.contains(&name)).map(|(group, _)| (*group).to_owned());
        Some(Account {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.to_owned(),
            shell: shell.to_owned(),
            groups: further.collect(),
        })
    };
    passwd.lines().filter_map(read).collect()
}

/// The name behind a number in `/etc/passwd` or `/etc/group`; the number where there is none.
fn name_in(file: &str, id: u32) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let id = id.to_string();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(id.as_str()));
    line.and_then(|line| line.split(':').next()).map_or(id.clone(), str::to_owned)
}

/// `ActiveState` → `active_state`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: LookKind, target: &str) -> Look {
        Look { kind, target: target.to_owned() }
    }

    #[tokio::test]
    async fn a_file_shows_what_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let looks = [at(LookKind::File, path.to_str().unwrap())];
        let before = look(&looks).await;
        assert_eq!(before, [Values::new()]);
        fs::write(&path, b"abc").unwrap();
        let after = look(&looks).await;
        let seen = compare(&looks, before, after);
        assert_eq!(seen[0].after["kind"], "file");
        assert_eq!(seen[0].after["size"], "3");
        assert_eq!(seen[0].after["sha256"], hex::encode(Sha256::digest(b"abc")));
        assert!(seen[0].before.is_empty());
    }

    #[tokio::test]
    async fn a_link_is_not_followed_and_a_pipe_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let seen = look(&[at(LookKind::File, link.to_str().unwrap())]).await;
        assert_eq!((seen[0]["kind"].as_str(), seen[0]["target"].as_str()), ("link", "/dev/zero"));
        assert!(!seen[0].contains_key("sha256"));
    }

    #[tokio::test]
    async fn what_cannot_be_seen_reads_error_and_who_is_not_there_has_no_values() {
        let seen =
            look(&[at(LookKind::Unit, "-H"), at(LookKind::User, "no-such-user-here"), at(LookKind::User, "root")])
                .await;
        assert!(seen[0].contains_key("error"));
        assert!(seen[1].is_empty());
        assert_eq!(seen[2]["uid"], "0");
    }

    #[test]
    fn reads_accounts_with_their_groups() {
        let accounts = accounts_in("ana:x:1000:1000::/home/ana:/bin/sh\nbroken\n", "wheel:x:10:ben,ana\nana:x:1000:\n");
        assert_eq!(accounts.len(), 1);
        assert_eq!((accounts[0].uid, &accounts[0].groups[..]), (1000, &["wheel".to_owned()][..]));
    }
}
