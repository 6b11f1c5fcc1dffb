//! Tracks of one camera.

use super::assign::assign;
use super::association::{Sighting, fit, sightings};
use super::funnel::{Funnel, Outcome, Unread};
use super::repeat::{Memory, Stay};
use super::settings::TrackSettings;
use super::vehicle::{Picture, Track};
use super::vote::Verdict;
use super::way::Way;
use crate::domain::{BBox, CaptureTime, CharRead, Detection, Frame, FrameReading, PassFacts, PlateRead};

/// One vehicle that passed: its plate as the votes have it, in the frame that read it best.
#[derive(Debug, Clone)]
pub struct Passage {
    pub frame: Frame,
    pub vehicle: Option<Detection>,
    /// `text` is the voted one, `raw_text` what this frame read.
    pub plate: PlateRead,
    pub first_seen: CaptureTime,
    pub last_seen: CaptureTime,
    /// Frames whose read counted.
    pub reads: u32,
    /// Time spent on the frame that read best.
    pub processing_ms: f64,
    /// `track_id` is set: passages of one vehicle have the same one.
    pub facts: PassFacts,
}

/// Vehicles followed at once; more are not begun.
const MAX_TRACKS: usize = 64;
/// Frames held by all tracks together above which each keeps only its best.
const MAX_FRAMES: usize = 12;
/// Pictures of unread passages held until they are taken; more are not kept.
const MAX_UNREAD: usize = 4;
/// Two plates of one frame that overlap this much are one that was found twice.
const GHOST_OVERLAP: f32 = 0.4;
/// A read this sure is worth a provisional passage.
const PROVISIONAL_CONFIDENCE: f32 = 0.85;
/// A vehicle still in sight is reported when its plate has been lost for so many time-outs: it does not come again.
const PLATE_LOST: u64 = 3;
/// A vehicle that vanished in the middle of the picture is waited for as many time-outs.
const HIDING: u64 = 3;
/// Where frames come seldom, a vehicle is out of sight after so many of them at the earliest …
const MISSED_FRAMES: u64 = 3;
/// … but always after this time.
const LONGEST_TIMEOUT_MS: u64 = 5000;

/// Follows the vehicles of one camera.
pub struct Tracker {
    settings: TrackSettings,
    tracks: Vec<Track>,
    next_id: u64,
    memory: Memory,
    funnel: Funnel,
    unread: Vec<Unread>,
    /// Time of the last frame, and the usual time between two of them.
    last_frame_ms: Option<u64>,
    interval_ms: u64,
}

impl Tracker {
    pub fn new(settings: TrackSettings) -> Self {
        Self {
            settings,
            tracks: Vec::new(),
            next_id: 1,
            memory: Memory::default(),
            funnel: Funnel::default(),
            unread: Vec::new(),
            last_frame_ms: None,
            interval_ms: 0,
        }
    }

    /// Passages that were the same vehicle again and made no event.
    pub fn suppressed(&self) -> u64 {
        self.funnel.suppressed
    }

    /// Where the passages so far ended.
    pub fn funnel(&self) -> Funnel {
        self.funnel
    }

    /// The passages since the last call that made no event, where their pictures are kept.
    pub fn take_unread(&mut self) -> Vec<Unread> {
        std::mem::take(&mut self.unread)
    }

    /// Other settings hold from the next frame on; what is in sight stays.
    pub fn set_settings(&mut self, settings: TrackSettings) {
        self.settings = settings;
    }

    /// Are provisional passages welcome from now on?
    pub fn set_provisional(&mut self, welcome: bool) {
        self.settings.provisional = welcome;
    }

    /// Does it follow a vehicle of which every frame counts? Not one that has been reported, nor one that has stood for
    /// longer than the limit.
    pub fn is_busy(&self) -> bool {
        let young =
            |track: &Track| track.last_seen.mono_ms.saturating_sub(track.first_seen.mono_ms) <= self.settings.limit_ms;
        self.tracks.iter().any(|track| !track.settled && young(track))
    }

