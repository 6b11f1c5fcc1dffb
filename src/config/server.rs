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
    /// `/api/records` gives this many with their pictures at the most, whatever `limit` says.
    pub max_records: usize,
    /// Megabytes of thumbnails that are kept in memory.
    pub thumbnails_mb: usize,
    /// Seconds without a word after which a camera no longer counts as active.
    pub active_window_s: u64,
    /// The zone of a camera's timestamps without one, where it is another than `timezone`: by `checkpoint/camera`.
    pub camera_timezones: BTreeMap<String, String>,
    pub auth: AuthConfig,
    pub tls: TlsConfig,
    pub limits: LimitsConfig,
    pub cameras: CamerasConfig,
    pub webhook: WebhookConfig,
    pub retention: RetentionConfig,
    pub log: LogConfig,
}

/// When records go. Nothing goes at 0; days are counted from a record's arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionConfig {
    /// Megabytes of all records and pictures together: without a text first, with an alert last.
    pub max_mb: u64,
    /// Megabytes that are to stay free on the disk; what goes for it goes in the same order.
    pub min_free_mb: u64,
    /// Records without a text.
    pub no_text_days: f64,
    pub no_text_mb: u64,
    /// Records with a text.
    pub reads_days: f64,
    pub reads_mb: u64,
    /// Records with an alert.
    pub alerts_days: f64,
    pub alerts_mb: u64,
    /// Health reports.
    pub health_days: f64,
    /// Keys of events whose records are gone, from their last use.
    pub keys_days: f64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            max_mb: 0,
            min_free_mb: 0,
            no_text_days: 0.0,
            no_text_mb: 0,
            reads_days: 0.0,
            reads_mb: 0,
            alerts_days: 0.0,
            alerts_mb: 0,
            health_days: 0.0,
            keys_days: 400.0,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8765".into(),
            data_dir: "/var/lib/lpr-server".into(),
            timezone: String::new(),
            max_event_bytes: 16_000_000,
            max_records: 10_000,
            thumbnails_mb: 16,
            active_window_s: 300,
            camera_timezones: BTreeMap::new(),
            auth: AuthConfig::default(),
            tls: TlsConfig::default(),
            limits: LimitsConfig::default(),
            cameras: CamerasConfig::default(),
            webhook: WebhookConfig::default(),
            retention: RetentionConfig::default(),
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
        if self.thumbnails_mb > 1000 {
            faults.push(Fault::new("thumbnails_mb", "must be 0 to 1000"));
        }
        let retention = &self.retention;
        for (key, days) in [
            ("retention.no_text_days", retention.no_text_days),
            ("retention.reads_days", retention.reads_days),
            ("retention.alerts_days", retention.alerts_days),
            ("retention.health_days", retention.health_days),
        ] {
            if !(0.0..=36_500.0).contains(&days) {
                faults.push(Fault::new(key, "must be 0 (for ever) to 36500"));
            }
        }
        // An agent may come back after a season and send what it could not know was delivered.
        if retention.keys_days != 0.0 && !(30.0..=36_500.0).contains(&retention.keys_days) {
            faults.push(Fault::new("retention.keys_days", "must be 0 (for ever) or 30 to 36500"));
        }
        faults
    }
}
