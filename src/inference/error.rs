//! Why models cannot be loaded or run. Each says which file, and what to do.

use crate::imaging::WarpError;
use crate::vision::{DecodeError, GrammarError};
use std::path::PathBuf;

/// A model, a manifest or the ONNX Runtime library that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    #[error("there is no model \"{name}\": {path} is missing; {known}")]
    UnknownModel { name: String, path: PathBuf, known: String },
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the manifest {path} cannot be used: {message}")]
    Manifest { path: PathBuf, message: String },
    #[error("models.{wanted} = \"{name}\": {name} is a model for {found}; name one for {wanted}")]
    Role { name: String, wanted: &'static str, found: &'static str },
    #[error("the model file {path} is missing; {remedy}")]
    ModelMissing { path: PathBuf, remedy: String },
    #[error(
        "{path} is not the file its manifest means: sha256 is {got}, the manifest says {expected}; \
         {remedy}, or correct the manifest if the file is yours"
    )]
    ModelCorrupt { path: PathBuf, expected: String, got: String, remedy: String },
    #[error("{path} is no ONNX model that ONNX Runtime {version} can run: {message}")]
    ModelForeign { path: PathBuf, version: String, message: String },
    #[error("the manifest {manifest} does not fit {file}: {message}")]
    Contradiction { manifest: PathBuf, file: PathBuf, message: String },
    #[error(
        "the ONNX Runtime library is missing; looked for {searched}; get it with `lpr-agent models fetch`, \
         or name it with models.runtime"
    )]
    RuntimeMissing { searched: String },
    #[error("{path} is no usable ONNX Runtime library: {message}; get one with `lpr-agent models fetch`")]
    RuntimeUnusable { path: PathBuf, message: String },
    #[error(
        "{path} is ONNX Runtime {found}, but {needed} or a later 1.x is needed; get one with `lpr-agent models fetch`, \
         or name one with models.runtime"
    )]
    RuntimeVersion { path: PathBuf, found: String, needed: String },
    #[error("ONNX Runtime is loaded from {loaded}; a process cannot load another from {wanted}: restart it")]
    RuntimeTwice { loaded: PathBuf, wanted: PathBuf },
    #[error(
        "the execution provider {provider} cannot run {model}: {message}; install what it needs, choose another in \
         models.providers, or allow the next one with models.provider_required = false"
    )]
    ProviderRequired { provider: String, model: String, message: String },
    #[error("{model} failed: {message}")]
    Run { model: String, message: String },
    #[error("{model} gave an output that is not its layout's: {source}")]
    Output { model: String, source: DecodeError },
    #[error("cannot prepare a picture for {model}: {source}")]
    Input { model: String, source: DecodeError },
    #[error("cannot tell what {path} is: {message}; write its manifest by hand, see docs/models.md")]
    Unguessable { path: PathBuf, message: String },
    #[error("models.regions: {0}")]
    Regions(GrammarError),
    #[error(transparent)]
    Warp(#[from] WarpError),
}
