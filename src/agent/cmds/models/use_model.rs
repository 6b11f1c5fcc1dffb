//! `lpr-agent models use`: another model, tried before it counts; in a running agent without an interruption.

use crate::agent::doctor::load_models;
use crate::agent::edit_config::set_texts;
use crate::agent::replace_file::rewrite;
use crate::agent::swap::ask::{Ask, Said, socket};
use crate::agent::swap::{Change, PROBATION_S, Place, TRIAL_S};
use crate::agent::{Exit, Failure};
use crate::config::{AgentConfig, ModelsConfig, agent_from, load_agent};
use crate::outbox;
use rustix::fs::{Access, access};
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A manifest in models.dir, by its name; its role says which model it takes the place of. none: no vehicle detector
    name: String,
    /// Which model it takes the place of, where that is not clear: a reader of Latin plates goes beside one that reads Thai
    /// ones, unless this says ocr; none --as latin: models.ocr reads all
    #[arg(long = "as", value_name = "KEY")]
    place: Option<Place>,
    /// The configuration that the service runs with
    #[arg(long, value_name = "FILE", default_value = "/etc/lpr-agent/agent.toml")]
    config: PathBuf,
    /// How long a running agent tries it on live frames beside the models in use; up to ten times that where few plates pass
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = trial_seconds)]
    trial: f64,
    /// How long it must then do well before it is written into the configuration
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0, value_parser = probation_seconds)]
    probation: f64,
}

fn trial_seconds(text: &str) -> Result<f64, String> {
    seconds(text, TRIAL_S)
}

fn probation_seconds(text: &str) -> Result<f64, String> {
    seconds(text, PROBATION_S)
}

fn seconds(text: &str, allowed: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| allowed.contains(seconds));
    seconds.ok_or_else(|| format!("seconds are {} to {}", allowed.start(), allowed.end()))
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = load_agent(&args.config, std::env::vars())?;
    let change = Change::of(&config.models, &args.name, args.place)?;
    let wanted = change.made_to(config.models.clone());
    // Everything that can fail does so before anything is changed.
    rewritten(&args.config, &change, &wanted)?;
    check_writable(&args.config)?;
    println!("{} {}", args.name, check(&wanted, &config.models)?);
    let running = connect(&config)?;
    let holds = if running.is_some() { "" } else { "; no agent runs: it holds from the next start" };
    if let Some(stream) = running {
        ask(stream, args)?;
    }
    // Someone may have changed the file meanwhile: what they changed stays.
    let text = rewritten(&args.config, &change, &wanted)?;
    rewrite(&args.config, &text).map_err(|error| unwritable(&args.config, &error))?;
    println!("{} has models.{} = \"{}\"{holds}", args.config.display(), change.place.key(), args.name);
    Ok(ExitCode::SUCCESS)
}

/// The file's text with the change made.
fn rewritten(path: &Path, change: &Change, wanted: &ModelsConfig) -> Result<String, Failure> {
    let refused = |message: String| Failure::new(Exit::Config, message);
    let unreadable = |error: io::Error| refused(format!("cannot read {}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let key = change.place.key();
    let changed = set_texts(&text, &[("models", key, &change.new)])
        .map_err(|reason| refused(format!("{} cannot be changed: {reason}; correct it first", path.display())))?;
    let config = agent_from(&changed, &path.display().to_string(), std::env::vars())?;
    if config.models != *wanted {
        let variable = format!("LPR_MODELS_{}", key.to_uppercase());
        return Err(refused(format!(
            "{variable} in the environment wins over the file, or models.* was changed by someone else meanwhile; nothing is changed"
        )));
    }
    Ok(changed)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Storage, format!("cannot write {}: {error}; run this with sudo", path.display()))
}

fn check_writable(path: &Path) -> Result<(), Failure> {
    let folder = |path: PathBuf| path.parent().map(Path::to_owned).unwrap_or_default();
    let writable = fs::canonicalize(path).and_then(|path| Ok(access(folder(path), Access::WRITE_OK)?));
    writable.map_err(|error| unwritable(path, &error))
}

/// Do the wanted models load, and do they read the drawn picture, where those in use do?
fn check(wanted: &ModelsConfig, in_use: &ModelsConfig) -> Result<String, Failure> {
    let refused = |reason: String| Failure::new(Exit::Models, format!("{reason}; nothing is changed"));
    let golden = load_models(wanted)?.1.golden;
    let golden = golden.map_err(|reason| refused(format!("a drawn picture cannot be read: {reason}")))?;
    let Some(misread) = golden.misread() else {
        return Ok(format!("loads, and reads drawn plates rightly in {} ms", golden.took.as_millis()));
    };
    let (written, read) = (misread.written.join(" "), misread.read.join(" "));
    // One province of one plate tells little of a model; the trial has more plates.
    if golden.has_registrations() {
        return Ok(format!("loads, and reads drawn plates rightly but for a province: \"{written}\" as \"{read}\""));
    }
    // Models for one country only, say: then those in use do not read it either.
    let before = load_models(in_use).ok().and_then(|(_, loaded)| loaded.golden.ok());
    if before.is_some_and(|golden| golden.misread().is_none()) {
        return Err(refused(format!(
            "a drawn plate says \"{written}\" and was read as \"{read}\"; the models in use read it rightly"
        )));
    }
    Ok("loads; drawn plates are read rightly neither by it nor by the models in use".into())
}

/// The running agent; `None` where none runs in this data directory.
fn connect(config: &AgentConfig) -> Result<Option<UnixStream>, Failure> {
    let path = socket(&config.data_dir);
    let error = match UnixStream::connect(&path) {
        Ok(stream) => return Ok(Some(stream)),
        Err(error) => error,
    };
    let absent = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
    if absent && !outbox::is_held(&config.data_dir) {
        return Ok(None);
    }
    let remedy = if error.kind() == ErrorKind::PermissionDenied {
        "run this with sudo".to_owned()
    } else {
        "an agent runs there and does not listen: stop it, run this again, start it".to_owned()
    };
    Err(Failure::new(Exit::Storage, format!("cannot connect to {}: {error}; {remedy}", path.display())))
}

/// Has the running agent try it, and waits for what comes of it.
fn ask(mut stream: UnixStream, args: &Args) -> Result<(), Failure> {
    let kept = |reason: &str| Failure::new(Exit::Partly, format!("{reason}; nothing is changed"));
    let lost = || kept("the agent ended before the new model had proven itself; it starts with the old one");
    let ask = Ask { model: args.name.clone(), place: args.place, trial_s: args.trial, probation_s: args.probation };
    let line = serde_json::to_string(&ask).map_err(|error| Failure::new(Exit::Internal, error))?;
    writeln!(stream, "{line}").map_err(|_| lost())?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|_| lost())?;
        let said = serde_json::from_str(&line)
            .map_err(|error| Failure::new(Exit::Internal, format!("the agent answers \"{line}\": {error}")))?;
        match said {
            Said::Note(text) => println!("{text}"),
            Said::Taken(text) => {
                println!("{text}");
                return Ok(());
            }
            Said::Kept(reason) => return Err(kept(&format!("the models in use stay: {reason}"))),
        }
    }
    Err(lost())
}
