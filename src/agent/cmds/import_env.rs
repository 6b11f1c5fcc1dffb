//! `lpr-agent import-env`: the first generation's env file as our configuration.

use crate::agent::import_env::import;
use crate::agent::{Exit, Failure};
use crate::config::agent_from;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The env file of the old agent
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the configuration here instead of to standard output; a file that is there is not overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let bytes = std::fs::read(&args.file)
        .map_err(|error| Failure::new(Exit::Config, format!("cannot read {}: {error}", args.file.display())))?;
    let imported = import(&String::from_utf8_lossy(&bytes));
    for note in &imported.notes {
        eprintln!("{}: {note}", args.file.display());
    }
    match &args.out {
        None => print!("{}", imported.toml),
        Some(path) => {
            let made = std::fs::File::create_new(path).and_then(|mut file| file.write_all(imported.toml.as_bytes()));
            made.map_err(|error| Failure::new(Exit::Storage, format!("cannot write {}: {error}", path.display())))?;
            eprintln!("{} is written", path.display());
        }
    }
    // What is still missing is said now, not when the service starts.
    match agent_from(&imported.toml, "imported", std::iter::empty()) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}");
            Ok(Exit::Partly.into())
        }
    }
}
