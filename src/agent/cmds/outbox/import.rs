//! Events into the outbox, from JSON lines.

use super::{needs_stop, storage};
use crate::agent::owner::become_owner;
use crate::agent::{Exit, Failure};
use crate::clock::SystemClock;
use crate::config::AgentConfig;
use crate::domain::{BootId, CameraId, CameraKey, CaptureTime, CheckpointId, EventKind};
use crate::media::{EvidenceRefs, EvidenceStore};
use crate::outbox::{Editor, Foreign, NewRow};
use crate::wire::timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use uuid::Uuid;

/// A line may hold a frame and its crops in base64, but not a whole disk.
const LINE_MAX: u64 = 64_000_000;
/// Boot of events that name none: no machine has it, so that no clock is held against theirs.
const NO_BOOT: &str = "imported";
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

/// What became of the lines.
#[derive(Debug, Default)]
struct Sum {
    new: usize,
    known: usize,
    bad: usize,
    pictures: usize,
}

pub(super) fn import(config: &AgentConfig, path: &Path) -> Result<ExitCode, Failure> {
    needs_stop(&config.data_dir, "import")?;
    let fault = |error| Failure::new(Exit::Storage, format!("cannot read {}: {error}", path.display()));
    // The file is that of the person who asks; the outbox may be another's.
    let mut lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).map_err(fault)?))
    };
    become_owner(&config.data_dir)?;
    let evidence = EvidenceStore::open(&config.data_dir)
        .map_err(|error| Failure::new(Exit::Storage, error))?
        .sparing(config.outbox.reserve_mb);
    let mut editor = Editor::alone(&config.data_dir, config.outbox.reserve_mb, &SystemClock).map_err(storage)?;
    let mut sum = Sum::default();
    let done = take_all(&mut lines, &mut editor, &evidence, &mut sum, fault);
    let Sum { new, known, bad, pictures } = sum;
    println!("{new} event(s) imported, {known} known already, {bad} line(s) not understood");
    if pictures > 0 {
        println!("{pictures} picture(s) left out");
    }
    done?;
    Ok(if bad + pictures > 0 { Exit::Partly.into() } else { ExitCode::SUCCESS })
}

fn take_all(
    lines: &mut dyn BufRead,
    editor: &mut Editor,
    evidence: &EvidenceStore,
    sum: &mut Sum,
    fault: impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    for number in 1.. {
        let mut line = Vec::new();
        // One byte more than allowed tells that there was more.
        let read = Read::take(&mut *lines, LINE_MAX + 1).read_until(b'\n', &mut line).map_err(&fault)?;
        if read == 0 {
            break;
        }
        let parsed = if read as u64 > LINE_MAX {
            lines.skip_until(b'\n').map_err(&fault)?;
            Err(format!("longer than {LINE_MAX} bytes"))
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        } else {
            Incoming::parse(&line)
        };
        match parsed.and_then(|event| event.check(editor)) {
            Ok(Some(event)) => {
                for remark in &event.remarks {
                    eprintln!("lpr-agent: line {number}: {remark}; the event is kept without");
                }
                sum.pictures += event.remarks.len();
                event.keep(editor, evidence)?;
                sum.new += 1;
            }
            Ok(None) => sum.known += 1,
            Err(reason) => {
                eprintln!("lpr-agent: line {number}: {reason}");
                sum.bad += 1;
            }
        }
    }
    Ok(())
}

struct Incoming {
    row: NewRow,
    foreign: Foreign,
    frame: Option<Vec<u8>>,
    plates: Vec<Option<Vec<u8>>>,
    /// Of pictures that are none.
    remarks: Vec<String>,
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
        let boot = payload.get("boot_id").and_then(Value::as_str).unwrap_or(NO_BOOT);
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
            camera: camera(&payload)?,
            at,
            body: body(&payload),
            evidence: EvidenceRefs::default(),
        };
        let foreign = Foreign { number: uuid("epoch").zip(unsigned("seq")), boot: BootId(boot.to_owned()) };
        let mut remarks = Vec::new();
        let mut picture = |name: &str, value: &Value| {
            picture(value).unwrap_or_else(|why| {
                remarks.push(format!("{name} {why}"));
                None
            })
        };
        let frame = payload.get("annotated_image").and_then(|value| picture("annotated_image", value));
        let crops = payload.get("cropped_plates").and_then(Value::as_array);
        let plates = crops.into_iter().flatten().map(|value| picture("one of cropped_plates", value)).collect();
        Ok(Incoming { row, foreign, frame, plates, remarks })
    }

    /// `None`: it is there already. The same id from another camera is another event, which there is no room for here.
    fn check(self, editor: &Editor) -> Result<Option<Incoming>, String> {
        let NewRow { event_id, revision, camera, .. } = &self.row;
        match editor.camera_of(*event_id, *revision).map_err(|error| error.to_string())? {
            None => Ok(Some(self)),
            Some(known) if known == *camera => Ok(None),
            Some(known) => Err(format!("event {event_id} of {camera} is here already as one of {known}")),
        }
    }

    fn keep(mut self, editor: &mut Editor, evidence: &EvidenceStore) -> Result<(), Failure> {
        let row = &mut self.row;
        let saved = evidence.save_revision(row.event_id, row.revision, row.at, self.frame.as_deref(), &self.plates);
        row.evidence = saved.map_err(|error| Failure::new(Exit::Storage, error))?;
        editor.import(&self.row, &self.foreign).map_err(storage)
    }
}

fn camera(payload: &Map<String, Value>) -> Result<CameraKey, String> {
    Ok(CameraKey {
        camera: CameraId::new(&id_text(payload, "camera_id")?).map_err(|error| format!("camera_id {error}"))?,
        checkpoint: CheckpointId::new(&id_text(payload, "checkpoint_id")?)
            .map_err(|error| format!("checkpoint_id {error}"))?,
    })
}

/// Peers write ids as texts or numbers.
fn id_text(payload: &Map<String, Value>, key: &str) -> Result<String, String> {
    match payload.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(format!("{key} is missing")),
    }
}

/// Base64, bare or as a `data:` URL; nothing and an empty text are no picture.
fn picture(value: &Value) -> Result<Option<Vec<u8>>, &'static str> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.as_str(),
        _ => return Err("is no text"),
    };
    let base64 = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").ok_or("is a data: URL without base64")?.1,
        None => text,
    };
    let bytes = STANDARD.decode(base64).map_err(|_| "is no base64")?;
    Ok((!bytes.is_empty()).then_some(bytes))
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
