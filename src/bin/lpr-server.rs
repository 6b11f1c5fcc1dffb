//! The companion server's command line.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]

use clap::{Parser, Subcommand};
use lpr::exit::{Exit, Failure};
use lpr::server::{backup, check, serve};
use lpr::telemetry;
use std::process::ExitCode;

/// Accepts, stores and shows what the edge agents read.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: REST, Socket.IO and the live page on one port
    Serve(serve::Args),
    /// Copy the database and its pictures to another folder, while the server runs or not
    Backup(backup::Args),
    /// Hold the database and the pictures against each other; changes nothing
    Check(check::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => args.configuration().and_then(|config| {
            telemetry::start(&config.log.level).map_err(|error| Failure::new(Exit::Config, error))?;
            serve::execute(config)
        }),
        Command::Backup(args) => backup::execute(&args),
        Command::Check(args) => check::execute(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("lpr-server: {failure}");
    failure.exit.into()
}
