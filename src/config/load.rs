//! From text and environment to a checked configuration.
//!
//! The default configuration, written as TOML, is the schema: its keys are the valid ones and its values tell the
//! types. So a new key needs no line here.

use super::locate::{Origin, finish};
use super::{AgentConfig, ConfigError, Fault, ServerConfig, road};
use serde::{Serialize, de::DeserializeOwned};
use std::ops::Range;
use std::path::Path;
use toml::{Table, Value};

const AGENT_PREFIX: &str = "LPR_";
const SERVER_PREFIX: &str = "LPR_SERVER_";

/// The agent's configuration: `path`, then `LPR_…` from `env`.
pub fn load_agent(path: &Path, env: impl Iterator<Item = (String, String)>) -> Result<AgentConfig, ConfigError> {
    agent_from(&read(path)?, &path.display().to_string(), env).map(|config| AgentConfig { file: path.into(), ..config })
}

/// The server's configuration: `path` if given, else the defaults; then `LPR_SERVER_…` from `env`.
pub fn load_server(
    path: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<ServerConfig, ConfigError> {
    match path {
        Some(path) => server_from(&read(path)?, &path.display().to_string(), env),
        None => server_from("", "defaults", env),
    }
}

/// As [`load_agent`], from text; `origin` names it in faults.
pub fn agent_from(
    text: &str,
    origin: &str,
    env: impl Iterator<Item = (String, String)>,
) -> Result<AgentConfig, ConfigError> {
    // An agent must not trip over the server's variables on a box that runs both.
    let env = env.filter(|(key, _)| !key.starts_with(SERVER_PREFIX) && !TOOL_VARIABLES.contains(&key.as_str()));
    let env: Vec<_> = env.collect();
    let config: AgentConfig = Loader::new(text, origin, schema_of_agent()).load(AGENT_PREFIX, env.iter().cloned())?;
    let faults = config.faults();
    finish(config, faults, &Origin { name: origin, text, prefix: AGENT_PREFIX, env: &env })
}

/// As [`load_server`], from text; `origin` names it in faults.
pub fn server_from(
    text: &str,
    origin: &str,
    env: impl Iterator<Item = (String, String)>,
) -> Result<ServerConfig, ConfigError> {
    let schema = table_of(&ServerConfig::default());
    let env: Vec<_> = env.collect();
    let config: ServerConfig = Loader::new(text, origin, schema).load(SERVER_PREFIX, env.iter().cloned())?;
    let faults = config.faults();
    finish(config, faults, &Origin { name: origin, text, prefix: SERVER_PREFIX, env: &env })
}

/// `LPR_…` variables that are no configuration keys: see docs/configuration.md.
const TOOL_VARIABLES: [&str; 3] = ["LPR_MODEL_CACHE", "LPR_TEST_DATA", "LPR_KILL_AT"];

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn table_of<T: Serialize>(value: &T) -> Table {
    // Both configurations are plain structs of numbers, texts and lists: they always make a table.
    Table::try_from(value).unwrap_or_default()
}

fn schema_of_agent() -> Table {
    let mut schema = table_of(&AgentConfig::default());
    schema.insert("camera".into(), Value::Array(vec![Value::Table(table_of(&road::example_camera()))]));
    schema
}

struct Loader<'a> {
    text: &'a str,
    origin: &'a str,
    schema: Table,
    faults: Vec<Fault>,
}

impl<'a> Loader<'a> {
    fn new(text: &'a str, origin: &'a str, schema: Table) -> Self {
        Self { text, origin, schema, faults: Vec::new() }
    }

