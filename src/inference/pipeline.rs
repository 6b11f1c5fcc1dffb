//! The road from a frame to its reads: vehicles, plates, text.

use super::detector::{DetectorModel, View};
use super::memory::{GivesBack, MapsWeights};
use super::model::Model;
use super::ort_engine::Runtime;
use super::plates::PlateSearch;
use super::reader::Reader;
use super::recogniser::Scene;
use super::{Engine, InferenceError, Lookout, Reach, Role};
use crate::config::ModelsConfig;
use crate::domain::{BBox, Detection, Frame, FrameReading, PlateRead, Timing};
use crate::imaging::{PixelRect, Resampler};
use crate::vision::{Grammar, Script};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// All models, ready to read frames. One thread owns it.
pub struct Pipeline {
    runtime: Runtime,
    vehicle: Option<DetectorModel>,
    plate: DetectorModel,
    reader: Reader,
    grammar: Grammar,
    resampler: Resampler,
    /// Behind all others: parts are dropped in their order.
    _gives_back: GivesBack,
}

/// What a pipeline is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineInfo {
    /// Of ONNX Runtime.
    pub runtime_version: String,
    pub runtime_path: PathBuf,
    pub models: Vec<ModelInfo>,
    /// Letters of the configured regions that the recogniser does not know.
    pub alphabet_lacks: String,
    /// Those of the regions' scripts that are read.
    pub scripts: Vec<Script>,
}

/// One model in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// `vehicle`, `plate`, `ocr` or `latin`: its key in `[models]`.
    pub role: &'static str,
    pub name: String,
    /// The execution provider in use, which may be another than the configuration's first.
    pub provider: &'static str,
    pub licence: String,
}

impl Pipeline {
    /// Loads ONNX Runtime and the models. Everything that can be wrong with them is found here, before the first frame.
    pub fn load(config: &ModelsConfig) -> Result<Self, InferenceError> {
        let _until_loaded = MapsWeights::begin();
        let runtime = Runtime::load(config)?;
        let vehicle = match config.vehicle.as_str() {
            ModelsConfig::NONE => None,
            name => Some(DetectorModel::load(&runtime, config, Role::Vehicle, name)?),
        };
        let plate = DetectorModel::load(&runtime, config, Role::Plate, &config.plate)?;
        let grammar = Grammar::of(&config.regions).map_err(InferenceError::Regions)?;
        let reader = Reader::load(&runtime, config, &grammar, plate.frames_whole_plates())?;
        let pipeline =
            Self { runtime, vehicle, plate, reader, grammar, resampler: Resampler::new()?, _gives_back: GivesBack };
        let info = pipeline.describe();
        for model in &info.models {
            tracing::debug!(role = model.role, name = model.name, provider = model.provider, "model loaded");
        }
        if !info.alphabet_lacks.is_empty() {
            tracing::warn!(
                model = config.ocr,
                lacks = info.alphabet_lacks,
                "the recogniser cannot read all letters of models.regions; choose another models.ocr"
            );
        }
        Ok(pipeline)
    }

    /// The same pipeline with every model's engine in the hands of what `wrap` makes of it: to measure it, or to script it.
    pub fn with_engines(mut self, mut wrap: impl FnMut(Role, Box<dyn Engine>) -> Box<dyn Engine>) -> Self {
        let mut wrapped = |model: Model| Model { engine: wrap(model.manifest.role, model.engine), ..model };
        self.vehicle = self.vehicle.map(|vehicle| vehicle.with_model(&mut wrapped));
        self.plate = self.plate.with_model(&mut wrapped);
        self.reader = self.reader.with_models(&mut wrapped);
        self
    }

    /// What is loaded, and what it really runs on.
    pub fn describe(&self) -> PipelineInfo {
        let vehicle = self.vehicle.as_ref().map(|vehicle| ("vehicle", &vehicle.model));
        let models = vehicle.into_iter().chain([("plate", &self.plate.model)]).chain(self.reader.models());
        let scripts = Script::ALL.into_iter().filter(|&script| self.grammar.takes(script) && self.reader.reads(script));
        PipelineInfo {
            runtime_version: self.runtime.version.clone(),
            runtime_path: self.runtime.path.clone(),
            models: models.map(describe).collect(),
            alphabet_lacks: self.grammar.missing_from(|letter| self.reader.knows(letter)),
            scripts: scripts.collect(),
        }
    }

