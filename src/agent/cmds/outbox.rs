//! `lpr-agent outbox`: what waits, what was refused, and what a technician can do about it.

mod export;
mod flush;
mod import;
mod look;

use crate::agent::owner::become_owner;
use crate::agent::{Exit, Failure};
use crate::clock::SystemClock;
use crate::config::{AgentConfig, load_agent};
use crate::outbox::{Editor, Inspector, Kept, OutboxError, RowId, State, is_held};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// The agent's configuration: it names the data directory and the server
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// How many events wait, were delivered, refused or given up, and how the link stands
    Stats {
        #[command(flatten)]
        config: ConfigArg,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Events, oldest first
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<StateArg>,
        /// So many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One event with all it says
    Show {
        #[command(flatten)]
        config: ConfigArg,
        /// Its event id, or as much of its beginning as makes it the only one
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Quarantined events wait for delivery again
    Requeue {
        #[command(flatten)]
        config: ConfigArg,
        /// Event ids, or as much of their beginning as makes each the only one
        #[arg(required_unless_present = "all_quarantined")]
        ids: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all_quarantined: bool,
    },
    /// Remove events for good; what was not delivered is counted and reported to the server
    Purge {
        #[command(flatten)]
        config: ConfigArg,
        /// Those in this state
        #[arg(long, value_enum)]
        state: StateArg,
        /// Only those captured longer ago, e.g. 90m, 12h, 7d
        #[arg(long, value_name = "TIME", value_parser = look::parse_age)]
        older_than: Option<std::time::Duration>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Write every waiting and quarantined event, pictures included, as JSON lines
    Export {
        #[command(flatten)]
        config: ConfigArg,
        /// The file to write; - for standard output
        file: PathBuf,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<StateArg>,
    },
    /// Take in JSON lines: what export wrote, or plain detections (PROTOCOL 1.4); what is there already stays as it is
    Import {
        #[command(flatten)]
        config: ConfigArg,
        /// The file to read; - for standard input
        file: PathBuf,
    },
    /// Deliver everything that waits, without cameras; ends when nothing does (exit 3: only quarantined events are left)
    Flush {
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StateArg {
    Pending,
    Delivered,
    Quarantined,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> State {
        match state {
            StateArg::Pending => State::Pending,
            StateArg::Delivered => State::Delivered,
            StateArg::Quarantined => State::Quarantined,
        }
    }
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    match &args.action {
        Action::Stats { config, json } => look::stats(&config.load()?, *json),
        Action::List { config, state, limit, json } => {
            look::list(&config.load()?, state.map(State::from), *limit, *json)
        }
        Action::Show { config, id, json } => look::show(&config.load()?, id, *json),
        Action::Requeue { config, ids, all_quarantined } => requeue(&config.load()?, ids, *all_quarantined),
        Action::Purge { config, state, older_than, yes } => purge(&config.load()?, (*state).into(), *older_than, *yes),
        // These two open a file of the caller's first.
        Action::Export { config, file, state } => export::export(&config.read()?, file, state.map(State::from)),
        Action::Import { config, file } => import::import(&config.read()?, file),
        Action::Flush { config } => flush::flush(&config.load()?),
    }
}

impl ConfigArg {
    fn read(&self) -> Result<AgentConfig, Failure> {
        Ok(load_agent(&self.config, std::env::vars())?)
    }

    /// From here on as the owner of the data directory.
    fn load(&self) -> Result<AgentConfig, Failure> {
        let config = self.read()?;
        become_owner(&config.data_dir)?;
        Ok(config)
    }
}

fn storage(error: OutboxError) -> Failure {
    Failure::new(Exit::Storage, error)
}

fn open(config: &AgentConfig) -> Result<Inspector, Failure> {
    Inspector::open(&config.data_dir).map_err(storage)
}

/// For what cannot be done beside a running agent.
fn needs_stop(data_dir: &Path, what: &str) -> Result<(), Failure> {
    if is_held(data_dir) {
        let dir = data_dir.display();
        return Err(Failure::new(
            Exit::Storage,
            format!("{what} cannot be done while an agent works in {dir}; stop it first: systemctl stop lpr-agent"),
        ));
    }
    Ok(())
}

/// The one event that `id` names, in all its revisions.
fn find_one(outbox: &Inspector, id: &str) -> Result<Vec<Kept>, Failure> {
    let found = outbox.find(id).map_err(storage)?;
    let fault = |what: String| Err(Failure::new(Exit::Partly, what));
    let Some(first) = found.first() else {
        return fault(format!("no event whose id begins with \"{id}\"; lpr-agent outbox list shows them"));
    };
    if found.iter().any(|kept| kept.row.event_id != first.row.event_id) {
        return fault(format!("\"{id}\" is the beginning of several ids; give more of it"));
    }
    Ok(found)
}

fn requeue(config: &AgentConfig, ids: &[String], all: bool) -> Result<ExitCode, Failure> {
    let outbox = open(config)?;
    let mut rows: Vec<RowId> = Vec::new();
    if all {
        let mut after = 0;
        loop {
            let (page, mark) = outbox.list(Some(State::Quarantined), after, 1000).map_err(storage)?;
            if page.is_empty() {
                break;
            }
            rows.extend(page.iter().map(|kept| kept.row.id));
            after = mark;
        }
    }
    let mut unknown = 0;
    for id in ids {
        match find_quarantined(&outbox, id) {
            Ok(found) => rows.extend(found.iter().map(|kept| kept.row.id)),
            Err(failure) => {
                eprintln!("lpr-agent: {failure}");
                unknown += 1;
            }
        }
    }
    let mut editor = Editor::beside(&config.data_dir, config.outbox.reserve_mb, &SystemClock).map_err(storage)?;
    let moved = editor.requeue(&rows).map_err(storage)?;
    let when = if is_held(&config.data_dir) { "now" } else { "when the agent runs" };
    println!("{moved} event(s) wait for delivery again and go {when}");
    Ok(if unknown == 0 { ExitCode::SUCCESS } else { Exit::Partly.into() })
}

fn find_quarantined(outbox: &Inspector, id: &str) -> Result<Vec<Kept>, Failure> {
    let mut found = find_one(outbox, id)?;
    let event = found[0].row.event_id;
    found.retain(|kept| kept.state == State::Quarantined);
    if found.is_empty() {
        return Err(Failure::new(Exit::Partly, format!("{event} is not quarantined")));
    }
    Ok(found)
}

fn purge(
    config: &AgentConfig,
    state: State,
    older_than: Option<std::time::Duration>,
    yes: bool,
) -> Result<ExitCode, Failure> {
    let alone = state == State::Pending;
    if alone {
        needs_stop(&config.data_dir, "removing events that may be in flight")?;
    }
    open(config)?;
    if !yes && !confirmed(state)? {
        println!("nothing removed");
        return Ok(ExitCode::SUCCESS);
    }
    let (dir, reserve_mb) = (&config.data_dir, config.outbox.reserve_mb);
    let editor = if alone {
        Editor::alone(dir, reserve_mb, &SystemClock)
    } else {
        Editor::beside(dir, reserve_mb, &SystemClock)
    };
    let purged = editor.and_then(|mut editor| editor.purge(state, older_than, &SystemClock)).map_err(storage)?;
    println!("{} {} event(s) removed", purged.gone, state.as_str());
    if purged.of_unknown_time > 0 {
        println!(
            "{} stay: their age is not known, since the clock was not set when they were captured",
            purged.of_unknown_time
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed(state: State) -> Result<bool, Failure> {
    let unasked = |_| Failure::new(Exit::Partly, "cannot ask; give --yes to remove events without a question");
    if !std::io::stdin().is_terminal() {
        return Err(unasked(()));
    }
    eprint!("Remove {} events for good? [y/N] ", state.as_str());
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|_| unasked(()))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
