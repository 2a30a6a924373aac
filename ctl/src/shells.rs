//! What a shell and `man` want to know of the command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Print the completion script of a shell.
#[derive(Args)]
pub struct Completion {
    shell: Shell,
}

/// Write the manual pages.
#[derive(Args)]
pub struct Man {
    /// One page for every command into this folder; without it the main page goes to standard output.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Completion {
    pub fn obey(self) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "legatorctl", &mut script);
        put(&script);
        Exit::OK
    }
}

impl Man {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            let fault = |fault: std::io::Error| Failure::Local(format!("could not make the page: {fault}"));
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(fault)?;
            put(&page);
            return Ok(Exit::OK);
        };
        let fault = |source| Failure::File { verb: "write", path: dir.clone(), source };
        std::fs::create_dir_all(&dir).map_err(fault)?;
        clap_mangen::generate_to(Cli::command(), &dir).map_err(fault)?;
        screen.note(&format!("wrote the pages to `{}`", dir.display()));
        Ok(Exit::OK)
    }
}

/// A reader that went away is no failure of ours.
fn put(bytes: &[u8]) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(bytes);
}