    fn load<T: DeserializeOwned>(
        mut self,
        prefix: &str,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<T, ConfigError> {
        let mut table = match self.text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => return Err(self.syntax_error(&error)),
        };
        let schema = self.schema.clone();
        self.check_keys(&table, &schema, "");
        for (name, text) in env {
            if let Some(rest) = name.strip_prefix(prefix) {
                self.apply(&mut table, &schema, &name, &rest.to_lowercase(), &text);
            }
        }
        if self.faults.is_empty() {
            match Value::Table(table).try_into() {
                Ok(config) => return Ok(config),
                Err(error) => self.faults.push(Fault::new("", error.message().to_owned())),
            }
        }
        Err(ConfigError::Faults { origin: self.origin.to_owned(), faults: self.faults })
    }

    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let mut fault = Fault::new("", format!("not valid TOML: {}", error.message()));
        fault.line = error.span().map(|span| self.line_at(span));
        ConfigError::Faults { origin: self.origin.to_owned(), faults: vec![fault] }
    }

    fn line_at(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    /// Line of the first `key = …` or `[key]` in the file. A guess where a key occurs in several tables, so it only
    /// decorates the message.
    fn line_of(&self, key: &str) -> Option<usize> {
        let found = self.text.lines().position(|line| {
            let line = line.trim_start().trim_start_matches('[');
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', ']']))
        })?;
        Some(found + 1)
    }

    fn check_keys(&mut self, table: &Table, schema: &Table, path: &str) {
        for (key, value) in table {
            let dotted = join(path, key);
            let Some(expected) = schema.get(key) else {
                let mut fault = Fault::new(&dotted, unknown_key(key, schema));
                fault.line = self.line_of(key);
                self.faults.push(fault);
                continue;
            };
            self.check_value(value, expected, &dotted, key);
        }
    }

    fn check_value(&mut self, value: &Value, expected: &Value, dotted: &str, key: &str) {
        match (value, expected) {
            // Names that the file itself gives, each with a text.
            (Value::Table(inner), Value::Table(schema)) if schema.is_empty() => {
                for (name, value) in inner {
                    self.check_value(value, &Value::String(String::new()), &join(dotted, name), name);
                }
            }
            (Value::Table(inner), Value::Table(schema)) => self.check_keys(inner, schema, dotted),
            (Value::Array(items), Value::Array(schema)) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(expected) = schema.first() {
                        self.check_value(item, expected, &format!("{dotted}[{}]", index + 1), key);
                    }
                }
            }
            // A whole number is welcome where a fraction is expected.
            (Value::Integer(_), Value::Float(_)) => {}
            (value, expected) if value.same_type(expected) => {}
            (value, expected) => {
                let mut fault = Fault::new(dotted, format!("must be {}, not {}", kind(expected), kind(value)));
                fault.line = self.line_of(key);
                self.faults.push(fault);
            }
        }
    }

    /// Puts one environment variable in its place. `rest` is its name in lower case without the prefix, its words
    /// joined by `_`: `uplink_server_url` is `uplink.server_url`, `camera_1_source` the first camera's.
    fn apply(&mut self, table: &mut Table, schema: &Table, name: &str, rest: &str, text: &str) {
        if let Some(expected) = schema.get(rest) {
            match parse_like(expected, text) {
                Some(value) => {
                    table.insert(rest.to_owned(), value);
                }
                None => self.faults.push(Fault::new(name, format!("\"{text}\" is not {}", kind(expected)))),
            }
            return;
        }
        for (key, expected) in schema {
            let Some(inner) = rest.strip_prefix(key.as_str()).and_then(|r| r.strip_prefix('_')) else {
                continue;
            };
            match expected {
                Value::Table(inner_schema) => {
                    let slot = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(slot) = slot {
                        self.apply(slot, inner_schema, name, inner, text);
                    }
                    return;
                }
                Value::Array(items) => {
                    if let Some(Value::Table(inner_schema)) = items.first()
                        && let Some((number, inner)) = inner.split_once('_')
                        && let Ok(number @ 1..=64) = number.parse::<usize>()
                    {
                        if let Some(slot) = nth_table(table, key, number) {
                            self.apply(slot, inner_schema, name, inner, text);
                        }
                        return;
                    }
                }
                _ => {}
            }
        }
        self.faults.push(Fault::new(name, unknown_key(rest, schema)));
    }
}

/// The `number`-th (from 1) table of the list `key`, made if it is the next one.
fn nth_table<'t>(table: &'t mut Table, key: &str, number: usize) -> Option<&'t mut Table> {
    let list = table.entry(key.to_owned()).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
    while list.len() < number {
        list.push(Value::Table(Table::new()));
    }
    list.get_mut(number - 1)?.as_table_mut()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn parse_like(expected: &Value, text: &str) -> Option<Value> {
    match expected {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        // A list of texts needs no quotes; points are written as in the file.
        Value::Array(items) if matches!(items.first(), Some(Value::Array(_) | Value::Float(_))) => {
            let mut table = format!("list = {text}").parse::<Table>().ok()?;
            table.remove("list").filter(Value::is_array)
        }
        Value::Array(_) => {
            Some(Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()))
        }
        // NAME=TEXT,NAME=TEXT where the names are free.
        Value::Table(schema) if schema.is_empty() => {
            let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
            let pairs = pairs.map(|pair| {
                let (name, text) = pair.split_once('=')?;
                Some((name.trim().to_owned(), Value::String(text.trim().to_owned())))
            });
            Some(Value::Table(pairs.collect::<Option<Table>>()?))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

fn unknown_key(key: &str, schema: &Table) -> String {
    let nearest =
        schema.keys().map(|known| (strsim::jaro_winkler(key, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, known)) if likeness > 0.7 => {
            format!("unknown key; did you mean \"{known}\"?")
        }
        _ => {
            let known: Vec<&str> = schema.keys().map(String::as_str).collect();
            format!("unknown key; known here are {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CameraConfig;
    use super::*;

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
        assert_eq!(config.models.ocr, "ppocr-v6");
        assert_eq!(config.camera_keys()[0].to_string(), "checkpoint_001/camera_001");
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_the_nearest_valid_one() {
        let text = format!("{MINIMAL}[uplink]\nserver_ulr = \"http://x\"\n");
        assert_eq!(
            faults_of(&text),
            "agent.toml: line 4: uplink.server_ulr: unknown key; did you mean \"server_url\"?"
        );
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
}
