//! A git repository as the source: real repositories, with everything that can be wrong with one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use legator_server::config::{Bundles, Config};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{World, soon};

use crate::bundle::shipped;
use crate::bundles::{FROZEN, activate, published};
use crate::text;

/// A repository that somebody works in.
pub struct Repository(TempDir);

impl Repository {
    /// With the shipped bundle as its first commit, on `main`.
    pub fn new() -> Self {
        let repository = Self(shipped());
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository.commit("first");
        repository
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn write(&self, path: &str, content: &str) {
        std::fs::write(self.path().join(path), content).unwrap();
    }
}

const SECRET: &str = "a word that only both know";

pub fn bundles(repository: &Repository) -> Bundles {
    Bundles {
        git_url: Some(repository.url()),
        git_ref: "main".to_owned(),
        // The webhook says when; a poll would come in between.
        git_poll_s: 86_400,
        git_webhook_secret: Some(SECRET.parse().unwrap()),
        ..Bundles::default()
    }
}

async fn following(repository: &Repository) -> World {
    World::plan().with_bundles(bundles(repository)).start().await
}

/// Has the server read the repository now, as somebody who may; what the source says then.
pub async fn look(world: &World) -> Value {
    world.admin().post("/api/v1/policies/reload", json!(null)).await;
    world.admin().get("/api/v1/bundles/source").await.is(200)
}

pub async fn active(world: &World) -> String {
    text(&world.admin().get("/version").await.is(200), "revision").to_owned()
}

#[tokio::test]
async fn a_commit_is_taken_up_with_its_name_and_decides() {
    let repository = Repository::new();
    let mut world = following(&repository).await;
    let first = active(&world).await;
    repository.write("policies/own.cedar", FROZEN);
    repository.write("notes.md", "not of the bundle");
    let commit = repository.commit("freeze the lab");
    let source = look(&world).await;
    assert_eq!((text(&source, "kind"), text(&source["seen"]["origin"], "commit")), ("git", commit.as_str()));
    assert_ne!(active(&world).await, first);
    let bundle = world.admin().get("/api/v1/bundles/active").await.is(200);
    assert_eq!((text(&bundle["origin"], "kind"), text(&bundle["origin"], "commit")), ("git", commit.as_str()));
    assert!(
        bundle["files"].to_string().contains("policies/own.cedar") && !bundle["files"].to_string().contains("notes")
    );
    let entry = world.entry("bundle.activated", |entry| entry["body"]["commit"] == commit.as_str()).await;
    assert_eq!(entry["body"]["how"], "source");
    let now = active(&world).await;
    world.restart().await;
    assert_eq!(active(&world).await, now);
    world.end().await;
}

#[tokio::test]
async fn a_tag_and_a_folder_of_a_repository_can_be_followed() {
    let repository = Repository::new();
    std::fs::create_dir(repository.path().join("fleet")).unwrap();
    for part in ["policies", "scripts", "bundle.toml"] {
        if repository.path().join(part).exists() {
            std::fs::rename(repository.path().join(part), repository.path().join("fleet").join(part)).unwrap();
        }
    }
    let commit = repository.commit("a folder of its own");
    repository.git(&["tag", "--annotate", "-m", "x", "v1"]);
    repository.commit("later");
    let told = Bundles { git_ref: "v1".to_owned(), git_path: "fleet".to_owned(), ..bundles(&repository) };
    let world = World::plan().with_bundles(told).start().await;
    let source = world.admin().get("/api/v1/bundles/source").await.is(200);
    assert_eq!(text(&source["seen"]["origin"], "commit"), commit, "{source}");
    world.end().await;
}

#[tokio::test]
async fn a_webhook_that_is_signed_has_the_repository_read_and_no_other_has() {
    let repository = Repository::new();
    let world = following(&repository).await;
    let first = active(&world).await;
    repository.write("policies/own.cedar", FROZEN);
    repository.commit("freeze the lab");
    let body = "{\"ref\":\"refs/heads/main\"}";
    let stranger = world.stranger();
    let call = |name: &str, value: &str| {
        let request = stranger.request(testkit::reqwest::Method::POST, "/api/v1/bundles/webhook");
        stranger.send(request.header(name, value).header("content-type", "application/json").body(body))
    };
    let wrong = hex::encode([7; 32]);
    let source = async || world.admin().get("/api/v1/bundles/source").await.is(200);
    let looked = source().await["checked_at"].clone();
    for (name, value) in [
        ("x-hub-signature-256", format!("sha256={wrong}")),
        ("x-gitlab-token", "guess".to_owned()),
        ("x-other", String::new()),
    ] {
        call(name, &value).await.problem("bad-signature");
    }
    // A look would have begun at once, and taken well below this.
    let look = async { while source().await["checked_at"] == looked {} };
    assert!(tokio::time::timeout(Duration::from_secs(3), look).await.is_err(), "somebody's call had it looked at");
    assert_eq!(active(&world).await, first);
    assert_eq!(call("x-hub-signature-256", &format!("sha256={}", signed(body))).await.status, 202);
    soon("the commit to decide", async { while active(&world).await == first {} }).await;

    let second = active(&world).await;
    repository.write("policies/own.cedar", &FROZEN.replace("The lab", "This lab"));
    repository.commit("say it otherwise");
    assert_eq!(call("x-gitea-signature", &signed(body)).await.status, 202);
    soon("the commit to decide", async { while active(&world).await == second {} }).await;
    assert_eq!(call("x-gitlab-token", SECRET).await.status, 202);
    world.end().await;

    let plain = World::start().await;
    plain.stranger().post("/api/v1/bundles/webhook", json!({})).await.problem("not-found");
    plain.end().await;
}

/// HMAC-SHA256 with the agreed secret, by another program than the server's library.
fn signed(body: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_repository_that_disappears_changes_nothing_and_says_why() {
    let repository = Repository::new();
    let mut world = following(&repository).await;
    let first = active(&world).await;
    let aside = repository.path().with_extension("aside");
    std::fs::rename(repository.path(), &aside).unwrap();
    let source = look(&world).await;
    assert!(text(&source, "trouble").contains("could not ask the repository"), "{source}");
    assert_eq!(active(&world).await, first);
    assert_eq!(world.stranger().get("/healthz").await.is(200)["status"], "degraded");
    world.entry("bundle.unreadable", |_| true).await;
    // The server starts without it, too.
    world.restart().await;
    assert_eq!(active(&world).await, first);
    std::fs::rename(&aside, repository.path()).unwrap();
    let source = look(&world).await;
    assert!(source["trouble"].is_null(), "{source}");
    repository.git(&["branch", "--move", "main", "gone"]);
    assert!(text(&look(&world).await, "trouble").contains("no branch or tag `main`"));
    world.end().await;
}

#[tokio::test]
async fn a_rewritten_history_is_not_followed_unless_the_server_is_told_so() {
    let repository = Repository::new();
    repository.write("policies/own.cedar", FROZEN);
    let before = repository.commit("freeze the lab");
    let mut world = following(&repository).await;
    let first = active(&world).await;
    repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repository.write("policies/own.cedar", &FROZEN.replace("The lab", "This lab"));
    let after = repository.commit("as if it had always been so");
    let source = look(&world).await;
    assert!(text(&source, "trouble").contains("history was rewritten"), "{source}");
    assert_eq!(active(&world).await, first);
    world.stop().await;

    let told = Bundles { git_rewrites: true, ..bundles(&repository) };
    let config = Config { bundles: told, ..world.config().clone() };
    let clock = legator_server::clock::Clock::system();
    let built = legator_server::app::App::build(&config, clock).await.unwrap();
    let seen = built.app.policy.state().seen.unwrap();
    assert_eq!(
        (seen.origin.commit.as_deref(), seen.origin.rewrote.as_deref()),
        (Some(after.as_str()), Some(before.as_str()))
    );
    assert_ne!(built.app.policy.bundle().revision(), first);
}

#[tokio::test]
async fn hostile_contents_are_refused_and_the_last_good_commit_goes_on() {
    let repository = Repository::new();
    let world = following(&repository).await;
    let first = active(&world).await;
    let hostile = async |expected: &str| {
        let source = look(&world).await;
        assert!(text(&source, "trouble").contains(expected), "{expected}: {source}");
        assert_eq!(active(&world).await, first);
    };
    // A link.
    std::os::unix::fs::symlink("/etc/passwd", repository.path().join("policies/own.cedar")).unwrap();
    repository.commit("a link");
    hostile("is a link").await;
    std::fs::remove_file(repository.path().join("policies/own.cedar")).unwrap();
    // Another repository inside.
    let blob = repository.commit("no link");
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{blob},policies/sub")]);
    repository.git(&["commit", "--quiet", "-m", "a submodule"]);
    hostile("another repository").await;
    repository.git(&["rm", "--quiet", "--cached", "policies/sub"]);
    // A path that no file system would make a plain one of.
    repository.write("policies/a\\b.cedar", FROZEN);
    repository.commit("a path");
    hostile("not a plain one").await;
    std::fs::remove_file(repository.path().join("policies/a\\b.cedar")).unwrap();
    // More than a bundle may weigh.
    repository.write("policies/own.cedar", &"/".repeat(5_000_000));
    repository.commit("a heavy one");
    hostile("larger than").await;
    // Broken rules are refused as they are in a folder.
    repository.write("policies/own.cedar", "permit (");
    repository.commit("a broken one");
    let source = look(&world).await;
    assert_eq!((&source["faults"][0]["file"], active(&world).await), (&json!("policies/own.cedar"), first.clone()));
    // And a good one ends it.
    repository.write("policies/own.cedar", FROZEN);
    repository.commit("a good one");
    let source = look(&world).await;
    assert!(source["trouble"].is_null() && source["faults"] == json!([]), "{source}");
    assert_ne!(active(&world).await, first);
    world.end().await;
}

#[tokio::test]
async fn nothing_that_the_repository_brings_is_run() {
    let repository = Repository::new();
    let marks = tempfile::tempdir().unwrap();
    let mark = marks.path().join("ran");
    let world = following(&repository).await;
    let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
    for hook in ["post-checkout", "post-merge", "post-update", "reference-transaction"] {
        let path = world.data().join("bundle.git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &script).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    repository.write(".gitattributes", "*.cedar filter=run diff=run\n");
    repository.write(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/x\n");
    repository.write("policies/own.cedar", FROZEN);
    repository.commit("traps");
    let before = active(&world).await;
    look(&world).await;
    assert!(!mark.exists());
    let source = world.admin().get("/api/v1/bundles/source").await.is(200);
    // Git itself refuses such a submodule; what counts is that nothing ran and something decides.
    assert!(active(&world).await != before || !text(&source, "trouble").is_empty(), "{source}");
    world.end().await;
}

#[tokio::test]
async fn only_commits_that_an_allowed_key_signed_are_taken() {
    let repository = Repository::new();
    let keys = tempfile::tempdir().unwrap();
    let key = |name: &str| -> PathBuf {
        let path = keys.path().join(name);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status().unwrap();
        assert!(made.success());
        path
    };
    let (good, other) = (key("good"), key("other"));
    let signers = keys.path().join("signers");
    let public = std::fs::read_to_string(good.with_extension("pub")).unwrap();
    std::fs::write(&signers, format!("ana@example.com {public}")).unwrap();
    let sign = |key: &Path, message: &str| {
        repository.git(&["add", "--all"]);
        let with = format!("user.signingkey={}", key.display());
        repository.git(&[
            "-c",
            "gpg.format=ssh",
            "-c",
            &with,
            "commit",
            "--quiet",
            "--allow-empty",
            "-S",
            "-m",
            message,
        ]);
        repository.git(&["rev-parse", "HEAD"])
    };
    sign(&good, "signed");
    let told = Bundles { git_signers: Some(signers), ..bundles(&repository) };
    let world = World::plan().with_bundles(told).start().await;
    let first = active(&world).await;
    assert_eq!(look(&world).await["seen"]["origin"]["signer"], "ana@example.com");

    repository.write("policies/own.cedar", FROZEN);
    repository.commit("nobody's");
    assert!(text(&look(&world).await, "trouble").contains("not signed by an allowed key"));
    sign(&other, "a stranger's");
    assert!(text(&look(&world).await, "trouble").contains("not signed by an allowed key"));
    assert_eq!(active(&world).await, first);
    let commit = sign(&good, "ana's");
    let source = look(&world).await;
    assert_eq!(
        (&source["seen"]["origin"]["signer"], &source["seen"]["origin"]["commit"]),
        (&json!("ana@example.com"), &json!(commit))
    );
    assert_ne!(active(&world).await, first);
    world.end().await;
}

#[tokio::test]
async fn a_rollback_is_not_taken_back_by_the_next_commit() {
    let repository = Repository::new();
    let world = following(&repository).await;
    let admin = world.admin();
    let first = active(&world).await;
    let mine = published(&admin, FROZEN).await;
    activate(&admin, &mine).await.is(200);
    admin.post("/api/v1/bundles/rollback", json!({})).await.is(200);
    repository.write("policies/own.cedar", &FROZEN.replace("The lab", "This lab"));
    repository.commit("later");
    let source = look(&world).await;
    assert_eq!((text(&source, "active"), text(&source["pin"], "actor")), (first.as_str(), "admin"));
    assert_ne!(text(&source["seen"], "revision"), first);
    world.end().await;
}

#[tokio::test]
async fn an_address_that_would_run_something_does_not_start_a_server() {
    let data = tempfile::tempdir().unwrap();
    for (url, reference) in [
        ("ext::sh -c id", "main"),
        ("--upload-pack=id", "main"),
        ("file:///x", "--exec=id"),
        ("http://example.com/x", "main"),
    ] {
        let told = Bundles { git_url: Some(url.to_owned()), git_ref: reference.to_owned(), ..Bundles::default() };
        let config = Config { bundles: told, ..Config::on_loopback(data.path()) };
        let clock = legator_server::clock::Clock::system();
        assert!(legator_server::app::App::build(&config, clock).await.is_err(), "{url}");
    }
}
