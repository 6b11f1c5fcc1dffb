//! Do the models load, and do they read a plate whose text is known? The plate is drawn, so that no photo is needed.

use crate::agent::cameras::Camera;
use crate::config::ModelsConfig;
use crate::domain::{CaptureTime, Frame};
use crate::inference::{InferenceError, Pipeline, PipelineInfo};
use crate::sim::{SimSpec, Simulator};
use crate::track::{Refusal, TrackSettings};
use std::time::{Duration, Instant};

/// The scene, and the frame of it in which a car is near: `the_drawn_plate_is_large_and_whole` looks.
const SCENE: &str = "sim:seed=7;seconds=8;fps=5;vehicles=4;noise=0.1;blur=0";
const FRAME: u64 = 23;

/// What became of the models.
pub struct Loaded {
    pub info: PipelineInfo,
    pub took: Duration,
    pub golden: Result<Golden, String>,
}

/// The drawn picture, read.
pub struct Golden {
    /// On the plates in it.
    pub written: Vec<String>,
    pub read: Vec<String>,
    pub took: Duration,
}

/// The pipeline too, for whoever wants to look at more.
pub fn load(config: &ModelsConfig) -> Result<(Pipeline, Loaded), InferenceError> {
    let begun = Instant::now();
    let mut pipeline = Pipeline::load(config)?;
    let took = begun.elapsed();
    let golden = read_golden(&mut pipeline);
    let info = pipeline.describe();
    Ok((pipeline, Loaded { info, took, golden }))
}

fn read_golden(pipeline: &mut Pipeline) -> Result<Golden, String> {
    let (frame, written) = golden_frame()?;
    let begun = Instant::now();
    let reading = pipeline.read(&frame).map_err(|error| error.to_string())?;
    let read = reading.plates.into_iter().map(|plate| plate.text).filter(|text| !text.is_empty()).collect();
    Ok(Golden { written, read, took: begun.elapsed() })
}

fn golden_frame() -> Result<(Frame, Vec<String>), String> {
    let spec = SimSpec::parse(SCENE).map_err(|error| error.to_string())?;
    let drawn = Simulator::new(&spec).render(FRAME);
    let near = drawn.vehicles.iter().filter(|truth| truth.visible > 0.99 && truth.plate_bbox.height() > 20.0);
    let written = near.map(|truth| truth.text.clone()).collect();
    let frame = Frame::new(drawn.width, drawn.height, drawn.pixels, 1, CaptureTime::default());
    Ok((frame.map_err(|error| error.to_string())?, written))
}

/// Heights of the plates that are in the camera's zone, whatever is written on them.
pub fn heights(pipeline: &mut Pipeline, camera: &Camera, frames: &[Frame]) -> Vec<f32> {
    let zone = TrackSettings { zones: camera.wanted.borrow().zones.clone(), ..TrackSettings::default() };
    let mut heights = Vec::new();
    for frame in frames {
        let reading = pipeline.read(frame).unwrap_or_default();
        let in_zone = reading
            .plates
            .iter()
            .filter(|plate| zone.judge(plate, frame.width(), frame.height()) != Err(Refusal::OutOfZone));
        heights.extend(in_zone.map(|plate| plate.bbox.height()));
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_plate_is_large_and_whole() {
        let (frame, written) = golden_frame().unwrap();
        assert!(written.contains(&"FAJ9R45".to_owned()), "{written:?}");
        assert_eq!((frame.width(), frame.height()), (1280, 720));
    }
}
