//! The companion server's command line.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]

use clap::{CommandFactory, Parser, Subcommand};
use lpr::exit::{Exit, Failure};
use lpr::manual;
use lpr::server::{TokenCommand, backup, check, check_config, execute_token, serve};
use lpr::telemetry;
use std::io::Write;
use std::process::ExitCode;

/// Accepts, stores and shows what the edge agents read.
#[derive(Parser)]
#[command(name = "lpr-server", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: REST, Socket.IO and the live page on one port
    Serve(serve::Args),
    /// Check a configuration and the files that it names, and stop
    CheckConfig(check_config::Args),
    /// Copy the database and its pictures to another folder, while the server runs or not
    Backup(backup::Args),
    /// Hold the database and the pictures against each other; changes nothing
    Check(check::Args),
    /// Who may come in: make, list and revoke tokens, also while the server runs
    Token(TokenCommand),
    /// Write the manual pages and shell completions
    #[command(hide = true)]
    Manual(manual::Args),
}

fn main() -> ExitCode {
    lpr::exit::allow_closed_output();
    serve::keep_files_private();
    let result = match Cli::parse().command {
        Command::Serve(args) => args.configuration().and_then(|config| {
            telemetry::start(&config.log.level).map_err(|error| Failure::new(Exit::Config, error))?;
            serve::execute(config)
        }),
        Command::Token(command) => token(&command),
        Command::CheckConfig(args) => check_config::execute(&args),
        Command::Backup(args) => backup::execute(&args),
        Command::Check(args) => check::execute(&args),
        Command::Manual(args) => manual::execute(&args, Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

/// A token that nobody could read was not shown.
fn token(command: &TokenCommand) -> Result<(), Failure> {
    let text = execute_token(command, &command.configuration()?)?;
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::new(Exit::Partly, format!("it is done, but could not be shown: {error}")))
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("lpr-server: {failure}");
    failure.exit.into()
}
