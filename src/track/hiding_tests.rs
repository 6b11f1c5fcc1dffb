//! Vehicles that others cover for a while, and vehicles near each other that must not become one.

use super::tests::{large, plate, reading, texts};
use super::*;
use proptest::prelude::*;

/// At `second`, `height` pixels high, of a vehicle that drives away: right and up the picture.
fn away(second: f32, height: f32, text: &str, sure: f32) -> PlateRead {
    let (x, y) = (700.0 - 90.0 * second, 400.0 - 60.0 * second);
    PlateRead { bbox: BBox::from_center(x, y, 4.0 * height, height), ..plate(0.0, 0.0, text, sure) }
}

/// Six frames a second; `None` where nothing is seen. Gives each passage with the second at which it came.
fn watch(tracker: &mut Tracker, frames: &[Option<PlateRead>]) -> Vec<(f32, Passage)> {
    let mut passages = Vec::new();
    for (index, plate) in frames.iter().enumerate() {
        let seen = reading(plate.iter().cloned().collect());
        let second = index as f32 / 6.0;
        let found = tracker.update(&large((second * 1000.0) as u64), &seen);
        passages.extend(found.into_iter().map(|passage| (second, passage)));
    }
    passages
}

fn frames(of: std::ops::Range<u32>, plate: impl Fn(f32) -> PlateRead) -> Vec<Option<PlateRead>> {
    of.map(|index| Some(plate(index as f32 / 6.0))).collect()
}

#[test]
fn a_far_plate_misread_before_a_lorry_covers_it_and_right_afterwards_is_one_event() {
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut road = frames(0..6, |second| away(second, 12.0, "JOTCNK", 0.75));
    road.extend(vec![None; 10]);
    road.extend(frames(16..24, |second| away(second, 13.0, "J011CNK", 0.99)));
    assert!(watch(&mut tracker, &road).is_empty());
    assert_eq!(texts(&tracker.finish()), ["J011CNK"]);
    assert_eq!(tracker.funnel().vehicles_seen, 1);
}

#[test]
fn what_was_read_well_before_it_hid_is_reported_in_time_and_not_again() {
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut road = frames(0..6, |second| away(second, 17.0, "J011CNK", 0.99));
    road.extend(vec![None; 10]);
    let misread = ["JOTCRK", "JOIICNK", "DHECNK", "JOUCNK", "CNTTCNK", "OFFEHX"];
    road.extend((16..22).zip(misread).map(|(index, text)| Some(away(index as f32 / 6.0, 11.0, text, 0.8))));
    let passages = watch(&mut tracker, &road);
    assert_eq!((passages.len(), passages[0].1.plate.text.as_str()), (1, "J011CNK"));
    assert!(passages[0].0 < 2.2, "it waited: {}", passages[0].0);
    assert!(tracker.finish().is_empty());
    assert_eq!(tracker.funnel().vehicles_seen, 1);
}

#[test]
fn another_vehicle_that_comes_where_one_hid_is_an_event_of_its_own() {
    for sure in [0.99, 0.87] {
        let mut tracker = Tracker::new(TrackSettings::default());
        let mut road = frames(0..6, |second| away(second, 17.0, "J011CNK", 0.99));
        road.extend(vec![None; 10]);
        road.extend(frames(16..24, |second| away(second, 14.0, "XYZ2345", sure)));
        let mut found: Vec<Passage> = watch(&mut tracker, &road).into_iter().map(|(_, passage)| passage).collect();
        found.extend(tracker.finish());
        assert_eq!(texts(&found), ["J011CNK", "XYZ2345"], "{sure}");
    }
}

#[test]
fn weak_misreads_of_a_far_plate_that_agree_do_not_make_another_vehicle_of_a_sure_text() {
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut road = frames(0..4, |second| away(second, 14.0, "J011CNK", 0.99));
    let misread = ["UT1CNK", "COECHN", "OFEHX", "OFFEHX", "OFEHX", "SOFFEHX"];
    road.extend((4..10).zip(misread).map(|(index, text)| Some(away(index as f32 / 6.0, 8.0, text, 0.7))));
    watch(&mut tracker, &road);
    assert_eq!(texts(&tracker.finish()), ["J011CNK"]);
}

