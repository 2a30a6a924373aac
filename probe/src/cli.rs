//! The command line: what a person or a unit file can ask of the program.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::address::{Address, AddressFault};
use crate::card::Card;
use crate::config::{ConfigFault, Identity, Places};
use crate::enroll::{self, EnrollFault, Introduction};
use crate::journal::{Entry, Journal};
use crate::service::{self, Pace, ServeFault};
use crate::status::Shown;
use crate::token::{Token, TokenFault};
use crate::unit::{self, UnitFault};
use crate::{VERSION, clock, durable, heartbeat, spool};

/// Legator's hands on this host: verifies, runs, reports.
#[derive(Debug, Parser)]
#[command(name = "legator-probe", version, about, long_about = None)]
pub struct Cli {
    /// Where `probe.toml` and `floor.toml` are.
    #[arg(long, global = true, env = "LEGATOR_CONFIG_DIR", default_value = "/etc/legator", value_name = "DIR")]
    config_dir: PathBuf,
    /// Where the journal and everything else that changes is.
    #[arg(
        long,
        global = true,
        env = "LEGATOR_STATE_DIR",
        default_value = "/var/lib/legator-probe",
        value_name = "DIR"
    )]
    state_dir: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Enrolls this host with a server.
    Init {
        #[command(flatten)]
        enrollment: Enrollment,
        /// Replaces the identity that this host has.
        #[arg(long)]
        force: bool,
    },
    /// Serves the server's orders until it is told to end. Enrolls first, if it has to and the environment says where.
    Run {
        #[command(flatten)]
        enrollment: Enrollment,
    },
    /// Says what the probe on this host does.
    Status {
        #[arg(long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// Installs a systemd unit that runs the probe, and starts it.
    Install,
    /// Stops the probe and removes what it keeps on this host, but for the floor.
    Uninstall {
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Enrollment {
    /// The server's address, `https://legator.example.org`.
    #[arg(long, env = "LEGATOR_SERVER_URL", value_name = "URL")]
    server: Option<String>,
    /// The enrollment token that the server showed.
    #[arg(long, env = "LEGATOR_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// What to call this probe; the host's own name where there is none.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A tag for this probe; may be given several times.
    #[arg(long = "tag", env = "LEGATOR_PROBE_TAGS", value_delimiter = ',', value_name = "T")]
    tags: Vec<String>,
    /// Takes a server on another host without TLS. Orders stay sealed; what commands write can be read on the way.
    #[arg(long)]
    allow_plain_http: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

/// Whatever went wrong, in words that say what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("`{0}` is needed to enroll: `legator-probe init --server URL --token TOKEN`")]
    Missing(&'static str),
    #[error("this host has enrolled already, as `{0}`; `--force` replaces that identity")]
    Enrolled(String),
    #[error("nobody answered; say `--yes` to remove the probe without being asked")]
    Unanswered,
    #[error("nothing was removed")]
    Declined,
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Address(#[from] AddressFault),
    #[error(transparent)]
    Token(#[from] TokenFault),
    #[error(transparent)]
    Config(#[from] ConfigFault),
    #[error(transparent)]
    Enroll(#[from] EnrollFault),
    #[error(transparent)]
    Serve(#[from] ServeFault),
    #[error(transparent)]
    Unit(#[from] UnitFault),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

impl Cli {
    pub async fn act(self) -> Result<(), Failure> {
        let places = Places { config_dir: self.config_dir, state_dir: self.state_dir };
        match self.verb {
            Verb::Init { enrollment, force } => init(&places, enrollment, force).await,
            Verb::Run { enrollment } => run(places, enrollment).await,
            Verb::Status { output } => status(&places, output),
            Verb::Install => say(unit::install(&places).await?),
            Verb::Uninstall { yes } => uninstall(&places, yes).await,
        }
    }
}

async fn init(places: &Places, enrollment: Enrollment, force: bool) -> Result<(), Failure> {
    match Identity::load(&places.config()) {
        Err(ConfigFault::Absent(_)) => {}
        Ok(identity) if !force => return Err(Failure::Enrolled(identity.probe.to_string())),
        Err(fault) if !force => return Err(fault.into()),
        _ => {}
    }
    let identity = enroll(places, enrollment).await?;
    let config = places.config();
    say(vec![
        format!("enrolled as `{}` ({}) with {}", identity.name, identity.probe, identity.server),
        format!("wrote `{}`", config.display()),
        "next: `legator-probe install` for a systemd unit, or `legator-probe run`".to_owned(),
    ])
}

async fn enroll(places: &Places, enrollment: Enrollment) -> Result<Identity, Failure> {
    let server = enrollment.server.ok_or(Failure::Missing("--server"))?;
    let token: Token = enrollment.token.ok_or(Failure::Missing("--token"))?.parse()?;
    let server = Address::parse(&server, enrollment.allow_plain_http)?;
    // The directories first: an identity that cannot be written is a token spent for nothing.
    for dir in [&places.config_dir, &places.state_dir] {
        let unwritable = |source| ConfigFault::Unwritable { path: dir.display().to_string(), source };
        durable::private_dir(dir).map_err(unwritable)?;
        let trial = dir.join("trial");
        durable::write(&trial, b"").and_then(|()| std::fs::remove_file(&trial)).map_err(unwritable)?;
    }
    let card = Card::beside(places).map_err(EnrollFault::from)?;
    // Also keeps a running probe from losing its journal under its hands.
    let (journal, entries) = Journal::open(&places.state_dir).map_err(ServeFault::from)?;
    let hostname = heartbeat::hostname();
    let introduction = Introduction {
        name: enrollment.name.unwrap_or_else(|| hostname.clone()),
        hostname,
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        version: VERSION.to_owned(),
        machine_id: enroll::machine_id(),
        tags: enrollment.tags.into_iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect(),
    };
    let identity = enroll::enroll(&server, enrollment.allow_plain_http, &token, &introduction, card).await?;
    identity.save(&places.config())?;
    forget_before(places, &journal, &entries);
    Ok(identity)
}

/// An earlier identity's ceiling does not hold under this one, and its ends are no business of this server. What was
/// sealed for it cannot be opened any more, so forgetting its ids runs nothing twice.
fn forget_before(places: &Places, journal: &Journal, entries: &[Entry]) {
    for name in ["policy.json", "inventory.json"] {
        let _ = std::fs::remove_file(places.state(name));
    }
    for entry in entries {
        let _ = journal.forget(entry.command);
        spool::remove(&places.state("spool").join(entry.command.to_string()));
    }
}

async fn run(places: Places, enrollment: Enrollment) -> Result<(), Failure> {
    let absent = matches!(Identity::load(&places.config()), Err(ConfigFault::Absent(_)));
    if absent && enrollment.server.is_some() && enrollment.token.is_some() {
        let identity = enroll(&places, enrollment).await?;
        tracing::info!(probe.id = %identity.probe, "enrolled");
    }
    let (stop, stopped) = watch::channel(false);
    let mut term = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("told to end: no more orders are taken, and running commands are stopped");
        stop.send_replace(true);
        // Kept, so that a dropped sender never reads as a word.
        stop.closed().await;
    });
    Ok(service::serve(places, Pace::default(), stopped).await?)
}

fn status(places: &Places, form: Form) -> Result<(), Failure> {
    let identity = Identity::load(&places.config())?;
    let shown = Shown::of(places, &identity);
    let text = match form {
        Form::Text => shown.lines(clock::now_ms()),
        Form::Json => serde_json::to_string_pretty(&shown).map_err(io::Error::other)? + "\n",
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

async fn uninstall(places: &Places, yes: bool) -> Result<(), Failure> {
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(Failure::Unanswered);
        }
        write!(io::stdout(), "remove this host's probe, its identity and its journal? [y/N] ")?;
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(Failure::Declined);
        }
    }
    let mut done = unit::uninstall(places).await?;
    done.extend(unit::left(places).iter().map(|path| format!("left `{}`: it is this host's own", path.display())));
    if let Ok(program) = std::env::current_exe() {
        done.push(format!("left the program: remove `{}` to be rid of it", program.display()));
    }
    done.push("the server still lists this probe; `legatorctl probe forget` removes it there".to_owned());
    say(done)
}

fn say(lines: Vec<String>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
