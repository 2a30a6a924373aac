//! `legatorctl`: Legator's command line. It talks to the API, and checks bundles and logs by itself.
//!
//! Read `cli.rs` for what there is, `exit.rs` for how it ends, `run.rs` for the command that matters most.

mod approvals;
mod audit;
mod breakglass;
mod bundle;
mod clean;
mod cli;
mod clock;
mod commands;
mod config;
mod decisions;
mod device;
mod events;
mod exit;
mod explain;
mod field;
mod follow;
mod grants;
mod login;
mod people;
mod pin;
mod policies;
mod probes;
mod providers;
mod rationale;
mod rights;
mod run;
mod screen;
mod server;
mod shells;
mod span;
mod sse;
mod status;
mod tenants;
mod tokens;
mod turning;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, Form};
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::server::Server;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.global.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let screen = Screen { json: cli.global.output == Form::Json };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            screen.failure(&Failure::Local(format!("could not start: {fault}")));
            return ExitCode::from(Exit::FAILED.0);
        }
    };
    let ended = runtime.block_on(obey(cli, screen));
    // Whoever still reads from a terminal or a socket is not waited for.
    runtime.shutdown_background();
    let Exit(code) = ended.unwrap_or_else(|failure| {
        screen.failure(&failure);
        failure.exit()
    });
    ExitCode::from(code)
}

async fn obey(cli: Cli, screen: Screen) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    let server = || config::access(&global).and_then(Server::new);
    match command {
        Command::Login(login) => login.obey(&global, screen).await,
        Command::Logout => login::logout(&global, screen).await,
        Command::Whoami => rights::whoami(&server()?, screen).await,
        Command::Sessions(sessions) => sessions.obey(&server()?, screen).await,
        Command::Roles => rights::roles(&server()?, screen).await,
        Command::Status => status::obey(&server()?, screen).await,
        Command::Probes(probes) => probes.obey(&server()?, screen).await,
        Command::Run(run) => run.obey(&server()?, screen).await,
        Command::Decisions(decisions) => decisions.obey(&server()?, screen).await,
        Command::Explain(explain) => explain.obey(&server()?, screen).await,
        Command::Simulate(simulate) => simulate.obey(&server()?, screen).await,
        Command::Commands(commands) => commands.obey(&server()?, screen).await,
        Command::Cancel(cancel) => cancel.obey(&server()?, screen).await,
        Command::Wait(wait) => wait.obey(&server()?, screen).await,
        Command::Approvals(approvals) => approvals.obey(&server()?, screen).await,
        Command::Approve(vote) => vote.obey(approvals::Choice::Approve, &server()?, screen).await,
        Command::Deny(vote) => vote.obey(approvals::Choice::Deny, &server()?, screen).await,
        Command::Grants(grants) => grants.obey(&server()?, screen).await,
        Command::Breakglass(breakglass) => breakglass.obey(&server()?, screen).await,
        Command::Tokens(tokens) => tokens.obey(&server()?, screen).await,
        Command::Users(users) => users.obey(&server()?, screen).await,
        Command::Tenants(tenants) => tenants.obey(&server()?, screen).await,
        Command::Keys(keys) => keys.obey(&server()?, screen).await,
        Command::Providers(providers) => providers.obey(&server()?, screen).await,
        Command::Audit(audit) => audit.obey(server, screen).await,
        Command::Bundle(bundle) => bundle.obey(server, screen).await,
        Command::Policy(policy) => policy.obey(screen),
        Command::Policies(policies) => policies.obey(&server()?, screen).await,
        Command::Events(watch) => watch.obey(&server()?, screen).await,
        Command::Completion(completion) => Ok(completion.obey()),
        Command::Man(man) => man.obey(screen),
        Command::ExitCodes => {
            screen.data(&exit::exit_codes());
            Ok(Exit::OK)
        }
    }
}
