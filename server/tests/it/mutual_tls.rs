//! A server that asks for certificates: who shows one of its authority, of another, or none.

use std::path::Path;
use std::time::Duration;

use legator_server::app::App;
use legator_server::clock::Clock;
use legator_server::config::Config;
use legator_server::http;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SanType, date_time_ymd,
};
use serde_json::{Value, json};
use testkit::reqwest;

/// An authority: its certificate, and what it signs with.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        Self::named("clients")
    }

    fn named(name: &str) -> Self {
        let keys = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Names tell authorities apart, as their lists do.
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&keys).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, keys) }
    }

    /// A certificate and its key, as a client shows them.
    fn card(&self, name: &str) -> reqwest::Identity {
        self.numbered(1, vec![SanType::DnsName(name.try_into().unwrap())])
    }

    /// One that is for a URI.
    fn of(&self, uri: &str) -> reqwest::Identity {
        self.numbered(2, vec![SanType::URI(uri.try_into().unwrap())])
    }

    fn numbered(&self, serial: u64, names: Vec<SanType>) -> reqwest::Identity {
        let keys = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        (params.serial_number, params.subject_alt_names) = (Some(serial.into()), names);
        let certificate = params.signed_by(&keys, &self.issuer).unwrap();
        reqwest::Identity::from_pem(format!("{}{}", keys.serialize_pem(), certificate.pem()).as_bytes()).unwrap()
    }

    /// The list of those that were taken back, good until the beginning of this year.
    fn list(&self, serials: &[u64], until: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A server over TLS that asks for certificates.
struct Served {
    app: App,
    base: String,
    own: reqwest::Certificate,
    stop: tokio::sync::oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(data: &Path, configure: impl FnOnce(&mut Config)) -> Self {
        // Two libraries bring two providers; the choice is the program's, and here the test's.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut config = Config::on_loopback(data);
        config.plain_http = false;
        config.tls_names = vec!["localhost".to_owned()];
        configure(&mut config);
        let mut built = App::build(&config, Clock::system()).await.unwrap();
        if let Some(certificate) = &mut built.certificate {
            certificate.look_every = Duration::from_millis(20);
        }
        let bound = http::bind(config.listen, built.certificate.as_ref(), false).await.unwrap();
        let base = format!("https://localhost:{}", bound.address.port());
        let own = reqwest::Certificate::from_pem(&built.certificate.as_ref().unwrap().chain).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let app = built.app.clone();
        let serving = tokio::spawn(async move {
            http::serve(&app, bound, async {
                let _ = stopped.await;
            })
            .await
        });
        Self { app: built.app, base, own, stop, serving }
    }

    /// A client of its own connection, with this certificate.
    fn client(&self, card: Option<&reqwest::Identity>) -> reqwest::Client {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([self.own.clone()]);
        card.cloned().into_iter().fold(client, |client, card| client.identity(card)).build().unwrap()
    }

    /// The status of an answer; 0 where the handshake is refused.
    async fn get(&self, card: Option<&reqwest::Identity>, path: &str, key: Option<&str>) -> u16 {
        let request = self.client(card).get(format!("{}{path}", self.base));
        let request = key.iter().fold(request, |request, key| request.bearer_auth(key));
        testkit::soon("an answer", request.send()).await.map_or(0, |answer| answer.status().as_u16())
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.serving.await.unwrap().unwrap();
    }
}

/// Asks `/version` with each card in turn.
async fn ask(data: &Path, authority: &Path, optional: bool, cards: Vec<Option<reqwest::Identity>>) -> Vec<bool> {
    let served = Served::start(data, |config| {
        (config.client_ca, config.client_cert_optional) = (Some(authority.to_owned()), optional);
    })
    .await;
    let mut answers = Vec::new();
    for card in cards {
        answers.push(served.get(card.as_ref(), "/version", None).await == 200);
    }
    served.end().await;
    answers
}

#[tokio::test]
async fn only_who_shows_a_certificate_of_the_authority_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (Authority::new(), Authority::new());
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &ours.pem).unwrap();
    let cards = || vec![Some(ours.card("web-1")), Some(others.card("web-1")), None];
    assert_eq!(ask(&folder.path().join("a"), &path, false, cards()).await, [true, false, false]);
    assert_eq!(ask(&folder.path().join("b"), &path, true, cards()).await, [true, false, true]);
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_or_used_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let mut config = Config::on_loopback(&folder.path().join("data"));
    (config.client_ca, config.tls_names) = (Some(path.clone()), vec!["localhost".to_owned()]);
    assert!(App::build(&config, Clock::system()).await.is_err(), "plain HTTP shows nothing");
    config.plain_http = false;
    assert!(App::build(&config, Clock::system()).await.is_err(), "no file");
    std::fs::write(&path, "no certificate").unwrap();
    assert!(App::build(&config, Clock::system()).await.is_err(), "no certificate");
}

