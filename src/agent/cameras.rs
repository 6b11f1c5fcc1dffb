//! From configuration to running cameras.

use super::{Exit, Failure};
use crate::capture::{self, CameraSnapshot, CameraState, CameraStats, OpenOptions, Slots, Worker};
use crate::clock::Clock;
use crate::config::{AgentConfig, CameraConfig, LineConfig, Secret, SourceSpec, ZoneConfig};
use crate::domain::{CameraKey, Frame, Point};
use crate::sim::SimSpec;
use crate::supervise::Shutdown;
use crate::track::{Line, TrackSettings, Zone, ZoneKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// One configured camera.
pub struct Camera {
    pub key: CameraKey,
    pub spec: SourceSpec,
    pub options: OpenOptions,
    pub read_timeout_s: f64,
    /// What makes an event of it; may change while it runs.
    pub wanted: watch::Sender<TrackSettings>,
    motion_gate: bool,
}

impl Camera {
    /// All cameras of the configuration. A file that cannot be there is refused now, not retried for ever.
    pub fn all(config: &AgentConfig, clock: &Arc<dyn Clock>, shutdown: &Shutdown) -> Result<Vec<Camera>, Failure> {
        config.camera.iter().map(|camera| Camera::one(config, camera, clock, shutdown)).collect()
    }

    /// One of them.
    pub fn one(
        config: &AgentConfig,
        camera: &CameraConfig,
        clock: &Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Result<Camera, Failure> {
        let key = config.camera_key(camera).map_err(|fault| Failure::new(Exit::Config, fault))?;
        let spec = SourceSpec::parse(&camera.source)
            .map_err(|error| Failure::new(Exit::Config, format!("camera {key}: source {error}")))?;
        if let SourceSpec::Path(path) = &spec
            && let Err(error) = std::fs::metadata(path)
        {
            let message = format!("camera {key}: cannot open {}: {error}; check the path in source", path.display());
            return Err(Failure::new(Exit::Source, message));
        }
        if let SourceSpec::Sim(text) = &spec
            && let Err(error) = SimSpec::parse(text)
        {
            return Err(Failure::new(Exit::Source, format!("camera {key}: source sim: {error}")));
        }
        let mut options = OpenOptions::new(clock.clone());
        options.open_timeout = Duration::from_secs_f64(camera.open_timeout_s);
        options.read_timeout = Duration::from_secs_f64(camera.read_timeout_s);
        options.max_fps = camera.max_fps;
        options.stop = shutdown.flag();
        options.credentials = credentials(&key, &camera.credentials_file)?;
        Ok(Camera {
            key,
            spec,
            options,
            read_timeout_s: camera.read_timeout_s,
            wanted: watch::Sender::new(track_settings(config, camera)),
            motion_gate: config.pipeline.motion_gate,
        })
    }

    /// A picture or a folder of pictures: each frame stands for itself, nothing moves between them.
    pub fn is_stills(&self) -> bool {
        capture::is_stills(&self.spec)
    }

    /// Are frames without motion passed over? Never those of a file: who hands over a file wants it read.
    pub fn is_gated(&self) -> bool {
        self.motion_gate && !matches!(self.spec, SourceSpec::Path(_))
    }
}

/// What the tracker of `camera` goes by.
pub(super) fn track_settings(config: &AgentConfig, camera: &CameraConfig) -> TrackSettings {
    let pipeline = &config.pipeline;
    let ms = |seconds: f64| (seconds * 1000.0) as u64;
    let point = |xy: &[f64]| match xy {
        [x, y] => Point::new(*x as f32, *y as f32),
        _ => Point::default(),
    };
    let zone = |zone: &ZoneConfig| Zone {
        kind: if zone.kind == "include" { ZoneKind::Include } else { ZoneKind::Exclude },
        points: zone.points.iter().map(|xy| point(xy)).collect(),
    };
    let line = |line: &LineConfig| Line { name: line.name.clone(), from: point(&line.from), to: point(&line.to) };
    TrackSettings {
        min_text_confidence: pipeline.min_text_confidence,
        min_text_length: pipeline.min_text_length,
        doubtful_below: pipeline.doubtful_below,
        min_plate_height: camera.min_plate_height as f32,
        timeout_ms: ms(pipeline.track_timeout_s),
        limit_ms: ms(pipeline.track_limit_s),
        repeat_window_ms: ms(pipeline.repeat_window_s),
        provisional: pipeline.provisional,
        keep_unread: config.evidence.unread_pictures > 0,
        zones: camera.zone.iter().map(zone).collect(),
        lines: camera.line.iter().map(line).collect(),
    }
}

fn credentials(key: &CameraKey, file: &str) -> Result<Option<Secret>, Failure> {
    if file.is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(Path::new(file)).map_err(|error| {
        Failure::new(Exit::Config, format!("camera {key}: cannot read credentials_file {file}: {error}"))
    })?;
    Ok(Some(Secret::new(text.trim())))
}

/// Starts a worker per camera; all fill the slots.
pub fn start(cameras: &[Camera], slots: &Slots<Frame>) -> Result<Vec<Worker>, Failure> {
    let start = |(index, camera): (usize, &Camera)| {
        Worker::start(index, camera.key.clone(), camera.spec.clone(), camera.options.clone(), slots.clone())
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot start a capture thread: {error}")))
    };
    cameras.iter().enumerate().map(start).collect()
}

/// What health needs to know of each camera.
pub struct Watched {
    pub key: CameraKey,
    pub stats: CameraStats,
    pub read_timeout_s: f64,
    /// Of opening and reading together.
    pub patience: Duration,
}

impl Watched {
    pub fn of(camera: &Camera, worker: &Worker) -> Self {
        let options = &camera.options;
        let patience = options.open_timeout + options.read_timeout;
        Self { key: camera.key.clone(), stats: worker.stats(), read_timeout_s: camera.read_timeout_s, patience }
    }

    /// It gives fresh frames, or is a file that has been read.
    pub fn is_up(&self, now: &CameraSnapshot) -> bool {
        let fresh = || now.last_frame_age.is_some_and(|age| age.as_secs_f64() <= self.read_timeout_s);
        matches!(now.state, CameraState::Ended | CameraState::Resting)
            || (now.state == CameraState::Streaming && fresh())
    }
}
