//! A git repository that is far away: over ssh from a real daemon, over https from a real server with git behind it.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use legator_server::config::Bundles;
use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, RustlsCertificate, RustlsConfig, TcpListener};
use poem::{EndpointExt as _, Request, Response};
use testkit::{World, soon};
use tokio::io::AsyncWriteExt as _;

use crate::bundles::FROZEN;
use crate::bundles_git::{Repository, active, bundles, look};
use crate::text;

/// An ssh daemon for one user and one key. It ends with the test.
struct Daemon {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn key(path: &Path) -> String {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status().unwrap();
    assert!(made.success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

fn user() -> String {
    String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
}

impl Daemon {
    /// It says on its error output that it listens; a port that somebody else took in between is tried again.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (_, client) = (key(&at("host")), key(&at("client")));
        key(&at("stranger"));
        std::fs::write(at("authorized"), client).unwrap();
        // Where it separates its rights, if nobody else has made the folder.
        if !Path::new("/run/sshd").exists() {
            std::fs::create_dir("/run/sshd")
                .and_then(|()| std::fs::set_permissions("/run/sshd", std::fs::Permissions::from_mode(0o755)))
                .ok();
        }
        for _ in 0..5 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let config = format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin prohibit-password\nPidFile none\n",
                folder.path().display()
            );
            std::fs::write(at("config"), config).unwrap();
            let log = std::fs::File::create(at("log")).unwrap();
            let child = Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(at("config")).stderr(log).spawn();
            let mut child = child.expect("`cargo xtask test` installs openssh-server");
            loop {
                let said = std::fs::read_to_string(at("log")).unwrap();
                if said.contains("Server listening") {
                    let host = std::fs::read_to_string(at("host.pub")).unwrap();
                    std::fs::write(at("known"), format!("[127.0.0.1]:{port} {host}")).unwrap();
                    return Self { child, port, folder };
                }
                if child.try_wait().unwrap().is_some() {
                    assert!(said.contains("Address already in use"), "{said}");
                    break;
                }
                std::thread::yield_now();
            }
        }
        panic!("no port was free");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn follow(&self, repository: &Repository) -> Bundles {
        Bundles {
            git_url: Some(format!("ssh://{}@127.0.0.1:{}{}", user(), self.port, repository.path().display())),
            git_ssh_key: Some(self.at("client")),
            git_known_hosts: Some(self.at("known")),
            ..bundles(repository)
        }
    }
}

#[tokio::test]
async fn a_repository_is_followed_over_ssh() {
    let (repository, daemon) = (Repository::new(), Daemon::start());
    let world = World::plan().with_bundles(daemon.follow(&repository)).start().await;
    let first = active(&world).await;
    repository.write("policies/own.cedar", FROZEN);
    let commit = repository.commit("freeze the lab");
    let source = look(&world).await;
    assert_eq!(text(&source["seen"]["origin"], "commit"), commit, "{source}");
    assert_ne!(active(&world).await, first);

    // The host has another key than the one that is known, and then the key that opens it is not taken any more.
    let known = std::fs::read_to_string(daemon.at("known")).unwrap();
    let stranger = std::fs::read_to_string(daemon.at("stranger.pub")).unwrap();
    std::fs::write(daemon.at("known"), format!("[127.0.0.1]:{} {stranger}", daemon.port)).unwrap();
    let trouble = look(&world).await;
    assert!(text(&trouble, "trouble").to_lowercase().contains("host key"), "{trouble}");
    std::fs::write(daemon.at("known"), known).unwrap();
    std::fs::write(daemon.at("authorized"), stranger).unwrap();
    let trouble = look(&world).await;
    assert!(text(&trouble, "trouble").contains("Permission denied"), "{trouble}");
    assert_ne!(active(&world).await, first, "what decided goes on");
    world.end().await;
}

const TOKEN: &str = "a-token-of-the-forge";

/// Git behind TLS, for whoever brings the token; the port, and the certificate that vouches for it.
async fn forge(repository: &Path, folder: &Path) -> (u16, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let certificate = RustlsCertificate::new().cert(made.cert.pem()).key(made.signing_key.serialize_pem());
    let listener = TcpListener::bind("127.0.0.1:0").rustls(RustlsConfig::new().fallback(certificate));
    let acceptor = listener.into_acceptor().await.unwrap();
    let port = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
    let root = repository.to_owned();
    let endpoint = poem::endpoint::make(move |request: Request| {
        let root = root.clone();
        async move { answer(&root, request).await }
    });
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint.boxed()));
    (port, ca)
}

