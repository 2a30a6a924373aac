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

    #[command(flatten)]
    pub bundles: Bundles,

    /// Name of the audit log in its checkpoints; does not change once the log has begun
    #[arg(long, env = "LEGATOR_LOG_ORIGIN", default_value = "legator/audit")]
    pub log_origin: String,

    /// Seconds without a request after which a session ends
    #[arg(long, env = "LEGATOR_SESSION_IDLE_S", default_value_t = 12 * 60 * 60, value_parser = clap::value_parser!(u32).range(60..))]
    pub session_idle_s: u32,

    /// Seconds after which a session ends, whatever happens
    #[arg(long, env = "LEGATOR_SESSION_LONGEST_S", default_value_t = 7 * 24 * 60 * 60, value_parser = clap::value_parser!(u32).range(60..))]
    pub session_longest_s: u32,

    /// Seconds after which more people hear of a request that too few have answered, where no policy says a time; 0 is never
    #[arg(long, env = "LEGATOR_ESCALATE_AFTER_S", default_value_t = 600)]
    pub escalate_after_s: u32,

    /// Write logs as JSON
    #[arg(long, env = "LEGATOR_LOG_JSON")]
    pub log_json: bool,
}

/// Where bundles come from, beside a folder, and what a change there does.
#[derive(Clone, Debug, Default, Args)]
pub struct Bundles {
    /// What a change of the folder or the repository does: `auto` puts it in force, `manual` only publishes it
    #[arg(long = "bundle-activate", env = "LEGATOR_BUNDLE_ACTIVATE", value_enum, default_value_t)]
    pub activate: Activate,

    /// Git repository with the bundle (`https://`, `ssh://`, `user@host:path` or `file://`), instead of a folder
    #[arg(long = "bundle-git-url", env = "LEGATOR_BUNDLE_GIT_URL", conflicts_with = "bundle")]
    pub git_url: Option<String>,

    /// Branch or tag of the repository
    #[arg(long = "bundle-git-ref", env = "LEGATOR_BUNDLE_GIT_REF", default_value = "main")]
    pub git_ref: String,

    /// Folder of the bundle in the repository; its root if absent
    #[arg(long = "bundle-git-path", env = "LEGATOR_BUNDLE_GIT_PATH", default_value = "")]
    pub git_path: String,

    /// Seconds between two looks at the repository
    #[arg(long = "bundle-git-poll", env = "LEGATOR_BUNDLE_GIT_POLL", default_value = "60",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub git_poll_s: u64,

    /// Secret that the repository's webhook signs with; without it no webhook is taken
    #[arg(long = "bundle-git-webhook-secret", env = "LEGATOR_BUNDLE_GIT_WEBHOOK_SECRET", hide_env_values = true)]
    pub git_webhook_secret: Option<Word>,

    /// Token for a repository over HTTPS; better in the environment than on a command line that others can list
    #[arg(long = "bundle-git-token", env = "LEGATOR_BUNDLE_GIT_TOKEN", hide_env_values = true)]
    pub git_token: Option<Word>,

    /// File of the keys that may sign commits (`ssh-keygen`'s allowed signers); others are refused
    #[arg(long = "bundle-git-signers", env = "LEGATOR_BUNDLE_GIT_SIGNERS")]
    pub git_signers: Option<PathBuf>,

    /// Take a history that was rewritten; the audit log says so
    #[arg(long = "bundle-git-rewrites", env = "LEGATOR_BUNDLE_GIT_REWRITES")]
    pub git_rewrites: bool,

    /// Private key for a repository over ssh
    #[arg(long = "bundle-git-ssh-key", env = "LEGATOR_BUNDLE_GIT_SSH_KEY")]
    pub git_ssh_key: Option<PathBuf>,

    /// Known hosts for a repository over ssh; a host that is not in it is refused
    #[arg(long = "bundle-git-known-hosts", env = "LEGATOR_BUNDLE_GIT_KNOWN_HOSTS")]
    pub git_known_hosts: Option<PathBuf>,
}

/// What a change of the source does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Activate {
    /// It is published and put in force, unless a person has pinned another revision.
    #[default]
    Auto,
    /// It is published; a person puts it in force.
    Manual,
}

impl Activate {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }
}

/// A secret that was given on the way in; it does not show.
#[derive(Clone)]
pub struct Word(String);

impl Word {
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl std::str::FromStr for Word {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Word(…)")
    }
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
            bundles: Bundles { git_ref: "main".to_owned(), git_poll_s: 60, ..Bundles::default() },
            log_origin: "legator/audit".to_owned(),
            session_idle_s: 12 * 60 * 60,
            session_longest_s: 7 * 24 * 60 * 60,
            escalate_after_s: 600,
            log_json: false,
        }
    }
}
