//! An env file of the first generation as our configuration. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    pub toml: String,
    /// For the person who imports it, in the order of the file.
    pub notes: Vec<String>,
}

/// One line of the file.
struct Entry {
    line: usize,
    value: String,
}

/// What a first-generation name stands for.
enum Meaning {
    /// Our key, and how its value is read.
    Key(&'static str, Read),
    /// Nothing of ours, and why.
    Nothing(&'static str),
}

#[derive(Clone, Copy)]
enum Read {
    Text,
    Seconds,
    /// 0–1, or 0–100.
    Share,
    Level,
    Source,
}

/// Names of the first generation and of its relatives; of two for one key the earlier one counts.
const NAMES: &[(&str, Meaning)] = {
    use Meaning::{Key, Nothing};
    use Read::{Level, Seconds, Share, Source, Text};
    &[
        ("AICAMERA_ID", Key("camera_id", Text)),
        ("CAMERA_ID", Key("camera_id", Text)),
        ("CHECKPOINT_ID", Key("checkpoint_id", Text)),
        ("WEBSOCKET_SERVER_URL", Key("uplink.server_url", Text)),
        ("SERVER_URL", Key("uplink.server_url", Text)),
        ("REST_API_URL", Key("uplink.server_url", Text)),
        ("CAMERA_SOURCE", Key("camera.source", Source)),
        ("RTSP_URL", Key("camera.source", Source)),
        ("OCR_CONFIDENCE_THRESHOLD", Key("pipeline.min_text_confidence", Share)),
        ("CONFIDENCE_THRESHOLD", Key("pipeline.min_text_confidence", Share)),
        ("HEALTH_CHECK_INTERVAL", Key("health.interval_s", Seconds)),
        ("HEALTH_INTERVAL", Key("health.interval_s", Seconds)),
        ("WEBSOCKET_CONNECTION_TIMEOUT", Key("uplink.connect_timeout_s", Seconds)),
        ("LOG_LEVEL", Key("log.level", Level)),
        ("DETECTION_INTERVAL", Nothing("every frame is looked at; set max_fps only where the box is too slow")),
        ("CAMERA_RESOLUTION", Nothing("the camera's own size is used; a gst: source can ask for another")),
        ("CAMERA_FPS", Nothing("the camera's own pace is used; set max_fps to slow it down")),
        ("FRAMERATE", Nothing("the camera's own pace is used; set max_fps to slow it down")),
        ("IMAGE_SAVE_DIR", Nothing("pictures are kept below data_dir until they are delivered")),
        ("DATABASE_PATH", Nothing("the outbox is data_dir/outbox.db; its old events are not taken over")),
        ("DETECTION_CONFIDENCE_THRESHOLD", Nothing("what a detector must be sure of stands in its manifest")),
        ("PLATE_CONFIDENCE_THRESHOLD", Nothing("what a detector must be sure of stands in its manifest")),
        ("SENDER_INTERVAL", Nothing("events are sent as they happen")),
        ("WEBSOCKET_SENDER_INTERVAL", Nothing("events are sent as they happen")),
        ("WEBSOCKET_RETRY_INTERVAL", Nothing("retries are paced by the link")),
        ("WEBSOCKET_MAX_RETRIES", Nothing("retries never end")),
        ("VEHICLE_DETECTION_MODEL", Nothing("choose models.vehicle, see docs/models.md")),
        ("LICENSE_PLATE_DETECTION_MODEL", Nothing("choose models.plate, see docs/models.md")),
        ("LICENSE_PLATE_OCR_MODEL", Nothing("choose models.ocr, see docs/models.md")),
    ]
};

/// Reads the file's text.
pub fn import(text: &str) -> Imported {
    let mut notes = Vec::new();
    let entries = entries(text, &mut notes);
    let mut values: BTreeMap<&str, (String, &str)> = BTreeMap::new();
    for (name, meaning) in NAMES {
        let Some(Entry { line, value }) = entries.get(*name) else { continue };
        match meaning {
            Meaning::Nothing(why) => notes.push((*line, format!("{name} is not taken over: {why}"))),
            Meaning::Key(key, _) if values.contains_key(key) => {
                let taken = values.get(key).map_or("", |(_, from)| *from);
                notes.push((*line, format!("{name} is not taken over: {taken} says the same key, {key}")));
            }
            Meaning::Key(key, read) => match read.value(value) {
                Ok(value) => {
                    values.insert(*key, (value, *name));
                }
                Err(why) => notes.push((*line, format!("{name} is not taken over: {why}"))),
            },
        }
    }
    for (name, entry) in entries.iter().filter(|(name, _)| !NAMES.iter().any(|(known, _)| known == name)) {
        notes.push((entry.line, unknown(name)));
    }
    remarks(&values, &entries, &mut notes);
    notes.sort();
    let notes = notes.into_iter().map(|(line, note)| if line == 0 { note } else { format!("line {line}: {note}") });
    Imported { toml: write(&values), notes: notes.collect() }
}

/// `NAME=value`, `export NAME="value"`; the last of a name counts, as it did.
fn entries(text: &str, notes: &mut Vec<(usize, String)>) -> BTreeMap<String, Entry> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let pair = line.strip_prefix("export ").unwrap_or(line).split_once('=');
        let Some((name, value)) = pair.map(|(name, value)| (name.trim(), unquoted(value.trim()))) else {
            notes.push((number, "is no NAME=value and is left out".into()));
            continue;
        };
        if let Some(before) = entries.insert(name.to_owned(), Entry { line: number, value }) {
            let note = format!("{name} is there twice, in line {} too; this one counts", before.line);
            notes.push((number, note));
        }
    }
    entries
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some((inside, _)) = rest.split_once(quote)
        {
            return inside.to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim().to_owned()
}

fn unknown(name: &str) -> String {
    let upper = name.to_uppercase();
    if ["TOKEN", "KEY", "SECRET", "PASSWORD"].iter().any(|word| upper.contains(word)) {
        return format!("{name} may be a secret and is not taken over; a token comes by lpr-agent provision");
    }
    format!("{name} is not known and is left out")
}

impl Read {
    /// As TOML.
    fn value(self, text: &str) -> Result<String, String> {
        let number =
            || text.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| format!("\"{text}\" is no number"));
        match self {
            _ if text.is_empty() => Err("it is empty".into()),
            Self::Text => Ok(quoted(text)),
            Self::Seconds => number().map(|seconds| format!("{seconds:?}")),
            Self::Share => number().map(|share| format!("{:?}", if share > 1.0 { share / 100.0 } else { share })),
            Self::Level => Ok(quoted(match text.to_lowercase().as_str() {
                "warning" => "warn",
                "critical" | "fatal" => "error",
                "notset" => "trace",
                other => return Ok(quoted(other)),
            })),
            Self::Source => Ok(quoted(&source(text))),
        }
    }
}

