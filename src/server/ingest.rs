//! What the server does with what agents bring, whichever road it came by. Answers follow the commit.

use super::answer::{self, Broadcast, Stored};
use super::app::{App, Done};
use super::cameras::problems;
use super::cameras::skew::Sample;
use super::fault::{Code, Fault};
use super::images::{ImageStore, Written};
use super::metrics;
use super::presence::Word;
use super::store::{
    self, Committed, Kind, NewDetection, NewHealth, Reported, Store, StoreError, Timed, Verdict, Watched,
};
use super::watch::alert::Told;
use super::watch::matching::Read;
use crate::domain::CameraKey;
use crate::killpoint;
use crate::telemetry::OneLine;
use crate::wire::incoming::{ClockReport, Detection, Envelope, EventRef, Gap, Health, Images, Overview, Registration};
use crate::wire::timestamp;
use serde_json::{Map, Value, json};
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use uuid::{NoContext, Timestamp, Uuid};

type Reply = Result<Done, Fault>;

impl App {
    /// `camera_register`, by either road.
    pub async fn register(&self, payload: &Value) -> Result<(CameraKey, Done), Fault> {
        let registration =
            Registration::read(payload).map_err(|invalid| Fault::from(invalid).about(EventRef::peek(payload)))?;
        let now_us = self.now_us();
        let camera = registration.camera.clone();
        let committed = self.store.write(move |conn| store::touch(conn, &camera, now_us)).await;
        let checkpoint = committed.map_err(|e| Fault::from(e).about(registration.event.clone()))?.checkpoint;
        tracing::info!(camera = %registration.camera, "camera registered");
        let zone = self.context(payload, now_us).zone;
        let sample = payload.as_object().and_then(|payload| {
            let stamped_us = timestamp::parse(payload.get("timestamp")?, zone)?;
            sample(payload, stamped_us, now_us, true)
        });
        // Every registration is announced, also of a camera that is there (PROTOCOL 1.2).
        self.presence.heard(&registration.camera, Word { is_health: false, sample });
        let done = Done {
            answer: answer::registered(&registration, &self.handshake(checkpoint), now_us),
            broadcasts: vec![answer::camera_status(&registration.camera, true, now_us)],
            counted: (metrics::Kind::Registration, Verdict::New),
        };
        killpoint::hit("server.answer.before");
        Ok((registration.camera, done))
    }

    /// `lpr_data`, by either road.
    pub async fn detection(&self, payload: &Value) -> Reply {
        let event = EventRef::peek(payload);
        self.accept_detection(payload).await.map_err(|fault| fault.about(event))
    }

    async fn accept_detection(&self, payload: &Value) -> Reply {
        let received_us = self.now_us();
        let mut detection = Detection::read(payload, self.context(payload, received_us))?;
        check_text(&detection.body)?;
        let mut images = std::mem::take(&mut detection.images);
        let dropped = images.dropped;
        let oversized = self.guard.sift(&mut images);
        let (record_id, written) = self.keep_images(&detection.envelope, received_us, images).await?;
        let overview = detection.overview();
        let sample = sample(&detection.body, detection.captured_us, received_us, false);
        let watched = Watched {
            camera: detection.envelope.camera.clone(),
            reads: Read::all(&detection.body),
            captured_us: detection.captured_us,
            is_raw: detection.envelope.raw_boot.is_some(),
            received_us,
            webhook: self.watch.webhook,
        };
        let Detection { envelope, captured_us, body, .. } = detection;
        let row = NewDetection {
            camera: envelope.camera.clone(),
            key: envelope.key.clone(),
            revision: envelope.revision(),
            detection_id: record_id.to_string(),
            captured: timed(captured_us, &envelope, body),
            received_us,
            images: written.as_ref().map(|written| written.rows.clone()).unwrap_or_default(),
        };
        let write = move |conn: &store::Connection| {
            let accepted = row.insert(conn)?;
            let told = watched.settle(conn, &accepted)?;
            Ok((accepted, told))
        };
        let result = self.store.write(write).await;
        let Committed { value: (accepted, told), checkpoint } = match result {
            Ok(committed) => committed,
            Err(error) => {
                // Otherwise a full disk would be filled further by every repeat.
                if let Some(written) = written.filter(|_| error.is_final()) {
                    self.images.remove(written.rows.iter().map(|row| row.path.as_str()));
                }
                return Err(error.into());
            }
        };
        self.images.remove(accepted.orphans.iter().map(String::as_str));
        if accepted.verdict != Verdict::Duplicate {
            let sifted = oversized.as_ref().map_or(0, |(count, _)| *count);
            self.images_dropped.fetch_add((dropped + sifted) as u64, Ordering::Relaxed);
        }
        self.log_detection(&envelope.camera, &accepted, &overview);
        let stored = Stored { envelope: &envelope, accepted: &accepted, store_id: self.store.store_id(), checkpoint };
        let mut answer = answer::detection(&stored, dropped, received_us);
        if let Some((_, oversized)) = oversized {
            let message = answer["message"].as_str().unwrap_or_default();
            answer["message"] = json!(format!("{message}; {oversized}"));
        }
        let broadcasts = answer::detection_broadcast(&envelope.camera, &accepted, &overview);
        let word = Word { is_health: false, sample };
        let broadcasts = self.with_news(broadcasts, &envelope.camera, word, &told);
        killpoint::hit("server.answer.before");
        Ok(Done { answer, broadcasts, counted: (metrics::Kind::Detection, accepted.verdict) })
    }

