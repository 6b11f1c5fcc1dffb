//! `lpr-agent write-zones`, hidden: changes the zones, lines and least plate height of one camera, as the agent's page asks for
//! by a socket. systemd starts it as root, for one order each (systemd/lpr-agent-zones.socket).

use crate::agent::page::save::ConfigFile;
use crate::agent::page::writer;
use crate::agent::{Exit, Failure};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration to change
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let refused = |reason| Failure::new(Exit::Partly, format!("{} is left as it was: {reason}", args.config.display()));
    writer::serve(&ConfigFile::at(&args.config), io::stdin(), io::stdout()).map_err(refused)?;
    Ok(ExitCode::SUCCESS)
}
