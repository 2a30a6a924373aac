//! What the server is told at its start. Every option has an environment variable; nothing has to be given.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// How connections are protected.
#[derive(Clone, Debug)]
pub enum Tls {
    Given { cert: PathBuf, key: PathBuf },
    SelfMade { names: Vec<String> },
    Plain,
}

/// Options of `legator serve`.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Where everything is kept
    #[arg(long, env = "LEGATOR_DATA_DIR", default_value = "/var/lib/legator")]
    pub data: PathBuf,

    /// Address and port to listen on
    #[arg(long, env = "LEGATOR_LISTEN_ADDR", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,

    /// Certificate chain in PEM; without it the server makes a certificate for itself
    #[arg(long, env = "LEGATOR_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, env = "LEGATOR_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Host name that a self-made certificate is for; may be repeated
    #[arg(long = "tls-name", env = "LEGATOR_TLS_NAMES", value_delimiter = ',', default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
    pub tls_names: Vec<String>,

    /// Speak plain HTTP; only on loopback, unless `--insecure-plain-http`
    #[arg(long, env = "LEGATOR_PLAIN_HTTP")]
    pub plain_http: bool,

    /// Speak plain HTTP on any address: something in front does TLS
    #[arg(long, env = "LEGATOR_INSECURE_PLAIN_HTTP")]
    pub insecure_plain_http: bool,

    /// Folder with the bundle (`policies/`, `scripts/`), watched; without it the one that ships decides
    #[arg(long, env = "LEGATOR_BUNDLE")]
    pub bundle: Option<PathBuf>,

    /// Name of the audit log in its checkpoints; does not change once the log has begun
    #[arg(long, env = "LEGATOR_LOG_ORIGIN", default_value = "legator/audit")]
    pub log_origin: String,

    /// Seconds without a request after which a session ends
    #[arg(long, env = "LEGATOR_SESSION_IDLE_S", default_value_t = 12 * 60 * 60, value_parser = clap::value_parser!(u32).range(60..))]
    pub session_idle_s: u32,

    /// Seconds after which a session ends, whatever happens
    #[arg(long, env = "LEGATOR_SESSION_LONGEST_S", default_value_t = 7 * 24 * 60 * 60, value_parser = clap::value_parser!(u32).range(60..))]
    pub session_longest_s: u32,

    /// Write logs as JSON
    #[arg(long, env = "LEGATOR_LOG_JSON")]
    pub log_json: bool,
}

impl Config {
    pub fn tls(&self) -> Tls {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Tls::Given { cert: cert.clone(), key: key.clone() },
            _ if self.plain_http || self.insecure_plain_http => Tls::Plain,
            _ => Tls::SelfMade { names: self.tls_names.clone() },
        }
    }
}

impl Config {
    /// A server that never serves: its API is only written down.
    pub fn for_documents(data: &std::path::Path) -> Self {
        Self::on_loopback(data)
    }

    /// Plain HTTP on any free port of loopback, everything else as it is by default.
    pub fn on_loopback(data: &std::path::Path) -> Self {
        Self {
            data: data.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls_cert: None,
            tls_key: None,
            tls_names: Vec::new(),
            plain_http: true,
            insecure_plain_http: false,
            bundle: None,
            log_origin: "legator/audit".to_owned(),
            session_idle_s: 12 * 60 * 60,
            session_longest_s: 7 * 24 * 60 * 60,
            log_json: false,
        }
    }
}
