//! `legatorctl bundle …`: policy as code, offline on a folder, and its revisions on a server. One file for each subcommand.
//! Never: talks to a server, but where a subcommand says so.

mod activate;
mod budget;
mod build;
mod candidate;
mod check;
mod cover;
mod diff;
mod explain;
mod facts;
mod findings;
mod fmt;
mod gate;
mod git;
mod history;
mod init;
mod junit;
mod key;
mod lint;
mod loaded;
mod mutants;
pub mod progress;
mod publish;
mod replay;
mod shadow;
mod source;
mod test;

pub use activate::tell;
use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::server::Server;

/// Policy as code: make, check, test, compare and build bundles; publish, replay and shadow them, put them in force.
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
    Publish(publish::Publish),
    Activate(activate::Activate),
    Rollback(activate::Rollback),
    /// Let the source move what is in force again.
    Unpin,
    History(history::History),
    List(history::List),
    Show(history::Show),
    /// Where the server's bundles come from by themselves, and how it stands with that.
    Source,
    Replay(Box<replay::Replay>),
    Replays(replay::Replays),
    Shadow(shadow::Shadow),
    Facts(facts::Facts),
}

impl Bundle {
    /// A server is asked for by those who need one only.
    pub async fn obey(self, server: impl FnOnce() -> Result<Server, Failure>, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            One::Build(build) => build.obey(screen),
            One::Check(check) => check.obey(screen),
            One::Fmt(fmt) => fmt.obey(screen),
            One::Init(init) => init.obey(screen),
            One::Key(key) => key.obey(screen),
            One::Lint(lint) => lint.obey(screen),
            One::Cover(cover) => cover.obey(screen),
            One::Diff(diff) => diff.obey(server, screen).await,
            One::Explain(explain) => explain.obey(screen),
            One::Mutants(mutants) => mutants.obey(screen),
            One::Test(test) => test.obey(screen),
            One::Publish(publish) => publish.obey(&server()?, screen).await,
            One::Activate(activate) => activate.obey(&server()?, screen).await,
            One::Rollback(rollback) => rollback.obey(&server()?, screen).await,
            One::Unpin => activate::unpin(&server()?, screen).await,
            One::History(history) => history.obey(&server()?, screen).await,
            One::List(list) => list.obey(&server()?, screen).await,
            One::Show(show) => show.obey(&server()?, screen).await,
            One::Source => history::source(&server()?, screen).await,
            One::Replay(replay) => replay.obey(server, screen).await,
            One::Replays(replays) => replays.obey(&server()?, screen).await,
            One::Shadow(shadow) => shadow.obey(&server()?, screen).await,
            One::Facts(facts) => facts.obey(&server()?, screen).await,
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
