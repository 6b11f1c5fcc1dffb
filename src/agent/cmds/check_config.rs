//! `lpr-agent check-config`: every fault of a configuration at once, without starting anything.

use crate::agent::Failure;
use crate::config::load_agent;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration to check
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = load_agent(&args.config, std::env::vars())?;
    println!(
        "{} is valid: {} camera(s), server {}",
        args.config.display(),
        config.camera.len(),
        config.uplink.server_url
    );
    Ok(ExitCode::SUCCESS)
}
