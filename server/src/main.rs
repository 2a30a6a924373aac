//! `legator`: the server.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use legator_server::app::App;
use legator_server::clock::Clock;
use legator_server::config::Config;
use legator_server::{http, telemetry};

/// Decisions and log entries are many short texts, and glibc's allocator was a fifth of what a command cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Legator's server: run your fleet by rules you can read
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve until SIGTERM or Ctrl-C
    Serve(Box<Config>),
    /// Print the OpenAPI document
    Openapi,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("legator: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    // Two libraries bring two providers; the choice is made here, once.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.command {
        Verb::Serve(config) => runtime.block_on(serve(*config)),
        Verb::Openapi => runtime.block_on(openapi()),
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::log(config.log_json);
    let built = App::build(&config, Clock::system()).await?;
    let bound = http::bind(config.listen, built.certificate.as_ref(), config.insecure_plain_http).await?;
    let scheme = if built.certificate.is_some() { "https" } else { "http" };
    tracing::info!(
        address = %bound.address,
        url = format!("{scheme}://{}", bound.address),
        revision = built.app.policy.bundle().revision(),
        "serving"
    );
    if let Some(key) = &built.first_key {
        // Shown once, on a first start, to whoever started the server.
        eprintln!("\n  The first administrator's API key (kept in {}):\n", config.data.join("admin.key").display());
        eprintln!("    {}\n", key.expose());
    }
    if let Some(link) = &built.setup_link {
        // The token stands behind the `#`, which a browser does not send and a proxy does not log.
        let host =
            if bound.address.ip().is_unspecified() { "localhost".to_owned() } else { bound.address.ip().to_string() };
        eprintln!("  Nobody can sign in with a password yet. Open this link once to make the first administrator:\n");
        eprintln!("    {scheme}://{host}:{}/setup#{}\n", bound.address.port(), link.expose());
    }
    if let Some(certificate) = &built.certificate {
        eprintln!("  Certificate fingerprint: {}\n", certificate.pin);
    }
    http::serve(&built.app, bound, stopped()).await?;
    if let Err(fault) = built.app.identity.remember().await {
        tracing::warn!(%fault, "the last uses of sessions and keys could not be written down");
    }
    Ok(())
}

async fn stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
}

async fn openapi() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("legator-openapi-{}", std::process::id()));
    let config = Config::for_documents(&folder);
    let document = http::document(&App::build(&config, Clock::system()).await?.app);
    std::fs::remove_dir_all(&folder)?;
    println!("{document}");
    Ok(())
}
