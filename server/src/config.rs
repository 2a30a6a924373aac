//! What the server is told at its start. Every option has an environment variable; nothing has to be given.

use std::net::{IpAddr, SocketAddr};
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

    /// Authority (PEM) whose certificates probes, programs and browsers have to show (mutual TLS), beside their keys
    #[arg(long, env = "LEGATOR_CLIENT_CA")]
    pub client_ca: Option<PathBuf>,

    /// Let in also who shows none; one of another authority is refused still
    #[arg(long, env = "LEGATOR_CLIENT_CERT_OPTIONAL", requires = "client_ca")]
    pub client_cert_optional: bool,

    /// List of the authority's certificates that were taken back (PEM or DER CRL), looked at once a minute; without a list
    /// that is good, nobody comes in with a certificate
    #[arg(long, env = "LEGATOR_CLIENT_CRL", requires = "client_ca")]
    pub client_crl: Option<PathBuf>,

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

    /// Address of this server as browsers know it (`https://legator.example`), where something in front changes it
    #[arg(long, env = "LEGATOR_PUBLIC_URL")]
    pub public_url: Option<String>,

    #[command(flatten)]
    pub oidc: Oidc,

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

    /// Requests a second that one person, program or model may make, with all their keys together; 0 is without a bound
    #[arg(long, env = "LEGATOR_RATE_PER_S", default_value_t = 100)]
    pub rate_per_s: u32,

    /// Requests that they may make at once
    #[arg(long, env = "LEGATOR_RATE_BURST", default_value_t = 1_000)]
    pub rate_burst: u32,

    /// Requests a second that are answered to one address without a good credential; 0 is without a bound
    #[arg(long, env = "LEGATOR_STRANGER_RATE_PER_S", default_value_t = 10)]
    pub stranger_rate_per_s: u32,

    /// Such requests at once
    #[arg(long, env = "LEGATOR_STRANGER_RATE_BURST", default_value_t = 200)]
    pub stranger_rate_burst: u32,

    /// Network of proxies whose `X-Forwarded-For` is believed (`10.0.0.0/8`); may be repeated
    #[arg(long = "trusted-proxy", env = "LEGATOR_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,

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

    /// File of the keys that may sign an upload, one to a line as `legatorctl bundle key` prints them; with it, what is
    /// published over the API has to be an archive that one of them signed
    #[arg(long = "bundle-signers", env = "LEGATOR_BUNDLE_SIGNERS")]
    pub signers: Option<PathBuf>,

    /// Private key for a repository over ssh
    #[arg(long = "bundle-git-ssh-key", env = "LEGATOR_BUNDLE_GIT_SSH_KEY")]
    pub git_ssh_key: Option<PathBuf>,

    /// Known hosts for a repository over ssh; a host that is not in it is refused
    #[arg(long = "bundle-git-known-hosts", env = "LEGATOR_BUNDLE_GIT_KNOWN_HOSTS")]
    pub git_known_hosts: Option<PathBuf>,

    /// Certificates (PEM) that vouch for a repository over HTTPS, instead of those of the system
    #[arg(long = "bundle-git-ca", env = "LEGATOR_BUNDLE_GIT_CA")]
    pub git_ca: Option<PathBuf>,
}

/// An outside provider to sign in with; more are added with `legatorctl providers`.
#[derive(Clone, Debug, Args)]
pub struct Oidc {
    /// Whether the provider of these options is offered; it is where `--oidc-provider-url` is given
    #[arg(long = "oidc-enabled", env = "LEGATOR_OIDC_ENABLED")]
    pub enabled: Option<bool>,

    /// The provider's issuer, exactly as it writes it (OpenID Connect)
    #[arg(long = "oidc-provider-url", env = "LEGATOR_OIDC_PROVIDER_URL")]
    pub provider_url: Option<String>,

    /// How the provider knows this server
    #[arg(long = "oidc-client-id", env = "LEGATOR_OIDC_CLIENT_ID", default_value = "")]
    pub client_id: String,

    /// The secret that goes with it; better in the environment than on a command line that others can list
    #[arg(long = "oidc-client-secret", env = "LEGATOR_OIDC_CLIENT_SECRET", hide_env_values = true)]
    pub client_secret: Option<Word>,

    /// Where the provider sends browsers back to, if not `/api/v1/auth/oidc/callback` of this server
    #[arg(long = "oidc-redirect-url", env = "LEGATOR_OIDC_REDIRECT_URL")]
    pub redirect_url: Option<String>,

    /// What is asked for
    #[arg(long = "oidc-scopes", env = "LEGATOR_OIDC_SCOPES", default_value = "openid email profile groups")]
    pub scopes: String,

    /// Claim whose values are mapped to roles and groups; a path with dots leads into objects
    #[arg(long = "oidc-role-claim", env = "LEGATOR_OIDC_ROLE_CLAIM", default_value = "groups")]
    pub role_claim: String,

