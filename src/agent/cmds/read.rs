//! `lpr-agent read` (to come).

use crate::agent::Failure;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn execute(_args: &Args) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
