use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rcgen::PublicKeyData as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::fake::{Fake, Request, json as answer, problem, run_with};

fn house(request: &Request) -> crate::fake::Reply {
    match request.path.as_str() {
        "/version" => answer(200, json!({ "version": "0.1.0", "wire": [1], "revision": "r" })),
        "/api/v1/me" if request.header("authorization") == Some("Bearer lgk_good") => {
            answer(200, json!({ "id": "usr_1", "name": "ana", "roles": ["operator"], "groups": [] }))
        }
        _ => problem(401, "unauthenticated", "no valid credential came with the request"),
    }
}

#[test]
fn keeps_a_key_that_works_in_a_file_of_its_owner_alone() {
    let (home, fake) = (tempfile::tempdir().unwrap(), Fake::start(house));
    let ended = run_with(home.path(), &[], &["login", "--server", &fake.url, "--key-stdin"], "lgk_good\n");
    assert_eq!(ended.code, 0, "{ended:?}");
    let path = home.path().join(".config/legator/config.toml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&path).unwrap().contains("lgk_good"));
    let status = run_with(home.path(), &[], &["probes"], "");
    assert_eq!(status.code, 7, "the canned server knows no probes, but the key was sent: {status:?}");
    let sent = fake.heard.lock().unwrap().last().unwrap().header("authorization").map(str::to_owned);
    assert_eq!(sent.as_deref(), Some("Bearer lgk_good"));
    assert_eq!(run_with(home.path(), &[], &["logout"], "").code, 0);
    assert!(!std::fs::read_to_string(&path).unwrap().contains("lgk_good"));
}

#[test]
fn keeps_nothing_of_a_key_that_does_not_work() {
    let (home, fake) = (tempfile::tempdir().unwrap(), Fake::start(house));
    let ended = run_with(home.path(), &[], &["login", "--server", &fake.url, "--key-stdin"], "lgk_bad\n");
    assert_eq!(ended.code, 7);
    assert!(!ended.stderr.contains("lgk_bad"));
    assert!(!home.path().join(".config/legator/config.toml").exists());
}

#[test]
fn signs_in_by_name_and_keeps_the_session_until_it_is_left() {
    let (home, fake) = (
        tempfile::tempdir().unwrap(),
        Fake::start(|request| {
            let cookie = request.header("cookie") == Some("legator=lgs_1");
            let from_here = request.header("origin").is_some_and(|origin| origin.starts_with("http://127.0.0.1:"));
            match (request.path.as_str(), request.body.as_str()) {
                ("/version", _) => answer(200, json!({ "version": "0.1.0" })),
                ("/api/v1/auth/sign-in", body) if body.contains("123456") => {
                    let mut reply = answer(200, json!({ "person": {}, "mfa": true }));
                    reply.cookie = Some("legator=lgs_1; Path=/; HttpOnly");
                    reply
                }
                ("/api/v1/auth/sign-in", _) => problem(401, "second-factor-needed", "a code is needed as well"),
                ("/api/v1/me", _) if cookie => {
                    answer(200, json!({ "id": "usr_1", "name": "ana", "roles": [], "mfa": true }))
                }
                ("/api/v1/auth/sign-out", _) if cookie && from_here => answer(204, json!(null)),
                _ => problem(401, "unauthenticated", "no valid credential came with the request"),
            }
        }),
    );
    let login = ["login", "--server", &fake.url, "--name", "ana", "--password-stdin"];
    assert_eq!(run_with(home.path(), &[], &login, "a long password\n").code, 7, "nobody can be asked for the code");
    let ended = run_with(home.path(), &[], &[&login[..], &["--code", "123456"]].concat(), "a long password\n");
    assert_eq!(ended.code, 0, "{ended:?}");
    let kept = std::fs::read_to_string(home.path().join(".config/legator/config.toml")).unwrap();
    assert!(kept.contains("legator=lgs_1") && !kept.contains("a long password"), "{kept}");
    let me = run_with(home.path(), &[], &["whoami"], "");
    assert!(me.code == 0 && me.stdout.contains("ana"), "{me:?}");
    assert_eq!(run_with(home.path(), &[], &["logout"], "").code, 0);
    assert_eq!(fake.heard.lock().unwrap().last().unwrap().path, "/api/v1/auth/sign-out");
    assert!(!std::fs::read_to_string(home.path().join(".config/legator/config.toml")).unwrap().contains("lgs_1"));
}

#[test]
fn signs_in_by_a_code_that_somebody_agrees_to() {
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let (home, fake) = (
        tempfile::tempdir().unwrap(),
        Fake::start(move |request| match (request.path.as_str(), request.body.as_str()) {
            ("/version", _) => answer(200, json!({ "version": "0.1.0" })),
            ("/api/v1/auth/device", body) if body.contains("legatorctl on ") => answer(
                200,
                json!({ "device_code": "dc-1", "user_code": "BCDF-GHJK", "interval_s": 1, "expires_in_s": 60,
                        "verification_url_complete": "https://evil.example/device" }),
            ),
            ("/api/v1/auth/device/token", body) if body.contains("dc-1") => {
                match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                    0 => answer(202, json!({ "state": "pending" })),
                    1 => problem(429, "too-many-requests", "too many tries"),
                    _ => {
                        let mut reply = answer(200, json!({ "person": {}, "mfa": true }));
                        reply.cookie = Some("legator=lgs_1; Path=/; HttpOnly");
                        reply
                    }
                }
            }
            ("/api/v1/me", _) if request.header("cookie") == Some("legator=lgs_1") => {
                answer(200, json!({ "id": "usr_1", "name": "ana", "roles": [], "mfa": true }))
            }
            _ => problem(401, "unauthenticated", "no valid credential came with the request"),
        }),
    );
    let ended = run_with(home.path(), &[], &["login", "--server", &fake.url, "--web", "--no-browser"], "");
    assert_eq!(ended.code, 0, "{ended:?}");
    let page = format!("{}/device?code=BCDF-GHJK", fake.url);
    assert!(ended.stderr.contains(&page) && !ended.stderr.contains("evil.example"), "{}", ended.stderr);
    let kept = std::fs::read_to_string(home.path().join(".config/legator/config.toml")).unwrap();
    assert!(kept.contains("legator=lgs_1") && !kept.contains("dc-1"), "{kept}");
}

