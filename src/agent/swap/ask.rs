//! What `lpr-agent models use` and a running agent say to each other: one line of JSON each, over a socket in the data
//! directory that only its owner and root can open. The agent's last line is `taken` or `kept`.

use super::Place;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// A manifest's name, or `none`.
    pub model: String,
    /// Where it goes; otherwise its manifest says so, and `none` is a vehicle detector.
    #[serde(default, rename = "as")]
    pub place: Option<Place>,
    pub trial_s: f64,
    pub probation_s: f64,
}

/// What the agent answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// How far it has come.
    Note(String),
    /// The model is in use.
    Taken(String),
    /// The old one is in use, and why.
    Kept(String),
}

pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}
