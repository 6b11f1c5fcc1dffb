//! Tracks of one camera.

use super::association::{Motion, text_likeness};
use crate::domain::{CaptureTime, Detection, Frame, FrameReading, PlateRead};
use std::collections::BTreeMap;

/// What makes an event, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackSettings {
    /// A read below this mean character probability does not count.
    pub min_text_confidence: f32,
    /// A read with fewer characters does not count.
    pub min_text_length: usize,
    /// A vehicle out of sight for this long has passed.
    pub timeout_ms: u64,
    /// A vehicle in sight for this long is reported all the same.
    pub limit_ms: u64,
    /// The same text again within this time of its event is the same vehicle.
    pub repeat_window_ms: u64,
}

impl TrackSettings {
    /// Does this read count?
    pub fn accepts(&self, plate: &PlateRead) -> bool {
        plate.text_confidence >= self.min_text_confidence && plate.text.chars().count() >= self.min_text_length
    }
}

/// One vehicle that passed: its plate as the votes have it, in the frame that read it best.
#[derive(Debug, Clone)]
pub struct Passage {
    pub frame: Frame,
    pub vehicle: Option<Detection>,
    pub plate: PlateRead,
    pub first_seen: CaptureTime,
    pub last_seen: CaptureTime,
    /// Frames whose read counted.
    pub reads: u32,
    /// Time spent on the frame that read best.
    pub processing_ms: f64,
}

/// A read and the frame it comes from.
#[derive(Debug, Clone)]
struct Sighting {
    frame: Frame,
    vehicle: Option<Detection>,
    plate: PlateRead,
    processing_ms: f64,
}

impl Sighting {
    /// A large, certain read is the best evidence; certainty counts most.
    fn quality(&self) -> f32 {
        self.plate.text_confidence * self.plate.text_confidence * self.plate.bbox.height().max(1.0).sqrt()
    }
}

/// Texts a track remembers: each holds a whole frame in memory.
const MAX_TEXTS: usize = 6;

struct Track {
    motion: Motion,
    first_seen: CaptureTime,
    last_seen: CaptureTime,
    last_text: String,
    reads: u32,
    /// Per text: the sum of its reads' confidences, and the best of them.
    votes: BTreeMap<String, (f32, Sighting)>,
    reported: bool,
}

impl Track {
    fn vote(&mut self, sighting: Sighting) {
        let weight = sighting.plate.text_confidence;
        match self.votes.get_mut(&sighting.plate.text) {
            Some((sum, best)) => {
                *sum += weight;
                if sighting.quality() > best.quality() {
                    *best = sighting;
                }
            }
            None => {
                self.votes.insert(sighting.plate.text.clone(), (weight, sighting));
                self.forget_the_weakest();
            }
        }
    }

    fn forget_the_weakest(&mut self) {
        if self.votes.len() <= MAX_TEXTS {
            return;
        }
        let weakest = self.votes.iter().min_by(|a, b| a.1.0.total_cmp(&b.1.0)).map(|(text, _)| text.clone());
        if let Some(text) = weakest {
            self.votes.remove(&text);
        }
    }
}

/// Follows the plates of one camera.
pub struct Tracker {
    settings: TrackSettings,
    tracks: Vec<Track>,
    /// Texts reported lately, with the time of their last sighting.
    recent: Vec<(String, u64)>,
    suppressed: u64,
}

impl Tracker {
    pub fn new(settings: TrackSettings) -> Self {
        Self { settings, tracks: Vec::new(), recent: Vec::new(), suppressed: 0 }
    }

    /// Passages that were the same vehicle again and made no event.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Takes one frame's reads; gives the vehicles that have passed, or have been in sight for long enough.
    pub fn update(&mut self, frame: &Frame, reading: &FrameReading) -> Vec<Passage> {
        let now = frame.captured.mono_ms;
        let mut taken = vec![false; self.tracks.len()];
        for plate in &reading.plates {
            match self.best_track(plate, now, &taken) {
                Some(index) => {
                    taken[index] = true;
                    self.extend(index, frame, plate, reading);
                }
                None => {
                    self.begin(frame, plate, reading);
                    taken.push(true);
                }
            }
        }
        self.collect(now)
    }

    /// The source has ended: everything in sight has passed.
    pub fn finish(&mut self) -> Vec<Passage> {
        let tracks = std::mem::take(&mut self.tracks);
        tracks.into_iter().filter_map(|track| self.report(track)).collect()
    }

