//! The program `keyflow-server`: reads its flags, then serves, migrates, backs up or checks.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use keyflow_server::{Config, serve, store};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The cloud copy of KeyFlow. Without a command it serves the API and the web page.
#[derive(Parser)]
#[command(name = "keyflow-server", version)]
struct Line {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the schema of the database up to date. Serving does so too.
    Migrate,
    /// Write a consistent copy of the database to a new file, while it is in use.
    Backup {
        /// Where the copy goes; the file must not exist yet.
        file: PathBuf,
    },
    /// Look for broken promises in the database, while it is in use. Fails if there is one.
    Check,
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    let filter = EnvFilter::try_from_env("KEYFLOW_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    match run(line).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("keyflow-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: Line) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Line { config, command } = line;
    let Some(command) = command else {
        // Installed before the ready line is printed, so that whoever waits for that line may signal at once.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (address, server) = serve(config).await?;
        println!("keyflow-server listening on http://{address}");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        server.stop().await;
        return Ok(ExitCode::SUCCESS);
    };
    let database = match command {
        Command::Migrate => store::open(&config.database, 1).await?,
        Command::Backup { .. } | Command::Check => store::open_existing(&config.database).await?,
    };
    let code = match command {
        Command::Migrate => {
            println!("the schema is up to date");
            ExitCode::SUCCESS
        }
        Command::Backup { file } => {
            database.backup(&file).await?;
            println!("backup written to {}", file.display());
            ExitCode::SUCCESS
        }
        Command::Check => {
            let findings = database.check().await?;
            for (table, count) in &findings.counts {
                println!("{table} {count}");
            }
            for violation in &findings.violations {
                println!("violation: {violation}");
            }
            println!("violations {}", findings.violations.len());
            if findings.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    };
    database.close().await;
    Ok(code)
}
