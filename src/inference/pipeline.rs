//! The road from a frame to its reads: vehicles, plates, text.

use super::detector::{DetectorModel, View};
use super::model::Model;
use super::ort_engine::Runtime;
use super::recogniser::Recogniser;
use super::{InferenceError, Role};
use crate::config::ModelsConfig;
use crate::domain::{BBox, Detection, Frame, FrameReading, PlateRead, Timing};
use crate::imaging::{PixelRect, Resampler};
use crate::vision::fuse_looks;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The value of `models.vehicle` for no vehicle detector.
const NONE: &str = "none";
/// Vehicles looked at closely in one frame, surest first: bounds the time of a frame of a full car park.
const MAX_VEHICLES: usize = 12;
/// Plates read in one frame, surest first.
const MAX_PLATES: usize = 16;
/// A vehicle narrower or lower than this carries no legible plate.
const MIN_VEHICLE_PIXELS: u32 = 64;
/// A vehicle is looked at closely if that shows it at least so much larger than the full frame does. On 108 photos, fewer
/// close looks than at 1.0 and no fewer plates read right.
const MIN_ZOOM: f32 = 1.6;

/// All models, ready to read frames. One thread owns it.
pub struct Pipeline {
    runtime: Runtime,
    vehicle: Option<DetectorModel>,
    plate: DetectorModel,
    ocr: Recogniser,
    resampler: Resampler,
}

/// What a pipeline is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineInfo {
    /// Of ONNX Runtime.
    pub runtime_version: String,
    pub runtime_path: PathBuf,
    pub models: Vec<ModelInfo>,
}

/// One model in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// `vehicle`, `plate` or `ocr`.
    pub role: &'static str,
    pub name: String,
    /// The execution provider in use, which may be another than the configuration's first.
    pub provider: &'static str,
    pub licence: String,
}

impl Pipeline {
    /// Loads ONNX Runtime and the models. Everything that can be wrong with them is found here, before the first frame.
    pub fn load(config: &ModelsConfig) -> Result<Self, InferenceError> {
        let runtime = Runtime::load(config)?;
        let vehicle = match config.vehicle.as_str() {
            NONE => None,
            name => Some(DetectorModel::load(&runtime, config, Role::Vehicle, name)?),
        };
        let plate = DetectorModel::load(&runtime, config, Role::Plate, &config.plate)?;
        let ocr = Recogniser::load(&runtime, config, &config.ocr)?;
        let pipeline = Self { runtime, vehicle, plate, ocr, resampler: Resampler::new()? };
        for model in &pipeline.describe().models {
            tracing::debug!(role = model.role, name = model.name, provider = model.provider, "model loaded");
        }
        Ok(pipeline)
    }

    /// What is loaded, and what it really runs on.
    pub fn describe(&self) -> PipelineInfo {
        let vehicle = self.vehicle.as_ref().map(|vehicle| &vehicle.model);
        let models = vehicle.into_iter().chain([&self.plate.model, &self.ocr.model]);
        PipelineInfo {
            runtime_version: self.runtime.version.clone(),
            runtime_path: self.runtime.path.clone(),
            models: models.map(describe).collect(),
        }
    }

    /// Reads one frame. `timing.decode` is left at 0 for whoever decoded it, and is not part of `total`.
    pub fn read(&mut self, frame: &Frame) -> Result<FrameReading, InferenceError> {
        let mut spent = Duration::ZERO;
        let started = Instant::now();
        let vehicles = self.find_vehicles(frame, &mut spent)?;
        let vehicles_found = Instant::now();
        let found = self.find_plates(frame, &vehicles, &mut spent)?;
        let plates_found = Instant::now();
        let mut plates = Vec::with_capacity(found.len());
        for plate in found {
            let text = self.ocr.read(frame, &plate, &mut self.resampler, &mut spent)?;
            let looks = PixelRect::of(&plate.bbox, frame).map(|area| self.resampler.looks(frame, area)).transpose()?;
            plates.push(PlateRead {
                bbox: plate.bbox,
                corners: text.corners,
                confidence: plate.confidence,
                text: text.read.text,
                text_confidence: text.read.confidence,
                characters: text.read.characters,
                province: text.province,
                vehicle: carrier(&plate.bbox, &vehicles),
                sharpness: looks.map(|looks| looks.sharpness),
                light: looks.map(|looks| looks.light),
                ..PlateRead::default()
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

    /// Plates of the full frame and of the crops of smaller vehicles together, each plate once, surest first. The full
    /// frame is always looked at: on close-ups the vehicle's crop alone finds fewer, and a plate may hang where no vehicle
    /// was seen.
    fn find_plates(
        &mut self,
        frame: &Frame,
        vehicles: &[Detection],
        spent: &mut Duration,
    ) -> Result<Vec<Detection>, InferenceError> {
        let whole = PixelRect::whole(frame);
        let full = self.plate.detect(frame, whole, View::Frame, &mut self.resampler, spent)?;
        let mut close = Vec::new();
        for vehicle in vehicles.iter().take(MAX_VEHICLES) {
            if let Some(area) = PixelRect::of(&vehicle.bbox, frame).filter(|area| self.is_worth_a_look(whole, *area)) {
                close.extend(self.plate.detect(frame, area, View::Vehicle, &mut self.resampler, spent)?);
            }
        }
        let mut plates = fuse_looks(full, close);
        plates.truncate(MAX_PLATES);
        Ok(plates)
    }

    fn is_worth_a_look(&self, whole: PixelRect, vehicle: PixelRect) -> bool {
        let zoom = self.plate.scale(vehicle, View::Vehicle) / self.plate.scale(whole, View::Frame);
        vehicle.width.min(vehicle.height) >= MIN_VEHICLE_PIXELS && zoom >= MIN_ZOOM
    }
}

/// The vehicle a plate hangs on: the smallest that has the plate's centre inside.
fn carrier(plate: &BBox, vehicles: &[Detection]) -> Option<usize> {
    let center = plate.center();
    let around = vehicles.iter().enumerate().filter(|(_, vehicle)| vehicle.bbox.contains(center));
    around.min_by(|a, b| a.1.bbox.area().total_cmp(&b.1.bbox.area())).map(|(index, _)| index)
}

fn describe(model: &Model) -> ModelInfo {
    ModelInfo {
        role: model.manifest.role.as_str(),
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
