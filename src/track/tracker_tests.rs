use super::*;
use crate::domain::{BBox, Direction, LineCrossing, Point, Quad};
use crate::track::{Line, Zone, ZoneKind};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

fn tracker() -> Tracker {
    Tracker::new(TrackSettings::default())
}

fn frame(ms: u64) -> Frame {
    let captured = CaptureTime { wall_us: ms as i64 * 1000, mono_ms: ms, synced: true };
    Frame::new(1, 1, vec![0u8; 3], ms, captured).unwrap()
}

pub(super) fn plate(x: f32, y: f32, text: &str, confidence: f32) -> PlateRead {
    let bbox = BBox::new(x, y, x + 80.0, y + 20.0);
    PlateRead {
        bbox,
        corners: Quad::from(bbox),
        confidence: 0.9,
        text: text.into(),
        text_confidence: confidence,
        ..PlateRead::default()
    }
}

pub(super) fn reading(plates: Vec<PlateRead>) -> FrameReading {
    FrameReading { plates, ..FrameReading::default() }
}

pub(super) fn texts(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|p| p.plate.text.as_str()).collect()
}

#[test]
fn one_passing_vehicle_makes_one_event_with_the_text_most_frames_read() {
    let mut tracker = tracker();
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
    let mut tracker = tracker();
    let reads = [("ABC1234", 0.9), ("ABC1234", 0.95), ("ABC1Z34", 0.99)];
    for (i, (text, confidence)) in reads.iter().enumerate() {
        tracker.update(&frame(i as u64 * 100), &reading(vec![plate(10.0, 50.0, text, *confidence)]));
    }
    let passages = tracker.finish();
    assert_eq!(passages[0].plate.text, "ABC1234");
    assert_eq!(passages[0].frame.number, 100);
}

#[test]
fn vehicles_side_by_side_are_two_events() {
    let mut tracker = tracker();
    for i in 0..5u64 {
        let y = 40.0 + i as f32 * 15.0;
        tracker
            .update(&frame(i * 100), &reading(vec![plate(10.0, y, "AAA1111", 0.9), plate(300.0, y, "BBB2222", 0.9)]));
    }
    let mut found = tracker.finish();
    found.sort_by(|a, b| a.plate.text.cmp(&b.plate.text));
    assert_eq!(texts(&found), ["AAA1111", "BBB2222"]);
}

#[test]
fn a_plate_lost_and_found_again_within_the_window_is_one_event() {
    let mut tracker = tracker();
    tracker.update(&frame(0), &reading(vec![plate(10.0, 50.0, "ABC1234", 0.9)]));
    assert_eq!(tracker.update(&frame(2000), &reading(vec![])).len(), 1);
    tracker.update(&frame(3000), &reading(vec![plate(500.0, 50.0, "ABC1234", 0.9)]));
    assert!(tracker.finish().is_empty());
    assert_eq!(tracker.suppressed(), 1);
}

#[test]
fn a_vehicle_that_stays_is_reported_once() {
    let mut tracker = tracker();
    let mut passages = Vec::new();
    for i in 0..200u64 {
        passages.extend(tracker.update(&frame(i * 500), &reading(vec![plate(10.0, 50.0, "ABC1234", 0.9)])));
    }
    passages.extend(tracker.finish());
    assert_eq!(texts(&passages), ["ABC1234"]);
}

#[test]
fn an_uncertain_or_short_read_makes_no_event() {
    let mut tracker = tracker();
    tracker.update(&frame(0), &reading(vec![plate(10.0, 50.0, "ABC1234", 0.3), plate(400.0, 50.0, "A1", 0.99)]));
    assert!(tracker.finish().is_empty());
}

/// A car with its plate at the lower middle of it.
fn car(x: f32, y: f32) -> Detection {
    let bbox = BBox::new(x - 60.0, y - 120.0, x + 140.0, y + 40.0);
    Detection { bbox, confidence: 0.9, class: "car".into(), corners: None }
}

/// Nobody looks at them.
static PIXELS: LazyLock<Arc<[u8]>> = LazyLock::new(|| vec![0u8; 1_500_000].into());

pub(super) fn large(ms: u64) -> Frame {
    let captured = CaptureTime { wall_us: ms as i64 * 1000, mono_ms: ms, synced: true };
    Frame::new(1000, 500, PIXELS.clone(), ms, captured).unwrap()
}

