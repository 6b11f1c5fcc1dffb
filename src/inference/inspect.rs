//! A foreign ONNX file made into a model: a manifest is written from what the graph tells.

use super::detector::DetectorModel;
use super::fetched::sha256_of;
use super::guess::{Guess, guess, quoted};
use super::ort_engine::{OrtEngine, Runtime};
use super::recogniser::{Given, Recogniser};
use super::{Engine, InferenceError, Role};
use crate::config::ModelsConfig;
use std::path::{Path, PathBuf};

/// A manifest as it was guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    pub role: Role,
    /// The text of `NAME.toml`.
    pub manifest: String,
    /// What a person should look at.
    pub doubts: Vec<String>,
}

/// Guesses the manifest of an ONNX file. `file` is what the manifest calls it, `alphabet` a recogniser's letters.
pub fn inspect(
    config: &ModelsConfig,
    path: &Path,
    name: &str,
    role: Option<Role>,
    alphabet: Option<&str>,
) -> Result<Inspected, InferenceError> {
    let bytes = std::fs::read(path).map_err(|source| InferenceError::Unreadable { path: path.to_owned(), source })?;
    let runtime = Runtime::load(config)?;
    let engine = OrtEngine::load(&runtime, config, name, path, &bytes)?;
    let metadata = |key: &str| engine.metadata(key);
    let Guess { role, sections, doubts } = guess(engine.signature(), &metadata, role, alphabet)
        .map_err(|message| InferenceError::Unguessable { path: path.to_owned(), message })?;
    let licence = metadata("license").unwrap_or_else(|| "unknown".to_owned());
    let notes: String = doubts.iter().map(|doubt| format!("# Look at this: {doubt}\n")).collect();
    let manifest = format!(
        "# Guessed from the graph by `lpr-agent models inspect`: see docs/models.md, and edit.\n{notes}name = {}\nrole = \"{}\"\n\
         file = {}\nsha256 = \"{}\"\nlicence = {}\nlicence_from = \"the file's metadata\"\n\n{sections}",
        quoted(name),
        role.as_str(),
        quoted(&format!("{name}.onnx")),
        sha256_of(&bytes),
        quoted(&licence),
    );
    Ok(Inspected { role, manifest, doubts })
}

/// Loads a model of `config.dir` by itself: is its manifest good, and does it fit its graph?
pub fn check_model(config: &ModelsConfig, role: Role, name: &str) -> Result<(), InferenceError> {
    let runtime = Runtime::load(config)?;
    match role {
        Role::Ocr => Recogniser::load(&runtime, config, name, Given { thai: true, whole: false }).map(|_| ()),
        Role::Vehicle | Role::Plate => DetectorModel::load(&runtime, config, role, name).map(|_| ()),
    }
}

/// Where a model's files go.
pub fn places(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    (dir.join(format!("{name}.toml")), dir.join(format!("{name}.onnx")))
}