    fn best_track(&self, plate: &PlateRead, now: u64, taken: &[bool]) -> Option<usize> {
        self.tracks
            .iter()
            .enumerate()
            .filter(|(index, _)| !taken.get(*index).copied().unwrap_or(false))
            .map(|(index, track)| {
                let likeness = text_likeness(&plate.text, &track.last_text);
                (index, track.motion.fit(&plate.bbox, now, likeness))
            })
            .filter(|(_, fit)| *fit > 0.0)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    }

    fn begin(&mut self, frame: &Frame, plate: &PlateRead, reading: &FrameReading) {
        self.tracks.push(Track {
            motion: Motion::new(plate.bbox, frame.captured.mono_ms),
            first_seen: frame.captured,
            last_seen: frame.captured,
            last_text: String::new(),
            reads: 0,
            votes: BTreeMap::new(),
            reported: false,
        });
        self.extend(self.tracks.len() - 1, frame, plate, reading);
    }

    fn extend(&mut self, index: usize, frame: &Frame, plate: &PlateRead, reading: &FrameReading) {
        let accepted = self.settings.accepts(plate);
        let track = &mut self.tracks[index];
        track.motion.update(plate.bbox, frame.captured.mono_ms);
        track.last_seen = frame.captured;
        if !accepted {
            return;
        }
        track.last_text.clone_from(&plate.text);
        track.reads += 1;
        if track.reported {
            return;
        }
        let sighting = Sighting {
            frame: frame.clone(),
            vehicle: plate.vehicle.and_then(|v| reading.vehicles.get(v)).cloned(),
            plate: plate.clone(),
            processing_ms: reading.timing.total,
        };
        track.vote(sighting);
    }

    fn collect(&mut self, now: u64) -> Vec<Passage> {
        let mut passages = Vec::new();
        let mut kept = Vec::new();
        for mut track in std::mem::take(&mut self.tracks) {
            if now.saturating_sub(track.last_seen.mono_ms) > self.settings.timeout_ms {
                passages.extend(self.report(track));
                continue;
            }
            if !track.reported && now.saturating_sub(track.first_seen.mono_ms) > self.settings.limit_ms {
                passages.extend(self.passage(&track));
                track.reported = true;
                track.votes.clear();
            }
            kept.push(track);
        }
        self.tracks = kept;
        passages
    }

    fn report(&mut self, track: Track) -> Option<Passage> {
        if track.reported { None } else { self.passage(&track) }
    }

