use super::*;
use crate::domain::PROVINCES;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn spec(text: &str) -> SimSpec {
    SimSpec::parse(text).unwrap()
}

/// FNV-1a, 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// Of a frame that shows a vehicle.
fn frame_hash(text: &str, index: u64) -> u64 {
    let frame = Simulator::new(&spec(text)).render(index);
    assert!(!frame.vehicles.is_empty(), "{text}: frame {index} is empty");
    hash(&frame.pixels)
}

fn frames(text: &str) -> Vec<SimFrame> {
    let mut simulator = Simulator::new(&spec(text));
    (0..simulator.frame_count()).map(|i| simulator.render(i)).collect()
}

const SCENES: [&str; 7] = ["pass", "overtake", "cross", "stop", "park", "occlude", "mixed"];

#[test]
fn the_same_spec_gives_the_same_bytes_on_every_machine() {
    let golden = [
        ("seed=7;size=640x360;layout=latin;light=day;scene=cross", 61, 13_273_302_965_588_244_601),
        ("seed=8;size=640x360;layout=thai;light=dusk;scene=park;blur=1", 40, 6_015_917_233_476_701_707),
        ("seed=9;size=640x360;layout=mixed;light=night;scene=mixed;noise=1", 75, 7_011_612_883_818_570_034),
    ];
    let rendered = golden.map(|(text, index, _)| (text, index, frame_hash(text, index)));
    assert_eq!(rendered, golden);
}

#[test]
fn a_frame_depends_on_its_number_alone() {
    let text = spec("seed=3;size=320x180;seconds=6;vehicles=6;scene=mixed");
    let mut forwards = Simulator::new(&text);
    let first: Vec<u64> = (0..10).map(|i| hash(&forwards.render(i * 8).pixels)).collect();
    let mut backwards = Simulator::new(&text);
    let second: Vec<u64> = (0..10).rev().map(|i| hash(&backwards.render(i * 8).pixels)).collect();
    assert!(first.iter().eq(second.iter().rev()));
}

#[test]
fn another_seed_light_or_noise_gives_another_frame() {
    let texts = ["seed=1", "seed=2", "seed=1;light=dusk", "seed=1;light=night", "seed=1;noise=0", "seed=1;blur=1"];
    let hashes: BTreeSet<u64> =
        texts.iter().map(|t| frame_hash(&format!("size=320x180;seconds=10;scene=cross;{t}"), 30)).collect();
    assert_eq!(hashes.len(), texts.len());
}

#[test]
fn every_vehicle_asked_for_shows_its_plate_in_every_scene() {
    for scene in SCENES {
        let best = frames(&format!("size=160x120;fps=4;seconds=24;vehicles=9;scene={scene}"))
            .into_iter()
            .flat_map(|f| f.vehicles);
        let mut shown = BTreeMap::new();
        for vehicle in best {
            let most = shown.entry(vehicle.id).or_insert(0f32);
            *most = most.max(vehicle.visible);
        }
        assert!(shown.keys().copied().eq(1..=9), "{scene}: {shown:?}");
        assert!(shown.values().all(|v| *v > 0.9), "{scene}: {shown:?}");
    }
}

#[test]
fn a_vehicle_keeps_its_plate_and_the_same_vehicle_its_id() {
    let mut plates: BTreeMap<u32, (String, Option<String>)> = BTreeMap::new();
    for vehicle in frames("size=160x120;fps=6;seconds=10;layout=mixed;scene=cross").into_iter().flat_map(|f| f.vehicles)
    {
        let plate = (vehicle.text, vehicle.province);
        assert_eq!(plates.entry(vehicle.id).or_insert_with(|| plate.clone()), &plate);
    }
    assert!(plates.len() >= 10);
}

#[test]
fn no_vehicles_leave_an_empty_road() {
    assert!(frames("size=320x180;seconds=2;vehicles=0").iter().all(|f| f.vehicles.is_empty()));
}

#[test]
fn vehicles_do_not_drive_through_each_other() {
    for scene in SCENES {
        let spec = spec(&format!("seconds=20;vehicles=30;scene={scene}"));
        let plan = scene::Plan::new(&spec);
        for frame in 0..40 {
            let mut lanes: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
            for vehicle in &plan.vehicles {
                lanes.entry(vehicle.lane).or_default().push(plan.position(vehicle, f64::from(frame) / 2.0).1);
            }
            for places in lanes.values_mut() {
                places.sort_by(f32::total_cmp);
                assert!(places.windows(2).all(|w| w[1] - w[0] > 5.0), "{scene}: {places:?}");
            }
        }
    }
}

#[test]
fn an_overtaking_lorry_covers_the_slow_car_and_uncovers_it() {
    let mut visible: BTreeMap<u32, Vec<f32>> = BTreeMap::new();
    for vehicle in
        frames("seed=7;size=320x180;seconds=12;vehicles=2;scene=occlude").into_iter().flat_map(|f| f.vehicles)
    {
        visible.entry(vehicle.id).or_default().push(vehicle.visible);
    }
    // Lorries have the odd ids.
    let car: Vec<f32> = visible[&2].iter().copied().skip_while(|v| *v < 0.9).collect();
    let covered = car.iter().position(|v| *v < 0.1).expect("covered");
    assert!(covered >= 5 && car[covered..].iter().filter(|v| **v > 0.9).count() >= 5, "{car:?}");
}

