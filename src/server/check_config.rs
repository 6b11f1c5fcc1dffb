//! `lpr-server check-config`: every fault of a configuration at once, and of the files that it names, without starting
//! anything.

use super::listen::Certificates;
use super::watch::Webhook;
use crate::config::load_server;
use crate::exit::{Exit, Failure};
use std::io::{self, Write};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration to check
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Says that all is well, or what is not.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let config = load_server(Some(&args.config), std::env::vars())?;
    if config.tls.is_on() {
        Certificates::load(&config.tls).map_err(|error| Failure::new(Exit::Config, error))?;
    }
    Webhook::open(&config.webhook).map_err(|error| Failure::new(Exit::Config, error))?;
    let (file, data) = (args.config.display(), config.data_dir.display());
    let _ = writeln!(io::stdout(), "{file} is valid: listens on {}, keeps its data in {data}", config.listen);
    Ok(())
}
