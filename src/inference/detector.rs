//! A vehicle or plate detector: a part of a frame in, boxes in the frame's pixels out.

use super::model::{Model, ordered};
use super::ort_engine::Runtime;
use super::{InferenceError, Manifest, Role};
use crate::config::ModelsConfig;
use crate::domain::{BBox, Detection, Frame, Quad};
use crate::imaging::{Filter, PixelRect, Resampler};
use crate::vision::{Candidate, Detector, Fit, Letterbox, keep_best};
use std::time::Duration;

/// Which input size to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The manifest's.
    Frame,
    /// The smaller one for a vehicle's crop, where the graph's size is free.
    Vehicle,
    /// A plate's surroundings, if the manifest wants that.
    Close,
    /// The whole frame again, larger, if the manifest wants that.
    Far,
}

pub(super) struct DetectorModel {
    pub(super) model: Model,
    plan: Plan,
}

/// What a manifest's `[detector]` comes to with its graph.
struct Plan {
    detector: Detector,
    classes: Vec<String>,
    wanted: Vec<bool>,
    /// The layout's outputs in the graph.
    outputs: Vec<usize>,
    confidence: f32,
    nms: f32,
    sides: Sides,
}

/// So much of the manifest's confidence is enough for something that another look is to confirm.
const FAINT: f32 = 0.5;

/// The input's side for each view that has its own.
#[derive(Debug, Clone, Copy)]
struct Sides {
    vehicle: Option<usize>,
    close: Option<usize>,
    far: Option<usize>,
}

impl Sides {
    fn of(self, view: View) -> Option<usize> {
        match view {
            View::Frame => None,
            View::Vehicle => self.vehicle,
            View::Close => self.close,
            View::Far => self.far,
        }
    }
}

impl DetectorModel {
    pub(super) fn load(
        runtime: &Runtime,
        config: &ModelsConfig,
        role: Role,
        name: &str,
    ) -> Result<Self, InferenceError> {
        let model = Model::load(runtime, config, role, name)?;
        let plan = Plan::of(&model).map_err(|message| model.contradiction(&config.dir, message))?;
        Ok(Self { model, plan })
    }

    pub(super) fn with_model(self, of: impl FnOnce(Model) -> Model) -> Self {
        Self { model: of(self.model), ..self }
    }

    /// Do its boxes hold whole plates, both rows of them?
    pub(super) fn frames_whole_plates(&self) -> bool {
        self.model.manifest.detector.as_ref().is_some_and(|detector| detector.whole_plate)
    }

    /// All objects in `area` of the frame, surest first, each once. Adds the time inside the runtime to `spent`.
    pub(super) fn detect(
        &mut self,
        frame: &Frame,
        area: PixelRect,
        view: View,
        resampler: &mut Resampler,
        spent: &mut Duration,
    ) -> Result<Vec<Detection>, InferenceError> {
        self.detect_from(self.plan.confidence, frame, area, view, resampler, spent)
    }

    /// Likewise; and behind them what is only half as sure as it should be.
    pub(super) fn detect_with_faint(
        &mut self,
        frame: &Frame,
        area: PixelRect,
        view: View,
        resampler: &mut Resampler,
        spent: &mut Duration,
    ) -> Result<(Vec<Detection>, Vec<Detection>), InferenceError> {
        let confidence = self.plan.confidence;
        let mut found = self.detect_from(confidence * FAINT, frame, area, view, resampler, spent)?;
        let sure = found.partition_point(|detection| detection.confidence >= confidence);
        let faint = found.split_off(sure);
        Ok((found, faint))
    }

