//! The edge agent's command line.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]

use clap::{CommandFactory, Parser, Subcommand};
use lpr::agent::{Failure, cmds};
use lpr::manual;
use std::process::ExitCode;

/// Reads licence plates from cameras and delivers every read.
#[derive(Parser)]
#[command(name = "lpr-agent", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the agent: cameras, models, outbox, uplink
    #[cfg(feature = "vision")]
    Run(cmds::run::Args),
    /// Read plates from images, folders or clips, and print them
    #[cfg(feature = "vision")]
    Read(cmds::read::Args),
    /// Measure how well the models read photos and clips whose plates are known
    #[cfg(feature = "vision")]
    Eval(cmds::eval::Args),
    /// Check a configuration file
    CheckConfig(cmds::check_config::Args),
    /// Make a configuration from the env file of a first-generation agent
    ImportEnv(cmds::import_env::Args),
    /// Fetch this device's token with a code from the server's admin
    Provision(cmds::provision::Args),
    /// Look at cameras, models, box and server, and say what is wrong
    Doctor(cmds::doctor::Args),
    /// List, fetch or verify the models and the ONNX Runtime library
    #[cfg(feature = "vision")]
    Models(cmds::models::Args),
    /// Write simulated frames and their truth
    #[cfg(feature = "vision")]
    Simulate(cmds::simulate::Args),
    /// Look into the outbox, and act on it
    Outbox(cmds::outbox::Args),
    /// Try every call and event of a server
    TestServer(cmds::test_server::Args),
    /// Change a camera's zones, as the page asks for by a socket
    #[command(hide = true)]
    WriteZones(cmds::write_zones::Args),
    /// Write the manual pages and shell completions
    #[command(hide = true)]
    Manual(manual::Args),
}

fn main() -> ExitCode {
    #[cfg(feature = "vision")]
    forbid_telemetry();
    lpr::exit::allow_closed_output();
    let result = match Cli::parse().command {
        #[cfg(feature = "vision")]
        Command::Run(args) => cmds::run::execute(&args),
        #[cfg(feature = "vision")]
        Command::Read(args) => cmds::read::execute(&args),
        #[cfg(feature = "vision")]
        Command::Eval(args) => cmds::eval::execute(&args),
        Command::CheckConfig(args) => cmds::check_config::execute(&args),
        Command::ImportEnv(args) => cmds::import_env::execute(&args),
        Command::Provision(args) => cmds::provision::execute(&args),
        Command::Doctor(args) => cmds::doctor::execute(&args),
        #[cfg(feature = "vision")]
        Command::Models(args) => cmds::models::execute(&args),
        #[cfg(feature = "vision")]
        Command::Simulate(args) => cmds::simulate::execute(&args),
        Command::Outbox(args) => cmds::outbox::execute(&args),
        Command::TestServer(args) => cmds::test_server::execute(&args),
        Command::WriteZones(args) => cmds::write_zones::execute(&args),
        Command::Manual(args) => manual::execute(&args, Cli::command()).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|failure: Failure| {
        eprintln!("lpr-agent: {failure}");
        failure.exit.into()
    })
}

/// ONNX Runtime 1.31 keeps usage data and the machine's identity in ~/.cache/Microsoft and sends them to its maker, whatever
/// its API is told. Only this variable, which it reads when it is loaded, stops that.
#[cfg(feature = "vision")]
#[allow(unsafe_code, reason = "the environment can be changed safely here and nowhere later")]
fn forbid_telemetry() {
    // SAFETY: this is the first thing the process does; no other thread reads the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
}
