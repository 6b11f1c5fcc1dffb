//! The inference thread: newest frames of all cameras in turn → reads → events. It never waits for the disk or the
//! network: a live camera's event that finds the media thread's queue full is dropped and counted.

use super::cameras::Camera;
use super::care::Care;
use super::eye::Eye;
use super::infer_host::InferHost;
use super::motion::FrameGate;
use super::page::live::LiveView;
use super::swap::{InUse, Sample};
use super::unread::{self, UnreadPicture};
use crate::capture::Slots;
use crate::clock::Clock;
use crate::domain::{CameraKey, Frame, FrameReading, PassFacts, PlateEvent, new_event_id};
use crate::health::rest_ms;
use crate::inference::{Lookout, Pipeline};
use crate::supervise::Pulse;
use crate::track::{Funnel, Passage, TrackSettings, Tracker};
use crate::uplink::LinkStatus;
use crate::vision::Picture;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, warn};
use uuid::Uuid;

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
    /// In the order of the configuration.
    pub cameras: Vec<CameraCounts>,
}

/// What became of one camera's frames and vehicles.
#[derive(Debug, Default)]
pub struct CameraCounts {
    /// Frames in which nothing moved, so that nobody looked at them.
    pub gated: AtomicU64,
    /// Frames that nobody looked at so that the box cools down.
    pub left_for_heat: AtomicU64,
    funnel: Mutex<Funnel>,
    picture: Mutex<Picture>,
}

impl Counters {
    pub fn new(cameras: usize) -> Self {
        Self { cameras: (0..cameras).map(|_| CameraCounts::default()).collect(), ..Self::default() }
    }
}

impl CameraCounts {
    pub fn funnel(&self) -> Funnel {
        *self.funnel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the camera shows is like.
    pub fn picture(&self) -> Picture {
        *self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_picture(&self, picture: Picture) {
        *self.picture.lock().unwrap_or_else(PoisonError::into_inner) = picture;
    }

    fn set_funnel(&self, funnel: Funnel) {
        *self.funnel.lock().unwrap_or_else(PoisonError::into_inner) = funnel;
    }
}

/// One camera as this thread sees it.
struct Lane {
    key: CameraKey,
    settings: TrackSettings,
    /// Settings that a changed configuration brings.
    wanted: watch::Receiver<TrackSettings>,
    /// `None` for still pictures: each frame stands for itself.
    tracker: Option<Tracker>,
    /// `None` where every frame is looked at.
    gate: Option<FrameGate>,
    lookout: Lookout,
    /// `None` where the picture is not judged: only a live camera can freeze or be covered.
    eye: Option<Eye>,
    live: bool,
    /// Ids of provisional events that wait for their final form, by track.
    announced: BTreeMap<u64, Uuid>,
}

impl Lane {
    fn of(camera: &Camera, frozen_s: f64) -> Self {
        // A thread that takes another's place begins with what was changed meanwhile.
        let wanted = camera.wanted.subscribe();
        let settings = wanted.borrow().clone();
        Self {
            key: camera.key.clone(),
            tracker: (!camera.is_stills()).then(|| Tracker::new(settings.clone())),
            settings,
            wanted,
            gate: camera.is_gated().then(FrameGate::default),
            lookout: Lookout::default(),
            eye: camera.spec.is_live().then(|| Eye::new((frozen_s * 1000.0) as u64)),
            live: camera.spec.is_live(),
            announced: BTreeMap::new(),
        }
    }

    /// Takes up a changed configuration.
    fn take_up_changes(&mut self) {
        if self.wanted.has_changed().unwrap_or(false) {
            self.settings = self.wanted.borrow_and_update().clone();
            self.tracker.iter_mut().for_each(|tracker| tracker.set_settings(self.settings.clone()));
        }
    }

    /// The event of a passage. Its final form has the id of the provisional one.
    fn event(&mut self, passage: Passage) -> PlateEvent {
        let known = passage.facts.track_id.and_then(|track| self.announced.remove(&track));
        let event_id = known.unwrap_or_else(|| new_event_id(passage.frame.captured));
        if let Some(track) = passage.facts.track_id.filter(|_| passage.facts.provisional) {
            self.announced.insert(track, event_id);
        }
        passage_event(self.key.clone(), event_id, passage)
    }
}

/// The thread's state.
pub struct InferLoop {
    slots: Slots<Frame>,
    models: InUse,
    lanes: Vec<Lane>,
    events: SyncSender<PlateEvent>,
    counters: Arc<Counters>,
    unread: Option<SyncSender<UnreadPicture>>,
    link: watch::Receiver<LinkStatus>,
    live: Arc<LiveView>,
    clock: Arc<dyn Clock>,
    pulse: Pulse,
    care: Arc<Care>,
    /// Another thread has taken this one's place: nothing more is said.
    replaced: Arc<AtomicBool>,
    /// Live frames are left alone until then, so that the box cools down; milliseconds since boot.
    rest_until_ms: u64,
    /// When it was last asked whether a silent camera holds an event back, milliseconds since boot.
    asked_ms: u64,
}

/// Where what is made goes.
#[derive(Clone)]
pub struct Outlets {
    pub events: SyncSender<PlateEvent>,
    /// Pictures of what is not read, if they are wanted.
    pub unread: Option<SyncSender<UnreadPicture>>,
    /// How the link stands: provisional events are for servers that know revisions.
    pub link: watch::Receiver<LinkStatus>,
    /// Frames for who watches them on the local page.
    pub live: Arc<LiveView>,
}

/// How often that is asked.
const SILENCE_MS: u64 = 1000;

impl InferLoop {
    pub fn new(host: &InferHost, pipeline: Pipeline, outlets: Outlets, replaced: Arc<AtomicBool>) -> Self {
        let lanes = host.cameras.iter().map(|camera| Lane::of(camera, host.frozen_s)).collect();
        let Outlets { events, unread, link, live } = outlets;
        let (slots, counters, clock) = (host.slots.clone(), host.counters.clone(), host.clock.clone());
        let (pulse, care) = (host.pulse.clone(), host.care.clone());
        Self {
            slots,
            models: InUse::new(pipeline, host.swap.clone()),
            lanes,
            events,
            counters,
            unread,
            link,
            live,
            clock,
            pulse,
            care,
            replaced,
            rest_until_ms: 0,
            asked_ms: 0,
        }
    }

    /// Runs until every source has ended; then everything in sight has passed.
    pub fn run(mut self) {
        while !self.slots.all_ended() {
            self.pulse.beat();
            self.models.settle(self.clock.monotonic());
            if let Some((camera, frame)) = self.slots.take_next(PATIENCE) {
                self.look_at(camera, &frame);
            }
            if self.is_replaced() {
                return;
            }
            self.ask_silent_cameras();
        }
        for index in 0..self.lanes.len() {
            let passages = self.lanes[index].tracker.as_mut().map(Tracker::finish).unwrap_or_default();
            self.report(index, passages);
        }
        self.pulse.end();
    }

    fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::SeqCst)
    }

