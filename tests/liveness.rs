//! Does the judge of pictures see what is wrong, and keep quiet over what is not? Simulated roads by day, dusk and night,
//! with noise, rain and traffic, and hours of them.
#![cfg(feature = "vision")]

#[path = "common/split_mix.rs"]
mod split_mix;

use lpr::sim::{SimSpec, Simulator};
use lpr::vision::{Liveness, Picture, VIEW, fingerprint};
use split_mix::SplitMix;

const FROZEN_MS: u64 = 120_000;
/// Pixels of a rendered frame that make a cell of the grid: a road of 384×216 holds a view of 320×180 and leaves room to turn.
const CELL: usize = 5;
const ROAD: (usize, usize) = (384, 216);

/// A view of a rendered road from this corner, and its fingerprint.
fn view(simulator: &mut Simulator, index: u64, (left, top): (usize, usize)) -> (Vec<u8>, u64) {
    let pixels = simulator.render(index).pixels;
    let mut grid = Vec::new();
    for (row, column) in (0..VIEW.1).flat_map(|row| (0..VIEW.0).map(move |column| (row, column))) {
        let (x0, y0) = (left + column * CELL, top + row * CELL);
        let places = (y0..y0 + CELL).flat_map(|y| (x0..x0 + CELL).map(move |x| (y * ROAD.0 + x) * 3));
        let sum: u32 = places.flat_map(|at| pixels[at..at + 3].iter()).map(|byte| u32::from(*byte)).sum();
        grid.push((sum / (3 * CELL * CELL) as u32) as u8);
    }
    (grid, fingerprint(&pixels))
}

fn road(spec: &str) -> Simulator {
    Simulator::new(&SimSpec::parse(&format!("size={}x{};fps=1;{spec}", ROAD.0, ROAD.1)).unwrap())
}

/// A camera that is judged, second by second.
struct Watch {
    liveness: Liveness,
    second: u64,
    random: SplitMix,
}

impl Watch {
    fn new() -> Self {
        Self { liveness: Liveness::new(FROZEN_MS), second: 0, random: SplitMix(1) }
    }

    fn look(&mut self, grid: &[u8], print: u64) -> Picture {
        self.second += 1;
        self.liveness.look(grid, print, 1_000_000 + self.second * 1000)
    }

    /// The grid as a sensor gives it: no two looks are the same.
    fn noisy(&mut self, grid: &[u8]) -> Picture {
        let noisy: Vec<u8> = grid.iter().map(|cell| cell.saturating_add((self.random.next() % 3) as u8)).collect();
        let print = self.random.next();
        self.look(&noisy, print)
    }

    /// Looks at the same view for so long; the worst that was said.
    fn worst_of(&mut self, grid: &[u8], seconds: u64) -> Picture {
        (0..seconds).map(|_| self.noisy(grid)).max().unwrap_or_default()
    }

    /// After how many seconds of this view it is called `wanted`.
    fn seconds_until(&mut self, grid: &[u8], wanted: Picture) -> u64 {
        (1..=3600).find(|_| self.noisy(grid) == wanted).unwrap_or(u64::MAX)
    }
}

fn still(spec: &str, corner: (usize, usize)) -> Vec<u8> {
    view(&mut road(&format!("vehicles=0;seconds=10;{spec}")), 0, corner).0
}

#[test]
fn traffic_by_day_dusk_and_night_is_no_fault_of_the_camera() {
    for spec in [
        "light=day;noise=0.3",
        "light=dusk;noise=0.6;scene=cross",
        "light=night;noise=1;scene=stop",
        "light=night;noise=0.1",
    ] {
        let mut watch = Watch::new();
        let mut road = road(&format!("seconds=420;vehicles=60;{spec}"));
        for second in 0..420 {
            let (grid, print) = view(&mut road, second, (32, 18));
            let picture = watch.look(&grid, print);
            assert!(picture < Picture::Blinded, "{spec}: {picture:?} after {second} s");
        }
    }
}

#[test]
fn a_long_quiet_night_with_rain_and_headlights_raises_no_alarm() {
    let night = still("light=night", (32, 18));
    let mut watch = Watch::new();
    for second in 0..10 * 3600 {
        let mut grid = night.clone();
        // An hour of rain now and then: drops and their glitter, other ones each second.
        if second / 3600 % 3 == 1 {
            for _ in 0..120 {
                let at = watch.random.next() as usize % grid.len();
                grid[at] = grid[at].saturating_add((watch.random.next() % 60) as u8);
            }
        }
        // Somebody passes with full headlights for ten seconds, four times an hour; and the lamps' voltage breathes.
        if second % 900 < 10 {
            grid.iter_mut().skip(800).step_by(3).for_each(|cell| *cell = cell.saturating_add(120));
        }
        let breath = ((second as f64 / 300.0).sin() * 3.0) as i16;
        grid.iter_mut().for_each(|cell| *cell = (i16::from(*cell) + breath).clamp(0, 255) as u8);
        let picture = watch.noisy(&grid);
        assert!(picture < Picture::Blinded, "{picture:?} after {second} s");
    }
}