    /// Roles by value, as `value:role,value:role`
    #[arg(long = "oidc-role-mapping", env = "LEGATOR_OIDC_ROLE_MAPPING", value_delimiter = ',')]
    pub role_mapping: Vec<String>,

    /// Groups by value, as `value:group,value:group`; `*` takes every value as it is
    #[arg(long = "oidc-group-mapping", env = "LEGATOR_OIDC_GROUP_MAPPING", value_delimiter = ',')]
    pub group_mapping: Vec<String>,

    /// Grants by value, as `value:tenant:blue,value:scope:web`; what a value gives and gives no more is taken back
    #[arg(long = "oidc-grant-mapping", env = "LEGATOR_OIDC_GRANT_MAPPING", value_delimiter = ',')]
    pub grant_mapping: Vec<String>,

    /// Grants of who gets no tenant and no organization by them; `tenant:-` is none, and without one it is the default tenant
    #[arg(long = "oidc-default-grant", env = "LEGATOR_OIDC_DEFAULT_GRANT", value_delimiter = ',')]
    pub default_grants: Vec<String>,

    /// Role of everybody from there; empty for none
    #[arg(long = "oidc-default-role", env = "LEGATOR_OIDC_DEFAULT_ROLE", default_value = "viewer")]
    pub default_role: String,

    /// Whether somebody new is made at their first sign-in
    #[arg(long = "oidc-auto-create-users", env = "LEGATOR_OIDC_AUTO_CREATE_USERS", default_value_t = true, action = clap::ArgAction::Set)]
    pub auto_create_users: bool,

    /// What the button says
    #[arg(long = "oidc-provider-name", env = "LEGATOR_OIDC_PROVIDER_NAME", default_value = "single sign-on")]
    pub provider_name: String,

    /// Values of `amr` or `acr` that tell of a second factor
    #[arg(long = "oidc-mfa-values", env = "LEGATOR_OIDC_MFA_VALUES", value_delimiter = ',', default_value = "mfa")]
    pub mfa_values: Vec<String>,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            enabled: None,
            provider_url: None,
            client_id: String::new(),
            client_secret: None,
            redirect_url: None,
            scopes: "openid email profile groups".to_owned(),
            role_claim: "groups".to_owned(),
            role_mapping: Vec::new(),
            group_mapping: Vec::new(),
            grant_mapping: Vec::new(),
            default_grants: Vec::new(),
            default_role: "viewer".to_owned(),
            auto_create_users: true,
            provider_name: "single sign-on".to_owned(),
            mfa_values: vec!["mfa".to_owned()],
        }
    }
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

/// A network of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    /// Bits that all its addresses share.
    shared: u8,
}

impl Network {
    pub const fn is_everything(&self) -> bool {
        self.shared == 0
    }

    pub fn holds(&self, address: IpAddr) -> bool {
        let cut = |bits: u128, width: u8| bits.checked_shr(u32::from(width - self.shared)).unwrap_or_default();
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                cut(first.to_bits().into(), 32) == cut(address.to_bits().into(), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => cut(first.to_bits(), 128) == cut(address.to_bits(), 128),
            _ => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || format!("`{text}` is no network; write it as `10.0.0.0/8`");
        let (address, shared) = match text.trim().split_once('/') {
            Some((address, shared)) => (address, Some(shared)),
            None => (text.trim(), None),
        };
        let first: IpAddr = address.parse().map_err(|_| fault())?;
        let whole = if first.is_ipv4() { 32 } else { 128 };
        let shared = shared.map_or(Ok(whole), |shared| shared.parse().map_err(|_| fault()))?;
        if shared > whole { Err(fault()) } else { Ok(Self { first, shared }) }
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
            client_ca: None,
            client_cert_optional: false,
            client_crl: None,
            tls_names: Vec::new(),
            plain_http: true,
            insecure_plain_http: false,
            bundle: None,
            bundles: Bundles { git_ref: "main".to_owned(), git_poll_s: 60, ..Bundles::default() },
            public_url: None,
            oidc: Oidc::default(),
            log_origin: "legator/audit".to_owned(),
            session_idle_s: 12 * 60 * 60,
            session_longest_s: 7 * 24 * 60 * 60,
            escalate_after_s: 600,
            rate_per_s: 0,
            rate_burst: 0,
            stranger_rate_per_s: 0,
            stranger_rate_burst: 0,
            trusted_proxies: Vec::new(),
            log_json: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let holds = |network: &str, address: &str| network.parse::<Network>().unwrap().holds(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"), "the same address in its other dress");
        assert!(holds("2001:db8::/32", "2001:db8::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("::/0", "2001:db8::1"));
        for bad in ["", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