#[test]
fn ends_when_the_code_is_denied() {
    let (home, fake) = (
        tempfile::tempdir().unwrap(),
        Fake::start(|request| match request.path.as_str() {
            "/version" => answer(200, json!({ "version": "0.1.0" })),
            "/api/v1/auth/device" => answer(
                200,
                json!({ "device_code": "dc-1", "user_code": "BCDF-GHJK", "interval_s": 1, "expires_in_s": 60 }),
            ),
            _ => problem(401, "sign-in-refused", "nobody agreed"),
        }),
    );
    let ended = run_with(home.path(), &[], &["login", "--server", &fake.url, "--web", "--no-browser"], "");
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(!home.path().join(".config/legator/config.toml").exists());
}

#[test]
fn describes_a_provider_with_its_secret_from_standard_input() {
    let (home, fake) = (
        tempfile::tempdir().unwrap(),
        Fake::start(|request| match (request.method.as_str(), request.path.as_str()) {
            ("PUT", "/api/v1/auth/providers/corp") => answer(200, json!({ "id": "corp" })),
            ("POST", "/api/v1/auth/providers/corp/check") => answer(200, json!({ "good": false, "fault": "silent" })),
            _ => problem(404, "not-found", "there is nothing"),
        }),
    );
    let env = [("LEGATOR_SERVER", fake.url.as_str()), ("LEGATOR_API_KEY", "lgk_test")];
    let set = ["providers", "set", "corp", "--name", "Corp", "--issuer", "https://id.example", "--client-id", "l"];
    let more = ["--secret-stdin", "--role", "idp=ops=operator", "--group", "*=*", "--no-new-people"];
    let grants = ["--grant", "x=y=tenant:blue", "--grant", "x=y=scope:web", "--default-grant", "tenant:-"];
    let more = [&more[..], &grants[..]].concat();
    let ended = run_with(home.path(), &env, &[&set[..], &more[..]].concat(), "hush\n");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("/api/v1/auth/oidc/corp/backchannel-logout"), "{}", ended.stderr);
    let sent: serde_json::Value = serde_json::from_str(&fake.heard.lock().unwrap().last().unwrap().body).unwrap();
    assert_eq!((&sent["client_secret"], &sent["makes_people"]), (&json!("hush"), &json!(false)));
    assert_eq!((&sent["roles"], &sent["groups"]), (&json!({ "idp=ops": "operator" }), &json!({ "*": "*" })));
    assert_eq!(sent["grants"], json!({ "x=y": ["tenant:blue", "scope:web"] }));
    assert_eq!(sent["default_grants"], json!(["tenant:-"]));
    for bad in ["x=blue", "x=role:administrator", "=tenant:blue", "x=scope:a=tenant:blue"] {
        let wrong = run_with(home.path(), &env, &[&set[..], &["--grant", bad]].concat(), "");
        assert_eq!(wrong.code, 2, "{bad}: {wrong:?}");
    }
    assert_eq!(sent.get("scopes"), None, "what is not said is the server's to choose");
    assert_eq!(run_with(home.path(), &env, &["providers", "check", "corp"], "").code, 1);
}

