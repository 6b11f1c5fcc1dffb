//! Events as JSON lines: out of one outbox and into another.

use super::{needs_stop, open, storage};
use crate::agent::{Exit, Failure};
use crate::clock::SystemClock;
use crate::config::AgentConfig;
use crate::domain::{BootId, CameraId, CameraKey, CaptureTime, CheckpointId, EventKind};
use crate::media::{EvidenceRefs, EvidenceStore};
use crate::outbox::{Editor, Foreign, Inspector, Kept, NewRow, State};
use crate::wire::outgoing::{Envelope, Pictures, serialise};
use crate::wire::timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use uuid::Uuid;

const PAGE: usize = 64;
/// A line may hold a frame and its crops in base64, but not a whole disk.
const LINE_MAX: u64 = 64_000_000;
/// Keys of a payload that are not part of the body: ids, times, pictures.
const NOT_BODY: [&str; 16] = [
    "type",
    "timestamp",
    "annotated_image",
    "cropped_plates",
    "seq",
    "camera_id",
    "aicamera_id",
    "checkpoint_id",
    "event_id",
    "revision",
    "epoch",
    "boot_id",
    "mono_ms",
    "clock_synced",
    "agent_version",
    "time_corrected",
];

fn file_fault(path: &Path, what: &str) -> impl Fn(io::Error) -> Failure {
    let named = format!("{what} {}", path.display());
    move |error| Failure::new(Exit::Storage, format!("cannot {named}: {error}"))
}

pub(super) fn export(config: &AgentConfig, path: &Path, state: Option<State>) -> Result<ExitCode, Failure> {
    let outbox = open(config)?;
    let evidence = EvidenceStore::at(&config.data_dir);
    let fault = file_fault(path, "write");
    let to_stdout = path == Path::new("-");
    let mut out: Box<dyn Write> =
        if to_stdout { Box::new(io::stdout()) } else { Box::new(BufWriter::new(File::create(path).map_err(&fault)?)) };
    let states = state.map_or(vec![State::Pending, State::Quarantined], |state| vec![state]);
    let mut count = 0;
    for state in states {
        count += export_state(&outbox, &evidence, state, &mut out).map_err(|error| match error {
            ExportError::Outbox(error) => storage(error),
            ExportError::File(error) => fault(error),
        })?;
    }
    out.flush().map_err(&fault)?;
    eprintln!("{count} event(s) written");
    Ok(ExitCode::SUCCESS)
}

enum ExportError {
    Outbox(crate::outbox::OutboxError),
    File(io::Error),
}

fn export_state(
    outbox: &Inspector,
    evidence: &EvidenceStore,
    state: State,
    out: &mut dyn Write,
) -> Result<usize, ExportError> {
    let (mut after, mut count) = (0, 0);
    loop {
        let (page, mark) = outbox.list(Some(state), after, PAGE).map_err(ExportError::Outbox)?;
        if page.is_empty() {
            return Ok(count);
        }
        for kept in &page {
            writeln!(out, "{}", payload(kept, evidence)).map_err(ExportError::File)?;
        }
        count += page.len();
        after = mark;
    }
}

/// As the uplink would send it.
fn payload(kept: &Kept, evidence: &EvidenceStore) -> Value {
    let row = &kept.row;
    let read = |path: &_| evidence.read(path).inspect_err(|error| eprintln!("lpr-agent: {error}")).ok();
    let pictures = Pictures {
        frame: row.evidence.frame.as_ref().and_then(read),
        plates: row.evidence.plates.iter().map(|path| path.as_ref().and_then(read)).collect(),
    };
    let envelope = Envelope {
        event_id: row.event_id,
        revision: row.revision,
        kind: row.kind,
        camera: &row.camera,
        epoch: row.epoch,
        seq: row.seq,
        boot: &row.boot,
        at: row.at,
    };
    serialise(&envelope, &row.body, &pictures, row.offset_us)
}

pub(super) fn import(config: &AgentConfig, path: &Path) -> Result<ExitCode, Failure> {
    needs_stop(&config.data_dir, "import")?;
    let fault = file_fault(path, "read");
    let mut lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).map_err(&fault)?))
    };
    let evidence = EvidenceStore::open(&config.data_dir).map_err(|error| Failure::new(Exit::Storage, error))?;
    let mut editor = Editor::alone(&config.data_dir, config.outbox.reserve_mb, &SystemClock).map_err(storage)?;
    let (mut new, mut known, mut bad) = (0, 0, 0);
    for number in 1.. {
        let mut line = Vec::new();
        // One byte more than allowed tells that there was more.
        let read = io::Read::take(&mut lines, LINE_MAX + 1).read_until(b'\n', &mut line).map_err(&fault)?;
        if read == 0 {
            break;
        }
        if read as u64 > LINE_MAX {
            return Err(Failure::new(Exit::Partly, format!("line {number} is longer than {LINE_MAX} bytes")));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match Incoming::parse(&line) {
            Ok(event) => match event.keep(&mut editor, &evidence)? {
                true => new += 1,
                false => known += 1,
            },
            Err(reason) => {
                eprintln!("lpr-agent: line {number}: {reason}");
                bad += 1;
            }
        }
    }
    println!("{new} event(s) imported, {known} known already, {bad} line(s) not understood");
    Ok(if bad > 0 { Exit::Partly.into() } else { ExitCode::SUCCESS })
}

