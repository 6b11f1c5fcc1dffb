//! The server's file; `config/server.toml` says the same with comments and a test holds the two together.

use super::{AuthConfig, CamerasConfig, Fault, LimitsConfig, LogConfig, TlsConfig, WebhookConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerConfig {
    /// Address and port to listen on.
    pub listen: String,
    /// Where the database and the images live.
    pub data_dir: PathBuf,
    /// IANA zone of "today" and of timestamps without one, e.g. `Asia/Bangkok`; empty: the host's.
    pub timezone: String,
    /// Bytes of one event, images included, by either road.
    pub max_event_bytes: usize,
    /// `/api/records` gives this many at the most, whatever `limit` says.
    pub max_records: usize,
    /// Seconds without a word after which a camera no longer counts as active.
    pub active_window_s: u64,
    /// The zone of a camera's timestamps without one, where it is another than `timezone`: by `checkpoint/camera`.
    pub camera_timezones: BTreeMap<String, String>,
    pub auth: AuthConfig,
    pub tls: TlsConfig,
    pub limits: LimitsConfig,
    pub cameras: CamerasConfig,
    pub webhook: WebhookConfig,
    pub log: LogConfig,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8765".into(),
            data_dir: "/var/lib/lpr-server".into(),
            timezone: String::new(),
            max_event_bytes: 16_000_000,
            max_records: 10_000,
            active_window_s: 300,
            camera_timezones: BTreeMap::new(),
            auth: AuthConfig::default(),
            tls: TlsConfig::default(),
            limits: LimitsConfig::default(),
            cameras: CamerasConfig::default(),
            webhook: WebhookConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl ServerConfig {
    /// Everything that is wrong with the values, at once.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.listen.parse::<SocketAddr>().is_err() {
            faults.push(Fault::new("listen", format!("\"{}\" is not ADDRESS:PORT, e.g. 127.0.0.1:8765", self.listen)));
        }
        if !self.timezone.is_empty() && jiff::tz::TimeZone::get(&self.timezone).is_err() {
            faults
                .push(Fault::new("timezone", format!("\"{}\" is no IANA time zone, e.g. Asia/Bangkok", self.timezone)));
        }
        for (camera, zone) in &self.camera_timezones {
            let key = format!("camera_timezones.\"{camera}\"");
            if !camera.contains('/') {
                faults.push(Fault::new(&key, "must name checkpoint and camera: \"checkpoint_001/camera_001\""));
            }
            if jiff::tz::TimeZone::get(zone).is_err() {
                faults.push(Fault::new(&key, format!("\"{zone}\" is no IANA time zone, e.g. Asia/Bangkok")));
            }
        }
        if !(100_000..=100_000_000).contains(&self.max_event_bytes) {
            faults.push(Fault::new("max_event_bytes", "must be 100000 to 100000000"));
        }
        if !(1..=100_000).contains(&self.max_records) {
            faults.push(Fault::new("max_records", "must be 1 to 100000"));
        }
        self.auth.check(&mut faults);
        self.tls.check(&mut faults);
        self.limits.check(&mut faults);
        self.cameras.check(&mut faults);
        self.webhook.check(&mut faults);
        faults
    }
}
