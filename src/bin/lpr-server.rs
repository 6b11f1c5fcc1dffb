//! The companion server's command line.

use clap::{Parser, Subcommand};
use lpr::exit::Failure;
use lpr::server::serve;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

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
    let Command::Serve(args) = Cli::parse().command;
    let result = args.configuration().and_then(|config| {
        log_to_stderr(&config.log.level);
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

/// Standard output is for what scripts read.
fn log_to_stderr(level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
}