    /// Plate text is personal: only where the configuration asks for it, or at debug.
    fn log_detection(&self, camera: &CameraKey, accepted: &store::Accepted, overview: &Overview) {
        let (id, verdict) = (&accepted.record_id, accepted.verdict);
        let plates = OneLine(&overview.ocr_results);
        if self.config.log.plates {
            tracing::info!(%camera, %id, ?verdict, %plates, "detection");
        } else {
            tracing::debug!(%camera, %id, ?verdict, %plates, "detection");
        }
    }

    /// Writes the pictures, if there are any and the event is news; gives the id that the record has or is to have.
    async fn keep_images(
        &self,
        envelope: &Envelope,
        received_us: i64,
        images: Images,
    ) -> Result<(Uuid, Option<Written>), Fault> {
        if images.is_empty() {
            return Ok((new_id(received_us), None));
        }
        let (store, folder, envelope) = (self.store.clone(), self.images.clone(), envelope.clone());
        let kept = tokio::task::spawn_blocking(move || write_images(&store, &folder, &envelope, received_us, &images));
        let stopping = || Fault::new(Code::Unavailable, "the server is stopping; send it again later");
        let (record_id, written) = kept.await.map_err(|_| stopping())??;
        let written = written.transpose();
        let mut alarm = self.image_alarm.lock().unwrap_or_else(PoisonError::into_inner);
        match &written {
            Ok(_) => drop(alarm.clear()),
            Err(error) => {
                if let Some(failures) = alarm.raise() {
                    tracing::error!(%error, failures, "pictures cannot be written; look at the data directory's disk");
                }
            }
        }
        drop(alarm);
        let full =
            |_| Fault::new(Code::Unavailable, "the server cannot store images at the moment; send it again later");
        let written = written.map_err(full)?;
        if let Some(written) = &written {
            metrics::images_written(&written.rows);
        }
        Ok((record_id, written))
    }

    /// `health_status`, by either road.
    pub async fn health(&self, payload: &Value) -> Reply {
        let event = EventRef::peek(payload);
        self.accept_health(payload).await.map_err(|fault| fault.about(event))
    }

