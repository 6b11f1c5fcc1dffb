//! At SIGHUP, and where the local page has changed it, the configuration is read anew: what can change live does, and what
//! cannot is named.

use super::cameras::{Camera, track_settings};
use super::swap::Swap;
use crate::config::{AgentConfig, Changes, HealthConfig, load_agent};
use crate::telemetry;
use crate::track::TrackSettings;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

/// What of the running agent can be changed.
pub struct Live {
    /// As the agent works now.
    config: AgentConfig,
    /// In the order of the cameras.
    tracks: Vec<watch::Sender<TrackSettings>>,
    health: watch::Sender<HealthConfig>,
    hours: watch::Sender<Vec<Vec<String>>>,
    /// Knows which models are in use.
    swap: Arc<Swap>,
    asks: (Reread, mpsc::Receiver<Answer>),
}

/// What holds from now on, and what waits for a restart: keys, as faults write them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Taken {
    pub live: Vec<String>,
    pub restart: Vec<String>,
}

impl Taken {
    /// Do this camera's zones, lines and least height hold as the file has them? `camera` counts from 0.
    pub fn has_areas(&self, camera: usize) -> bool {
        let of_camera = format!("camera[{}].", camera + 1);
        let areas = |key: &str| matches!(key.strip_prefix(&of_camera), Some("zone" | "line" | "min_plate_height"));
        !self.restart.iter().any(|key| key == "camera" || areas(key))
    }
}

type Answer = oneshot::Sender<Result<Taken, String>>;

/// Has the configuration read anew, as SIGHUP does.
#[derive(Debug, Clone)]
pub struct Reread(mpsc::Sender<Answer>);

impl Reread {
    /// What came of it, or why nothing was taken up.
    pub async fn now(&self) -> Result<Taken, String> {
        let stopping = || "the agent is stopping".to_owned();
        let (answer, taken) = oneshot::channel();
        self.0.send(answer).await.map_err(|_| stopping())?;
        taken.await.map_err(|_| stopping())?
    }
}

impl Live {
    pub fn new(config: &AgentConfig, cameras: &[Camera], swap: Arc<Swap>) -> Self {
        let (asks, asked) = mpsc::channel(1);
        Self {
            config: config.clone(),
            tracks: cameras.iter().map(|camera| camera.wanted.clone()).collect(),
            health: watch::Sender::new(config.health.clone()),
            hours: watch::Sender::new(hours(config)),
            swap,
            asks: (Reread(asks), asked),
        }
    }

    pub fn reread(&self) -> Reread {
        self.asks.0.clone()
    }

    pub fn health(&self) -> watch::Receiver<HealthConfig> {
        self.health.subscribe()
    }

    /// The hours of each camera.
    pub fn hours(&self) -> watch::Receiver<Vec<Vec<String>>> {
        self.hours.subscribe()
    }

    /// Reads `path` anew at every SIGHUP and whenever it is asked for, for ever.
    pub async fn follow(mut self, path: PathBuf, mut hangups: Signal) {
        loop {
            // Our own way to ask keeps it open.
            let answer = tokio::select! {
                Some(()) = hangups.recv() => None,
                Some(answer) = self.asks.1.recv() => Some(answer),
                else => return,
            };
            let taken = match load_agent(&path, std::env::vars()) {
                Ok(new) => Ok(self.take_up(&new)),
                Err(error) => {
                    for fault in error.to_string().lines() {
                        warn!("the changed configuration is not taken up: {fault}");
                    }
                    Err(error.to_string())
                }
            };
            // Who asked may have gone meanwhile.
            let _ = answer.map(|answer| answer.send(taken));
        }
    }

    fn take_up(&mut self, new: &AgentConfig) -> Taken {
        self.config.models = self.swap.in_use();
        let Changes { now, live, restart } = Changes::between(&self.config, new);
        if let Err(error) = telemetry::set_level(&now.log.level) {
            warn!(%error, "the log's level stays");
        }
        for (track, camera) in self.tracks.iter().zip(&now.camera) {
            track.send_replace(track_settings(&now, camera));
        }
        self.health.send_replace(now.health.clone());
        self.hours.send_replace(hours(&now));
        self.config = now;
        if live.is_empty() && restart.is_empty() {
            info!("configuration read anew: nothing has changed");
        }
        for key in &live {
            info!("configuration read anew: {key} holds from now on");
        }
        for key in &restart {
            let other_way = match key.as_str() {
                "models.vehicle" | "models.plate" | "models.ocr" | "models.latin" => {
                    "; or, without one: lpr-agent models use NAME"
                }
                _ => "",
            };
            warn!("configuration read anew: {key} needs a restart (systemctl restart lpr-agent){other_way}");
        }
        Taken { live, restart }
    }
}

fn hours(config: &AgentConfig) -> Vec<Vec<String>> {
    config.camera.iter().map(|camera| camera.hours.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_hold_unless_they_or_all_cameras_wait_for_a_restart() {
        let taken = |restart: &[&str]| Taken {
            live: Vec::new(),
            restart: restart.iter().map(|key| (*key).to_owned()).collect(),
        };
        assert!(taken(&[]).has_areas(0) && taken(&["camera[1].source", "models.ocr", "camera[2].zone"]).has_areas(0));
        for key in ["camera", "camera[1].zone", "camera[1].line", "camera[1].min_plate_height"] {
            assert!(!taken(&[key]).has_areas(0), "{key}");
        }
    }
}
