//! From text and environment to a checked configuration.

use super::locate::Origin;
use super::schema::Checked;
use super::{AgentConfig, ConfigError, Fault, ServerConfig, road};
use serde::{Serialize, de::DeserializeOwned};
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
    let origin = Origin { name: origin, text, prefix: AGENT_PREFIX, env: &env };
    load(&schema_of_agent(), &origin, AgentConfig::faults)
}

/// As [`load_server`], from text; `origin` names it in faults.
pub fn server_from(
    text: &str,
    origin: &str,
    env: impl Iterator<Item = (String, String)>,
) -> Result<ServerConfig, ConfigError> {
    let schema = table_of(&ServerConfig::default());
    let env: Vec<_> = env.collect();
    load(&schema, &Origin { name: origin, text, prefix: SERVER_PREFIX, env: &env }, ServerConfig::faults)
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

/// Faults of the file's keys, of the variables and of the values, all at once.
fn load<T: DeserializeOwned>(
    schema: &Table,
    origin: &Origin<'_>,
    faults_of: impl Fn(&T) -> Vec<Fault>,
) -> Result<T, ConfigError> {
    let refuse = |faults| ConfigError::Faults { origin: origin.name.to_owned(), faults };
    let mut checked = Checked::new(origin.text, schema).map_err(refuse)?;
    checked.apply_env(schema, origin.prefix, origin.env);
    let config = checked.value();
    checked.add(config.as_ref().map(faults_of).unwrap_or_default());
    match config {
        Some(config) if checked.faults.is_empty() => Ok(config),
        _ => Err(refuse(origin.located(checked.faults))),
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
