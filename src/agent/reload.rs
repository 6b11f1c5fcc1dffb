//! SIGHUP: the configuration is read anew; what can change live does, and what cannot is named.

use super::cameras::{Camera, track_settings};
use super::swap::Swap;
use crate::config::{AgentConfig, Changes, HealthConfig, load_agent};
use crate::telemetry;
use crate::track::TrackSettings;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
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
}

impl Live {
    pub fn new(config: &AgentConfig, cameras: &[Camera], swap: Arc<Swap>) -> Self {
        Self {
            config: config.clone(),
            tracks: cameras.iter().map(|camera| camera.wanted.clone()).collect(),
            health: watch::Sender::new(config.health.clone()),
            hours: watch::Sender::new(hours(config)),
            swap,
        }
    }

    pub fn health(&self) -> watch::Receiver<HealthConfig> {
        self.health.subscribe()
    }

    /// The hours of each camera.
    pub fn hours(&self) -> watch::Receiver<Vec<Vec<String>>> {
        self.hours.subscribe()
    }

    /// Reads `path` anew at every SIGHUP, for ever.
    pub async fn follow(mut self, path: PathBuf, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            match load_agent(&path, std::env::vars()) {
                Ok(new) => self.take_up(&new),
                Err(error) => {
                    for fault in error.to_string().lines() {
                        warn!("the changed configuration is not taken up: {fault}");
                    }
                }
            }
        }
    }

    fn take_up(&mut self, new: &AgentConfig) {
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
        for key in live {
            info!("configuration read anew: {key} holds from now on");
        }
        for key in restart {
            let other_way = match key.as_str() {
                "models.vehicle" | "models.plate" | "models.ocr" => "; or, without one: lpr-agent models use NAME",
                _ => "",
            };
            warn!("configuration read anew: {key} needs a restart (systemctl restart lpr-agent){other_way}");
        }
    }
}

fn hours(config: &AgentConfig) -> Vec<Vec<String>> {
    config.camera.iter().map(|camera| camera.hours.clone()).collect()
}
