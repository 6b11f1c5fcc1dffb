//! What the server does with a call or an event, whichever road it came by. Answers follow the commit.

use super::answer::{self, Broadcast};
use super::fault::{Code, Fault};
use super::images::ImageStore;
use super::presence::Presence;
use super::store::{self, NewDetection, NewHealth, Store, Verdict};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::domain::CameraKey;
use crate::wire::incoming::{Context, Detection, Envelope, EventRef, Health, Images, Overview, Registration};
use crate::wire::timestamp;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Everything that calls and events share.
pub struct App {
    pub config: ServerConfig,
    pub zone: TimeZone,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<Store>,
    pub images: ImageStore,
    pub presence: Presence,
    images_dropped: AtomicU64,
}

/// An accepted call or event: the answer, and what the rooms are told after it.
#[derive(Debug)]
pub struct Done {
    pub answer: Value,
    pub broadcasts: Vec<Broadcast>,
}

type Reply = Result<Done, Fault>;

impl App {
    pub fn new(
        config: ServerConfig,
        zone: TimeZone,
        clock: Arc<dyn Clock>,
        store: Arc<Store>,
        images: ImageStore,
    ) -> Self {
        let presence = Presence::new(config.active_window_s);
        Self { config, zone, clock, store, images, presence, images_dropped: AtomicU64::new(0) }
    }

    pub fn now_us(&self) -> i64 {
        self.clock.wall_us()
    }

