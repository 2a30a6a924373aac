//! The program `legator-probe`.

use std::process::ExitCode;

use clap::Parser;
use legator_probe::cli::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Whichever other provider a build carries along, this one is meant. An earlier one cannot be there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = EnvFilter::try_from_env("LEGATOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(32).build();
    let acted = match runtime {
        Ok(runtime) => {
            let acted = runtime.block_on(Box::pin(cli.act()));
            // A thread that waits for a dead disk must not keep the program.
            runtime.shutdown_background();
            acted
        }
        Err(fault) => {
            eprintln!("legator-probe: cannot start: {fault}");
            return ExitCode::FAILURE;
        }
    };
    match acted {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("legator-probe: {failure}");
            ExitCode::FAILURE
        }
    }
}
