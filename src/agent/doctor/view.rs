//! Cameras, then models, then the plates in what the cameras saw.

use super::cameras::{Look, look};
use super::line::{Check, Line};
use super::models::{Loaded, heights, load};
use super::within::{self, Pending};
use super::{Report, judge_camera, judge_machine, judge_models};
use crate::agent::cameras::Camera;
use crate::clock::Clock;
use crate::config::AgentConfig;
use crate::imaging::encode_jpeg;
use crate::inference::Pipeline;
use crate::supervise::Shutdown;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const CAMERA: Duration = Duration::from_secs(30);
/// Together with the cameras' head start.
const MODELS: Duration = Duration::from_secs(44);
const HEAD_START: Duration = Duration::from_secs(10);
/// After both.
const PLATES: Duration = Duration::from_secs(12);

const PICTURE_QUALITY: u8 = 80;
const PICTURE_BYTES: usize = 400_000;

/// What will be looked at.
pub struct View {
    cameras: Vec<Result<Prepared, Box<Line>>>,
    config: AgentConfig,
}

struct Prepared {
    key: String,
    source: String,
    least_height: f64,
    camera: Camera,
}

/// A camera that is being looked at, or why it cannot be.
type Begun = Result<(Prepared, Pending<Look>), Box<Line>>;

/// What is being looked at.
pub struct Looking {
    cameras: Vec<Begun>,
    models: Pending<Result<(Pipeline, Loaded), String>>,
    models_dir: PathBuf,
    has_regions: bool,
}

impl View {
    /// Reads the cameras' credentials.
    pub fn prepare(config: &AgentConfig, clock: &Arc<dyn Clock>) -> Self {
        let cameras = config.camera.iter().map(|camera| {
            let key = config.camera_key(camera).map(|key| key.to_string()).unwrap_or_default();
            match Camera::one(config, camera, clock, &Shutdown::default()) {
                Ok(ready) => {
                    let (source, least_height) = (ready.spec.to_string(), camera.min_plate_height);
                    Ok(Prepared { key, source, least_height, camera: ready })
                }
                Err(failure) => Err(Box::new(judge_camera::unusable(&key, &failure.message))),
            }
        });
        Self { cameras: cameras.collect(), config: config.clone() }
    }

    /// `runs`: the service works with its cameras now.
    pub fn start(self, runs: bool) -> Looking {
        let (looking, all_seen) = channel::<()>();
        let begin = |prepared: Prepared| {
            let (spec, options) = (prepared.camera.spec.clone(), prepared.camera.options.clone());
            let looking = looking.clone();
            let looked = move || {
                let seen = look(&spec, &options, runs);
                drop(looking);
                seen
            };
            (prepared, within::start("camera", CAMERA, looked))
        };
        let cameras = self.cameras.into_iter().map(|camera| camera.map(begin)).collect();
        drop(looking);
        let settings = self.config.models.clone();
        let models = within::start("models", MODELS, move || {
            // Ends when the last camera has been looked at: loading would slow down the frames that are counted.
            let _ = all_seen.recv_timeout(HEAD_START);
            load(&settings).map_err(|error| error.to_string())
        });
        let (models_dir, has_regions) = (self.config.models.dir, !self.config.models.regions.is_empty());
        Looking { cameras, models, models_dir, has_regions }
    }
}

impl Looking {
    pub fn finish(self, report: &mut Report) {
        let mut seen = Vec::new();
        for camera in self.cameras {
            match camera {
                Err(line) => report.lines.push(*line),
                Ok((prepared, pending)) => match pending.wait() {
                    None => {
                        let hung = judge_machine::hung(Check::Camera, CAMERA.as_secs());
                        report.lines.push(hung.about(&prepared.key));
                    }
                    Some(look) => {
                        report.lines.extend(judge_camera::camera(&prepared.key, &prepared.source, &look));
                        if let Look::Seen(look) = look {
                            seen.push((prepared, look.frames));
                        }
                    }
                },
            }
        }
        for (prepared, frames) in &seen {
            let jpeg = frames.last().and_then(|frame| encode_jpeg(frame, PICTURE_QUALITY, PICTURE_BYTES).ok());
            report.pictures.extend(jpeg.map(|jpeg| (prepared.key.clone(), jpeg)));
        }
        let pipeline = match self.models.wait() {
            Some(Ok((pipeline, loaded))) => {
                report.lines.extend(judge_models::loaded(&loaded, self.has_regions));
                Some(pipeline)
            }
            Some(Err(reason)) => {
                report.lines.push(judge_models::not_loaded(&reason, &self.models_dir));
                None
            }
            None => {
                report.lines.push(judge_machine::hung(Check::Models, MODELS.as_secs()));
                None
            }
        };
        report.lines.extend(plates(pipeline, seen));
    }
}

fn plates(pipeline: Option<Pipeline>, seen: Vec<(Prepared, Vec<crate::domain::Frame>)>) -> Vec<Line> {
    let whose: Vec<(String, f64)> = seen.iter().map(|(camera, _)| (camera.key.clone(), camera.least_height)).collect();
    let found = pipeline.and_then(|mut pipeline| {
        let all = move || -> Vec<Vec<f32>> {
            seen.iter().map(|(prepared, frames)| heights(&mut pipeline, &prepared.camera, frames)).collect()
        };
        within::start("plates", PLATES, all).wait()
    });
    let of = |index: usize| found.as_ref().and_then(|found| found.get(index)).map(Vec::as_slice);
    whose.iter().enumerate().map(|(index, (key, least))| judge_camera::plates(key, of(index), *least)).collect()
}
