//! `legatorctl bundle …`: policy as code, offline on a folder. One file for each subcommand.
//! Never: talks to a server, but where a subcommand says so.

mod budget;
mod candidate;
mod check;
mod facts;
mod replay;
mod shadow;
mod source;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::server::Server;

/// Policy as code: check a bundle, see what it would have changed, let it decide in the shadow.
#[derive(Args)]
pub struct Bundle {
    #[command(subcommand)]
    one: One,
}

#[derive(Subcommand)]
enum One {
    Check(check::Check),
    Replay(Box<replay::Replay>),
    Replays(replay::Replays),
    Shadow(shadow::Shadow),
    Facts(facts::Facts),
}

impl Bundle {
    pub async fn obey(self, server: impl FnOnce() -> Result<Server, Failure>, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            One::Check(check) => check.obey(screen),
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
