//! The command line as a whole: options that every command takes, and the commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::exit_codes;
use crate::{
    approvals, audit, breakglass, bundle, commands, decisions, events, explain, grants, login, people, policies,
    probes, providers, rights, run, shells, tenants, tokens,
};

/// Run your fleet by rules you can read.
#[derive(Parser)]
#[command(name = "legatorctl", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "`legatorctl help exit-codes` lists the exit codes.")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// For every command. A flag goes before the environment, and that before the configuration file.
#[derive(Args, Clone)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The server's address.
    #[arg(long, global = true, value_name = "URL", env = "LEGATOR_SERVER")]
    pub server: Option<String>,
    /// The API key; better in the environment or kept by `login` than on a command line that others can list.
    #[arg(long, global = true, value_name = "KEY", env = "LEGATOR_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// The fingerprint of the server's key, as the server prints it; then no other certificate is trusted.
    #[arg(long, global = true, value_name = "PIN", env = "LEGATOR_FINGERPRINT")]
    pub fingerprint: Option<String>,
    /// The certificate (PEM) that a server asks for, with its chain.
    #[arg(long, global = true, value_name = "FILE", env = "LEGATOR_CLIENT_CERT", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The private key (PEM) of that certificate.
    #[arg(long, global = true, value_name = "FILE", env = "LEGATOR_CLIENT_KEY", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// The profile of the configuration file.
    #[arg(long, global = true, value_name = "NAME", env = "LEGATOR_PROFILE")]
    pub profile: Option<String>,
    /// The configuration file; `~/.config/legator/config.toml` if absent.
    #[arg(long, global = true, value_name = "FILE", env = "LEGATOR_CONFIG")]
    pub config: Option<PathBuf>,
    /// One tenant alone, of those that you reach.
    #[arg(long, global = true, value_name = "NAME", env = "LEGATOR_TENANT")]
    pub tenant: Option<String>,
    /// For people, or one JSON document.
    #[arg(short, long, global = true, value_name = "FORM", default_value = "table", env = "LEGATOR_OUTPUT")]
    pub output: Form,
    /// No colours, also on a terminal; `NO_COLOR` does the same.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Send the key over plain HTTP to another machine.
    #[arg(long, global = true, hide = true, env = "LEGATOR_INSECURE_PLAIN_HTTP")]
    pub insecure_plain_http: bool,
}

impl Global {
    /// The certificate to show, and its key.
    pub fn card(&self) -> Option<(PathBuf, PathBuf)> {
        Some((self.client_cert.clone()?, self.client_key.clone()?))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Table,
    Json,
}

#[derive(Subcommand)]
pub enum Command {
    /// Keep a server's address, and an API key or a session for it.
    Login(login::Login),
    /// Forget what a profile signs in with.
    Logout,
    /// Who I am, and what policy lets me do.
    Whoami,
    /// My sessions: list, end.
    Sessions(rights::Sessions),
    /// How the server and the fleet are, and who I am.
    Status,
    /// Machines: list, look, tag, remove.
    Probes(probes::Probes),
    /// Ask a probe, or every probe with a tag, to run something.
    Run(run::Run),
    /// Say why a command, or an operation of the API, was allowed, held, queued or denied.
    Explain(explain::Explain),
    /// Say what would be decided, without any of it happening.
    Simulate(explain::Simulate),
    /// What was asked of the API, and what the access policies said.
    Decisions(decisions::Decisions),
    /// Commands: list, look.
    Commands(commands::Commands),
    /// Stop a command.
    Cancel(commands::Cancel),
    /// Wait for a command's end, with its output.
    Wait(run::Wait),
    /// What waits for people.
    Approvals(approvals::Approvals),
    /// Vote for a held command.
    Approve(approvals::Vote),
    /// Vote against a held command.
    Deny(approvals::Vote),
    /// What people agreed to ahead: list, ask, end.
    Grants(grants::Grants),
    /// Broken glass: what waits for a review.
    Breakglass(breakglass::Breakglass),
    /// Enrollment tokens: list, create, revoke.
    Tokens(tokens::Tokens),
    /// People: list, create, change, send away.
    Users(people::Users),
    /// Tenants: list, create, change.
    Tenants(tenants::Tenants),
    /// Roles, and what each may do by the policies in force.
    Roles,
    /// API keys: list, create, revoke.
    Keys(people::Keys),
    /// Outside providers (OpenID Connect): list, add, check, remove.
    Providers(providers::Providers),
    /// The audit log: read, follow, verify, export, prove.
    Audit(audit::Audit),
    /// Policy as code: make, check, test, compare and build bundles; publish, replay and shadow them, put them in force.
    Bundle(bundle::Bundle),
    /// The same as `bundle check`.
    #[command(hide = true)]
    Policy(bundle::Policy),
    /// The policies that decide: list, look, reload; templates to apply.
    Policies(policies::Policies),
    /// Watch what happens, as it happens.
    Events(events::Watch),
    /// Print the completion script of a shell.
    Completion(shells::Completion),
    /// Write the manual pages.
    Man(shells::Man),
    /// The exit codes and what they mean.
    #[command(name = "exit-codes", long_about = exit_codes())]
    ExitCodes,
}
