//! What a model looks like to the pipeline, whoever runs it.

use super::InferenceError;
use crate::vision::{DecodeError, Element, TensorBuffer, TensorView};
use std::time::Duration;

/// One input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    /// `None` for a type we do not use.
    pub element: Option<Element>,
    /// `None` for a side that is free; empty where the graph does not say.
    pub shape: Vec<Option<usize>>,
}

/// What a graph takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    Cpu,
    Cuda,
    Tensorrt,
}

impl Provider {
    /// As the configuration spells it.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Cpu, Self::Cuda, Self::Tensorrt].into_iter().find(|p| p.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Tensorrt => "tensorrt",
        }
    }
}

/// Runs one model.
pub trait Engine: Send {
    fn signature(&self) -> &Signature;

    /// A text the model's author put into the file.
    fn metadata(&self, key: &str) -> Option<String>;

    /// The execution provider in use.
    fn provider(&self) -> Provider;

    /// One inference. `read` sees the outputs, in the graph's order, while they live; what it refuses is the run's
    /// error. Gives the time spent inside the runtime.
    fn run(
        &mut self,
        input: &TensorBuffer,
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<(), DecodeError>,
    ) -> Result<Duration, InferenceError>;
}
