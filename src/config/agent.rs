//! The agent's file. Every key, its meaning, unit and range; `config/agent.toml` says the same with examples and a
//! test holds the two together. An empty text means "not set".

use super::road::{LineConfig, PipelineConfig, ZoneConfig};
use super::{Fault, PageConfig, SourceSpec, UplinkConfig, hours, road};
use crate::domain::{CameraId, CameraKey, CheckpointId};
use crate::vision::Grammar;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// Used where a `[[camera]]` has no id of its own.
    pub camera_id: String,
    /// Used where a `[[camera]]` has no checkpoint of its own.
    pub checkpoint_id: String,
    /// Where the outbox and the evidence live.
    pub data_dir: PathBuf,
    pub camera: Vec<CameraConfig>,
    pub models: ModelsConfig,
    pub pipeline: PipelineConfig,
    pub evidence: EvidenceConfig,
    pub outbox: OutboxConfig,
    pub uplink: UplinkConfig,
    pub health: HealthConfig,
    pub page: PageConfig,
    pub log: LogConfig,
    /// Where this was read from; empty where it comes from no file.
    #[serde(skip)]
    pub file: PathBuf,
}

/// One `[[camera]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CameraConfig {
    pub id: String,
    pub checkpoint_id: String,
    /// See [`SourceSpec`].
    pub source: String,
    /// File with one line `user:password` for an RTSP camera; keeps the password out of this file and of every log.
    pub credentials_file: String,
    /// Seconds to wait for a camera to open, 1–120.
    pub open_timeout_s: f64,
    /// Seconds without a frame after which the camera is opened anew, 1–120.
    pub read_timeout_s: f64,
    /// Frames looked at per second at the most; 0: as many as the machine can.
    pub max_fps: f64,
    /// A plate lower than this makes no event, pixels; 0: no limit.
    pub min_plate_height: f64,
    /// Hours at which it is looked at, local time, `HH:MM-HH:MM`; none: always. Files are always read.
    pub hours: Vec<String>,
    pub zone: Vec<ZoneConfig>,
    pub line: Vec<LineConfig>,
}

/// `[models]`: which models, and how ONNX Runtime runs them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelsConfig {
    /// Folder of the manifests (`NAME.toml`) and of the files they name.
    pub dir: PathBuf,
    /// Manifest of the vehicle detector; `none` runs the plate detector on the full frame alone.
    pub vehicle: String,
    pub plate: String,
    pub ocr: String,
    /// Reads the plates on which `ocr` sees nothing Thai; `none`: `ocr` reads all. Counts only where `ocr` knows Thai letters.
    pub latin: String,
    /// Countries, or formats such as `LL DDD LL`, whose plates pass here: they decide between O and 0 where the recogniser
    /// cannot. Empty: texts stay as they are read. See docs/models.md.
    pub regions: Vec<String>,
    /// Path of `libonnxruntime.so`; empty: beside the models, then the system's.
    pub runtime: PathBuf,
    /// Threads of one inference, 1–64.
    pub threads: usize,
    /// Let idle threads spin: a little faster, and a whole core warmer.
    pub spinning: bool,
    /// Execution providers in order of preference: `cpu`, `cuda`, `tensorrt`.
    pub providers: Vec<String>,
    /// Fail at start when the first provider cannot be had, instead of taking the next with a warning.
    pub provider_required: bool,
}

/// `[evidence]`: the pictures that go with a read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceConfig {
    /// JPEG quality to start from, 30–100.
    pub jpeg_quality: u8,
    /// Bytes of the annotated frame at the most; quality, then size, give way.
    pub frame_max_bytes: usize,
    /// Bytes of one plate crop at the most.
    pub crop_max_bytes: usize,
    /// Width of the annotated frame in pixels at the most.
    pub frame_max_width: u32,
    /// Pictures of unread vehicles kept on this machine, per camera and reason, 0–1000; 0: none.
    pub unread_pictures: usize,
}

/// `[outbox]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxConfig {
    /// Bytes of events and pictures at the most. From 90 % of it on, the least important goes, down to 80 %.
    pub max_bytes: u64,
    /// Hours after which an event that could not be delivered is given up; 0: never.
    pub max_age_h: f64,
    /// Hours that a delivered event is kept, should the server lose it; 0: not at all.
    pub keep_delivered_h: f64,
    /// MB of delivered events and their pictures that are kept at the most.
    pub keep_delivered_mb: u64,
    /// MB of disk held back for when it is full, 0–1024; never more than a sixteenth of the disk.
    pub reserve_mb: u64,
    /// Events for which a commit waits at the most, 1–1000; more share it where more wait already.
    pub batch_rows: usize,
    /// Milliseconds a commit may wait for company, 0–1000.
    pub batch_ms: u64,
}