    /// Takes one frame's reads; gives the vehicles that have passed, or have been in sight for long enough.
    pub fn update(&mut self, frame: &Frame, reading: &FrameReading) -> Vec<Passage> {
        let now = frame.captured.mono_ms;
        let timeout = self.timeout_at(now);
        // Twice the time, as nobody may have looked in between: what is seen now may still be what was seen then.
        let mut passages = self.end_lost(now, 2 * timeout);
        let settings = &self.settings;
        let seen = sightings(reading, |plate| settings.judge(plate, frame.width(), frame.height()).is_ok());
        let fits = self.fits(&seen, now);
        let pairs = assign(&fits);
        let taken: Vec<BBox> = seen
            .iter()
            .zip(&pairs)
            .filter(|(_, pair)| pair.is_some())
            .filter_map(|(s, _)| s.plate)
            .map(|p| p.bbox)
            .collect();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            if !pairs.contains(&Some(index)) {
                track.miss();
            }
        }
        let mut begun: Vec<BBox> = Vec::new();
        for (row, (sighting, pair)) in seen.iter().zip(pairs).enumerate() {
            let contested = pair.is_some_and(|index| self.is_contested(&seen, &fits, row, index));
            let index = match pair {
                Some(index) if !self.tracks[index].is_taken_over_by(sighting, contested, now) => index,
                Some(index) => {
                    passages.extend(self.replace(index, frame.captured));
                    index
                }
                None => {
                    let ghost =
                        |plate: &PlateRead| taken.iter().chain(&begun).any(|b| b.iou(&plate.bbox) >= GHOST_OVERLAP);
                    if sighting.plate.is_some_and(ghost) || self.tracks.len() >= MAX_TRACKS {
                        continue;
                    }
                    begun.extend(sighting.plate.map(|plate| plate.bbox));
                    self.begin(frame.captured)
                }
            };
            passages.extend(self.extend(index, sighting, frame, reading));
        }
        passages.extend(self.collect(now, timeout));
        self.save_memory();
        passages
    }

    /// A frame in which nothing has moved and that nobody looked at: what has been reported and stood there still does.
    pub fn stand_still(&mut self, at: CaptureTime) -> Vec<Passage> {
        let timeout = self.timeout_at(at.mono_ms);
        let limit = self.settings.limit_ms;
        for track in &mut self.tracks {
            if track.settled || track.last_seen.mono_ms.saturating_sub(track.first_seen.mono_ms) > limit {
                track.stay(at);
            }
        }
        self.collect(at.mono_ms, timeout)
    }

    /// No frame has come until now: what was in sight may have passed.
    pub fn wait_until(&mut self, now_ms: u64) -> Vec<Passage> {
        self.collect(now_ms, LONGEST_TIMEOUT_MS.max(self.settings.timeout_ms))
    }

    /// The source has ended: everything in sight has passed.
    pub fn finish(&mut self) -> Vec<Passage> {
        let tracks = std::mem::take(&mut self.tracks);
        tracks.iter().filter_map(|track| self.end(track)).collect()
    }

    /// The time out of sight after which a vehicle has passed. Learns how often frames come.
    fn timeout_at(&mut self, now_ms: u64) -> u64 {
        let usual = self.interval_ms;
        if let Some(before) = self.last_frame_ms {
            let interval = now_ms.saturating_sub(before).min(LONGEST_TIMEOUT_MS);
            self.interval_ms = if usual == 0 { interval } else { (3 * usual + interval) / 4 };
        }
        self.last_frame_ms = Some(now_ms);
        self.settings.timeout_ms.max((MISSED_FRAMES * usual).min(LONGEST_TIMEOUT_MS))
    }

    /// How well each sighting (row) fits each track (column).
    fn fits(&self, seen: &[Sighting<'_>], now: u64) -> Vec<Vec<f32>> {
        let row = |sighting: &Sighting<'_>| self.tracks.iter().map(|t| fit(&t.expectation(), sighting, now)).collect();
        seen.iter().map(row).collect()
    }

    /// Could the sighting be of another track's plate as well, or another plate of this track?
    fn is_contested(&self, seen: &[Sighting<'_>], fits: &[Vec<f32>], row: usize, column: usize) -> bool {
        let fits_at = |row: usize, column: usize| fits[row].get(column).is_some_and(|fit| *fit > 0.0);
        let of_track = |other: usize| other != column && self.tracks[other].has_plate() && fits_at(row, other);
        let of_plate = |other: usize| other != row && seen[other].plate.is_some() && fits_at(other, column);
        (0..fits[row].len()).any(of_track) || (0..seen.len()).any(of_plate)
    }

    fn begin(&mut self, at: CaptureTime) -> usize {
        self.tracks.push(Track::new(self.next_id, at));
        self.next_id += 1;
        self.tracks.len() - 1
    }

    fn extend(&mut self, index: usize, seen: &Sighting<'_>, frame: &Frame, reading: &FrameReading) -> Option<Passage> {
        let track = &mut self.tracks[index];
        track.see(seen, frame, reading, &self.settings.lines);
        if self.settings.keep_unread && !track.settled {
            track.keep_unread(seen, frame);
        }
        let plate = seen.plate?;
        if let Err(refusal) = self.settings.judge(plate, frame.width(), frame.height()) {
            track.refuse(refusal);
            return None;
        }
        let wanted = self.settings.provisional && !track.provisional && !track.settled;
        if wanted && plate.text_confidence >= PROVISIONAL_CONFIDENCE {
            return self.announce(index);
        }
        None
    }

    /// A provisional passage, unless the vehicle looks like one that was reported already.
    fn announce(&mut self, index: usize) -> Option<Passage> {
        let track = &self.tracks[index];
        let verdict = track.verdict.as_ref()?;
        if self.memory.is_repeat(&stay_of(track, verdict)?, self.settings.repeat_window_ms) {
            return None;
        }
        let passage = self.passage(track, 0, true);
        self.tracks[index].provisional = passage.is_some();
        passage
    }

    /// Another vehicle has taken this one's place, in the list too: the pairs of this frame point into it.
    fn replace(&mut self, index: usize, at: CaptureTime) -> Option<Passage> {
        let next = Track::new(self.next_id, at);
        self.next_id += 1;
        let old = std::mem::replace(&mut self.tracks[index], next);
        self.end(&old)
    }

    fn collect(&mut self, now: u64, timeout: u64) -> Vec<Passage> {
        let mut passages = self.end_lost(now, timeout);
        for mut track in std::mem::take(&mut self.tracks) {
            let too_long = now.saturating_sub(track.first_seen.mono_ms) > self.settings.limit_ms;
            let lost = track.plate_lost_ms(now) > PLATE_LOST * timeout;
            if !track.settled && track.ballot.reads() > 0 && (too_long || lost) {
                passages.extend(self.report(&track));
                track.settle();
            }
            if track.settled {
                self.memory.still_there(track.id, track.last_seen.mono_ms, track.place());
            }
            self.tracks.push(track);
        }
        passages
    }

    /// What has been out of sight for longer than `timeout` has passed, unless it should still be in the picture: then it
    /// may be behind another vehicle, and is waited for. If its text is beyond doubt the event does not wait.
    fn end_lost(&mut self, now: u64, timeout: u64) -> Vec<Passage> {
        let patience = (HIDING * self.settings.timeout_ms).min(LONGEST_TIMEOUT_MS).max(timeout);
        let mut passages = Vec::new();
        for mut track in std::mem::take(&mut self.tracks) {
            let unseen = now.saturating_sub(track.last_seen.mono_ms);
            if unseen > patience || (unseen > timeout && !track.may_return(now)) {
                passages.extend(self.end(&track));
                continue;
            }
            if unseen > timeout {
                track.hidden = true;
                if !track.settled && track.verdict.as_ref().is_some_and(Verdict::is_beyond_doubt) {
                    passages.extend(self.report(&track));
                    track.settle();
                }
            }
            self.tracks.push(track);
        }
        passages
    }

    /// The vehicle is gone.
    fn end(&mut self, track: &Track) -> Option<Passage> {
        if track.settled {
            return None;
        }
        if track.ballot.reads() > 0 {
            return self.report(track);
        }
        if let Some(outcome) = track.outcome_without_text() {
            self.give_up(track, outcome);
        }
        None
    }

    /// Its passage, unless it was reported before under another track.
    fn report(&mut self, track: &Track) -> Option<Passage> {
        let stay = stay_of(track, track.verdict.as_ref()?)?;
        // What was announced must be concluded.
        if !track.provisional && self.memory.is_repeat(&stay, self.settings.repeat_window_ms) {
            self.give_up(track, Outcome::Suppressed);
            return None;
        }
        self.memory.remember(&stay, track.way().is_some_and(Way::stands));
        self.funnel.count(Outcome::Sent);
        self.passage(track, u32::from(track.provisional), false)
    }

    /// It makes no event.
    fn give_up(&mut self, track: &Track, why: Outcome) {
        self.funnel.count(why);
        if let Some((frame, bbox)) =
            track.view().filter(|_| self.settings.keep_unread && self.unread.len() < MAX_UNREAD)
        {
            self.unread.push(Unread { why, frame, bbox });
        }
    }

    fn passage(&self, track: &Track, revision: u32, provisional: bool) -> Option<Passage> {
        let (picture, verdict) = (track.picture()?, track.verdict.as_ref()?);
        let lines = &self.settings.lines;
        Some(Passage {
            frame: picture.frame.clone(),
            vehicle: picture.vehicle.clone(),
            plate: voted(picture, verdict),
            first_seen: track.first_seen,
            last_seen: track.last_seen,
            reads: track.ballot.reads(),
            processing_ms: picture.processing_ms,
            facts: PassFacts {
                track_id: Some(track.id),
                revision,
                provisional,
                doubtful: self.settings.is_doubtful(verdict.certainty()),
                direction: track.way().and_then(Way::direction),
                lines: track.way().map(|way| way.crossed(lines)).unwrap_or_default(),
                votes: Some(track.ballot.table(verdict)),
            },
        })
    }

    /// In a crowd each track keeps one frame, not two.
    fn save_memory(&mut self) {
        if self.frames_held() > MAX_FRAMES {
            self.tracks.iter_mut().for_each(Track::drop_spare_pictures);
        }
    }

    fn frames_held(&self) -> usize {
        self.tracks.iter().map(Track::frames_held).sum()
    }
}

/// What the memory knows a vehicle by.
fn stay_of<'a>(track: &Track, verdict: &'a Verdict) -> Option<Stay<'a>> {
    let (first_seen_ms, last_seen_ms) = (track.first_seen.mono_ms, track.last_seen.mono_ms);
    Some(Stay { track: track.id, verdict, first_seen_ms, last_seen_ms, place: track.place()? })
}

/// The plate of a frame with the text that was voted for.
fn voted(picture: &Picture, verdict: &Verdict) -> PlateRead {
    let characters = verdict.text.chars().zip(&verdict.confidence);
    PlateRead {
        text: verdict.text.clone(),
        text_confidence: verdict.certainty(),
        characters: characters.map(|(character, confidence)| CharRead { character, confidence: *confidence }).collect(),
        province: verdict.province.clone(),
        province_confidence: verdict.province_confidence,
        raw_text: Some(picture.plate.raw_text.clone().unwrap_or_else(|| picture.plate.text.clone())),
        ..picture.plate.clone()
    }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "hiding_tests.rs"]
mod hiding;