    /// Reads one frame. `timing.decode` is left at 0 for whoever decoded it, and is not part of `total`.
    pub fn read(&mut self, frame: &Frame) -> Result<FrameReading, InferenceError> {
        self.read_within(frame, Reach::Far)
    }

    /// Reads the next frame of a stream, as far as its lookout wants.
    pub fn read_next(&mut self, frame: &Frame, lookout: &mut Lookout) -> Result<FrameReading, InferenceError> {
        let reading = self.read_within(frame, lookout.reach())?;
        lookout.saw(&reading);
        Ok(reading)
    }

    fn read_within(&mut self, frame: &Frame, reach: Reach) -> Result<FrameReading, InferenceError> {
        let mut spent = Duration::ZERO;
        let started = Instant::now();
        let vehicles = self.find_vehicles(frame, &mut spent)?;
        let vehicles_found = Instant::now();
        let known = self.vehicle.is_some().then_some(vehicles.as_slice());
        let (model, resampler) = (&mut self.plate, &mut self.resampler);
        let found = PlateSearch { model, resampler, spent: &mut spent, reach, faint: Vec::new() }.all(frame, known)?;
        let plates_found = Instant::now();
        let mut plates = Vec::with_capacity(found.len());
        for plate in found {
            let (grammar, resampler) = (&self.grammar, &mut self.resampler);
            let text = self.reader.read(&mut Scene { frame, grammar, resampler, spent: &mut spent }, &plate)?;
            let judged = self.grammar.judge(&text.read.text);
            let freely = text.read.freely.unwrap_or(text.read.text);
            let changed = judged.text != freely;
            let found = plate.best();
            let looks = PixelRect::of(&found.bbox, frame).map(|area| self.resampler.looks(frame, area)).transpose()?;
            plates.push(PlateRead {
                bbox: found.bbox,
                corners: text.corners,
                confidence: found.confidence,
                raw_text: changed.then_some(freely),
                text: judged.text,
                text_confidence: text.read.confidence,
                characters: text.read.characters,
                province_confidence: text.province.as_ref().map_or(0.0, |province| province.confidence),
                province: text.province.map(|province| province.name),
                vehicle: carrier(&found.bbox, &vehicles),
                fits_grammar: judged.fits,
                sharpness: looks.map(|looks| looks.sharpness),
                light: looks.map(|looks| looks.light),
            });
        }
        let timing = Timing {
            decode: 0.0,
            vehicle: milliseconds(vehicles_found - started),
            plate: milliseconds(plates_found - vehicles_found),
            ocr: milliseconds(plates_found.elapsed()),
            total: milliseconds(started.elapsed()),
            runtime: milliseconds(spent),
        };
        Ok(FrameReading { vehicles, plates, timing })
    }

    fn find_vehicles(&mut self, frame: &Frame, spent: &mut Duration) -> Result<Vec<Detection>, InferenceError> {
        match &mut self.vehicle {
            Some(model) => model.detect(frame, PixelRect::whole(frame), View::Frame, &mut self.resampler, spent),
            None => Ok(Vec::new()),
        }
    }
}

/// The vehicle a plate hangs on: the smallest that has the plate's centre inside.
fn carrier(plate: &BBox, vehicles: &[Detection]) -> Option<usize> {
    let center = plate.center();
    let around = vehicles.iter().enumerate().filter(|(_, vehicle)| vehicle.bbox.contains(center));
    around.min_by(|a, b| a.1.bbox.area().total_cmp(&b.1.bbox.area())).map(|(index, _)| index)
}

fn describe((role, model): (&'static str, &Model)) -> ModelInfo {
    ModelInfo {
        role,
        name: model.manifest.name.clone(),
        provider: model.engine.provider().as_str(),
        licence: model.manifest.licence.clone(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plate_belongs_to_the_smallest_vehicle_around_it() {
        let vehicle = |x1, y1, x2, y2| Detection {
            bbox: BBox::new(x1, y1, x2, y2),
            confidence: 0.9,
            class: "car".into(),
            corners: None,
        };
        let vehicles = [vehicle(0.0, 0.0, 500.0, 400.0), vehicle(100.0, 100.0, 300.0, 300.0)];
        assert_eq!(carrier(&BBox::new(150.0, 250.0, 200.0, 265.0), &vehicles), Some(1));
        assert_eq!(carrier(&BBox::new(10.0, 10.0, 60.0, 25.0), &vehicles), Some(0));
        assert_eq!(carrier(&BBox::new(600.0, 10.0, 660.0, 25.0), &vehicles), None);
    }
}