    async fn accept_health(&self, payload: &Value) -> Reply {
        let received_us = self.now_us();
        let health = Health::read(payload, self.context(payload, received_us))?;
        check_text(&health.body)?;
        let row = NewHealth {
            camera: health.envelope.camera.clone(),
            key: health.envelope.key.clone(),
            revision: health.envelope.revision(),
            health_id: new_id(received_us).to_string(),
            component: health.component.clone(),
            status: json!(health.status).as_str().unwrap_or_default().to_owned(),
            message: health.message.clone(),
            at: timed(health.at_us, &health.envelope, health.body.clone()),
            received_us,
            gap: Gap::of(&health),
            clock: ClockReport::of(&health),
        };
        let details = health.body.get("details").and_then(Value::as_object).cloned().unwrap_or_default();
        let reported = Reported {
            camera: health.envelope.camera.clone(),
            component: health.component.clone(),
            at_us: health.at_us,
            is_raw: health.envelope.raw_boot.is_some(),
            received_us,
            observations: problems::in_health(
                &health.component,
                health.status,
                &health.message,
                &details,
                &self.config.cameras,
            ),
            webhook: self.watch.webhook,
        };
        let write = move |conn: &store::Connection| {
            let accepted = row.insert(conn)?;
            let told = reported.settle(conn, &accepted)?;
            Ok((accepted, told))
        };
        let Committed { value: (accepted, told), checkpoint } = self.store.write(write).await?;
        let envelope = &health.envelope;
        let (id, component) = (&accepted.record_id, OneLine(&health.component));
        tracing::debug!(camera = %envelope.camera, %id, verdict = ?accepted.verdict, %component, status = ?health.status, "health");
        let stored = Stored { envelope, accepted: &accepted, store_id: self.store.store_id(), checkpoint };
        let answer = answer::health(&stored, received_us);
        let broadcasts = answer::health_broadcast(&health, &accepted);
        let sample = sample(&health.body, health.at_us, received_us, false);
        let broadcasts = self.with_news(broadcasts, &envelope.camera, Word { is_health: true, sample }, &told);
        killpoint::hit("server.answer.before");
        Ok(Done { answer, broadcasts, counted: (metrics::Kind::Health, accepted.verdict) })
    }

    /// `first`, and what a camera's word and the alerts that it raised mean to the rooms.
    fn with_news(&self, first: Option<Broadcast>, camera: &CameraKey, word: Word, told: &[Told]) -> Vec<Broadcast> {
        let came = self.presence.heard(camera, word);
        let status = came.then(|| answer::camera_status(camera, true, self.now_us()));
        status.into_iter().chain(first).chain(self.watch.broadcasts(told)).collect()
    }
}

/// Most bytes of an event without its pictures: searches and exports have hundreds of them in memory.
const MOST_TEXT: usize = 262_144;

fn check_text(body: &Map<String, Value>) -> Result<(), Fault> {
    let length = serde_json::to_string(body).map_or(0, |text| text.len());
    if length <= MOST_TEXT {
        return Ok(());
    }
    Err(Fault::new(Code::TooLarge, format!("without its pictures it is larger than {MOST_TEXT} bytes; send less text")))
}

/// What an event says about its sender's clock; nothing where the sender says that the clock was wrong.
fn sample(payload: &Map<String, Value>, stamped_us: i64, received_us: i64, is_live: bool) -> Option<Sample> {
    let is = |key: &str, value: bool| payload.get(key) == Some(&Value::Bool(value));
    let is_usable = !is("clock_synced", false) && !is("time_corrected", true);
    is_usable.then(|| Sample { difference_us: received_us.saturating_sub(stamped_us), is_live })
}

/// The id that the event's record has or is to have, and its pictures on the disk; none where the event is known. Blocks.
fn write_images(
    store: &Store,
    folder: &ImageStore,
    envelope: &Envelope,
    received_us: i64,
    images: &Images,
) -> Result<(Uuid, Option<io::Result<Written>>), StoreError> {
    let known = store.read_here(|conn| store::receipt(conn, Kind::Detection, &envelope.camera, &envelope.key))?;
    let (record_id, stored) = match known {
        Some((id, revision)) => (id.parse().unwrap_or_else(|_| new_id(received_us)), Some(revision)),
        None => (new_id(received_us), None),
    };
    if store::verdict(stored, envelope.revision()) == Verdict::Duplicate {
        return Ok((record_id, None));
    }
    Ok((record_id, Some(folder.write(record_id, received_us, images))))
}

fn timed(at_us: i64, envelope: &Envelope, body: serde_json::Map<String, Value>) -> Timed {
    Timed { at_us, raw_boot: envelope.raw_boot.clone(), body: Value::Object(body).to_string() }
}

/// An id that sorts by time: what is stored together lies together in the indexes, which spares the disk.
fn new_id(now_us: i64) -> Uuid {
    let seconds = u64::try_from(now_us.div_euclid(1_000_000)).unwrap_or(0);
    let nanos = u32::try_from(now_us.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos))
}
