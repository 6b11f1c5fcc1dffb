//! Which track does a sighting continue?

use super::motion::Motion;
use super::vote::Verdict;
use crate::domain::{BBox, FrameReading, PlateRead, Point};

/// One thing seen in a frame: a plate, with the vehicle it hangs on where that was found, or a vehicle alone.
pub(super) struct Sighting<'a> {
    pub(super) plate: Option<&'a PlateRead>,
    pub(super) vehicle: Option<BBox>,
    /// The plate's read counts.
    pub(super) accepted: bool,
}

/// Everything in a frame: its plates, then the vehicles on which none hangs.
pub(super) fn sightings<'a>(reading: &'a FrameReading, accepted: impl Fn(&PlateRead) -> bool) -> Vec<Sighting<'a>> {
    let vehicle_of = |plate: &PlateRead| plate.vehicle.and_then(|index| reading.vehicles.get(index));
    let plates = reading.plates.iter().filter(|plate| plate.bbox.is_valid()).map(|plate| Sighting {
        plate: Some(plate),
        vehicle: vehicle_of(plate).map(|vehicle| vehicle.bbox).filter(BBox::is_valid),
        accepted: accepted(plate),
    });
    let bare = |index: usize| reading.plates.iter().all(|plate| plate.vehicle != Some(index));
    let vehicles = (reading.vehicles.iter().enumerate())
        .filter(|(index, vehicle)| bare(*index) && vehicle.bbox.is_valid())
        .map(|(_, vehicle)| Sighting { plate: None, vehicle: Some(vehicle.bbox), accepted: false });
    plates.chain(vehicles).collect()
}

/// What of a track a sighting is held against.
pub(super) struct Expectation<'a> {
    pub(super) plate: Option<&'a Motion>,
    pub(super) vehicle: Option<&'a Motion>,
    pub(super) verdict: Option<&'a Verdict>,
    /// The confidence of its surest read, 0–1.
    pub(super) surest: f32,
}

/// A plate this many times as high as expected is another one (as logarithm, ln 2.2).
const OTHER_SIZE: f32 = 0.79;
/// A vehicle's box of four times the area as expected is another one's (as logarithm).
const OTHER_VEHICLE: f32 = 1.4;
/// Reads as sure as this with as little in common as that are of two plates, wherever they are.
const SURE: f32 = 0.95;
const UNLIKE: f32 = 0.4;
/// A vehicle's place is known for so long after it was last seen, seconds.
const SOON: f32 = 0.7;

/// How well a sighting fits, 0–1; 0: not at all.
///
/// Plates are compared with plates where both have one: where the plate should be by now counts most, then the text, the
/// size and the overlap of the vehicles. Where one side has no plate the vehicles decide, and for less, so that a plate
/// finds its own track before a bare vehicle takes it.
pub(super) fn fit(track: &Expectation<'_>, seen: &Sighting<'_>, now_ms: u64) -> f32 {
    let by_vehicle = match (track.vehicle, &seen.vehicle) {
        (Some(motion), Some(bbox)) => vehicle_nearness(motion, bbox, now_ms),
        _ => None,
    };
    let cost = match (track.plate, seen.plate) {
        (Some(motion), Some(plate)) => plate_cost(track, motion, plate, by_vehicle, now_ms),
        (None, Some(plate)) => bare_cost(by_vehicle, track.vehicle.map(|v| v.predicted(now_ms)), Some(plate.bbox)),
        (plate, None) => bare_cost(by_vehicle, seen.vehicle, plate.map(|motion| motion.predicted(now_ms))),
    };
    cost.map_or(0.0, |cost| (1.0 - cost).clamp(0.0, 1.0))
}

