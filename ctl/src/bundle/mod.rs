//! `legatorctl bundle …`: policy as code, offline on a folder. One file for each subcommand.
//! Never: talks to a server, but where a subcommand says so.

mod check;
mod findings;
mod git;
mod source;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Policy as code: check a bundle, without a server.
#[derive(Args)]
pub struct Bundle {
    #[command(subcommand)]
    one: One,
}

#[derive(Subcommand)]
enum One {
    Check(check::Check),
}

impl Bundle {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            One::Check(check) => check.obey(screen),
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
