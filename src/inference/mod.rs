//! The models: what they are (manifests), how they run (ONNX Runtime, behind [`Engine`]), and the road from a frame to
//! its reads ([`Pipeline`]). `ort_engine.rs` is the only file that names the runtime's crate.

mod decode;
mod detector;
mod engine;
mod error;
mod fetched;
mod guess;
mod inspect;
mod locate;
mod manifest;
mod memory;
mod model;
mod ort_engine;
mod pipeline;
mod plate_text;
mod plates;
mod reach;
mod reader;
mod recogniser;
mod trial;

pub use engine::{Engine, Port, Provider, Signature};
pub use error::InferenceError;
pub use inspect::{Inspected, check_model, inspect, places};
pub use manifest::{
    Classes, DetectorSpec, InputSpec, Look, Manifest, RecogniserLayout, RecogniserSpec, Role, Sight, manifest_names,
};
pub use memory::give_memory_back;
pub use pipeline::{ModelInfo, Pipeline, PipelineInfo};
pub use reach::{Lookout, Reach};
pub use trial::{Looked, Objection, Trial};