#[tokio::test]
async fn a_certificate_that_was_taken_back_is_refused_from_the_next_look_on() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new();
    let (ca, list) = (folder.path().join("ca.pem"), folder.path().join("list.pem"));
    std::fs::write(&ca, &ours.pem).unwrap();
    std::fs::write(&list, ours.list(&[9], 2100)).unwrap();
    let served = Served::start(&folder.path().join("data"), |config| {
        (config.client_ca, config.client_crl) = (Some(ca.clone()), Some(list.clone()));
    })
    .await;
    let (good, stolen) = (ours.numbered(1, Vec::new()), ours.numbered(7, Vec::new()));
    let status = async |card| served.get(Some(card), "/version", None).await;
    assert_eq!((status(&good).await, status(&stolen).await), (200, 200));
    std::fs::write(&list, ours.list(&[7, 9], 2100)).unwrap();
    until(async || status(&stolen).await == 0).await;
    assert_eq!(status(&good).await, 200);
    // A list that gives it back is taken up as well.
    std::fs::write(&list, ours.list(&[], 2100)).unwrap();
    until(async || status(&stolen).await == 200).await;
    served.end().await;
}

/// Waits until something is so; the files are looked at every 20 ms.
async fn until(mut so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    testkit::soon("the next look", waiting).await;
}

#[tokio::test]
async fn a_list_that_is_foreign_forged_old_or_none_is_no_start_and_the_doctor_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new();
    let (ca, list) = (folder.path().join("ca.pem"), folder.path().join("list.pem"));
    std::fs::write(&ca, &ours.pem).unwrap();
    let mut config = Config::on_loopback(&folder.path().join("data"));
    (config.plain_http, config.tls_names) = (false, vec!["localhost".to_owned()]);
    (config.client_ca, config.client_crl) = (Some(ca), Some(list.clone()));
    let codes = |config: &Config| {
        let found = legator_server::doctor::examine(config).into_iter();
        found.map(|finding| finding.code).filter(|code| code.contains("client-list")).collect::<Vec<_>>()
    };
    assert_eq!(codes(&config), ["client-list-unusable"], "no file");
    for (bad, why) in [
        (Authority::named("others").list(&[], 2100), "no authority of `--client-ca`"),
        (Authority::new().list(&[], 2100), "not signed by the authority"),
        (ours.list(&[], 2021), "ran out"),
        ("no list".to_owned(), "holds no certificate revocation list"),
    ] {
        std::fs::write(&list, bad).unwrap();
        let fault = App::build(&config, Clock::system()).await.err().unwrap().to_string();
        assert!(fault.contains(why), "{fault}");
        assert_eq!(codes(&config), ["client-list-unusable"], "{why}");
    }
    std::fs::write(&list, ours.list(&[], 2100)).unwrap();
    assert_eq!(codes(&config), [] as [&str; 0]);
    config.client_crl = None;
    assert_eq!(codes(&config), ["no-client-list"]);
}

