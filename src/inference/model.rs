//! What detectors and recognisers have in common: a manifest, an engine that fits it, and an input to write into.

use super::fetched::read_checked;
use super::ort_engine::{OrtEngine, Runtime};
use super::{Engine, InferenceError, Manifest, Role, Signature};
use crate::config::ModelsConfig;
use crate::vision::{Element, Fit, Packing, TensorBuffer, TensorLayout, TensorView};
use std::path::Path;

/// A loaded model.
pub(super) struct Model {
    pub(super) manifest: Manifest,
    pub(super) engine: Box<dyn Engine>,
    pub(super) packing: Packing,
    pub(super) buffer: TensorBuffer,
}

impl Model {
    /// Loads `<models.dir>/<name>.toml` and the file it names, and holds the two against each other.
    pub(super) fn load(
        runtime: &Runtime,
        config: &ModelsConfig,
        role: Role,
        name: &str,
    ) -> Result<Self, InferenceError> {
        let manifest = Manifest::load(&config.dir, name)?;
        if manifest.role != role {
            let (wanted, found) = (role.as_str(), manifest.role.as_str());
            return Err(InferenceError::Role { name: name.to_owned(), wanted, found });
        }
        let bytes = read_checked(&config.dir, &manifest)?;
        let path = config.dir.join(&manifest.file);
        let engine = OrtEngine::load(runtime, config, name, &path, &bytes)?;
        Self::new(manifest, Box::new(engine), &config.dir)
    }

    /// A manifest with an engine that fits it; `dir` is for messages.
    pub(super) fn new(manifest: Manifest, engine: Box<dyn Engine>, dir: &Path) -> Result<Self, InferenceError> {
        let model = Self { packing: manifest.packing(), manifest, engine, buffer: TensorBuffer::default() };
        model.check_input().map_err(|message| model.contradiction(dir, message))?;
        Ok(model)
    }

    /// A manifest and its file that say different things.
    pub(super) fn contradiction(&self, dir: &Path, message: String) -> InferenceError {
        InferenceError::Contradiction {
            manifest: dir.join(format!("{}.toml", self.manifest.name)),
            file: dir.join(&self.manifest.file),
            message,
        }
    }

    fn check_input(&self) -> Result<(), String> {
        let [input] = self.engine.signature().inputs.as_slice() else {
            return Err(format!("a model has one input, the graph has {}", self.engine.signature().inputs.len()));
        };
        let spec = &self.manifest.input;
        if input.element != Some(spec.element) {
            let found = input.element.map_or("another type", element_name);
            let wanted = element_name(spec.element);
            return Err(format!("input.element is \"{wanted}\", the graph's input \"{}\" is {found}", input.name));
        }
        let channels = spec.colour.channels();
        // The sides a picture may change must be free in the graph.
        let width = (!matches!(spec.fit, Fit::Aspect | Fit::Line)).then_some(spec.width);
        let height = (spec.fit != Fit::Aspect).then_some(spec.height);
        let (manifest, free) = match spec.layout {
            TensorLayout::Nchw => ([Some(1), Some(channels), height, width], [2, 3]),
            TensorLayout::Nhwc => ([Some(1), height, width, Some(channels)], [1, 2]),
        };
        let fixed_but_must_be_free =
            input.shape.len() == 4 && free.iter().any(|&side| manifest[side].is_none() && input.shape[side].is_some());
        if fixed_but_must_be_free || !fits(&manifest, &input.shape) {
            return Err(format!(
                "[input] means {}, the graph's input \"{}\" is {}",
                shape_text(&manifest),
                input.name,
                shape_text(&input.shape)
            ));
        }
        Ok(())
    }

    /// Where the named outputs stand in the graph; the graph's own order for no names.
    pub(super) fn output_order(&self, names: &[String], needed: usize) -> Result<Vec<usize>, String> {
        let outputs = &self.engine.signature().outputs;
        let known = || outputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ");
        let order = if names.is_empty() {
            (0..outputs.len()).collect()
        } else {
            let position = |name: &String| {
                let found = outputs.iter().position(|port| port.name == *name);
                found.ok_or_else(|| format!("outputs names \"{name}\", the graph has {}", known()))
            };
            names.iter().map(position).collect::<Result<Vec<_>, _>>()?
        };
        if order.len() < needed {
            return Err(format!("the layout has {needed} output(s), the graph gives {}", known()));
        }
        Ok(order[..needed].to_vec())
    }

    /// Holds the layout's shapes against the graph's outputs, in `order`.
    pub(super) fn check_outputs(&self, order: &[usize], expected: &[Vec<Option<usize>>]) -> Result<(), String> {
        let Signature { outputs, .. } = self.engine.signature();
        for (port, expected) in order.iter().map(|&i| &outputs[i]).zip(expected) {
            if port.element != Some(Element::F32) {
                return Err(format!("the graph's output \"{}\" is not f32", port.name));
            }
            if !fits(expected, &port.shape) {
                return Err(format!(
                    "the layout means {}, the graph's output \"{}\" is {}",
                    shape_text(expected),
                    port.name,
                    shape_text(&port.shape)
                ));
            }
        }
        Ok(())
    }
}

/// The outputs in the layout's order. A run gives as many outputs as the graph said it would.
pub(super) fn ordered<'a>(outputs: &[TensorView<'a>], order: &[usize]) -> Vec<TensorView<'a>> {
    order.iter().filter_map(|&index| outputs.get(index).copied()).collect()
}

/// Sides that both know must be equal; a graph that does not tell its rank fits everything.
fn fits(expected: &[Option<usize>], graph: &[Option<usize>]) -> bool {
    graph.is_empty()
        || (expected.len() == graph.len()
            && expected.iter().zip(graph).all(|(a, b)| a.zip(*b).is_none_or(|(a, b)| a == b)))
}

fn shape_text(shape: &[Option<usize>]) -> String {
    let sides: Vec<String> = shape.iter().map(|side| side.map_or("?".to_owned(), |n| n.to_string())).collect();
    format!("[{}]", sides.join(", "))
}

fn element_name(element: Element) -> &'static str {
    match element {
        Element::F32 => "f32",
        Element::U8 => "u8",
    }
}