/// What `git http-backend` says to a request (a CGI program: headers, an empty line, a body).
async fn answer(root: &Path, mut request: Request) -> Response {
    use base64::Engine as _;
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("legator:{TOKEN}"));
    if request.header("authorization") != Some(&format!("Basic {wanted}")) {
        return Response::builder().status(StatusCode::UNAUTHORIZED).header("www-authenticate", "Basic").finish();
    }
    let mut told: HashMap<&str, String> = HashMap::new();
    told.insert("GIT_PROJECT_ROOT", root.parent().unwrap().display().to_string());
    told.insert("GIT_HTTP_EXPORT_ALL", "1".to_owned());
    told.insert("PATH_INFO", request.uri().path().to_owned());
    told.insert("QUERY_STRING", request.uri().query().unwrap_or_default().to_owned());
    told.insert("REQUEST_METHOD", request.method().to_string());
    for (name, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_GIT_PROTOCOL", "git-protocol"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
    ] {
        told.insert(name, request.header(header).unwrap_or_default().to_owned());
    }
    // Who serves a repository of somebody else's says so.
    told.insert("GIT_CONFIG_COUNT", "1".to_owned());
    told.insert("GIT_CONFIG_KEY_0", "safe.directory".to_owned());
    told.insert("GIT_CONFIG_VALUE_0", "*".to_owned());
    let body = request.take_body().into_vec().await.unwrap();
    let mut git = tokio::process::Command::new("git")
        .arg("http-backend")
        .envs(told)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(&body).await.unwrap();
    let out = git.wait_with_output().await.unwrap().stdout;
    let end = out.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&out[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(StatusCode::from_bytes(&value.as_bytes()[..3]).unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(out[end + 4..].to_vec())
}

#[tokio::test]
async fn a_repository_is_followed_over_https_with_a_token() {
    let (repository, folder) = (Repository::new(), tempfile::tempdir().unwrap());
    let (port, ca) = soon("the forge listens", forge(repository.path(), folder.path())).await;
    let name = repository.path().file_name().unwrap().to_str().unwrap();
    let told = Bundles {
        git_url: Some(format!("https://localhost:{port}/{name}/.git")),
        git_token: Some(TOKEN.parse().unwrap()),
        git_ca: Some(ca),
        ..bundles(&repository)
    };
    let world = World::plan().with_bundles(told.clone()).start().await;
    let first = active(&world).await;
    repository.write("policies/own.cedar", FROZEN);
    let commit = repository.commit("freeze the lab");
    let source = look(&world).await;
    assert_eq!(text(&source["seen"]["origin"], "commit"), commit, "{source}");
    assert!(!source.to_string().contains(TOKEN), "a token is nobody's business");
    assert_ne!(active(&world).await, first);

    for (told, why) in [
        (
            Bundles { git_token: Some("one-of-another".parse().unwrap()), ..told.clone() },
            "`--bundle-git-token` is missing or was not taken",
        ),
        (Bundles { git_ca: None, ..told }, "certificate"),
    ] {
        let config = legator_server::config::Config {
            bundles: told,
            ..legator_server::config::Config::on_loopback(folder.path())
        };
        let source = legator_server::policy::Source::of(&config).unwrap();
        std::fs::remove_dir_all(folder.path().join("bundle.git")).ok();
        let fault = source.read().await.err().expect("nobody gets in so").to_string();
        assert!(fault.contains(why) && !fault.contains("one-of-another"), "{fault}");
    }
    world.end().await;
}
