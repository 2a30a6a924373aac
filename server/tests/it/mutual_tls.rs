//! A server that asks for certificates: who shows one of its authority, of another, or none.

use std::path::Path;

use legator_server::app::App;
use legator_server::clock::Clock;
use legator_server::config::Config;
use legator_server::http;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use testkit::reqwest;

/// An authority: its certificate, and what it signs with.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let keys = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&keys).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, keys) }
    }

    /// A certificate and its key, as a client shows them.
    fn card(&self, name: &str) -> reqwest::Identity {
        let keys = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&keys, &self.issuer).unwrap();
        reqwest::Identity::from_pem(format!("{}{}", keys.serialize_pem(), certificate.pem()).as_bytes()).unwrap()
    }
}

/// Serves over TLS, and asks `/version` with each card in turn.
async fn ask(data: &Path, authority: &Path, optional: bool, cards: Vec<Option<reqwest::Identity>>) -> Vec<bool> {
    // Two libraries bring two providers; the choice is the program's, and here the test's.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = Config::on_loopback(data);
    config.plain_http = false;
    config.tls_names = vec!["localhost".to_owned()];
    (config.client_ca, config.client_cert_optional) = (Some(authority.to_owned()), optional);
    let built = App::build(&config, Clock::system()).await.unwrap();
    let bound = http::bind(config.listen, built.certificate.as_ref(), false).await.unwrap();
    let url = format!("https://localhost:{}/version", bound.address.port());
    let own = reqwest::Certificate::from_pem(&built.certificate.as_ref().unwrap().chain).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = built.app.clone();
    let serving = tokio::spawn(async move {
        http::serve(&app, bound, async {
            let _ = stopped.await;
        })
        .await
    });
    let mut answers = Vec::new();
    for card in cards {
        let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([own.clone()]);
        if let Some(card) = card {
            client = client.identity(card);
        }
        let answer = testkit::soon("an answer", client.build().unwrap().get(&url).send()).await;
        answers.push(answer.is_ok_and(|answer| answer.status() == 200));
    }
    let _ = stop.send(());
    serving.await.unwrap().unwrap();
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
