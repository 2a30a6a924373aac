//! `legatorctl bundle …`: policy as code, offline on a folder. One file for each subcommand.
//! Never: talks to a server, but where a subcommand says so.

mod build;
mod check;
mod cover;
mod diff;
mod explain;
mod findings;
mod fmt;
mod gate;
mod git;
mod init;
mod junit;
mod key;
mod lint;
mod loaded;
mod mutants;
mod progress;
mod source;
mod test;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Policy as code: make, check, test, cover, compare and build bundles, without a server.
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
    Cover(cover::Cover),
    Diff(diff::Compare),
    Explain(explain::Explain),
    Mutants(mutants::TryMutants),
    Test(test::Test),
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
            One::Cover(cover) => cover.obey(screen),
            One::Diff(diff) => diff.obey(screen),
            One::Explain(explain) => explain.obey(screen),
            One::Mutants(mutants) => mutants.obey(screen),
            One::Test(test) => test.obey(screen),
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