#[test]
fn refuses_a_configuration_that_others_can_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.toml");
    std::fs::write(&path, "[profiles.default]\nserver = \"http://127.0.0.1:1\"\napi_key = \"lgk_secret\"\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = run_with(home.path(), &[("LEGATOR_CONFIG", path.to_str().unwrap())], &["probes"], "");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("chmod 600") && !ended.stderr.contains("lgk_secret"), "{}", ended.stderr);
}

#[test]
fn does_not_show_a_key_of_a_broken_configuration() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.toml");
    std::fs::write(&path, "[profiles.default]\napi_key = lgk_secret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ended = run_with(home.path(), &[("LEGATOR_CONFIG", path.to_str().unwrap())], &["probes"], "");
    assert_eq!(ended.code, 2);
    assert!(!ended.stderr.contains("lgk_secret"), "{}", ended.stderr);
}

#[test]
fn sends_a_profiles_key_to_no_other_server() {
    let (home, fake) = (tempfile::tempdir().unwrap(), Fake::start(house));
    let path = home.path().join("config.toml");
    std::fs::write(&path, "[profiles.default]\nserver = \"https://elsewhere.invalid\"\napi_key = \"lgk_good\"\n")
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let env = [("LEGATOR_CONFIG", path.to_str().unwrap()), ("LEGATOR_SERVER", fake.url.as_str())];
    assert_eq!(run_with(home.path(), &env, &["probes"], "").code, 7);
    assert_eq!(fake.heard.lock().unwrap()[0].header("authorization"), None);
}

#[test]
fn refuses_plain_http_to_another_machine() {
    let home = tempfile::tempdir().unwrap();
    let ended = run_with(home.path(), &[("LEGATOR_SERVER", "http://legator.invalid")], &["probes"], "");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("in the clear"), "{}", ended.stderr);
}

#[test]
fn ends_with_8_where_nobody_listens() {
    let home = tempfile::tempdir().unwrap();
    // The port was free a moment ago, and nobody else has a reason to take it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://127.0.0.1:{port}");
    let ended = run_with(home.path(), &[("LEGATOR_SERVER", &server)], &["status"], "");
    assert_eq!(ended.code, 8, "{ended:?}");
}

/// A TLS server with a certificate of its own, and its fingerprint.
fn tls() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pin = BASE64.encode(Sha256::digest(made.signing_key.subject_public_key_info()));
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let config = Arc::new(config.clone());
            std::thread::spawn(move || {
                use std::io::{Read as _, Write as _};
                let mut session = rustls::ServerConnection::new(config).unwrap();
                let mut tls = rustls::Stream::new(&mut session, &mut stream);
                let mut buffer = [0; 4096];
                if tls.read(&mut buffer).is_ok() {
                    let body = r#"{"probes":[],"total":0}"#;
                    let head = format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    let _ = tls.write_all(head.as_bytes()).and_then(|()| tls.write_all(body.as_bytes()));
                    tls.conn.send_close_notify();
                    let _ = tls.flush();
                }
            });
        }
    });
    (url, pin)
}

#[test]
fn talks_to_the_server_that_is_pinned_and_to_no_other() {
    let home = tempfile::tempdir().unwrap();
    let (url, pin) = tls();
    let right = run_with(home.path(), &[("LEGATOR_SERVER", &url), ("LEGATOR_FINGERPRINT", &pin)], &["probes"], "");
    assert_eq!(right.code, 0, "{right:?}");
    let other = tls().1;
    let wrong = run_with(home.path(), &[("LEGATOR_SERVER", &url), ("LEGATOR_FINGERPRINT", &other)], &["probes"], "");
    assert_eq!(wrong.code, 8, "{wrong:?}");
    assert!(wrong.stderr.contains(&pin) && wrong.stderr.contains(&other), "{}", wrong.stderr);
}

#[test]
fn shows_an_unknown_certificate_and_does_not_accept_it_unasked() {
    let home = tempfile::tempdir().unwrap();
    let (url, pin) = tls();
    let ended = run_with(home.path(), &[], &["login", "--server", &url, "--key-stdin"], "lgk_good\n");
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(ended.stderr.contains(&pin), "{}", ended.stderr);
    assert!(!home.path().join(".config/legator/config.toml").exists());
}
