//! The companion server's command line.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]

use clap::{Parser, Subcommand};
use lpr::exit::{Exit, Failure};
use lpr::server::serve;
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
}

fn main() -> ExitCode {
    lpr::exit::allow_closed_output();
    let Command::Serve(args) = Cli::parse().command;
    let result = args.configuration().and_then(|config| {
        telemetry::start(&config.log.level).map_err(|error| Failure::new(Exit::Config, error))?;
        serve::execute(config)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("lpr-server: {failure}");
    failure.exit.into()
}