#[tokio::test]
async fn a_program_calls_by_its_certificate_alone_until_that_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &ours.pem).unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data, |config| {
        (config.client_ca, config.client_cert_optional) = (Some(ca.clone()), true);
    })
    .await;
    let admin_key = std::fs::read_to_string(data.join("admin.key")).unwrap();
    let admin = async |method: reqwest::Method, path: &str, body: Value| {
        let request = served.client(None).request(method, format!("{}{path}", served.base)).json(&body);
        let answer = testkit::soon("an answer", request.bearer_auth(admin_key.trim()).send()).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default())
    };
    use reqwest::Method;
    for person in [
        json!({ "name": "ana", "roles": ["operator"] }),
        json!({ "name": "ci", "roles": ["viewer"], "kind": "service", "owner": "ana" }),
    ] {
        assert_eq!(admin(Method::POST, "/api/v1/users", person).await.0, 201);
    }
    let uri = "spiffe://acme/ci";
    let card = ours.of(uri);
    let me = async || served.get(Some(&card), "/api/v1/me", None).await;
    assert_eq!(me().await, 401, "nobody has registered it");
    let certify = "/api/v1/auth/certificates";
    let wish = |user: &str, uri: &str| json!({ "user": user, "name": "runner", "uri": uri });
    for (wrong, status) in [(wish("ana", uri), 422), (wish("ci", "no uri"), 422), (wish("nobody", uri), 404)] {
        assert_eq!(admin(Method::POST, certify, wrong.clone()).await.0, status, "{wrong}");
    }
    let (status, key) = admin(Method::POST, certify, wish("ci", uri)).await;
    assert_eq!((status, &key["certificate"], key.get("plain_key")), (201, &json!(uri), None));
    assert_eq!(admin(Method::POST, certify, wish("ci", uri)).await.0, 409, "it is a program's already");
    assert_eq!(me().await, 200);
    // It is that program, with what it may and no more.
    let request = served.client(Some(&card)).get(format!("{}/api/v1/me", served.base)).send().await.unwrap();
    let said: Value = request.json().await.unwrap();
    assert_eq!((&said["name"], &said["kind"], &said["key"]), (&json!("ci"), &json!("service"), &key["id"]));
    assert_eq!(served.get(Some(&card), "/api/v1/users", None).await, 403);
    // Another certificate of the authority is nobody, and so is this one's URI from another connection.
    assert_eq!(served.get(Some(&ours.of("spiffe://acme/other")), "/api/v1/me", None).await, 401);
    assert_eq!(served.get(Some(&ours.card("spiffe.acme.ci")), "/api/v1/me", None).await, 401);
    assert_eq!(served.get(None, "/api/v1/me", None).await, 401);
    // A key that comes with the request counts, and a bad one is not mended by the certificate.
    assert_eq!(served.get(Some(&card), "/api/v1/users", Some(admin_key.trim())).await, 200);
    assert_eq!(served.get(Some(&card), "/api/v1/me", Some("lgk_no_key")).await, 401);
    // A browser that another site sent here changes nothing with it.
    let request = served.client(Some(&card)).post(format!("{}/api/v1/auth/keys", served.base)).json(&json!({}));
    let answer = request.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "cross-site-request");
    // Of its owner's life and its own, and revoked like a key.
    for (disabled, status) in [(true, 401), (false, 200)] {
        assert_eq!(admin(Method::PATCH, "/api/v1/users/ana", json!({ "disabled": disabled })).await.0, 200);
        assert_eq!(me().await, status);
    }
    let id = key["id"].as_str().unwrap();
    assert_eq!(admin(Method::POST, &format!("/api/v1/auth/keys/{id}/rotate"), json!({})).await.0, 409);
    assert_eq!(admin(Method::DELETE, &format!("/api/v1/auth/keys/{id}"), Value::Null).await.0, 204);
    assert_eq!(me().await, 401);
    let log = admin(Method::GET, "/api/v1/audit?kind=key.minted", Value::Null).await.1;
    assert_eq!(log["entries"][0]["body"]["certificate"], uri);
    // It can be registered anew.
    assert_eq!(admin(Method::POST, certify, wish("ci", uri)).await.0, 201);
    assert_eq!(me().await, 200);
    assert!(served.app.identity.knows(uri));
    served.end().await;
}
