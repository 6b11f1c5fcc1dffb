//! Files, variables and what is said of wrong ones.

use super::*;
use crate::config::CameraConfig;

const MINIMAL: &str = "[[camera]]\nsource = \"rtsp://cam/1\"\n";

fn env(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into_iter()
}

fn faults_of(text: &str) -> String {
    agent_from(text, "agent.toml", env(&[])).unwrap_err().to_string()
}

#[test]
fn a_minimal_file_takes_the_defaults() {
    let config = agent_from(MINIMAL, "agent.toml", env(&[])).unwrap();
    assert_eq!((config.models.ocr.as_str(), config.models.latin.as_str()), ("plate-ocr", "ppocr-v6"));
    assert_eq!(config.camera_keys()[0].to_string(), "checkpoint_001/camera_001");
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_nearest_valid_one() {
    let text = format!("{MINIMAL}[uplink]\nserver_ulr = \"http://x\"\n");
    assert_eq!(faults_of(&text), "agent.toml: line 4: uplink.server_ulr: unknown key; did you mean \"server_url\"?");
}

#[test]
fn every_fault_is_reported_at_once() {
    let text = "cammera_id = \"x\"\n[models]\nthreads = \"two\"\n[[camera]]\nsorce = \"x\"\n";
    let faults = faults_of(text);
    assert_eq!(faults.lines().count(), 3, "{faults}");
    assert!(faults.contains("models.threads: must be a whole number, not a text in quotes"));
    assert!(faults.contains("camera[1].sorce"));
}

#[test]
fn faults_of_keys_and_of_values_come_together_in_the_files_order() {
    let text =
        "[[camera]]\nsource = \"rtsp://cam/1\"\nmax_fps = 999\n[evidence]\njpeg_qualty = 3\n[uplink]\nwindow = 0\n";
    let faults = faults_of(text);
    let lines: Vec<&str> = faults.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(lines, ["line 3", "line 5", "line 7"], "{faults}");
}

#[test]
fn a_misspelt_key_is_not_blamed_for_its_default_too() {
    let faults = faults_of("[[camera]]\nsorce = \"rtsp://cam/1\"\n[models]\nthreads = \"two\"\n");
    assert_eq!(faults.lines().count(), 2, "{faults}");
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    let faults = faults_of(&format!("window = 3\n{MINIMAL}[uplink]\nmax_fps = 3\n"));
    assert!(faults.contains("line 1: window: unknown key; it belongs into [uplink]"), "{faults}");
    assert!(faults.contains("uplink.max_fps: unknown key; it belongs into [[camera]]"), "{faults}");
}

#[test]
fn every_line_that_is_no_toml_is_named_at_once() {
    let faults = faults_of("a = = 1\nb = 2\nc = [1,\nd = \"x\"\ne 3\n");
    assert!(faults.lines().count() >= 2 && faults.contains("line 1"), "{faults}");
}

#[test]
fn hours_are_checked() {
    let faults = faults_of(&format!("{MINIMAL}hours = [\"06:00-22:00\", \"6-22\"]\n"));
    assert_eq!(faults.lines().count(), 1, "{faults}");
    assert!(faults.contains("line 3: camera[1].hours: \"6-22\" are no hours"), "{faults}");
}

#[test]
fn broken_toml_names_its_line() {
    assert!(faults_of("a = 1\nb = = 2\n").starts_with("agent.toml: line 2: not valid TOML"));
}

#[test]
fn the_environment_overrides_any_key() {
    let config = agent_from(
        MINIMAL,
        "agent.toml",
        env(&[
            ("LPR_CAMERA_ID", "gate-3"),
            ("LPR_UPLINK_SERVER_URL", "https://control/lpr"),
            ("LPR_CAMERA_1_SOURCE", "/dev/video2"),
            ("LPR_CAMERA_1_MAX_FPS", "5"),
            ("LPR_MODELS_PROVIDERS", "cuda, cpu"),
            ("LPR_SERVER_LISTEN", "not for the agent"),
        ]),
    )
    .unwrap();
    assert_eq!(config.camera_id, "gate-3");
    assert_eq!(config.uplink.server_url, "https://control/lpr");
    assert_eq!(config.camera[0].source, "/dev/video2");
    assert_eq!(config.camera[0].max_fps, 5.0);
    assert_eq!(config.models.providers, ["cuda", "cpu"]);
}

#[test]
fn a_table_with_free_names_takes_texts_from_the_file_and_pairs_from_the_environment() {
    let load = |text: &str, pairs: &[(&str, &str)]| server_from(text, "server.toml", env(pairs));
    let file = "[camera_timezones]\n\"gate/c 1\" = \"Asia/Bangkok\"\n";
    assert_eq!(load(file, &[]).unwrap().camera_timezones["gate/c 1"], "Asia/Bangkok");
    let variable = ("LPR_SERVER_CAMERA_TIMEZONES", "gate/c1=Asia/Tokyo, gate/c2=UTC");
    let zones = load(file, &[variable]).unwrap().camera_timezones;
    assert_eq!((zones.len(), zones["gate/c1"].as_str()), (2, "Asia/Tokyo"));
    for (text, fault) in [
        ("\"gate/c\" = 7", "a text in quotes"),
        ("\"gate/c\" = \"Mars\"", "no IANA time zone"),
        ("c = \"UTC\"", "checkpoint and camera"),
    ] {
        let said = load(&format!("[camera_timezones]\n{text}\n"), &[]).unwrap_err().to_string();
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn an_unknown_or_unreadable_variable_is_named() {
    let error =
        agent_from(MINIMAL, "agent.toml", env(&[("LPR_UPLINK_SERVER_ULR", "x"), ("LPR_MODELS_THREADS", "many")]))
            .unwrap_err()
            .to_string();
    assert!(error.contains("LPR_UPLINK_SERVER_ULR: unknown key; did you mean \"server_url\"?"));
    assert!(error.contains("LPR_MODELS_THREADS: \"many\" is not a whole number"));
}

#[test]
fn two_cameras_may_not_share_an_id() {
    let text = "[[camera]]\nsource = \"a.jpg\"\n[[camera]]\nsource = \"b.jpg\"\n";
    assert!(faults_of(text).contains("is used twice"));
}

#[test]
fn a_value_out_of_range_is_refused_with_the_range() {
    let text = format!("{MINIMAL}[evidence]\njpeg_quality = 200\n");
    assert!(faults_of(&text).contains("evidence.jpeg_quality: 200 is out of range; allowed is 30 to 100"));
}

/// Every key of the schema is in the file, so that the file documents them all.
fn missing_keys(file: &Table, schema: &Table) -> Vec<String> {
    let mut missing = Vec::new();
    for (key, expected) in schema {
        match (file.get(key), expected) {
            (None, _) => missing.push(key.clone()),
            (Some(Value::Table(file)), Value::Table(schema)) => missing.extend(missing_keys(file, schema)),
            (Some(Value::Array(file)), Value::Array(schema)) => {
                if let (Some(Value::Table(file)), Some(Value::Table(schema))) = (file.first(), schema.first()) {
                    missing.extend(missing_keys(file, schema));
                }
            }
            _ => {}
        }
    }
    missing
}

#[test]
fn the_commented_agent_file_shows_every_key_with_its_default() {
    let text = include_str!("../../config/agent.toml");
    let mut config = agent_from(text, "agent.toml", env(&[])).unwrap();
    let example = road::with_examples(text);
    assert_eq!(missing_keys(&example.parse().unwrap(), &schema_of_agent()), Vec::<String>::new());
    assert_eq!(agent_from(&example, "agent.toml", env(&[])).unwrap().camera[0].zone.len(), 1);
    let camera = config.camera.remove(0);
    assert_eq!(config, AgentConfig::default());
    assert_eq!(CameraConfig { source: String::new(), ..camera }, CameraConfig::default());
}

#[test]
fn the_commented_server_file_shows_every_key_with_its_default() {
    let text = include_str!("../../config/server.toml");
    let config = server_from(text, "server.toml", env(&[])).unwrap();
    assert_eq!(missing_keys(&text.parse().unwrap(), &table_of(&ServerConfig::default())), Vec::<String>::new());
    assert_eq!(config, ServerConfig::default());
}

/// `LPR_…` names of every key of a schema.
fn variables(schema: &Table, prefix: &str) -> Vec<String> {
    let inner = |key: &str, value: &Value| match value {
        Value::Table(table) if !table.is_empty() => variables(table, &format!("{prefix}{}_", key.to_uppercase())),
        Value::Array(items) => match items.first() {
            Some(Value::Table(table)) => variables(table, &format!("{prefix}{}_1_", key.to_uppercase())),
            _ => vec![format!("{prefix}{}", key.to_uppercase())],
        },
        _ => vec![format!("{prefix}{}", key.to_uppercase())],
    };
    schema.iter().flat_map(|(key, value)| inner(key, value)).collect()
}

#[test]
fn the_documentation_names_every_variable() {
    let text = include_str!("../../docs/configuration.md");
    let mut names = variables(&schema_of_agent(), AGENT_PREFIX);
    names.extend(variables(&table_of(&ServerConfig::default()), SERVER_PREFIX));
    let missing: Vec<&String> = names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/configuration.md does not name {missing:?}");
    assert!(names.len() > 40);
}