#[test]
fn the_day_turns_into_night_and_back_without_a_word() {
    let (day, dusk, night) =
        (still("light=day", (32, 18)), still("light=dusk", (32, 18)), still("light=night", (32, 18)));
    let blend = |from: &[u8], to: &[u8], share: f64| -> Vec<u8> {
        from.iter().zip(to).map(|(a, b)| (f64::from(*a) * (1.0 - share) + f64::from(*b) * share) as u8).collect()
    };
    let mut watch = Watch::new();
    assert!(watch.worst_of(&day, 3600) < Picture::Blinded);
    for (from, to) in [(&day, &dusk), (&dusk, &night), (&night, &dusk), (&dusk, &day)] {
        for second in 0..2400 {
            let picture = watch.noisy(&blend(from, to, f64::from(second) / 2400.0));
            assert!(picture < Picture::Blinded, "{picture:?} after {} s", watch.second);
        }
    }
    // A camera that changes to its infrared lamp does so from one frame to the next.
    assert!(watch.worst_of(&dusk, 600) < Picture::Blinded);
    assert!(watch.worst_of(&night, 3600) < Picture::Blinded);
}

#[test]
fn a_lens_that_is_covered_is_seen_in_half_a_minute_and_forgotten_when_it_is_clear() {
    for light in ["light=day", "light=night"] {
        for level in [4, 90] {
            let road = still(light, (32, 18));
            let mut watch = Watch::new();
            assert!(watch.worst_of(&road, 600) < Picture::Blinded);
            let hand = vec![level; road.len()];
            let seconds = watch.seconds_until(&hand, Picture::Covered);
            assert!(seconds <= 35, "{light}, covered with {level}: {seconds} s");
            assert_eq!(watch.worst_of(&hand, 7200), Picture::Covered, "it stays covered until somebody comes");
            let seconds = watch.seconds_until(&road, Picture::Good);
            assert!(seconds <= 60, "{light}: {seconds} s until it is clear");
        }
    }
}

#[test]
fn a_camera_that_was_turned_is_seen_in_two_minutes_and_one_that_shakes_is_not_turned() {
    for light in ["light=day", "light=night"] {
        let (road, turned) = (still(light, (32, 18)), still(light, (32 + 3 * CELL, 18 - 2 * CELL)));
        let mut watch = Watch::new();
        assert!(watch.worst_of(&road, 3600) < Picture::Blinded);
        let seconds = watch.seconds_until(&turned, Picture::Moved);
        assert!(seconds <= 120, "{light}: {seconds} s");
        assert_eq!(watch.worst_of(&turned, 600), Picture::Moved);
        let seconds = watch.seconds_until(&road, Picture::Good);
        assert!(seconds <= 120, "{light}: {seconds} s until it is right again");

        let shaken = still(light, (32 + CELL, 18));
        for second in 0..900 {
            let picture = watch.noisy(if second % 2 == 0 { &road } else { &shaken });
            assert!(picture < Picture::Blinded, "{light}: {picture:?} after {second} s of wind");
        }
    }
}

#[test]
fn a_camera_that_shows_another_place_altogether_is_seen_in_a_quarter_of_an_hour() {
    let road = still("light=day", (32, 18));
    let elsewhere: Vec<u8> = road.iter().rev().copied().collect();
    let mut watch = Watch::new();
    assert!(watch.worst_of(&road, 3600) < Picture::Blinded);
    let seconds = watch.seconds_until(&elsewhere, Picture::Moved);
    assert!(seconds <= 900, "{seconds} s");
}

#[test]
fn a_lorry_parked_in_a_third_of_the_view_is_not_another_place() {
    let road = still("light=day", (32, 18));
    let mut parked = road.clone();
    for row in 8..32 {
        for column in 34..62 {
            parked[row * VIEW.0 + column] = if (row / 4 + column / 9) % 2 == 0 { 200 } else { 60 };
        }
    }
    let mut watch = Watch::new();
    for _ in 0..3 {
        assert!(watch.worst_of(&road, 1800) < Picture::Blinded);
        assert!(watch.worst_of(&parked, 3600) < Picture::Blinded);
    }
}

#[test]
fn a_frozen_picture_is_seen_when_it_has_not_changed_by_one_bit_for_the_time_configured() {
    let (grid, print) = view(&mut road("vehicles=0;seconds=10;light=night"), 0, (32, 18));
    let mut watch = Watch::new();
    assert!(watch.worst_of(&grid, 300) < Picture::Blinded);
    let frozen = (1..=200).find(|_| watch.look(&grid, print) == Picture::Frozen);
    assert_eq!(frozen, Some(FROZEN_MS / 1000 + 1));
    assert_eq!(watch.noisy(&grid), Picture::Good, "one bit has changed");

    let mut never = Liveness::new(0);
    assert!((0..5_000).all(|second| never.look(&grid, print, second * 1000) < Picture::Blinded));
}

#[test]
fn the_sun_in_the_lens_is_seen_in_a_minute_and_darkness_is_no_fault() {
    let road = still("light=day", (32, 18));
    let mut watch = Watch::new();
    watch.worst_of(&road, 600);
    let mut glare = road.clone();
    glare.iter_mut().step_by(2).for_each(|cell| *cell = 255);
    assert!(watch.seconds_until(&glare, Picture::Blinded) <= 61);
    let mut watch = Watch::new();
    let dark: Vec<u8> = still("light=night", (32, 18)).iter().map(|cell| cell / 12).collect();
    assert_eq!(watch.worst_of(&dark, 3600), Picture::Dark);
}

#[test]
fn odd_grids_and_odd_times_do_no_harm() {
    let mut liveness = Liveness::new(1);
    let mut random = SplitMix(7);
    for _ in 0..3_000 {
        let length = if random.next().is_multiple_of(4) { random.next() as usize % 5_000 } else { VIEW.0 * VIEW.1 };
        let grid: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        liveness.look(&grid, random.next() % 3, random.next() % 10_000_000);
    }
    assert_eq!(liveness.look(&[], 0, u64::MAX), Picture::Unknown);
}