#[test]
fn overtaking_puts_two_readable_plates_side_by_side() {
    let found = frames("size=320x180;seconds=12;vehicles=6;scene=overtake");
    assert!(
        found.iter().any(|f| f.vehicles.iter().filter(|v| v.visible > 0.9 && v.plate_bbox.height() > 3.0).count() == 2)
    );
}

#[test]
fn standing_traffic_stands() {
    let found = frames("seed=5;size=320x180;seconds=16;vehicles=6;scene=stop;noise=0");
    let still = found.windows(2).filter(|w| !w[0].vehicles.is_empty() && w[0].vehicles == w[1].vehicles).count();
    assert!(still > found.len() / 5 && still < found.len() / 2, "{still} of {}", found.len());
}

#[test]
fn thai_plates_have_a_province_and_latin_ones_none() {
    for (layout, thai) in [("thai", true), ("latin", false)] {
        let text = format!("size=160x120;seconds=20;vehicles=20;fps=2;layout={layout}");
        for vehicle in frames(&text).into_iter().flat_map(|f| f.vehicles) {
            let legal = |c: char| {
                c.is_ascii_digit() || if thai { ('ก'..='ฮ').contains(&c) } else { c.is_ascii_uppercase() }
            };
            assert!(vehicle.text.chars().all(legal), "{}", vehicle.text);
            assert!(
                vehicle.text.chars().any(|c| c.is_ascii_digit()) && vehicle.text.chars().any(|c| !c.is_ascii_digit())
            );
            assert_eq!(vehicle.province.is_some_and(|p| PROVINCES.iter().any(|(_, name)| *name == p)), thai);
        }
    }
}

#[test]
fn the_box_fits_what_is_drawn() {
    let text = "seed=7;size=640x360;noise=0;blur=0;scene=cross";
    let empty = Simulator::new(&spec(&format!("{text};vehicles=0")));
    let mut simulator = Simulator::new(&spec(text));
    let mut compared = 0;
    for index in 0..200 {
        let frame = simulator.render(index);
        let [vehicle] = &frame.vehicles[..] else { continue };
        if vehicle.bbox.y2 > 355.0 || vehicle.bbox.x1 < 5.0 || vehicle.bbox.x2 > 635.0 || vehicle.bbox.width() < 60.0 {
            continue;
        }
        let changed = |x: usize, y: usize| {
            let at = (y * 640 + x) * 3;
            (at..at + 3).any(|i| frame.pixels[i].abs_diff(empty.backdrop[i]) > 24)
        };
        // The shadow lies below: left, right and top are the vehicle's own.
        let columns: Vec<usize> =
            (0..640).filter(|x| (0..vehicle.bbox.center().y as usize).any(|y| changed(*x, y))).collect();
        let top = (0..360).find(|y| (0..640).any(|x| changed(x, *y))).unwrap();
        let (left, right) = (columns[0] as f32, columns[columns.len() - 1] as f32 + 1.0);
        let slack = vehicle.bbox.width() * 0.1;
        assert!((left - vehicle.bbox.x1).abs() < slack, "frame {index}: {left} {:?}", vehicle.bbox);
        assert!((right - vehicle.bbox.x2).abs() < slack, "frame {index}: {right} {:?}", vehicle.bbox);
        assert!((top as f32 - vehicle.bbox.y1).abs() < 4.0, "frame {index}: {top} {:?}", vehicle.bbox);
        compared += 1;
    }
    assert!(compared >= 3, "only {compared} frames have one whole vehicle");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn truth_is_consistent_for_any_spec(
        seed in any::<u64>(),
        scene in proptest::sample::select(&SCENES[..]),
        layout in proptest::sample::select(&["latin", "thai", "mixed"][..]),
        light in proptest::sample::select(&["day", "dusk", "night"][..]),
        (width, height) in (160u32..400, 120u32..400),
        (vehicles, share) in (0u32..15, 0f64..1.0),
        (blur, noise) in (0f32..=1.0, 0f32..=1.0),
    ) {
        let text = format!(
            "seed={seed};scene={scene};layout={layout};light={light};size={width}x{height};seconds=10;vehicles={vehicles};blur={blur};noise={noise}"
        );
        let mut simulator = Simulator::new(&spec(&text));
        let frame = simulator.render((share * 150.0) as u64);
        prop_assert_eq!(frame.pixels.len(), (width * height * 3) as usize);
        prop_assert!(frame.vehicles.windows(2).all(|w| w[0].id < w[1].id));
        for v in &frame.vehicles {
            prop_assert!((1..=vehicles).contains(&v.id));
            prop_assert!(v.bbox.is_valid() && v.bbox.clamp_to(width, height) == v.bbox, "{:?}", v.bbox);
            prop_assert!(v.plate_bbox.intersection(&v.bbox) == v.plate_bbox, "{v:?}");
            prop_assert!((0.0..=1.0).contains(&v.visible) && (v.visible == 0.0 || v.plate_bbox.is_valid()), "{v:?}");
        }
    }
}

#[test]
fn so_many_frames_are_dropped_as_asked_for_and_the_rest_is_the_same() {
    let (all, some) = (Simulator::new(&spec("seconds=100")), Simulator::new(&spec("seconds=100;drop=0.3")));
    let dropped = |simulator: &Simulator| (0..simulator.frame_count()).filter(|i| simulator.is_dropped(*i)).count();
    assert_eq!(dropped(&all), 0);
    assert!((390..510).contains(&dropped(&some)), "{}", dropped(&some));
}