/// Frames at 10 a second; `None` where the plate is not seen.
fn drive(tracker: &mut Tracker, from_ms: u64, plates: &[Option<PlateRead>]) -> Vec<Passage> {
    let frames = plates.iter().zip(0u64..);
    frames.flat_map(|(p, i)| tracker.update(&large(from_ms + i * 100), &reading(p.iter().cloned().collect()))).collect()
}

#[test]
fn the_text_is_voted_character_by_character_and_the_raw_one_is_kept() {
    let mut tracker = tracker();
    let reads = ["A8C1234", "ABC12Z4", "ABCI234"].map(|text| Some(plate(10.0, 50.0, text, 0.9)));
    drive(&mut tracker, 0, &reads);
    let passage = tracker.finish().remove(0);
    assert_eq!(passage.plate.text, "ABC1234");
    assert_ne!(passage.plate.raw_text.as_deref(), Some("ABC1234"));
    let votes = passage.facts.votes.unwrap();
    assert_eq!((votes.reads, votes.texts.len(), votes.support.len()), (3, 3, 7));
}

#[test]
fn a_vehicle_in_sight_holds_its_track_while_the_plate_is_lost() {
    let mut tracker = tracker();
    let mut passages = Vec::new();
    for i in 0..40u64 {
        let (x, y) = (100.0 + i as f32 * 12.0, 200.0);
        let plates = if (5..25).contains(&i) {
            vec![]
        } else {
            vec![PlateRead { vehicle: Some(0), ..plate(x, y, "ABC1234", 0.9) }]
        };
        let seen = FrameReading { vehicles: vec![car(x, y)], plates, ..FrameReading::default() };
        passages.extend(tracker.update(&large(i * 100), &seen));
    }
    assert!(passages.is_empty());
    let passages = tracker.finish();
    assert_eq!((texts(&passages), passages[0].reads), (vec!["ABC1234"], 20));
    assert_eq!(tracker.suppressed(), 0);
}

#[test]
fn vehicles_that_cross_keep_their_texts() {
    let mut tracker = tracker();
    for i in 0..30u64 {
        let s = i as f32 * 30.0;
        let (right, left) = (plate(s, 100.0, "AAA1111", 0.9), plate(870.0 - s, 118.0, "BBB2222", 0.9));
        // Where they meet neither can be read.
        let blind = (13..17).contains(&i);
        let plates =
            [right, left].map(|p| if blind { PlateRead { text: String::new(), text_confidence: 0.0, ..p } } else { p });
        tracker.update(&large(i * 100), &reading(plates.to_vec()));
    }
    let mut found = tracker.finish();
    found.sort_by(|a, b| a.plate.text.cmp(&b.plate.text));
    assert_eq!(texts(&found), ["AAA1111", "BBB2222"]);
    assert_eq!(found.iter().map(|p| p.reads).collect::<Vec<_>>(), [26, 26]);
    assert_eq!(found[0].facts.direction, Some(Direction::Right));
    assert_eq!(found[1].facts.direction, Some(Direction::Left));
}

#[test]
fn a_vehicle_that_takes_the_place_of_another_is_a_second_event() {
    let mut tracker = tracker();
    let first = vec![Some(plate(300.0, 200.0, "AAA1111", 0.9)); 10];
    let second = vec![Some(plate(300.0, 200.0, "XYZ2345", 0.9)); 10];
    let mut passages = drive(&mut tracker, 0, &first);
    // Nobody saw the one leave and the other come.
    passages.extend(drive(&mut tracker, 1500, &second));
    passages.extend(tracker.finish());
    assert_eq!(texts(&passages), ["AAA1111", "XYZ2345"]);
}

#[test]
fn a_far_plate_misread_the_same_way_again_and_again_is_no_other_vehicle() {
    let mut tracker = tracker();
    let size = |i: u64| 14.0 + 3.0 * i as f32;
    let mut passages = Vec::new();
    for i in 0..16u64 {
        let text = if i < 6 { "77101W1" } else { "ZZ10LVJ" };
        let (x, y, height) = (400.0 - 6.0 * i as f32, 150.0 + 12.0 * i as f32, size(i));
        let bbox = BBox::new(x, y, x + 4.0 * height, y + height);
        let seen = PlateRead { bbox, ..plate(x, y, text, 0.9) };
        passages.extend(tracker.update(&large(i * 125), &reading(vec![seen])));
    }
    passages.extend(tracker.finish());
    assert_eq!(texts(&passages), ["ZZ10LVJ"]);
}

