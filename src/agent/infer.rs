//! The inference thread: newest frames of all cameras in turn → reads → events. It never waits for the disk or the
//! network: a live camera's event that finds the media thread's queue full is dropped and counted.

use super::cameras::Camera;
use crate::capture::Slots;
use crate::domain::{CameraKey, Frame, FrameReading, PlateEvent, new_event_id};
use crate::inference::Pipeline;
use crate::track::{Passage, TrackSettings, Tracker};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;
use tracing::{debug, warn};

/// How often the thread looks whether it should end while no frame comes.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the thread counts.
#[derive(Debug, Default)]
pub struct Counters {
    pub frames: AtomicU64,
    pub failed_frames: AtomicU64,
    pub events: AtomicU64,
    pub dropped_events: AtomicU64,
    pub suppressed: AtomicU64,
}

/// One camera as this thread sees it.
struct Lane {
    key: CameraKey,
    settings: TrackSettings,
    /// `None` for still pictures: each frame stands for itself.
    tracker: Option<Tracker>,
    live: bool,
}

/// The thread's state.
pub struct InferLoop {
    slots: Slots<Frame>,
    pipeline: Pipeline,
    lanes: Vec<Lane>,
    events: SyncSender<PlateEvent>,
    counters: Arc<Counters>,
}

impl InferLoop {
    pub fn new(
        cameras: &[Camera],
        settings: TrackSettings,
        slots: Slots<Frame>,
        pipeline: Pipeline,
        events: SyncSender<PlateEvent>,
        counters: Arc<Counters>,
    ) -> Self {
        let lane = |camera: &Camera| Lane {
            key: camera.key.clone(),
            settings,
            tracker: (!camera.is_stills()).then(|| Tracker::new(settings)),
            live: camera.spec.is_live(),
        };
        Self { slots, pipeline, lanes: cameras.iter().map(lane).collect(), events, counters }
    }

    /// Runs until every source has ended; then everything in sight has passed.
    pub fn run(mut self) {
        while !self.slots.all_ended() {
            if let Some((camera, frame)) = self.slots.take_next(PATIENCE) {
                self.look_at(camera, &frame);
            }
        }
        for index in 0..self.lanes.len() {
            let passages = self.lanes[index].tracker.as_mut().map(Tracker::finish).unwrap_or_default();
            self.report(index, passages);
        }
    }

    fn look_at(&mut self, camera: usize, frame: &Frame) {
        let Some(lane) = self.lanes.get_mut(camera) else { return };
        self.counters.frames.fetch_add(1, Ordering::Relaxed);
        let reading = match self.pipeline.read(frame) {
            Ok(reading) => reading,
            Err(error) => {
                let failed = self.counters.failed_frames.fetch_add(1, Ordering::Relaxed) + 1;
                // A broken model fails on every frame: say so at 1, 2, 4, 8, …
                if failed.is_power_of_two() {
                    warn!(camera = %lane.key, frame = frame.number, failed, %error, "frame could not be read");
                }
                return;
            }
        };
        debug!(
            camera = %lane.key, frame = frame.number, vehicles = reading.vehicles.len(), plates = reading.plates.len(),
            ms = reading.timing.total, "frame read"
        );
        match lane.tracker.as_mut() {
            Some(tracker) => {
                let passages = tracker.update(frame, &reading);
                self.report(camera, passages);
            }
            None => {
                if let Some(event) = still_event(lane, frame, reading) {
                    self.send(camera, event);
                }
            }
        }
    }

    fn report(&mut self, camera: usize, passages: Vec<Passage>) {
        for passage in passages {
            let event = passage_event(self.lanes[camera].key.clone(), passage);
            self.send(camera, event);
        }
        let suppressed = self.lanes.iter().filter_map(|lane| lane.tracker.as_ref()).map(Tracker::suppressed).sum();
        self.counters.suppressed.store(suppressed, Ordering::Relaxed);
    }

    fn send(&self, camera: usize, event: PlateEvent) {
        self.counters.events.fetch_add(1, Ordering::Relaxed);
        if !self.lanes[camera].live {
            // The receiver outlives this thread: it ends when the sender is dropped.
            let _ = self.events.send(event);
            return;
        }
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            let dropped = self.counters.dropped_events.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                warn!(camera = %event.camera, dropped, "event dropped: the disk does not keep up");
            }
        }
    }
}

/// All accepted plates of one picture in one event; none where nothing could be read.
fn still_event(lane: &Lane, frame: &Frame, mut reading: FrameReading) -> Option<PlateEvent> {
    reading.plates.retain(|plate| lane.settings.accepts(plate));
    if reading.plates.is_empty() {
        return None;
    }
    Some(PlateEvent {
        event_id: new_event_id(frame.captured),
        camera: lane.key.clone(),
        frame: frame.clone(),
        vehicles: reading.vehicles,
        plates: reading.plates,
        first_seen: frame.captured,
        last_seen: frame.captured,
        reads: 1,
        processing_ms: reading.timing.total,
    })
}

fn passage_event(camera: CameraKey, passage: Passage) -> PlateEvent {
    let mut plate = passage.plate;
    plate.vehicle = passage.vehicle.as_ref().map(|_| 0);
    PlateEvent {
        event_id: new_event_id(passage.frame.captured),
        camera,
        frame: passage.frame,
        vehicles: passage.vehicle.into_iter().collect(),
        plates: vec![plate],
        first_seen: passage.first_seen,
        last_seen: passage.last_seen,
        reads: passage.reads,
        processing_ms: passage.processing_ms,
    }
}