    fn passage(&mut self, track: &Track) -> Option<Passage> {
        let (text, (_, best)) = track.votes.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0))?;
        let seen = track.last_seen.mono_ms;
        let window = self.settings.repeat_window_ms;
        self.recent.retain(|(_, at)| track.first_seen.mono_ms.saturating_sub(*at) <= window);
        if let Some(entry) = self.recent.iter_mut().find(|(known, _)| known == text) {
            entry.1 = seen;
            self.suppressed += 1;
            return None;
        }
        self.recent.push((text.clone(), seen));
        Some(Passage {
            frame: best.frame.clone(),
            vehicle: best.vehicle.clone(),
            plate: best.plate.clone(),
            first_seen: track.first_seen,
            last_seen: track.last_seen,
            reads: track.reads,
            processing_ms: best.processing_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BBox, Quad};
    use proptest::prelude::*;

    const SETTINGS: TrackSettings = TrackSettings {
        min_text_confidence: 0.6,
        min_text_length: 3,
        timeout_ms: 1000,
        limit_ms: 30_000,
        repeat_window_ms: 5000,
    };

    fn frame(ms: u64) -> Frame {
        let captured = CaptureTime { wall_us: ms as i64 * 1000, mono_ms: ms, synced: true };
        Frame::new(1, 1, vec![0u8; 3], ms, captured).unwrap()
    }

    fn plate(x: f32, y: f32, text: &str, confidence: f32) -> PlateRead {
        let bbox = BBox::new(x, y, x + 80.0, y + 20.0);
        PlateRead {
            bbox,
            corners: Quad::from(bbox),
            confidence: 0.9,
            text: text.into(),
            text_confidence: confidence,
            characters: Vec::new(),
            province: None,
            vehicle: None,
            ..PlateRead::default()
        }
    }

    fn reading(plates: Vec<PlateRead>) -> FrameReading {
        FrameReading { plates, ..FrameReading::default() }
    }

    fn texts(passages: &[Passage]) -> Vec<&str> {
        passages.iter().map(|p| p.plate.text.as_str()).collect()
    }

    #[test]
    fn one_passing_vehicle_makes_one_event_with_the_text_most_frames_read() {
        let mut tracker = Tracker::new(SETTINGS);
        for (i, text) in ["ABC1Z34", "ABC1234", "ABC1234", "ABC1234"].iter().enumerate() {
            let seen = reading(vec![plate(10.0 + 60.0 * i as f32, 50.0, text, 0.9)]);
            assert!(tracker.update(&frame(i as u64 * 200), &seen).is_empty());
        }
        let gone = tracker.update(&frame(5000), &reading(vec![]));
        assert_eq!(texts(&gone), ["ABC1234"]);
        assert_eq!((gone[0].reads, gone[0].first_seen.mono_ms, gone[0].last_seen.mono_ms), (4, 0, 600));
    }

    #[test]
    fn the_picture_is_of_the_frame_that_read_the_reported_text_best() {
        let mut tracker = Tracker::new(SETTINGS);
        let reads = [("ABC1234", 0.7), ("ABC1234", 0.95), ("ABC1Z34", 0.99)];
        for (i, (text, confidence)) in reads.iter().enumerate() {
            tracker.update(&frame(i as u64 * 100), &reading(vec![plate(10.0, 50.0, text, *confidence)]));
        }
        let passages = tracker.finish();
        assert_eq!(passages[0].plate.text, "ABC1234");
        assert_eq!(passages[0].frame.number, 100);
    }

    #[test]
    fn vehicles_side_by_side_are_two_events() {
        let mut tracker = Tracker::new(SETTINGS);
        for i in 0..5u64 {
            let y = 40.0 + i as f32 * 15.0;
            tracker.update(
                &frame(i * 100),
                &reading(vec![plate(10.0, y, "AAA1111", 0.9), plate(300.0, y, "BBB2222", 0.9)]),
            );
        }
        let mut found = tracker.finish();
        found.sort_by(|a, b| a.plate.text.cmp(&b.plate.text));
        assert_eq!(texts(&found), ["AAA1111", "BBB2222"]);
    }

    #[test]
    fn a_plate_lost_and_found_again_within_the_window_is_one_event() {
        let mut tracker = Tracker::new(SETTINGS);
        tracker.update(&frame(0), &reading(vec![plate(10.0, 50.0, "ABC1234", 0.9)]));
        assert_eq!(tracker.update(&frame(2000), &reading(vec![])).len(), 1);
        tracker.update(&frame(3000), &reading(vec![plate(500.0, 50.0, "ABC1234", 0.9)]));
        assert!(tracker.finish().is_empty());
        assert_eq!(tracker.suppressed(), 1);
    }

    #[test]
    fn a_vehicle_that_stays_is_reported_once() {
        let mut tracker = Tracker::new(SETTINGS);
        let mut passages = Vec::new();
        for i in 0..200u64 {
            passages.extend(tracker.update(&frame(i * 500), &reading(vec![plate(10.0, 50.0, "ABC1234", 0.9)])));
        }
        passages.extend(tracker.finish());
        assert_eq!(texts(&passages), ["ABC1234"]);
    }

    #[test]
    fn an_uncertain_or_short_read_makes_no_event() {
        let mut tracker = Tracker::new(SETTINGS);
        tracker.update(&frame(0), &reading(vec![plate(10.0, 50.0, "ABC1234", 0.3), plate(400.0, 50.0, "A1", 0.99)]));
        assert!(tracker.finish().is_empty());
    }

    proptest! {
        #[test]
        fn never_more_events_than_sightings_and_never_a_text_nobody_read(
            sightings in proptest::collection::vec((0u64..20_000, 0f32..600.0, 0f32..400.0, "[A-C]{3}[0-2]{2}"), 0..60)
        ) {
            let mut sightings = sightings;
            sightings.sort_by_key(|s| s.0);
            let mut tracker = Tracker::new(SETTINGS);
            let mut passages = Vec::new();
            for (ms, x, y, text) in &sightings {
                passages.extend(tracker.update(&frame(*ms), &reading(vec![plate(*x, *y, text, 0.9)])));
            }
            passages.extend(tracker.finish());
            prop_assert!(passages.len() <= sightings.len());
            for passage in &passages {
                prop_assert!(sightings.iter().any(|s| s.3 == passage.plate.text));
                prop_assert!(passage.first_seen.mono_ms <= passage.last_seen.mono_ms);
            }
        }
    }
}