    fn detect_from(
        &mut self,
        confidence: f32,
        frame: &Frame,
        area: PixelRect,
        view: View,
        resampler: &mut Resampler,
        spent: &mut Duration,
    ) -> Result<Vec<Detection>, InferenceError> {
        let Model { manifest, engine, packing, buffer } = &mut self.model;
        let place = letterbox(manifest, self.plan.sides, area, view);
        let filter = if manifest.input.reduce_by_area { Filter::Area } else { Filter::Linear };
        let pixels = resampler.resize(frame, area, place.width as u32, place.height as u32, filter)?;
        buffer
            .pack(pixels, &place, packing)
            .map_err(|source| InferenceError::Input { model: manifest.name.clone(), source })?;
        let Plan { detector, outputs: order, wanted, nms, .. } = &self.plan;
        let mut found = Vec::new();
        *spent += engine.run(buffer, &mut |outputs| {
            let outputs = ordered(outputs, order);
            let keep = |class: usize| wanted.get(class).copied().unwrap_or(false);
            found = detector.decode(&outputs, place.tensor_width, place.tensor_height, confidence, keep)?;
            Ok(())
        })?;
        let limit = if detector.has_nms() { 1.0 } else { *nms };
        let kept = keep_best(&found, |c| c.bbox, |c| c.score, BBox::iou, limit);
        Ok(kept.into_iter().filter_map(|i| self.in_frame(&found[i], &place, area, frame)).collect())
    }

    /// Tensor pixels per pixel of the frame, if `area` of it is looked at.
    pub(super) fn scale(&self, area: PixelRect, view: View) -> f32 {
        let place = letterbox(&self.model.manifest, self.plan.sides, area, view);
        place.width as f32 / area.width as f32
    }

    /// The side of a view that the manifest must ask for.
    pub(super) fn side_of(&self, view: View) -> Option<usize> {
        self.plan.sides.of(view)
    }

    /// A candidate in the frame's pixels, cut off at the frame's edge.
    fn in_frame(&self, found: &Candidate, place: &Letterbox, area: PixelRect, frame: &Frame) -> Option<Detection> {
        let (dx, dy) = (area.x as f32, area.y as f32);
        let bbox = place.box_to_source(&found.bbox).translate(dx, dy).clamp_to(frame.width(), frame.height());
        let corners = found.corners.map(|quad| Quad(quad.0.map(|p| place.point_to_source(p))).translate(dx, dy));
        let class = self.plan.classes.get(found.class)?.clone();
        bbox.is_valid().then_some(Detection { bbox, confidence: found.score.min(1.0), class, corners })
    }
}

fn letterbox(manifest: &Manifest, sides: Sides, area: PixelRect, view: View) -> Letterbox {
    let input = &manifest.input;
    let (width, height) = sides.of(view).map_or((input.width, input.height), |side| (side, side));
    Letterbox::new(input.fit, area.width, area.height, width, height)
}

impl Plan {
    fn of(model: &Model) -> Result<Self, String> {
        let input = &model.manifest.input;
        let spec = model.manifest.detector.as_ref().ok_or("[detector] is missing")?;
        let classes = spec.class_names()?;
        let detector = Detector { layout: spec.layout, classes: classes.len(), landmarks: spec.landmarks };
        let fixed = input.fit != Fit::Aspect;
        let expected = detector.expected_outputs(fixed.then_some(input.width), fixed.then_some(input.height));
        let outputs = model.output_order(&spec.outputs, expected.len())?;
        model.check_outputs(&outputs, &expected)?;
        let sides = Sides { vehicle: spec.vehicle_side, close: spec.close_side, far: spec.far_side };
        for (key, side) in [("vehicle", sides.vehicle), ("close", sides.close), ("far", sides.far)] {
            if fixed && side.is_some() {
                return Err(format!("detector.{key}_side needs fit = \"aspect\" and a graph of free size"));
            }
        }
        let wanted = classes.iter().map(|name| spec.keep.is_empty() || spec.keep.contains(name)).collect();
        let (confidence, nms) = (spec.confidence, spec.nms);
        Ok(Self { detector, classes, wanted, outputs, confidence, nms, sides })
    }
}

#[cfg(test)]
#[path = "detector_tests.rs"]
mod tests;