    fn context(&self, received_us: i64) -> Context<'_> {
        Context { zone: &self.zone, received_us }
    }

    /// `camera_register`, by either road.
    pub async fn register(&self, payload: &Value) -> Result<(CameraKey, Done), Fault> {
        let registration =
            Registration::read(payload).map_err(|invalid| Fault::from(invalid).about(EventRef::peek(payload)))?;
        let now_us = self.now_us();
        let camera = registration.camera.clone();
        let work = move |conn: &rusqlite::Connection| {
            store::touch(conn, &camera, now_us)?;
            store::checkpoint(conn)
        };
        let checkpoint = self.store.write(work).await.map_err(|e| Fault::from(e).about(registration.event.clone()))?;
        tracing::info!(camera = %registration.camera, "camera registered");
        let handshake = answer::Handshake {
            max_event_bytes: self.config.max_event_bytes,
            store_id: self.store.store_id(),
            // The commit that this answer follows counts too.
            checkpoint: checkpoint + 1,
        };
        let done = Done {
            answer: answer::registered(&registration, &handshake, now_us),
            broadcasts: vec![answer::camera_status(&registration.camera, true, now_us)],
        };
        Ok((registration.camera, done))
    }

    /// `lpr_data`, by either road.
    pub async fn detection(&self, payload: &Value) -> Reply {
        let event = EventRef::peek(payload);
        self.accept_detection(payload).await.map_err(|fault| fault.about(event))
    }

    async fn accept_detection(&self, payload: &Value) -> Reply {
        let received_us = self.now_us();
        let mut detection = Detection::read(payload, self.context(received_us))?;
        let images = std::mem::take(&mut detection.images);
        let dropped = images.dropped;
        let known = self.receipt("detection", &detection.envelope).await?;
        let record_id =
            known.as_ref().map_or_else(Uuid::new_v4, |(id, _)| id.parse().unwrap_or_else(|_| Uuid::new_v4()));
        let stored = known.map(|(_, revision)| revision);
        let images = match store::verdict(stored, detection.envelope.revision()) {
            Verdict::Duplicate => Vec::new(),
            Verdict::New | Verdict::Update => {
                self.write_images(record_id, detection.envelope.revision(), received_us, images).await?
            }
        };
        let overview = detection.overview();
        let Detection { envelope, captured_us, body, .. } = detection;
        let row = NewDetection {
            camera: envelope.camera.clone(),
            key: envelope.key.clone(),
            revision: envelope.revision(),
            detection_id: record_id.to_string(),
            captured_us,
            received_us,
            body: Value::Object(body).to_string(),
            images,
        };
        let accepted = self.store.write(move |conn| row.insert(conn)).await?;
        self.images.remove(accepted.orphans.iter().map(String::as_str));
        self.images_dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        self.log_detection(&envelope.camera, &accepted, &overview);
        let answer = answer::detection(&envelope, &accepted, dropped, received_us);
        let broadcasts = answer::detection_broadcast(&envelope.camera, &accepted, &overview);
        Ok(Done { answer, broadcasts: broadcasts.into_iter().collect() })
    }

    /// Plate text is personal: only where the configuration asks for it, or at debug.
    fn log_detection(&self, camera: &CameraKey, accepted: &store::Accepted, overview: &Overview) {
        let (id, verdict, plates) = (&accepted.record_id, accepted.verdict, &overview.ocr_results);
        if self.config.log.plates {
            tracing::info!(%camera, %id, ?verdict, %plates, "detection");
        } else {
            tracing::debug!(%camera, %id, ?verdict, %plates, "detection");
        }
    }

    async fn receipt(&self, kind: &'static str, envelope: &Envelope) -> Result<Option<(String, i64)>, Fault> {
        let (camera, key) = (envelope.camera.clone(), envelope.key.clone());
        Ok(self.store.read(move |conn| store::receipt(conn, kind, &camera, &key)).await?)
    }

    async fn write_images(
        &self,
        id: Uuid,
        revision: i64,
        received_us: i64,
        images: Images,
    ) -> Result<Vec<store::ImageRow>, Fault> {
        let folder = self.images.clone();
        let written = tokio::task::spawn_blocking(move || folder.write(id, revision, received_us, &images)).await;
        match written {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                tracing::error!(%error, "images cannot be written; look at the free space of the data directory");
                Err(Fault::new(Code::Unavailable, "the server cannot store images at the moment; send it again later"))
            }
            Err(_) => Err(Fault::new(Code::Unavailable, "the server is stopping; send it again later")),
        }
    }

    /// `health_status`, by either road.
    pub async fn health(&self, payload: &Value) -> Reply {
        let event = EventRef::peek(payload);
        self.accept_health(payload).await.map_err(|fault| fault.about(event))
    }

    async fn accept_health(&self, payload: &Value) -> Reply {
        let received_us = self.now_us();
        let health = Health::read(payload, self.context(received_us))?;
        let row = NewHealth {
            camera: health.envelope.camera.clone(),
            key: health.envelope.key.clone(),
            revision: health.envelope.revision(),
            health_id: Uuid::new_v4().to_string(),
            component: health.component.clone(),
            status: json!(health.status).as_str().unwrap_or_default().to_owned(),
            message: health.message.clone(),
            at_us: health.at_us,
            received_us,
            body: Value::Object(health.body.clone()).to_string(),
        };
        let accepted = self.store.write(move |conn| row.insert(conn)).await?;
        let answer = answer::health(&health.envelope, &accepted, received_us);
        let broadcasts = answer::health_broadcast(&health, &accepted);
        Ok(Done { answer, broadcasts: broadcasts.into_iter().collect() })
    }

    /// `GET /api/cameras`.
    pub async fn cameras(&self) -> Result<Value, Fault> {
        let rows = self.store.read(store::cameras).await?;
        let now_us = self.now_us();
        let cameras: Vec<Value> = rows.iter().map(|row| answer::camera(row, self.is_online(row, now_us))).collect();
        Ok(json!({
            "success": true, "total_cameras": cameras.len(), "cameras": cameras, "timestamp": timestamp::format(now_us),
        }))
    }

    fn is_online(&self, row: &store::CameraRow, now_us: i64) -> bool {
        self.presence.is_online(&row.checkpoint_id, &row.camera_id, row.last_seen_us, now_us)
    }

    /// `GET /api/statistics`, with so many sockets open.
    pub async fn statistics(&self, connected_clients: usize) -> Result<Value, Fault> {
        let now_us = self.now_us();
        let day = day_around(now_us, &self.zone);
        let read = self.store.read(move |conn| Ok((store::counts(conn, day)?, store::cameras(conn)?)));
        let (counts, cameras) = read.await?;
        let active = cameras.iter().filter(|row| self.is_online(row, now_us)).count();
        Ok(json!({"success": true, "data": {
            "total_detections": counts.detections,
            "today_detections": counts.detections_today,
            "total_health_checks": counts.health,
            "today_health_checks": counts.health_today,
            "unique_cameras": counts.cameras_with_detections,
            "active_cameras": active,
            "total_cameras": cameras.len(),
            "blacklist_count": 0,
            "connected_clients": connected_clients,
            "images_dropped": self.images_dropped.load(Ordering::Relaxed),
            "last_update": timestamp::format(now_us),
            "server_status": "running",
        }}))
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