    /// What was in sight of a live camera that gives no frames any more has passed.
    fn ask_silent_cameras(&mut self) {
        let now_ms = self.clock.stamp().mono_ms;
        if now_ms.saturating_sub(self.asked_ms) < SILENCE_MS {
            return;
        }
        self.asked_ms = now_ms;
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            let tracker = lane.tracker.as_mut().filter(|_| lane.live);
            let passages = tracker.map(|tracker| tracker.wait_until(now_ms)).unwrap_or_default();
            self.report(index, passages);
        }
    }

    fn look_at(&mut self, camera: usize, frame: &Frame) {
        let Some(lane) = self.lanes.get_mut(camera) else { return };
        lane.take_up_changes();
        let counts = self.counters.cameras.get(camera);
        if let (Some(eye), Some(counts)) = (lane.eye.as_mut(), counts) {
            counts.set_picture(eye.look(&lane.key, frame));
        }
        if lane.live && self.clock.stamp().mono_ms < self.rest_until_ms {
            if let Some(counts) = counts {
                counts.left_for_heat.fetch_add(1, Ordering::Relaxed);
            }
            self.live.offer_still(camera, frame);
            return;
        }
        if let (Some(gate), Some(tracker)) = (lane.gate.as_mut(), lane.tracker.as_mut())
            && !gate.is_open(frame, tracker.is_busy())
        {
            if let Some(counts) = counts {
                counts.gated.fetch_add(1, Ordering::Relaxed);
            }
            self.live.offer_still(camera, frame);
            let passages = tracker.stand_still(frame.captured);
            self.report(camera, passages);
            return;
        }
        if let (Some(gate), Some(tracker)) = (&lane.gate, &lane.tracker) {
            lane.lookout.set_still(!tracker.is_busy() && !gate.sees_motion(frame));
        }
        self.counters.frames.fetch_add(1, Ordering::Relaxed);
        let begun = self.clock.monotonic();
        let lookout = lane.tracker.is_some().then_some(&mut lane.lookout);
        let before = lookout.as_deref().cloned();
        let reading = self.models.read(frame, lookout);
        let took_ms = self.clock.monotonic().saturating_sub(begun).as_secs_f64() * 1000.0;
        self.rest_until_ms = self.clock.stamp().mono_ms + rest_ms(took_ms, self.care.duty_percent());
        if self.replaced.load(Ordering::SeqCst) {
            return;
        }
        let reading = match reading {
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
            ms = reading.timing.total, age_ms = self.clock.stamp().mono_ms.saturating_sub(frame.captured.mono_ms),
            "frame read"
        );
        self.models.show(|| Sample::of(frame, before, &lane.settings, &reading, took_ms));
        self.live.offer(camera, frame, &reading.vehicles, &reading.plates);
        match lane.tracker.as_mut() {
            Some(tracker) => {
                tracker.set_provisional(lane.settings.provisional && self.link.borrow().revisions);
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
            let event = self.lanes[camera].event(passage);
            self.send(camera, event);
        }
        let lane = &mut self.lanes[camera];
        if let (Some(tracker), Some(counts)) = (lane.tracker.as_mut(), self.counters.cameras.get(camera)) {
            counts.set_funnel(tracker.funnel());
            for unread in tracker.take_unread() {
                self.unread.iter().for_each(|pictures| unread::hand_over(lane.key.camera.as_str(), &unread, pictures));
            }
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
    let (width, height) = (frame.width(), frame.height());
    reading.plates.retain(|plate| lane.settings.judge(plate, width, height).is_ok());
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
        pass: PassFacts::default(),
    })
}

fn passage_event(camera: CameraKey, event_id: Uuid, passage: Passage) -> PlateEvent {
    let mut plate = passage.plate;
    plate.vehicle = passage.vehicle.as_ref().map(|_| 0);
    PlateEvent {
        event_id,
        camera,
        frame: passage.frame,
        vehicles: passage.vehicle.into_iter().collect(),
        plates: vec![plate],
        first_seen: passage.first_seen,
        last_seen: passage.last_seen,
        reads: passage.reads,
        processing_ms: passage.processing_ms,
        pass: passage.facts,
    }
}

#[cfg(test)]
#[path = "infer_tests.rs"]
mod tests;