#[test]
fn a_parked_vehicle_is_one_event_though_others_cover_it_and_the_camera_shakes() {
    let mut tracker = tracker();
    let mut passages = Vec::new();
    for i in 0..6000u64 {
        let covered = i % 600 > 540;
        let shake = if i % 7 < 3 { 6.0 } else { -5.0 };
        let plates = if covered { vec![] } else { vec![plate(300.0 + shake, 200.0 - shake, "ABC1234", 0.9)] };
        passages.extend(tracker.update(&large(i * 200), &reading(plates)));
    }
    passages.extend(tracker.finish());
    assert_eq!(texts(&passages), ["ABC1234"]);
    let dwell = passages[0].last_seen.mono_ms - passages[0].first_seen.mono_ms;
    assert!((30_000..32_000).contains(&dwell), "{dwell}");
    assert!(tracker.suppressed() > 5);
}

#[test]
fn standing_still_behind_a_shut_gate_is_staying_in_sight() {
    let mut tracker = tracker();
    let mut passages = drive(&mut tracker, 0, &vec![Some(plate(300.0, 200.0, "ABC1234", 0.9)); 320]);
    assert_eq!((passages.len(), tracker.is_busy()), (1, false));
    for ms in (32_000..90_000).step_by(100) {
        passages.extend(tracker.stand_still(large(ms).captured));
    }
    passages.extend(drive(&mut tracker, 90_000, &vec![Some(plate(300.0, 200.0, "ABC1234", 0.9)); 20]));
    passages.extend(tracker.finish());
    assert_eq!((passages.len(), tracker.suppressed()), (1, 0));
}

#[test]
fn a_vehicle_that_left_just_before_the_gate_shut_does_not_stand_there_for_ever() {
    let mut tracker = Tracker::new(TrackSettings { timeout_ms: 4000, ..TrackSettings::default() });
    let there = || vec![Some(plate(300.0, 200.0, "ABC1234", 0.9)); 320];
    assert_eq!(drive(&mut tracker, 0, &there()).len(), 1);
    // It drives off; the gate shuts before the time is out.
    drive(&mut tracker, 32_000, &vec![None; 15]);
    for ms in (33_500..1_000_000).step_by(100) {
        assert!(tracker.stand_still(large(ms).captured).is_empty());
    }
    let again = drive(&mut tracker, 1_000_000, &there());
    assert_eq!((texts(&again), tracker.suppressed()), (vec!["ABC1234"], 0));
}

#[test]
fn a_camera_that_falls_silent_holds_no_event_back() {
    let mut tracker = tracker();
    drive(&mut tracker, 0, &vec![Some(plate(300.0, 200.0, "ABC1234", 0.9)); 5]);
    assert!(tracker.wait_until(2000).is_empty());
    assert_eq!(texts(&tracker.wait_until(9000)), ["ABC1234"]);
}

#[test]
fn a_provisional_passage_comes_at_the_first_confident_read_and_is_concluded_once() {
    let mut tracker = Tracker::new(TrackSettings { provisional: true, ..TrackSettings::default() });
    let reads = [("ABCIZ34", 0.7), ("ABC1Z34", 0.9), ("ABC1234", 0.95), ("ABC1234", 0.95)];
    let early = drive(&mut tracker, 0, &reads.map(|(text, sure)| Some(plate(300.0, 200.0, text, sure))));
    assert_eq!(early.len(), 1);
    assert!(early[0].facts.provisional && early[0].facts.revision == 0 && early[0].reads == 2);
    let late = tracker.finish();
    assert_eq!((texts(&late), late[0].facts.revision, late[0].facts.provisional), (vec!["ABC1234"], 1, false));
    assert_eq!(late[0].facts.track_id, early[0].facts.track_id);
}