struct Incoming {
    row: NewRow,
    foreign: Option<Foreign>,
    frame: Option<Vec<u8>>,
    plates: Vec<Option<Vec<u8>>>,
}

impl Incoming {
    fn parse(line: &[u8]) -> Result<Incoming, String> {
        let value: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
        let Value::Object(payload) = value else { return Err("no JSON object".into()) };
        let kind = match payload.get("type").and_then(Value::as_str) {
            Some("detection_result") => EventKind::Plate,
            Some("health_check") => EventKind::Health,
            _ => return Err("type is neither detection_result nor health_check".into()),
        };
        let wall_us = timestamp::parse(payload.get("timestamp").unwrap_or(&Value::Null), &TimeZone::UTC)
            .ok_or("timestamp is missing or unreadable")?;
        let uuid = |key: &str| payload.get(key).and_then(Value::as_str).and_then(|text| Uuid::parse_str(text).ok());
        let unsigned = |key: &str| payload.get(key).and_then(Value::as_u64);
        let flag = |key: &str| payload.get(key).and_then(Value::as_bool);
        let boot = payload.get("boot_id").and_then(Value::as_str).map(|id| BootId(id.to_owned()));
        let foreign =
            (uuid("epoch").zip(unsigned("seq")).zip(boot)).map(|((epoch, seq), boot)| Foreign { epoch, seq, boot });
        let at = CaptureTime {
            wall_us,
            mono_ms: unsigned("mono_ms").unwrap_or(0),
            // A time that was corrected, or that nobody doubts, is not to be corrected again.
            synced: flag("clock_synced").unwrap_or(true) || flag("time_corrected").unwrap_or(false),
        };
        let row = NewRow {
            event_id: uuid("event_id").unwrap_or_else(|| derived_id(&payload, wall_us)),
            revision: unsigned("revision").and_then(|number| u32::try_from(number).ok()).unwrap_or(0),
            kind,
            camera: CameraKey {
                camera: CameraId::new(&id_text(&payload, "camera_id")?).map_err(|e| format!("camera_id {e}"))?,
                checkpoint: CheckpointId::new(&id_text(&payload, "checkpoint_id")?)
                    .map_err(|e| format!("checkpoint_id {e}"))?,
            },
            at,
            body: body(&payload),
            evidence: EvidenceRefs::default(),
        };
        let frame = payload.get("annotated_image").and_then(picture);
        let crops = payload.get("cropped_plates").and_then(Value::as_array);
        Ok(Incoming { row, foreign, frame, plates: crops.into_iter().flatten().map(picture).collect() })
    }

    /// `false`: it is there already.
    fn keep(mut self, editor: &mut Editor, evidence: &EvidenceStore) -> Result<bool, Failure> {
        if editor.has_revision(self.row.event_id, self.row.revision).map_err(storage)? {
            return Ok(false);
        }
        let saved = evidence.save(self.row.event_id, self.row.at, self.frame.as_deref(), &self.plates);
        self.row.evidence = saved.map_err(|error| Failure::new(Exit::Storage, error))?;
        let kept = editor.import(&[(self.row, self.foreign)]).map_err(storage)?;
        Ok(kept == [true])
    }
}

/// Peers write ids as texts or numbers.
fn id_text(payload: &Map<String, Value>, key: &str) -> Result<String, String> {
    match payload.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(format!("{key} is missing")),
    }
}

fn picture(value: &Value) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(value.as_str()?).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// The body as the outbox keeps it: its moments are microseconds.
fn body(payload: &Map<String, Value>) -> Map<String, Value> {
    let mut body = payload.clone();
    body.retain(|key, _| !NOT_BODY.contains(&key.as_str()));
    for key in ["first_seen", "last_seen"] {
        for moment in body.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            *moment = timestamp::parse(moment, &TimeZone::UTC).into();
        }
    }
    body
}

/// The same payload has the same id, however often it is imported.
fn derived_id(payload: &Map<String, Value>, wall_us: i64) -> Uuid {
    let hash = Sha256::digest(Value::Object(payload.clone()).to_string().as_bytes());
    let mut bytes = [0u8; 10];
    bytes.copy_from_slice(&hash[..10]);
    let millis = u64::try_from(wall_us / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}
