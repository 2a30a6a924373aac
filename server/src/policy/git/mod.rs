//! A git repository as a source: a branch or a tag of it is mirrored, proved and read, without ever being checked out.
//! Never: a hook, a submodule, a link, a prompt or a program that the repository names. The system's `git` does the
//! network; what comes back is taken for hostile.

mod child;
pub mod place;
pub(super) mod tree;

use std::path::PathBuf;
use std::time::Duration;

use self::child::{Child, Ended};
use self::place::{Reference, Url};
use super::PolicyFault;
use super::revision::{Files, Origin, OriginKind};
use super::source::Found;
use crate::vault::Secret;

/// What the server is told about a repository.
#[derive(Debug)]
pub struct GitSettings {
    pub url: Url,
    pub reference: Reference,
    /// The bundle's folder in the repository; its root if empty.
    pub path: String,
    pub poll: Duration,
    /// What a webhook signs with. Without it no webhook is taken.
    pub webhook_secret: Option<Secret<String>>,
    /// Only commits that one of these keys signed are taken (the format of `ssh-keygen`'s allowed signers).
    pub allowed_signers: Option<PathBuf>,
    /// Whether history may be rewritten.
    pub rewrites: bool,
    /// A token for HTTPS.
    pub token: Option<Secret<String>>,
    pub ssh_key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    /// Who may vouch for the repository's host over HTTPS; else whom the system trusts.
    pub ca: Option<PathBuf>,
    /// Where the mirror is kept.
    pub mirror: PathBuf,
}

