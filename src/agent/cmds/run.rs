//! `lpr-agent run`: the agent itself.

use crate::agent::{Agent, Ending, Exit, Failure};
use crate::config::load_agent;
use crate::telemetry;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration to run with
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End once every source has ended and the server has confirmed every event; exit 3 if only quarantined ones remain
    #[arg(long)]
    until_drained: bool,
    /// Where the page's changes of zones go, when the configuration's folder cannot be written; the packaged service has one
    #[arg(long, value_name = "SOCKET")]
    zones_socket: Option<PathBuf>,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = load_agent(&args.config, std::env::vars())?;
    telemetry::start_limited(&config.log.level).map_err(|error| Failure::new(Exit::Config, error))?;
    match Agent::start(config, args.zones_socket.clone())?.run(args.until_drained, &args.config)? {
        Ending::Stopped | Ending::Drained => Ok(ExitCode::SUCCESS),
        Ending::SourceFailed => Err(Failure::new(Exit::Source, "a source could not be read to its end; see above")),
        Ending::Wedged(part) => {
            Err(Failure::new(Exit::Wedged, format!("{part} hangs and only a new process helps; see above")))
        }
        Ending::OnlyQuarantined(count) => {
            eprintln!("lpr-agent: {count} event(s) were refused by the server and are kept in quarantine");
            Ok(Exit::Quarantined.into())
        }
    }
}