#[test]
fn a_text_on_which_the_reads_disagree_is_doubtful_and_one_on_which_they_agree_is_not() {
    let passed = |settings: TrackSettings, reads: [&str; 4]| {
        let mut tracker = Tracker::new(settings);
        drive(&mut tracker, 0, &reads.map(|text| Some(plate(300.0, 200.0, text, 0.95))));
        tracker.finish().remove(0)
    };
    let torn = passed(TrackSettings::default(), ["ABC1234", "ABC1284", "ABC1234", "ABC1284"]);
    assert!(torn.plate.text_confidence < 0.6 && torn.facts.doubtful, "{torn:?}");
    let agreed = passed(TrackSettings::default(), ["ABC1234"; 4]);
    assert!(agreed.plate.text_confidence > 0.9 && !agreed.facts.doubtful, "{agreed:?}");
    let lenient = TrackSettings { doubtful_below: 0.0, ..TrackSettings::default() };
    assert!(!passed(lenient, ["ABC1234", "ABC1284", "ABC1234", "ABC1284"]).facts.doubtful);
}

#[test]
fn where_frames_come_seldom_a_missed_one_ends_nothing() {
    let mut tracker = tracker();
    let mut passages = Vec::new();
    for i in [0u64, 1, 2, 3, 5, 6, 8, 9] {
        let seen = reading(vec![plate(300.0 + 20.0 * i as f32, 200.0, "ABC1234", 0.9)]);
        passages.extend(tracker.update(&large(i * 800), &seen));
    }
    assert!(passages.is_empty() && tracker.suppressed() == 0);
    assert_eq!(tracker.finish()[0].reads, 8);
}

#[test]
fn zones_and_lines_are_shares_of_the_picture() {
    let corners = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)].map(|(x, y)| Point::new(x, y));
    let settings = TrackSettings {
        zones: vec![Zone { kind: ZoneKind::Exclude, points: corners.to_vec() }],
        lines: vec![Line { name: "gate".into(), from: Point::new(0.0, 0.5), to: Point::new(1.0, 0.5) }],
        ..TrackSettings::default()
    };
    let mut tracker = Tracker::new(settings);
    for i in 0..20u64 {
        let y = 100.0 + 15.0 * i as f32;
        let plates = vec![plate(100.0, y, "AAA1111", 0.9), plate(700.0, y, "BBB2222", 0.9)];
        tracker.update(&large(i * 100), &reading(plates));
    }
    let passages = tracker.finish();
    assert_eq!(texts(&passages), ["BBB2222"]);
    assert_eq!(passages[0].facts.lines, [LineCrossing { name: "gate".into(), forward: true }]);
    let funnel = tracker.funnel();
    assert_eq!((funnel.plate_found, funnel.out_of_zone, funnel.sent), (2, 1, 1));
}

#[test]
fn the_funnel_counts_each_passage_once_where_it_ended() {
    let mut tracker = Tracker::new(TrackSettings { min_plate_height: 12.0, ..TrackSettings::default() });
    let low = PlateRead { bbox: BBox::new(300.0, 200.0, 340.0, 210.0), ..plate(0.0, 0.0, "CCC3333", 0.9) };
    let cases = [plate(300.0, 200.0, "AAA1111", 0.9), plate(300.0, 200.0, "??", 0.2), low];
    for (case, from) in cases.into_iter().zip([0, 20_000, 40_000]) {
        drive(&mut tracker, from, &vec![Some(case); 5]);
    }
    for i in 0..5u64 {
        let seen = FrameReading { vehicles: vec![car(500.0, 200.0)], ..FrameReading::default() };
        tracker.update(&large(60_000 + i * 100), &seen);
    }
    tracker.finish();
    let expected =
        Funnel { vehicles_seen: 4, plate_found: 3, too_small: 1, low_confidence: 1, sent: 1, ..Funnel::default() };
    assert_eq!(tracker.funnel(), expected);
}

#[test]
fn a_crowd_does_not_hold_many_frames_in_memory() {
    let mut tracker = tracker();
    for i in 0..10u64 {
        let crowd = (0..20).map(|n| plate(n as f32 * 200.0, 50.0, &format!("A{n}B{}C", i % 3), 0.9)).collect();
        tracker.update(&frame(i * 100), &reading(crowd));
    }
    assert!(tracker.frames_held() <= 20, "{}", tracker.frames_held());
}

