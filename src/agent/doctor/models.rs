//! Do the models load, and do they read a plate whose text is known? The plate is drawn, so that no photo is needed.

use crate::agent::cameras::Camera;
use crate::config::ModelsConfig;
use crate::domain::{CaptureTime, Frame};
use crate::inference::{InferenceError, Pipeline, PipelineInfo};
use crate::sim::{SimSpec, Simulator};
use crate::track::{Refusal, TrackSettings};
use crate::vision::Script;
use std::time::{Duration, Instant};

/// A scene of each script, and the frame of it in which a car is near: `the_drawn_plates_are_large_and_whole` looks.
const SCENES: [(Script, &str, u64); 2] = [
    (Script::Latin, "sim:seed=7;seconds=8;fps=5;vehicles=4;noise=0.1;blur=0", 23),
    (Script::Thai, "sim:seed=7;seconds=8;fps=5;vehicles=4;noise=0.1;blur=0;layout=thai", 3),
];

/// What became of the models.
pub struct Loaded {
    pub info: PipelineInfo,
    pub took: Duration,
    pub golden: Result<Golden, String>,
}

/// The drawn pictures, one of each script that the models are to read.
pub struct Golden {
    pub pictures: Vec<Drawn>,
    /// For the slowest of them.
    pub took: Duration,
}

/// A drawn picture, read. A Thai plate's text is followed by its province.
pub struct Drawn {
    /// On the plates in it.
    pub written: Vec<String>,
    pub read: Vec<String>,
}

impl Drawn {
    /// Is one of its plates read as it is written, as far as `part` of a plate counts?
    fn is_read(&self, part: fn(&str) -> &str) -> bool {
        self.written.iter().any(|written| self.read.iter().any(|read| part(read) == part(written)))
    }
}

impl Golden {
    /// The first picture on which no plate was read as it is written.
    pub fn misread(&self) -> Option<&Drawn> {
        self.pictures.iter().find(|drawn| !drawn.is_read(|text| text))
    }

    /// Is a registration of each picture read rightly, whatever became of the province?
    pub fn has_registrations(&self) -> bool {
        self.pictures.iter().all(|drawn| drawn.is_read(|text| text.split(' ').next().unwrap_or_default()))
    }
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
    let mut scripts = pipeline.describe().scripts;
    if scripts.is_empty() {
        // Of no use for the regions, and yet it should read something.
        scripts.push(Script::Latin);
    }
    let mut golden = Golden { pictures: Vec::new(), took: Duration::ZERO };
    for (_, scene, index) in SCENES.into_iter().filter(|(script, ..)| scripts.contains(script)) {
        let (frame, written) = drawn_frame(scene, index)?;
        let begun = Instant::now();
        let reading = pipeline.read(&frame).map_err(|error| error.to_string())?;
        golden.took = golden.took.max(begun.elapsed());
        let texts = reading.plates.into_iter().map(|plate| said(&plate.text, plate.province.as_deref()));
        golden.pictures.push(Drawn { written, read: texts.filter(|text| !text.is_empty()).collect() });
    }
    Ok(golden)
}

fn drawn_frame(scene: &str, index: u64) -> Result<(Frame, Vec<String>), String> {
    let spec = SimSpec::parse(scene).map_err(|error| error.to_string())?;
    let drawn = Simulator::new(&spec).render(index);
    let near = drawn.vehicles.iter().filter(|truth| truth.visible > 0.99 && truth.plate_bbox.height() > 20.0);
    let written = near.map(|truth| said(&truth.text, truth.province.as_deref())).collect();
    let frame = Frame::new(drawn.width, drawn.height, drawn.pixels, 1, CaptureTime::default());
    Ok((frame.map_err(|error| error.to_string())?, written))
}

fn said(text: &str, province: Option<&str>) -> String {
    province.map_or_else(|| text.to_owned(), |province| format!("{text} {province}"))
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
    fn the_drawn_plates_are_large_and_whole() {
        let texts = ["FAJ9R45", "พค287 สุโขทัย"];
        for ((_, scene, index), text) in SCENES.into_iter().zip(texts) {
            let (frame, written) = drawn_frame(scene, index).unwrap();
            assert!(written.contains(&text.to_owned()), "{written:?}");
            assert_eq!((frame.width(), frame.height()), (1280, 720));
        }
    }
}
