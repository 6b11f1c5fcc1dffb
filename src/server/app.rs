//! What calls and events share, and the answers to questions. What is brought is taken in `ingest`.

use super::alarm::Alarm;
use super::answer::{self, Broadcast, Handshake};
use super::budget::Budget;
use super::fault::Fault;
use super::guard::Guard;
use super::images::ImageStore;
use super::metrics;
use super::presence::Presence;
use super::records;
use super::retention;
use super::store::{self, Store, Verdict};
use super::thumbs::Thumbs;
use super::watch::Watch;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::wire::incoming::{self, Context};
use crate::wire::timestamp;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Everything that calls and events share.
pub struct App {
    pub config: ServerConfig,
    pub zone: TimeZone,
    /// Of cameras whose naive timestamps are in another, by `checkpoint/camera`.
    camera_zones: HashMap<String, TimeZone>,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<Store>,
    pub images: ImageStore,
    pub thumbs: Thumbs,
    pub presence: Presence,
    pub watch: Watch,
    pub images_dropped: AtomicU64,
    /// Pictures cannot be written.
    pub image_alarm: Mutex<Alarm>,
    /// When the process began.
    pub started_us: i64,
    /// No new events are taken.
    stopping: AtomicBool,
    pub guard: Guard,
    /// What is in hand.
    pub budget: Arc<Budget>,
}

/// An accepted call or event: the answer, and what the rooms are told after it.
#[derive(Debug)]
pub struct Done {
    pub answer: Value,
    pub broadcasts: Vec<Broadcast>,
    /// How it is counted.
    pub counted: (metrics::Kind, Verdict),
}

impl App {
    pub fn new(
        config: ServerConfig,
        zone: TimeZone,
        clock: Arc<dyn Clock>,
        store: Arc<Store>,
        images: ImageStore,
    ) -> Self {
        // The configuration was checked: an unknown zone does not come this far.
        let zones = config
            .camera_timezones
            .iter()
            .filter_map(|(camera, name)| Some((camera.clone(), TimeZone::get(name).ok()?)));
        let camera_zones = zones.collect();
        let started_us = clock.wall_us();
        let presence = Presence::new(&config, clock.clone());
        let thumbs = Thumbs::new(config.thumbnails_mb.saturating_mul(1_000_000));
        let watch = Watch::new(!config.webhook.url.is_empty());
        let guard = Guard::new(&config, clock.clone());
        let budget = Budget::new(config.max_event_bytes);
        Self {
            config,
            zone,
            camera_zones,
            clock,
            store,
            images,
            thumbs,
            presence,
            watch,
            images_dropped: AtomicU64::new(0),
            image_alarm: Mutex::default(),
            started_us,
            stopping: AtomicBool::new(false),
            guard,
            budget,
        }
    }

    pub fn now_us(&self) -> i64 {
        self.clock.wall_us()
    }

    /// What this server can do and how far it is.
    pub fn handshake(&self, checkpoint: i64) -> Handshake<'_> {
        Handshake { max_event_bytes: self.config.max_event_bytes, store_id: self.store.store_id(), checkpoint }
    }

    /// `GET /api/test`.
    pub fn test(&self) -> Value {
        answer::test(&self.handshake(self.store.checkpoint()), self.now_us())
    }

    /// What reading `payload` needs to know: naive timestamps are in the zone of its camera.
    pub fn context(&self, payload: &Value, received_us: i64) -> Context<'_> {
        let named = || self.camera_zones.get(&incoming::camera_named(payload)?.to_string());
        let zone = if self.camera_zones.is_empty() { None } else { named() };
        Context { zone: zone.unwrap_or(&self.zone), received_us }
    }

    /// From now on no new event is taken; what was taken is still answered.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// `GET /api/statistics`, with so many sockets open.
    pub async fn statistics(&self, connected_clients: usize) -> Result<Value, Fault> {
        let now_us = self.now_us();
        let day = day_around(now_us, &self.zone);
        let read =
            self.store.read(move |conn| Ok((store::counts(conn, day)?, store::cameras(conn)?, store::usage(conn)?)));
        let (counts, cameras, usage) = read.await?;
        let active = cameras.iter().filter(|row| self.looked_at(row).0).count();
        let blacklist_count = self.watch.valid_entries(&self.store, now_us).await?;
        Ok(json!({"success": true, "data": {
            "total_detections": counts.detections,
            "today_detections": counts.detections_today,
            "total_health_checks": counts.health,
            "today_health_checks": counts.health_today,
            "unique_cameras": counts.cameras_with_detections,
            "active_cameras": active,
            "total_cameras": cameras.len(),
            "blacklist_count": blacklist_count,
            "connected_clients": connected_clients,
            "lost_events": counts.lost_events,
            "lost_health_reports": counts.lost_health,
            "lost_pictures": counts.lost_pictures,
            "retention": retention::report(&usage),
            "images_dropped": self.images_dropped.load(Ordering::Relaxed),
            "last_update": timestamp::format(now_us),
            "server_status": "running",
        }}))
    }
}

impl App {
    /// `GET /api/gaps`: what agents say they lost.
    pub async fn gaps(&self, query: &records::Query) -> Result<Value, Fault> {
        let (camera_id, limit) = (query.camera_id(), query.limit(self.config.max_records));
        let (total, rows) = self.store.read(move |conn| store::gaps(conn, camera_id.as_deref(), limit)).await?;
        let gaps: Vec<Value> = rows.iter().map(answer::gap).collect();
        Ok(json!({
            "success": true, "returned_count": gaps.len(), "gaps": gaps, "total_count": total,
            "timestamp": timestamp::format(self.now_us()),
        }))
    }
}

/// The calendar day around `now_us` in `zone`: its first microsecond, and the next day's.
fn day_around(now_us: i64, zone: &TimeZone) -> (i64, i64) {
    let now = Timestamp::from_microsecond(now_us).unwrap_or_default().to_zoned(zone.clone());
    let bounds = (|| {
        let start = now.start_of_day()?;
        let end = start.checked_add(1.day())?;
        Ok::<_, jiff::Error>((start.timestamp().as_microsecond(), end.timestamp().as_microsecond()))
    })();
    // Only a clock at the end of time has no tomorrow.
    bounds.unwrap_or((i64::MIN, i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_the_day_of_the_configured_zone() {
        let us = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
        let day = day_around(us("2024-12-19T18:30:00Z"), &bangkok);
        assert_eq!(day, (us("2024-12-19T17:00:00Z"), us("2024-12-20T17:00:00Z")));
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let day = day_around(us("2025-03-30T12:00:00Z"), &berlin);
        assert_eq!(day.1 - day.0, 23 * 3_600_000_000, "the day the clocks go forward has 23 hours");
    }
}