/// `[health]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthConfig {
    /// Seconds between reports, 1–3600.
    pub interval_s: f64,
    /// Usage of processor, memory or disk in percent that is a warning.
    pub warning_percent: f64,
    /// And one that is an error.
    pub error_percent: f64,
    /// °C of the hottest sensor that is a warning.
    pub warning_celsius: f64,
    /// And one that is an error. From the warning on fewer frames are looked at, at the error a quarter.
    pub error_celsius: f64,
    /// Seconds of pictures that are the same to the last bit after which a camera counts as frozen, 0–86400; 0: never.
    pub frozen_s: f64,
    /// Seconds without a server that are a warning, 1–86400.
    pub link_down_s: f64,
    /// Terabytes that the disk takes in its life, 0.1–100000.
    pub disk_life_tb: f64,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a tracing filter such as `info,lpr::uplink=debug`.
    pub level: String,
    /// Show plate text at info level; otherwise only at debug.
    pub plates: bool,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            camera_id: "camera_001".into(),
            checkpoint_id: "checkpoint_001".into(),
            data_dir: "/var/lib/lpr-agent".into(),
            camera: Vec::new(),
            models: ModelsConfig::default(),
            pipeline: PipelineConfig::default(),
            evidence: EvidenceConfig::default(),
            outbox: OutboxConfig::default(),
            uplink: UplinkConfig::default(),
            health: HealthConfig::default(),
            page: PageConfig::default(),
            log: LogConfig::default(),
            file: PathBuf::new(),
        }
    }
}

impl Default for CameraConfig {
    fn default() -> Self {
        Self {
            id: String::new(),
            checkpoint_id: String::new(),
            source: String::new(),
            credentials_file: String::new(),
            open_timeout_s: 10.0,
            read_timeout_s: 10.0,
            max_fps: 0.0,
            min_plate_height: 0.0,
            hours: Vec::new(),
            zone: Vec::new(),
            line: Vec::new(),
        }
    }
}

impl ModelsConfig {
    /// The value of `vehicle` and `latin` for no model.
    pub const NONE: &str = "none";
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            dir: "models".into(),
            vehicle: "yolox-nano".into(),
            plate: "clp-det".into(),
            ocr: "plate-ocr".into(),
            latin: "ppocr-v6".into(),
            regions: Vec::new(),
            runtime: PathBuf::new(),
            threads: 2,
            spinning: false,
            providers: vec!["cpu".into()],
            provider_required: false,
        }
    }
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self {
            jpeg_quality: 85,
            frame_max_bytes: 300_000,
            crop_max_bytes: 40_000,
            frame_max_width: 1280,
            unread_pictures: 0,
        }
    }
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_bytes: 4_000_000_000,
            max_age_h: 0.0,
            keep_delivered_h: 24.0,
            keep_delivered_mb: 256,
            reserve_mb: 16,
            batch_rows: 16,
            batch_ms: 20,
        }
    }
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            interval_s: 30.0,
            warning_percent: 85.0,
            error_percent: 95.0,
            warning_celsius: 75.0,
            error_celsius: 85.0,
            frozen_s: 120.0,
            link_down_s: 300.0,
            disk_life_tb: 20.0,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), plates: false }
    }
}

impl AgentConfig {
    /// The cameras' keys, in file order. Only valid after [`AgentConfig::faults`] found none; an invalid one is left out.
    pub fn camera_keys(&self) -> Vec<CameraKey> {
        self.camera.iter().filter_map(|camera| self.camera_key(camera).ok()).collect()
    }

    /// One camera's ids, with the file's defaults where it has none.
    pub fn camera_key(&self, camera: &CameraConfig) -> Result<CameraKey, Fault> {
        let own_or = |own: &str, default: &str| if own.is_empty() { default } else { own }.to_owned();
        let id = own_or(&camera.id, &self.camera_id);
        let checkpoint = own_or(&camera.checkpoint_id, &self.checkpoint_id);
        Ok(CameraKey {
            camera: CameraId::new(&id).map_err(|e| Fault::new("camera.id", e.to_string()))?,
            checkpoint: CheckpointId::new(&checkpoint)
                .map_err(|e| Fault::new("camera.checkpoint_id", e.to_string()))?,
        })
    }