/// `0` is the first V4L2 camera; the names of the Raspberry Pi's library are its camera.
fn source(text: &str) -> String {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return format!("/dev/video{text}");
    }
    match text.to_lowercase().as_str() {
        "picamera" | "picamera2" | "libcamera" => "gst:libcamerasrc".into(),
        _ => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What a person has to decide.
fn remarks(
    values: &BTreeMap<&str, (String, &str)>,
    entries: &BTreeMap<String, Entry>,
    notes: &mut Vec<(usize, String)>,
) {
    let line_of = |from: &str| entries.get(from).map_or(0, |entry| entry.line);
    if let Some((url, from)) = values.get("uplink.server_url")
        && crate::config::is_plain_to_another_machine(url.trim_matches('"'))
    {
        let note =
            "the server's address is not encrypted: use https://, or set uplink.allow_insecure = true inside a VPN";
        notes.push((line_of(from), note.into()));
    }
    match values.get("camera.source") {
        None => notes.push((0, "no camera was named: set source in [[camera]]".into())),
        Some((source, from)) if source.contains("://") && source.contains('@') => notes.push((
            line_of(from),
            "the camera's address holds a password: move user:password into credentials_file".into(),
        )),
        Some(_) => {}
    }
}

fn write(values: &BTreeMap<&str, (String, &str)>) -> String {
    let mut text = String::from("# Made by lpr-agent import-env; config/agent.toml shows every key.\n");
    let mut put = |heading: &str, table: &str| {
        let inside = |key: &&str| match key.split_once('.') {
            Some((outer, _)) => outer == table,
            None => table.is_empty(),
        };
        let mut first = true;
        for (key, (value, from)) in values.iter().filter(|(key, _)| inside(key)) {
            if first && !heading.is_empty() {
                let _ = writeln!(text, "\n{heading}");
            }
            first = false;
            let leaf = key.rsplit('.').next().unwrap_or(key);
            let _ = writeln!(text, "{leaf} = {value}  # {from}");
        }
    };
    put("", "");
    put("[[camera]]", "camera");
    for table in ["pipeline", "uplink", "health", "log"] {
        put(&format!("[{table}]"), table);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::agent_from;
    use proptest::prelude::*;

    const OLD: &str = "\
# first generation
AICAMERA_ID=1
CHECKPOINT_ID=\"checkpoint_7\"
export WEBSOCKET_SERVER_URL=ws://127.0.0.1:8765
CAMERA_SOURCE=0   # the USB one
CAMERA_RESOLUTION=1280x720
CONFIDENCE_THRESHOLD=70
HEALTH_INTERVAL=60
DETECTION_INTERVAL=0.1
LOG_LEVEL=WARNING
LOG_LEVEL=INFO
SERVER_URL=http://other
SECRET_KEY=hunter2
WHATEVER=1
broken line
";

    #[test]
    fn an_old_file_becomes_one_that_can_be_used_and_every_loss_is_named() {
        let Imported { toml, notes } = import(OLD);
        let config = agent_from(&toml, "imported", std::iter::empty()).unwrap();
        assert_eq!(config.camera_keys()[0].to_string(), "checkpoint_7/1");
        assert_eq!(config.camera[0].source, "/dev/video0");
        assert_eq!(config.uplink.server_url, "ws://127.0.0.1:8765");
        assert_eq!(config.health.interval_s, 60.0);
        assert!((config.pipeline.min_text_confidence - 0.7).abs() < 1e-6);
        assert_eq!(config.log.level, "info");
        let said = notes.join("\n");
        for part in [
            "line 6: CAMERA_RESOLUTION is not taken over",
            "line 9: DETECTION_INTERVAL is not taken over",
            "line 11: LOG_LEVEL is there twice, in line 10 too",
            "line 12: SERVER_URL is not taken over: WEBSOCKET_SERVER_URL says the same",
            "line 13: SECRET_KEY may be a secret",
            "line 14: WHATEVER is not known",
            "line 15: is no NAME=value",
        ] {
            assert!(said.contains(part), "{part} is not in\n{said}");
        }
        assert!(!said.contains("hunter2") && !toml.contains("hunter2"));
    }

    #[test]
    fn what_a_person_must_decide_is_said() {
        let notes = import("WEBSOCKET_SERVER_URL=ws://10.0.0.1:8765\nRTSP_URL=rtsp://u:p@cam/1\n").notes.join("\n");
        assert!(notes.contains("allow_insecure") && notes.contains("credentials_file"), "{notes}");
        assert!(import("").notes.join("\n").contains("no camera was named"));
    }

    proptest! {
        #[test]
        fn any_file_gives_toml(lines in prop::collection::vec("(AICAMERA_ID|CAMERA_SOURCE|LOG_LEVEL|HEALTH_INTERVAL|X)=\\PC{0,12}", 0..8)) {
            let toml = import(&lines.join("\n")).toml;
            prop_assert!(toml.parse::<toml::Table>().is_ok(), "{toml}");
        }
    }
}
