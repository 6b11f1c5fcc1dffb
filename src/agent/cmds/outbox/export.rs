//! Events out of the outbox, as JSON lines.

use super::{open, storage};
use crate::agent::owner::become_owner;
use crate::agent::{Exit, Failure};
use crate::config::AgentConfig;
use crate::media::EvidenceStore;
use crate::outbox::{Inspector, Kept, OutboxError, State};
use crate::wire::outgoing::Pictures;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

const PAGE: usize = 64;

/// What became of them.
#[derive(Debug, Default)]
struct Sum {
    written: usize,
    /// Events that cannot be read.
    unreadable: usize,
    pictures_missing: usize,
}

enum Fault {
    Outbox(OutboxError),
    File(io::Error),
}

pub(super) fn export(config: &AgentConfig, path: &Path, state: Option<State>) -> Result<ExitCode, Failure> {
    let fault = |error| Failure::new(Exit::Storage, format!("cannot write {}: {error}", path.display()));
    // The file is that of the person who asks; the outbox may be another's.
    let mut out: Box<dyn Write> = if path == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(BufWriter::new(File::create(path).map_err(fault)?))
    };
    become_owner(&config.data_dir)?;
    let outbox = open(config)?;
    let evidence = EvidenceStore::at(&config.data_dir);
    let mut sum = Sum::default();
    let states = state.map_or(vec![State::Pending, State::Quarantined], |state| vec![state]);
    let done = (states.into_iter().try_for_each(|state| write_state(&outbox, &evidence, state, &mut out, &mut sum)))
        .and_then(|()| out.flush().map_err(Fault::File));
    match done {
        Ok(()) => {}
        // Whoever reads has seen enough.
        Err(Fault::File(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        Err(Fault::File(error)) => return Err(fault(error)),
        Err(Fault::Outbox(error)) => return Err(storage(error)),
    }
    let Sum { written, unreadable, pictures_missing } = sum;
    if unreadable + pictures_missing == 0 {
        eprintln!("{written} event(s) written");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{written} event(s) written, {unreadable} unreadable left out, {pictures_missing} picture(s) missing");
    Ok(Exit::Partly.into())
}

fn write_state(
    outbox: &Inspector,
    evidence: &EvidenceStore,
    state: State,
    out: &mut dyn Write,
    sum: &mut Sum,
) -> Result<(), Fault> {
    let mut after = 0;
    loop {
        let (page, mark) = outbox.list(Some(state), after, PAGE).map_err(Fault::Outbox)?;
        if page.is_empty() {
            return Ok(());
        }
        for kept in &page {
            if let Some(why) = &kept.unreadable {
                eprintln!("lpr-agent: event {} cannot be read: {why}", kept.row.event_id);
                sum.unreadable += 1;
                continue;
            }
            let (payload, missing) = payload(kept, evidence);
            writeln!(out, "{payload}").map_err(Fault::File)?;
            sum.written += 1;
            sum.pictures_missing += missing;
        }
        after = mark;
    }
}

/// As the uplink would send it; with it how many of its pictures cannot be read.
fn payload(kept: &Kept, evidence: &EvidenceStore) -> (Value, usize) {
    let row = &kept.row;
    let mut missing = 0;
    let mut read = |path: &_| {
        let picture = evidence.read(path).inspect_err(|error| eprintln!("lpr-agent: {error}")).ok();
        missing += usize::from(picture.is_none());
        picture
    };
    let pictures = Pictures {
        frame: row.evidence.frame.as_ref().and_then(&mut read),
        plates: row.evidence.plates.iter().map(|path| path.as_ref().and_then(&mut read)).collect(),
    };
    (row.payload(&pictures), missing)
}