proptest! {
    #[test]
    fn never_more_events_than_sightings_and_never_a_character_nobody_read(
        sightings in proptest::collection::vec((0u64..20_000, 0f32..600.0, 0f32..400.0, "[A-C]{3}[0-2]{2}"), 0..60)
    ) {
        let mut sightings = sightings;
        sightings.sort_by_key(|s| s.0);
        let mut tracker = tracker();
        let mut passages = Vec::new();
        for (ms, x, y, text) in &sightings {
            passages.extend(tracker.update(&frame(*ms), &reading(vec![plate(*x, *y, text, 0.9)])));
        }
        passages.extend(tracker.finish());
        prop_assert!(passages.len() <= sightings.len());
        for passage in &passages {
            prop_assert!(passage.plate.text.chars().all(|c| sightings.iter().any(|s| s.3.contains(c))));
            prop_assert!(passage.first_seen.mono_ms <= passage.last_seen.mono_ms);
            let raw = passage.plate.raw_text.as_deref();
            prop_assert!(sightings.iter().any(|s| Some(s.3.as_str()) == raw && s.0 == passage.frame.number));
        }
    }

    #[test]
    fn the_same_frames_give_the_same_passages_and_the_funnel_adds_up(
        frames in proptest::collection::vec(
            proptest::collection::vec((0f32..900.0, 0f32..450.0, 5f32..40.0, "[A-C]{0,3}[0-2]{2}", 0f32..1.0), 0..5),
            0..40,
        )
    ) {
        let run = || {
            let mut tracker = Tracker::new(TrackSettings { min_plate_height: 10.0, ..TrackSettings::default() });
            let mut passages = Vec::new();
            for (number, plates) in frames.iter().enumerate() {
                let plates = plates.iter().map(|(x, y, height, text, confidence)| PlateRead {
                    bbox: BBox::new(*x, *y, x + 4.0 * height, y + height),
                    ..plate(*x, *y, text, *confidence)
                });
                passages.extend(tracker.update(&frame(number as u64 * 150), &reading(plates.collect())));
            }
            passages.extend(tracker.finish());
            (passages.iter().map(|p| format!("{p:?}")).collect::<Vec<_>>(), tracker.funnel())
        };
        let (passages, funnel) = run();
        prop_assert_eq!(&(passages.clone(), funnel), &run());
        let Funnel { vehicles_seen, plate_found, out_of_zone, too_small, blurred, glare_or_dark, low_confidence, refused, suppressed, sent } = funnel;
        prop_assert_eq!(plate_found, out_of_zone + too_small + blurred + glare_or_dark + low_confidence + refused + suppressed + sent);
        prop_assert!(vehicles_seen >= plate_found);
        prop_assert_eq!(sent, passages.len() as u64);
    }

    #[test]
    fn every_vehicle_has_one_final_event_that_follows_its_provisional_one_and_the_flush_loses_none(
        frames in proptest::collection::vec(
            (1u64..900, any::<bool>(),
             proptest::collection::vec((0f32..900.0, 0f32..450.0, "[A-C]{3}[0-2]{2}", 0.5f32..1.0), 0..4)),
            1..40,
        )
    ) {
        let mut tracker = tracker();
        let (mut passages, mut now, mut accepted) = (Vec::new(), 0, false);
        for (step, provisional, plates) in frames {
            now += step;
            tracker.set_provisional(provisional);
            let plates: Vec<PlateRead> = plates.iter().map(|(x, y, text, sure)| plate(*x, *y, text, *sure)).collect();
            accepted |= plates.iter().any(|plate| TrackSettings::default().judge(plate, 1, 1).is_ok());
            passages.extend(tracker.update(&frame(now), &reading(plates)));
        }
        passages.extend(tracker.finish());
        prop_assert!(tracker.finish().is_empty());
        let mut by_track = std::collections::BTreeMap::<u64, Vec<(u32, bool)>>::new();
        for passage in &passages {
            let of = by_track.entry(passage.facts.track_id.unwrap()).or_default();
            of.push((passage.facts.revision, passage.facts.provisional));
        }
        prop_assert_eq!(accepted, !by_track.is_empty());
        for revisions in by_track.values() {
            prop_assert!(matches!(revisions[..], [(0, false)] | [(0, true), (1, false)]), "{:?}", revisions);
        }
    }
}
