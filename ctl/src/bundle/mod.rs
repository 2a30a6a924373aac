//! `legatorctl bundle …`: policy as code, offline on a folder. One file for each subcommand.
//! Never: talks to a server, but where a subcommand says so.

mod build;
mod check;
mod findings;
mod fmt;
mod git;
mod init;
mod key;
mod lint;
mod source;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Policy as code: make, check, lint and build a bundle, without a server.
#[derive(Args)]
pub struct Bundle {
    #[command(subcommand)]
    one: One,
}

#[derive(Subcommand)]
enum One {
    Build(build::Build),
    Check(check::Check),
    Fmt(fmt::Fmt),
    Init(init::Init),
    Key(key::Key),
    Lint(lint::Lint),
}

impl Bundle {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            One::Build(build) => build.obey(screen),
            One::Check(check) => check.obey(screen),
            One::Fmt(fmt) => fmt.obey(screen),
            One::Init(init) => init.obey(screen),
            One::Key(key) => key.obey(screen),
            One::Lint(lint) => lint.obey(screen),
        }
    }
}

/// What `bundle check` was called first.
#[derive(Args)]
pub struct Policy {
    #[command(subcommand)]
    one: PolicyOne,
}

#[derive(Subcommand)]
enum PolicyOne {
    Check(check::Check),
}

impl Policy {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let PolicyOne::Check(check) = self.one;
        check.obey(screen)
    }
}
