//! One vehicle on its way through the picture.

use super::association::{Expectation, Sighting, text_likeness};
use super::funnel::Outcome;
use super::motion::Motion;
use super::region::Line;
use super::settings::Refusal;
use super::vote::{Ballot, Verdict, quality};
use super::way::Way;
use crate::domain::{BBox, CaptureTime, Detection, Frame, FrameReading, PlateRead};

/// A read and the frame it comes from.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) frame: Frame,
    pub(super) vehicle: Option<Detection>,
    pub(super) plate: PlateRead,
    pub(super) processing_ms: f64,
    /// How good it is, 0–1.
    quality: f32,
}

impl Picture {
    /// As evidence for a text: how like it the read is, and then how good.
    fn worth(&self, text: &str) -> (f32, f32) {
        (text_likeness(&self.plate.text, text), self.quality)
    }
}

/// The frames a track keeps, each some megabytes: the best for the text that is ahead, and the best for any other, which
/// may be ahead tomorrow.
#[derive(Debug, Default)]
struct Album {
    best: Option<Picture>,
    other: Option<Picture>,
}

impl Album {
    fn add(&mut self, picture: Picture, ahead: &str) {
        let mut pictures: Vec<Picture> =
            [self.best.take(), self.other.take(), Some(picture)].into_iter().flatten().collect();
        pictures.sort_by(|a, b| {
            let (a, b) = (a.worth(ahead), b.worth(ahead));
            b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        let mut pictures = pictures.into_iter();
        self.best = pictures.next();
        let text = self.best.as_ref().map(|best| best.plate.text.clone());
        self.other = pictures
            .filter(|picture| Some(&picture.plate.text) != text.as_ref())
            .max_by(|a, b| a.quality.total_cmp(&b.quality));
    }
}

/// Sightings after which something without a plate counts as a vehicle that passed; a single one is a flicker.
const MIN_SIGHTINGS: u32 = 2;
/// Looks in a row that do not see a vehicle: it does not stand there.
const GONE_LOOKS: u32 = 2;
/// What a read of a plate is worth that the picture's edge cuts off: it may well be sure of the characters that are left.
const CUT_WORTH: f32 = 0.1;
/// A read that contradicts the votes begins a new track when the next one says the same.
const CONTRADICTION: f32 = 0.4;
/// … if it is nearly as sure as the surest of them.
const CREDIBLE: f32 = 0.85;
/// A vehicle that comes again from hiding is the same one where a read is as like as this.
const RECOGNISED: f32 = 0.6;

pub(super) struct Track {
    pub(super) id: u64,
    plate: Option<Motion>,
    vehicle: Option<Motion>,
    way: Option<Way>,
    pub(super) first_seen: CaptureTime,
    pub(super) last_seen: CaptureTime,
    /// When a plate was last seen.
    plate_seen_ms: u64,
    sightings: u32,
    /// Looks in a row in which it was not seen.
    missed: u32,
    pub(super) ballot: Ballot,
    pub(super) verdict: Option<Verdict>,
    /// Confidence of its surest read.
    surest: f32,
    album: Album,
    /// How often a plate did not count, by the order of [`Refusal::ALL`].
    refusals: [u32; Refusal::ALL.len()],
    /// The largest view of what has not been read so far, where one is wanted.
    unread: Option<(Frame, BBox)>,
    /// A read that contradicts the votes, until the next one.
    contradiction: Option<String>,
    /// Pixels of the frame it was last seen in.
    picture_size: (u32, u32),
    /// Out of sight for longer than the time-out, and waited for.
    pub(super) hidden: bool,
    /// It came out of hiding, and no read has told yet that it is the same one.
    doubted: bool,
    /// Its event is made, or it needs none; it is only followed.
    pub(super) settled: bool,
    pub(super) provisional: bool,
}

impl Track {
    pub(super) fn new(id: u64, at: CaptureTime) -> Self {
        Self {
            id,
            plate: None,
            vehicle: None,
            way: None,
            first_seen: at,
            last_seen: at,
            plate_seen_ms: at.mono_ms,
            sightings: 0,
            missed: 0,
            ballot: Ballot::default(),
            verdict: None,
            surest: 0.0,
            album: Album::default(),
            refusals: [0; Refusal::ALL.len()],
            unread: None,
            contradiction: None,
            picture_size: (0, 0),
            hidden: false,
            doubted: false,
            settled: false,
            provisional: false,
        }
    }

    pub(super) fn expectation(&self) -> Expectation<'_> {
        let (plate, vehicle) = (self.plate.as_ref(), self.vehicle.as_ref());
        Expectation { plate, vehicle, verdict: self.verdict.as_ref(), surest: self.surest }
    }

    /// Is a plate known, or only a vehicle?
    pub(super) fn has_plate(&self) -> bool {
        self.plate.is_some()
    }

    /// The plate's place when it was last seen.
    pub(super) fn place(&self) -> Option<BBox> {
        self.plate.as_ref().map(Motion::bbox)
    }

    pub(super) fn way(&self) -> Option<&Way> {
        self.way.as_ref()
    }

    /// Milliseconds since its plate was seen.
    pub(super) fn plate_lost_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.plate_seen_ms)
    }

    /// Do the reads now say, for the second time in a row, something else than the votes? Then another vehicle has taken
    /// this one's place: while it was out of sight for a moment, or where the two were near each other (`contested`). A
    /// plate that goes on as it went, alone, is the same one whatever is read: far plates are misread the same way again
    /// and again.
    pub(super) fn is_taken_over_by(&mut self, seen: &Sighting<'_>, contested: bool, now_ms: u64) -> bool {
        let (Some(plate), Some(verdict), true) = (seen.plate, &self.verdict, seen.accepted) else { return false };
        let goes_on = self.plate.as_ref().is_some_and(|motion| motion.goes_on_to(&plate.bbox, now_ms));
        let likeness = text_likeness(&plate.text, &verdict.text);
        let doubted = self.doubted || self.hidden;
        if likeness >= RECOGNISED {
            self.doubted = false;
        }
        let hearsay = plate.text_confidence < CREDIBLE * self.surest;
        let same = hearsay
            || !verdict.is_established()
            || likeness >= if doubted { RECOGNISED } else { CONTRADICTION }
            || (goes_on && !contested && !doubted && self.contradiction.is_none());
        if same {
            self.contradiction = None;
            return false;
        }
        let again = self.contradiction.replace(plate.text.clone());
        again.is_some_and(|before| text_likeness(&before, &plate.text) >= 0.6)
    }

    /// Takes a sighting of itself.
    pub(super) fn see(&mut self, seen: &Sighting<'_>, frame: &Frame, reading: &FrameReading, lines: &[Line]) {
        let now = frame.captured.mono_ms;
        self.last_seen = frame.captured;
        self.picture_size = (frame.width(), frame.height());
        self.doubted |= std::mem::take(&mut self.hidden);
        self.sightings += 1;
        self.missed = 0;
        if let Some(bbox) = seen.vehicle {
            follow(&mut self.vehicle, bbox, now);
        }
        let Some(plate) = seen.plate else { return };
        let smoothed = follow(&mut self.plate, plate.bbox, now);
        self.way.get_or_insert_with(|| Way::new(smoothed, lines.len())).go(
            smoothed,
            lines,
            frame.width(),
            frame.height(),
        );
        self.plate_seen_ms = now;
        if seen.accepted && !self.settled && self.contradiction.is_none() {
            self.count(plate, frame, reading);
        }
    }

    fn count(&mut self, plate: &PlateRead, frame: &Frame, reading: &FrameReading) {
        self.unread = None;
        let whole = if is_cut(&plate.bbox, frame) { CUT_WORTH } else { 1.0 };
        let quality = quality(plate) * whole;
        self.ballot.cast(plate, quality);
        self.verdict = self.ballot.verdict();
        self.surest = self.surest.max(plate.text_confidence);
        let ahead = self.verdict.as_ref().map_or(plate.text.as_str(), |verdict| verdict.text.as_str());
        let picture = Picture {
            frame: frame.clone(),
            vehicle: plate.vehicle.and_then(|index| reading.vehicles.get(index)).cloned(),
            plate: plate.clone(),
            processing_ms: reading.timing.total,
            quality,
        };
        self.album.add(picture, ahead);
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let of = Refusal::ALL.iter().zip(&mut self.refusals).find(|(kind, _)| **kind == refusal);
        if let Some((_, count)) = of {
            *count += 1;
        }
    }

    /// The most frequent reason among those of the furthest that its plates got.
    fn refusal(&self) -> Option<Refusal> {
        let counted = Refusal::ALL.iter().zip(&self.refusals).filter(|(_, count)| **count > 0);
        counted.max_by_key(|(kind, count)| (kind.stage(), **count)).map(|(kind, _)| *kind)
    }

    /// Keeps the view where it is the largest so far of a vehicle not yet read; a plate is worth more than a bare vehicle.
    pub(super) fn keep_unread(&mut self, seen: &Sighting<'_>, frame: &Frame) {
        let Some(bbox) = seen.plate.map(|plate| plate.bbox).or(seen.vehicle) else { return };
        let bare_again = seen.plate.is_none() && self.has_plate();
        let first_plate = seen.plate.is_some() && self.refusals.iter().sum::<u32>() == 0;
        let larger = self.unread.as_ref().is_none_or(|(_, known)| bbox.area() > known.area());
        if self.ballot.reads() == 0 && !bare_again && (first_plate || larger) {
            self.unread = Some((frame.clone(), bbox));
        }
    }

    /// A picture of what made no event.
    pub(super) fn view(&self) -> Option<(Frame, BBox)> {
        let read = self.album.best.as_ref().map(|picture| (picture.frame.clone(), picture.plate.bbox));
        read.or_else(|| self.unread.clone())
    }

    pub(super) fn picture(&self) -> Option<&Picture> {
        self.album.best.as_ref()
    }

    /// Frames held in memory.
    pub(super) fn frames_held(&self) -> usize {
        let held = [self.album.best.is_some(), self.album.other.is_some(), self.unread.is_some()];
        held.into_iter().filter(|held| *held).count()
    }

    pub(super) fn drop_spare_pictures(&mut self) {
        self.album.other = None;
        self.unread = None;
    }

    /// From now on it is only followed: its frames are not needed any more.
    pub(super) fn settle(&mut self) {
        self.settled = true;
        self.album = Album::default();
        self.unread = None;
    }

    /// Somebody looked and did not see it.
    pub(super) fn miss(&mut self) {
        self.missed += 1;
    }

    /// Out of sight for longer than usual. May it come again: should it still be in the picture by then?
    pub(super) fn may_return(&self, now_ms: u64) -> bool {
        self.plate.as_ref().is_some_and(|plate| {
            let (place, margin) = (plate.predicted(now_ms).center(), plate.bbox().width());
            let inside = |at: f32, size: u32| at > margin && at < size as f32 - margin;
            inside(place.x, self.picture_size.0) && inside(place.y, self.picture_size.1)
        })
    }

    /// Nothing has moved in the picture: what stood there still does. What was missed by the last looks has left; one look
    /// alone may be a flaw of the detector.
    pub(super) fn stay(&mut self, at: CaptureTime) {
        if self.missed >= GONE_LOOKS {
            return;
        }
        let standing = at.mono_ms.saturating_sub(self.last_seen.mono_ms);
        self.last_seen = at;
        self.plate_seen_ms += standing;
    }

    /// Where a passage without votes ended; `None` for a flicker that was none.
    pub(super) fn outcome_without_text(&self) -> Option<Outcome> {
        if self.sightings < MIN_SIGHTINGS {
            return None;
        }
        Some(match self.refusal().filter(|_| self.has_plate()) {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::NoPlate,
        })
    }
}

/// Does the plate reach beyond the picture, as far as its box tells? Then characters are missing.
fn is_cut(bbox: &BBox, frame: &Frame) -> bool {
    let margin = 1.0 + 0.02 * bbox.width();
    let (right, bottom) = (frame.width() as f32 - margin, frame.height() as f32 - margin);
    bbox.x1 < margin || bbox.y1 < margin || bbox.x2 > right || bbox.y2 > bottom
}

/// Updates a motion, or begins it; gives its smoothed box.
fn follow(motion: &mut Option<Motion>, bbox: BBox, now_ms: u64) -> BBox {
    match motion {
        Some(motion) => {
            motion.update(bbox, now_ms);
            motion.bbox()
        }
        None => motion.insert(Motion::new(bbox, now_ms)).bbox(),
    }
}