    /// Everything that is wrong with the values, at once.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.check_cameras(&mut faults);
        self.check_ranges(&mut faults);
        self.uplink.check(&mut faults);
        self.page.check(&mut faults);
        faults
    }

    fn check_cameras(&self, faults: &mut Vec<Fault>) {
        if self.camera.is_empty() {
            faults.push(Fault::new("camera", "no camera is configured; add [[camera]] with source = \"rtsp://…\""));
        }
        let mut seen = Vec::new();
        for (index, camera) in self.camera.iter().enumerate() {
            let at = |key: &str| format!("camera[{}].{key}", index + 1);
            match self.camera_key(camera) {
                Err(fault) => faults.push(Fault::new(fault.key.replace("camera.", &at("")), fault.message)),
                Ok(key) if seen.contains(&key) => faults
                    .push(Fault::new(at("id"), format!("{key} is used twice; give every [[camera]] an id of its own"))),
                Ok(key) => seen.push(key),
            }
            if let Err(error) = SourceSpec::parse(&camera.source) {
                faults.push(Fault::new(at("source"), error.to_string()));
            }
            range(faults, &at("open_timeout_s"), camera.open_timeout_s, 1.0, 120.0);
            range(faults, &at("read_timeout_s"), camera.read_timeout_s, 1.0, 120.0);
            range(faults, &at("max_fps"), camera.max_fps, 0.0, 240.0);
            range(faults, &at("min_plate_height"), camera.min_plate_height, 0.0, 1000.0);
            hours::check_hours(faults, &at("hours"), &camera.hours);
            road::check_zones(faults, &at("zone"), &camera.zone);
            road::check_lines(faults, &at("line"), &camera.line);
        }
    }

    fn check_ranges(&self, faults: &mut Vec<Fault>) {
        self.pipeline.check(faults);
        range(faults, "models.threads", self.models.threads as f64, 1.0, 64.0);
        range(faults, "evidence.jpeg_quality", f64::from(self.evidence.jpeg_quality), 30.0, 100.0);
        range(faults, "evidence.frame_max_bytes", self.evidence.frame_max_bytes as f64, 10_000.0, 5e6);
        range(faults, "evidence.crop_max_bytes", self.evidence.crop_max_bytes as f64, 2_000.0, 1e6);
        range(faults, "evidence.frame_max_width", f64::from(self.evidence.frame_max_width), 320.0, 7680.0);
        range(faults, "evidence.unread_pictures", self.evidence.unread_pictures as f64, 0.0, 1000.0);
        range(faults, "outbox.max_bytes", self.outbox.max_bytes as f64, 1e6, 1e15);
        range(faults, "outbox.max_age_h", self.outbox.max_age_h, 0.0, 87_600.0);
        range(faults, "outbox.keep_delivered_h", self.outbox.keep_delivered_h, 0.0, 87_600.0);
        range(faults, "outbox.keep_delivered_mb", self.outbox.keep_delivered_mb as f64, 0.0, 1e9);
        range(faults, "outbox.reserve_mb", self.outbox.reserve_mb as f64, 0.0, 1024.0);
        range(faults, "outbox.batch_rows", self.outbox.batch_rows as f64, 1.0, 1000.0);
        range(faults, "outbox.batch_ms", self.outbox.batch_ms as f64, 0.0, 1000.0);
        range(faults, "health.interval_s", self.health.interval_s, 1.0, 3600.0);
        for region in &self.models.regions {
            if let Err(error) = Grammar::of(std::slice::from_ref(region)) {
                faults.push(Fault::new("models.regions", error.to_string()));
            }
        }
        range(faults, "health.frozen_s", self.health.frozen_s, 0.0, 86_400.0);
        range(faults, "health.link_down_s", self.health.link_down_s, 1.0, 86_400.0);
        range(faults, "health.disk_life_tb", self.health.disk_life_tb, 0.1, 1e5);
        const PROVIDERS: [&str; 3] = ["cpu", "cuda", "tensorrt"];
        for name in &self.models.providers {
            if !PROVIDERS.contains(&name.as_str()) {
                faults.push(Fault::new(
                    "models.providers",
                    format!("\"{name}\" is no provider; known are {}", PROVIDERS.join(", ")),
                ));
            }
        }
    }
}

pub(super) fn range(faults: &mut Vec<Fault>, key: &str, value: f64, min: f64, max: f64) {
    if !(min..=max).contains(&value) {
        faults.push(Fault::new(key, format!("{value} is out of range; allowed is {min} to {max}")));
    }
}