/// Cost of two sightings with a plate each, 0–1; `None` where they cannot be the same.
fn plate_cost(
    track: &Expectation<'_>,
    motion: &Motion,
    plate: &PlateRead,
    by_vehicle: Option<f32>,
    now_ms: u64,
) -> Option<f32> {
    let known = track.verdict.filter(|_| !plate.text.is_empty());
    let likeness = known.map(|verdict| text_likeness(&verdict.text, &plate.text));
    if plate.text_confidence.min(track.surest) >= SURE && likeness.is_some_and(|likeness| likeness < UNLIKE) {
        return None;
    }
    let (last, predicted) = (motion.bbox(), motion.predicted(now_ms));
    let reach = reach(motion, &plate.bbox, likeness, now_ms);
    let seen = plate.bbox.center();
    let least = distance_to_way(last.center(), predicted.center(), seen) / reach;
    let size = size_off(last.height(), predicted.height(), plate.bbox.height()) / OTHER_SIZE;
    if !(least <= 1.0 && size <= 1.0) {
        // Further than a plate moves, but on the same vehicle, and nothing says that it is another one.
        let open = likeness.is_none_or(|likeness| likeness >= 0.6) || known.is_some_and(|v| !v.is_established());
        return by_vehicle.filter(|near| *near > 0.3 && open).map(|near| 0.97 - 0.35 * near);
    }
    let off = (least + (predicted.center().distance(seen) / reach).min(1.0)) / 2.0;
    let text = 1.0 - likeness.unwrap_or(0.5);
    // Both vehicles are seen and are not near each other: the plates are of two vehicles.
    let apart = track.vehicle.is_some_and(|v| v.age(now_ms) <= SOON) && by_vehicle == Some(0.0);
    let vehicle = 1.0 - if apart { 0.0 } else { by_vehicle.unwrap_or(0.5) };
    Some(0.4 * off + 0.15 * size + 0.3 * text + 0.14 * vehicle)
}

/// Distance of a point from the way between two others. A vehicle may brake, and one that drives away from the camera
/// slows down in the picture: anything between where it was and where it should be is as expected.
fn distance_to_way(from: Point, to: Point, p: Point) -> f32 {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
    let along = (((p.x - from.x) * dx + (p.y - from.y) * dy) / length).clamp(0.0, 1.0);
    Point::new(from.x + along * dx, from.y + along * dy).distance(p)
}

/// How far a size is (as logarithm) from those between what it was and what it should be.
fn size_off(was: f32, should_be: f32, is: f32) -> f32 {
    let [was, should_be, is] = [was, should_be, is].map(|height| height.max(1.0).ln());
    (is - is.clamp(was.min(should_be), was.max(should_be))).abs()
}

/// How far from its expected place a plate may be seen, pixels. At first its speed is not known: a car that crosses the
/// picture at 10 m/s moves by 20 plate widths a second. A like text widens what is believed.
fn reach(motion: &Motion, bbox: &BBox, likeness: Option<f32>, now_ms: u64) -> f32 {
    let width = motion.bbox().width().max(bbox.width()).max(1.0);
    let age = motion.age(now_ms);
    let room = if motion.is_known() { 1.0 + (4.0 * age).min(2.0) } else { 1.0 + (16.0 * age).min(5.0) };
    let trust = 0.4 + 0.6 * likeness.unwrap_or(0.5);
    // Lost for a while and read alike: it may have turned or waited.
    let lost = if likeness.is_some_and(|likeness| likeness >= 0.8) { (8.0 * age).min(5.0) } else { 0.0 };
    width * (1.0 + (room - 1.0) * trust + lost)
}

/// Cost where one side has no plate: the vehicles must be near each other, and a plate must lie on the other's vehicle.
fn bare_cost(by_vehicle: Option<f32>, vehicle: Option<BBox>, plate: Option<BBox>) -> Option<f32> {
    if let Some(near) = by_vehicle {
        return (near > 0.0).then_some(0.95 - 0.45 * near);
    }
    let (vehicle, plate) = (vehicle?, plate?);
    vehicle.contains(plate.center()).then_some(0.9)
}

/// Nearness of a vehicle to where it should be: 1 in place, 0 at less than the least overlap or of another size.
fn vehicle_nearness(motion: &Motion, bbox: &BBox, now_ms: u64) -> Option<f32> {
    let (last, predicted) = (motion.bbox(), motion.predicted(now_ms));
    let size = size_off(last.area(), predicted.area(), bbox.area()) / OTHER_VEHICLE;
    let reach = (0.35 + (0.8 * motion.age(now_ms)).min(0.4)) * predicted.width().max(bbox.width());
    let off = distance_to_way(last.center(), predicted.center(), bbox.center()) / reach.max(1.0);
    Some(if size > 1.0 || off > 1.0 { 0.0 } else { 1.0 - 0.7 * off - 0.3 * size })
}

/// Likeness of two reads, 0–1: one minus the Levenshtein distance over the longer length.
pub(super) fn text_likeness(a: &str, b: &str) -> f32 {
    strsim::normalized_levenshtein(a, b) as f32
}
