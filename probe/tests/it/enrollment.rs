//! A token buys an identity, from the server that it names and from no other.

use std::process::Output;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use legator_probe::address::Address;
use legator_probe::config::{Identity, Places};
use legator_probe::enroll::{EnrollFault, Introduction, enroll};
use legator_probe::floor::Floor;
use legator_probe::hands::Hands;
use legator_probe::tls::{ConnectFault, pin_of};
use legator_probe::token::{Pin, Token};
use legator_protocol::{Level, ProbeId};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::world::World;

struct Office {
    address: String,
    pin: Option<Pin>,
    /// What the one visitor asked.
    asked: JoinHandle<Option<serde_json::Value>>,
}

/// A server that answers one enrollment.
async fn office(tls: bool, status: &'static str, answer: impl FnOnce(Option<Pin>) -> String) -> Office {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (acceptor, pin) = if tls { certified() } else { (None, None) };
    let answer = answer(pin);
    let asked = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.ok()?;
        match acceptor {
            Some(acceptor) => exchange(acceptor.accept(stream).await.ok()?, status, &answer).await,
            None => exchange(stream, status, &answer).await,
        }
    });
    Office { address: format!("{}://{address}", if tls { "https" } else { "http" }), pin, asked }
}

fn certified() -> (Option<TlsAcceptor>, Option<Pin>) {
    let made = rcgen::generate_simple_self_signed(vec!["legator.example.org".into()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (Some(TlsAcceptor::from(Arc::new(config))), pin_of(&certificate))
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    status: &str,
    answer: &str,
) -> Option<serde_json::Value> {
    let mut request = Vec::new();
    let body = loop {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("POST /api/v1/register HTTP/1.1\r\n"), "{head}");
            if let Ok(value) = serde_json::from_str(body) {
                break value;
            }
        }
    };
    let length = answer.len();
    let response = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
    stream.write_all(response.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()?;
    Some(body)
}

fn token(pin: Option<Pin>) -> Token {
    let pin = pin.map_or("-".to_owned(), |pin| pin.to_string());
    format!("lgt_01J9Z6A8Q3V5X7Y9ZBCDEFGHJK_{}_{pin}", BASE64URL.encode([0xff; 32])).parse().unwrap()
}

fn introduction() -> Introduction {
    Introduction {
        name: "db-1".into(),
        hostname: "db-1.example.org".into(),
        os: "linux".into(),
        arch: "x86_64".into(),
        version: "1".into(),
        machine_id: "m1".into(),
        tags: vec!["prod".into()],
    }
}

fn identity(pin: Option<Pin>) -> String {
    let pin = pin.map(|pin| pin.to_string());
    let key = BASE64.encode([7; 32]);
    serde_json::json!({ "probe_id": ProbeId::born(5, 5), "key": key, "name": "db-1", "pin": pin }).to_string()
}

async fn ask(office: &Office, pin: Option<Pin>) -> Result<Identity, EnrollFault> {
    let address = Address::parse(&office.address, false).unwrap();
    Box::pin(enroll(&address, false, &token(pin), &introduction(), None)).await
}

#[tokio::test]
async fn a_pinned_server_gives_an_identity() {
    let office = office(true, "201 Created", |_| identity(None)).await;
    let got = ask(&office, office.pin).await.unwrap();
    assert_eq!((got.probe, got.key.expose(), got.pin), (ProbeId::born(5, 5), &[7; 32], office.pin));
    let asked = office.asked.await.unwrap().unwrap();
    assert_eq!(asked["token"], token(office.pin).expose());
    assert_eq!((&asked["machine_id"], &asked["tags"][0]), (&"m1".into(), &"prod".into()));
}

#[tokio::test]
async fn a_server_with_another_key_hears_no_token() {
    let office = office(true, "201 Created", |_| identity(None)).await;
    let fault = ask(&office, Some(Pin([1; 32]))).await.unwrap_err();
    assert!(matches!(fault, EnrollFault::Connect(ConnectFault::Pin)), "{fault}");
    assert_eq!(office.asked.await.unwrap(), None);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_needs_a_pin() {
    let office = office(true, "201 Created", |_| identity(None)).await;
    let fault = ask(&office, None).await.unwrap_err();
    assert!(matches!(fault, EnrollFault::Connect(ConnectFault::Tls { .. })), "{fault}");
    assert!(fault.to_string().contains("token with a pin"));
    assert_eq!(office.asked.await.unwrap(), None);
}

#[tokio::test]
async fn a_pin_in_the_answer_counts_only_if_it_names_the_key_that_answered() {
    // Over plain HTTP there is no key in front of us, so no pin is taken.
    let plain = office(false, "201 Created", |_| identity(Some(Pin([1; 32])))).await;
    assert_eq!(ask(&plain, None).await.unwrap().pin, None);
}

#[tokio::test]
async fn a_refusal_says_why_and_what_would_help() {
    let problem = r#"{"type":"about:blank","title":"Forbidden","status":403,"code":"token-expired","detail":"the token expired","help":"mint a new one"}"#;
    let office = office(false, "403 Forbidden", |_| problem.into()).await;
    let fault = ask(&office, None).await.unwrap_err();
    let text = "the server refused to enroll this host: the token expired (token-expired); mint a new one";
    assert_eq!(fault.to_string(), text);
}

#[tokio::test]
async fn an_answer_that_is_none_is_named() {
    let nginx = office(false, "502 Bad Gateway", |_| "<html>".into()).await;
    assert!(matches!(ask(&nginx, None).await, Err(EnrollFault::Unexplained(status)) if status == 502));
    for answer in ["{}", "<html>", r#"{"probe_id":"prb_x","key":"","name":""}"#] {
        let office = office(false, "201 Created", |_| answer.into()).await;
        assert!(matches!(ask(&office, None).await, Err(EnrollFault::Malformed)), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_larger_than_any_real_one_is_not_read_to_its_end() {
    let office = office(false, "201 Created", |_| "x".repeat(100_000)).await;
    assert!(matches!(ask(&office, None).await, Err(EnrollFault::Broken(_))));
}

async fn program(places: &Places, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_legator-probe"));
    command.env("LEGATOR_CONFIG_DIR", &places.config_dir).env("LEGATOR_STATE_DIR", &places.state_dir);
    for name in ["LEGATOR_SERVER_URL", "LEGATOR_TOKEN", "LEGATOR_PROBE_TAGS"] {
        command.env_remove(name);
    }
    command.args(args).kill_on_drop(true).output().await.unwrap()
}

#[tokio::test]
async fn the_program_enrolls_shows_itself_and_goes_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let places = Places { config_dir: dir.path().join("etc"), state_dir: dir.path().join("var") };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();

    let before = program(&places, &["status"]).await;
    assert!(!before.status.success() && text(&before.stderr).contains("legator-probe init --server"));

    let office = office(true, "201 Created", |_| identity(None)).await;
    let token = token(office.pin);
    let args = ["init", "--server", &office.address, "--token", token.expose(), "--tag", "prod", "--tag", "db"];
    let made = program(&places, &args).await;
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("enrolled as `db-1`"));
    let secret = BASE64URL.encode([0xff; 32]);
    assert!(!text(&made.stdout).contains(&secret) && !text(&made.stderr).contains(&secret));
    assert_eq!(office.asked.await.unwrap().unwrap()["tags"], serde_json::json!(["prod", "db"]));

    let again = program(&places, &args).await;
    assert!(!again.status.success() && text(&again.stderr).contains("has enrolled already"));

    let status = program(&places, &["status", "--output", "json"]).await;
    let shown: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&shown["probe"], &shown["running"]), (&ProbeId::born(5, 5).to_string().into(), &false.into()));

    let asked = program(&places, &["uninstall"]).await;
    assert!(!asked.status.success() && places.config().exists());
    let gone = program(&places, &["uninstall", "--yes"]).await;
    assert!(gone.status.success(), "{}", text(&gone.stderr));
    assert!(text(&gone.stdout).contains("probe.toml"));
    assert!(!places.config_dir.exists() && !places.state_dir.exists());
}

#[tokio::test]
async fn another_identity_inherits_no_ceiling_and_no_ends_and_never_takes_over_a_running_probe() {
    let (mut world, mut link) = World::new().await.start().await;
    let order = world.shell("echo of the first identity");
    link.run(&order).await;
    let office = office(false, "201 Created", |_| identity(None)).await;
    let token = token(None);
    let args = ["init", "--force", "--server", &office.address, "--token", token.expose()];
    let taken = program(&world.places, &args).await;
    assert!(!taken.status.success());
    assert!(String::from_utf8_lossy(&taken.stderr).contains("another probe runs"));
    assert!(!office.asked.is_finished(), "the token must not be spent");

    world.end().await;
    assert!(program(&world.places, &args).await.status.success());
    let identity = Identity::load(&world.places.config()).unwrap();
    assert_eq!(identity.probe, ProbeId::born(5, 5));
    let hands = Hands::open(&world.places, &identity, Floor::default()).unwrap();
    assert_eq!((hands.ceiling(), hands.unsettled()), (Level::Observe, vec![]));
}

#[tokio::test]
async fn running_enrolls_first_where_the_environment_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let places = Places { config_dir: dir.path().join("etc"), state_dir: dir.path().join("var") };
    let office = office(false, "201 Created", |_| identity(None)).await;
    let mut probe = Command::new(env!("CARGO_BIN_EXE_legator-probe"))
        .arg("run")
        .env("LEGATOR_CONFIG_DIR", &places.config_dir)
        .env("LEGATOR_STATE_DIR", &places.state_dir)
        .env("LEGATOR_SERVER_URL", &office.address)
        .env("LEGATOR_TOKEN", token(None).expose())
        .env("LEGATOR_PROBE_TAGS", "prod,db")
        .env("LEGATOR_MACHINE_ID", "m7")
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let asked = office.asked.await.unwrap().unwrap();
    assert_eq!(asked["tags"], serde_json::json!(["prod", "db"]));
    assert_eq!(asked["machine_id"], "m7");
    probe.kill().await.unwrap();
}