#[test]
fn sure_reads_with_nothing_in_common_are_two_vehicles_though_frames_come_seldom() {
    let mut tracker = Tracker::new(TrackSettings::default());
    // Two frames a second: the second car is seen first where the other one should be by now.
    let road = ["SVM4T63", "SVM4T63", "WPU2260", "WPU2260"];
    for (index, text) in (0u64..).zip(road) {
        let seen = reading(vec![plate(300.0, 150.0 + 40.0 * index as f32, text, 0.98)]);
        tracker.update(&large(index * 500), &seen);
    }
    assert_eq!(texts(&tracker.finish()), ["SVM4T63", "WPU2260"]);
}

#[test]
fn what_left_at_the_pictures_edge_is_not_waited_for() {
    let mut tracker = Tracker::new(TrackSettings::default());
    let leaving = |second: f32| PlateRead { ..plate(500.0, 300.0 + 170.0 * second, "JOTCNK", 0.75) };
    let mut road = frames(0..6, leaving);
    road.extend(vec![None; 10]);
    let passages = watch(&mut tracker, &road);
    assert_eq!(passages.len(), 1);
    assert!(passages[0].0 < 2.2, "it waited: {}", passages[0].0);
}

#[test]
fn a_read_cut_off_by_the_pictures_edge_hardly_counts() {
    let mut tracker = Tracker::new(TrackSettings::default());
    let cut = |second: f32| PlateRead { bbox: BBox::new(0.0, 300.0, 60.0, 330.0), ..away(second, 30.0, "6702", 1.0) };
    let mut road = frames(0..2, |second| away(second, 14.0, "AUS6702", 0.95));
    road.extend(frames(2..6, cut));
    watch(&mut tracker, &road);
    let found = tracker.finish();
    assert!(texts(&found).contains(&"AUS6702"), "{:?}", texts(&found));
}

/// One of two cars: where it drives, from when, and when nobody sees it.
#[derive(Debug, Clone)]
struct Car {
    x: f32,
    speed: f32,
    from_s: f32,
    blind: (f32, f32),
    text: &'static str,
}

impl Car {
    /// Down the picture and larger, as towards a camera.
    fn at(&self, second: f32) -> Option<PlateRead> {
        let driven = second - self.from_s;
        let y = 80.0 + self.speed * driven;
        let blind = (self.blind.0..self.blind.0 + self.blind.1).contains(&driven);
        let height = 10.0 + y / 20.0;
        let bbox = BBox::from_center(self.x, y, 4.0 * height, height);
        (driven >= 0.0 && y < 450.0 && !blind).then(|| PlateRead { bbox, ..plate(0.0, 0.0, self.text, 0.97) })
    }
}

fn blind() -> impl Strategy<Value = (f32, f32)> {
    (0.3f32..3.0, prop_oneof![Just(0.0f32), 0.2f32..2.5])
}

proptest! {
    #[test]
    fn two_cars_side_by_side_behind_each_other_or_overtaking_are_two_events_whoever_hides(
        (aside, lag, fps) in prop_oneof![
            // Beside each other, at any time; or in one lane, a length apart.
            (120f32..420.0, 0f32..3.0, 5f32..20.0),
            (-10f32..10.0, 1.2f32..4.0, 5f32..20.0),
        ],
        (speed, faster) in (90f32..160.0, 1f32..1.8),
        (blind_a, blind_b) in (blind(), blind()),
    ) {
        let same_lane = aside.abs() < 100.0;
        let a = Car { x: 300.0, speed, from_s: 0.0, blind: blind_a, text: "ABC1234" };
        let speed = if same_lane { speed } else { speed * faster };
        let b = Car { x: 300.0 + aside, speed, from_s: lag, blind: blind_b, text: "XYZ5678" };
        let mut tracker = Tracker::new(TrackSettings::default());
        let (mut found, mut reads) = (Vec::new(), [0, 0]);
        for index in 0..(10.0 * fps) as u32 {
            let second = index as f32 / fps;
            let cars = [a.at(second), b.at(second)];
            cars.iter().zip(&mut reads).for_each(|(plate, reads)| *reads += u32::from(plate.is_some()));
            let seen = reading(cars.into_iter().flatten().collect());
            found.extend(tracker.update(&large((second * 1000.0) as u64), &seen));
        }
        found.extend(tracker.finish());
        prop_assume!(reads.iter().all(|reads| *reads >= 4));
        let mut texts = texts(&found);
        texts.sort_unstable();
        prop_assert_eq!(texts, ["ABC1234", "XYZ5678"]);
    }
}