/// A repository, and its mirror.
#[derive(Debug)]
pub struct Git {
    settings: GitSettings,
    /// One at a time at the mirror.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum GitFault {
    #[error("`git` could not be run: {0}; install git on the server")]
    NoGit(#[source] std::io::Error),
    #[error("could not {what}: {why}")]
    Failed { what: &'static str, why: String },
    #[error("could not {what}: it took longer than {after:?}, and was stopped")]
    Slow { what: &'static str, after: Duration },
    #[error("could not {what}: the repository is larger than {limit} bytes")]
    Large { what: &'static str, limit: u64 },
    #[error("the repository has no branch or tag `{0}`")]
    NoReference(String),
    #[error(
        "history was rewritten: commit {to} does not come after {from}; start the server with `--bundle-git-rewrites`, or publish the bundle by hand"
    )]
    Rewritten { from: String, to: String },
    #[error("commit {commit} is not signed by an allowed key: {why}")]
    Unsigned { commit: String, why: String },
    #[error("commit {commit} holds what a bundle cannot: {why}")]
    Hostile { commit: String, why: String },
    #[error("could not use the mirror in `{}`: {source}", path.display())]
    Mirror { path: PathBuf, source: std::io::Error },
}

/// For what talks to the network.
const FETCH: Duration = Duration::from_secs(180);
/// For what reads the mirror.
const LOCAL: Duration = Duration::from_secs(60);
/// The most that the mirror may weigh.
const MAX_MIRROR: u64 = 512 * 1024 * 1024;
const NEXT: &str = "refs/legator/next";
const LAST: &str = "refs/legator/last";

impl Git {
    pub fn new(settings: GitSettings) -> Self {
        Self { settings, reading: tokio::sync::Mutex::default() }
    }

    pub const fn poll(&self) -> Duration {
        self.settings.poll
    }

    pub const fn reference(&self) -> &Reference {
        &self.settings.reference
    }

    pub const fn webhook_secret(&self) -> Option<&Secret<String>> {
        self.settings.webhook_secret.as_ref()
    }

    /// What the branch or the tag holds now.
    pub async fn read(&self) -> Result<Found, PolicyFault> {
        let _reading = self.reading.lock().await;
        Ok(self.look().await?)
    }

    async fn look(&self) -> Result<Found, GitFault> {
        self.prepare().await?;
        let (name, tip) = self.tip().await?;
        if !self.has(&tip).await? {
            self.fetch(&name).await?;
        } else {
            self.local(&["update-ref", NEXT, &tip], "note what was there").await?;
        }
        let commit = self.resolve(NEXT).await?;
        let rewrote = self.rewritten(&commit).await?;
        let signer = self.signer(&commit).await?;
        let files = self.files(&commit).await?;
        self.local(&["update-ref", LAST, &commit], "note what was read").await?;
        let origin =
            Origin { kind: OriginKind::Git, place: Some(self.to_string()), commit: Some(commit), signer, rewrote };
        Ok(Found { files, origin })
    }

    /// A bare mirror, and a home for git in which there is nothing.
    async fn prepare(&self) -> Result<(), GitFault> {
        let mirror = &self.settings.mirror;
        let fault = |source| GitFault::Mirror { path: mirror.clone(), source };
        if child::weight(mirror) > MAX_MIRROR {
            tracing::warn!(mirror = %mirror.display(), "the mirror has grown too large and is made anew");
            std::fs::remove_dir_all(mirror).map_err(fault)?;
        }
        std::fs::create_dir_all(mirror.join("home")).map_err(fault)?;
        if !mirror.join("HEAD").is_file() {
            self.local(&["init", "--quiet", "--bare", "--template=", "."], "make the mirror").await?;
        }
        Ok(())
    }

    /// What the branch or the tag is called in full, and the object that it names.
    async fn tip(&self) -> Result<(String, String), GitFault> {
        let url = self.settings.url.as_str();
        let names = self.settings.reference.candidates();
        let mut ask = vec!["ls-remote", "--quiet", "--", url];
        ask.extend(names.iter().map(String::as_str));
        let said = self.remote(&ask, "ask the repository").await?;
        let lines = String::from_utf8_lossy(&said.out).into_owned();
        let tip = |name: &String| {
            let hash = lines.lines().find_map(|line| line.split_once('\t').filter(|(_, found)| found == name))?.0;
            place::is_hash(hash).then(|| (name.clone(), hash.to_owned()))
        };
        names.iter().find_map(tip).ok_or_else(|| GitFault::NoReference(self.settings.reference.to_string()))
    }

    async fn has(&self, hash: &str) -> Result<bool, GitFault> {
        let object = format!("{hash}^{{commit}}");
        // Twenty branches cost as much as one: what is there already is not asked for again.
        Ok(self.git(&["cat-file", "-e", &object], LOCAL, "look into the mirror").await?.well)
    }

    async fn fetch(&self, name: &str) -> Result<(), GitFault> {
        let refspec = format!("+{name}:{NEXT}");
        let options = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--force"];
        let mut ask = options.to_vec();
        ask.extend(["--", self.settings.url.as_str(), &refspec]);
        self.remote(&ask, "fetch from the repository").await.map(drop)
    }

    async fn resolve(&self, name: &str) -> Result<String, GitFault> {
        let object = format!("{name}^{{commit}}");
        let said =
            self.local(&["rev-parse", "--verify", "--quiet", "--end-of-options", &object], "find the commit").await?;
        let hash = String::from_utf8_lossy(&said.out).trim().to_owned();
        let why = "git named no commit".to_owned();
        if place::is_hash(&hash) { Ok(hash) } else { Err(GitFault::Failed { what: "find the commit", why }) }
    }

    /// The commit that was read last, if what is there now does not come after it.
    async fn rewritten(&self, commit: &str) -> Result<Option<String>, GitFault> {
        let Ok(last) = self.resolve(LAST).await else { return Ok(None) };
        let follows = self.git(&["merge-base", "--is-ancestor", &last, commit], LOCAL, "compare histories").await?;
        if follows.well {
            return Ok(None);
        }
        if !self.settings.rewrites {
            return Err(GitFault::Rewritten { from: last, to: commit.to_owned() });
        }
        tracing::warn!(from = last, to = commit, "the repository's history was rewritten");
        Ok(Some(last))
    }

    /// Who signed the commit, where a signature is asked for.
    async fn signer(&self, commit: &str) -> Result<Option<String>, GitFault> {
        let Some(signers) = &self.settings.allowed_signers else { return Ok(None) };
        let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        let ask = ["-c", &allowed, "verify-commit", "--", commit];
        let said = self.git(&ask, LOCAL, "check the signature").await?;
        let unsigned = |why: String| GitFault::Unsigned { commit: commit.to_owned(), why };
        if !said.well {
            let why = if said.why.is_empty() { "it has no signature".to_owned() } else { said.why };
            return Err(unsigned(why));
        }
        // Only what `ssh-keygen` found in the file counts, and not whatever other kinds of signature git can check.
        match place::signer(&said.why) {
            Some(signer) => Ok(Some(signer)),
            None => Err(unsigned("it is not an SSH signature".to_owned())),
        }
    }

    async fn files(&self, commit: &str) -> Result<Files, GitFault> {
        let hostile = |why: String| GitFault::Hostile { commit: commit.to_owned(), why };
        let root = format!("{commit}:{}", self.settings.path);
        let said = self.local(&["ls-tree", "-r", "-z", "-l", "--full-tree", &root], "list the commit").await?;
        let entries = tree::entries(&said.out).map_err(hostile)?;
        let wanted: String = entries.iter().map(|entry| format!("{}\n", entry.hash)).collect();
        let said = self.child(LOCAL, "read the commit").run(&["cat-file", "--batch"], Some(wanted)).await?.good()?;
        tree::contents(&entries, &said.out).map_err(hostile)
    }

    async fn local(&self, arguments: &[&str], what: &'static str) -> Result<Ended, GitFault> {
        self.git(arguments, LOCAL, what).await?.good()
    }

    async fn remote(&self, arguments: &[&str], what: &'static str) -> Result<Ended, GitFault> {
        self.git(arguments, FETCH, what).await?.good()
    }

    async fn git(&self, arguments: &[&str], most: Duration, what: &'static str) -> Result<Ended, GitFault> {
        self.child(most, what).run(arguments, None).await
    }

    const fn child(&self, most: Duration, what: &'static str) -> Child<'_> {
        Child { settings: &self.settings, most, what, limit: MAX_MIRROR }
    }
}

impl std::fmt::Display for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.settings.url, self.settings.reference)?;
        if self.settings.path.is_empty() { Ok(()) } else { write!(f, " {}", self.settings.path) }
    }
}
