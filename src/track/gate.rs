//! The motion gate: does anything move that is worth a look? Works on a small grid of brightness, so that an empty road
//! costs a reduction of the frame and a few thousand additions instead of three models.

/// Columns and rows of the grid that the gate expects.
pub const GRID: (usize, usize) = (64, 36);
const CELLS: usize = GRID.0 * GRID.1;

/// A cell differs when it is off its background by this many grey levels at least: a cell is the mean of some 400 pixels of
/// a 1280×720 frame, its sensor noise is below one level.
const MIN_DIFFERENCE: f32 = 5.0;
/// … and by this many times its own usual unrest: leaves, rain, flickering lamps.
const UNREST: f32 = 4.0;
/// So many cells that differ are motion. A motorcycle with a legible plate (20 pixels high) covers about 18.
const MIN_CELLS: usize = 4;
/// … of which a single difference teaches no more than this, so that a standing car does not blind its place.
const MOST_UNREST: f32 = 10.0;
/// The background follows slowly where something is: a parked car becomes background in half a minute or so.
const ADAPT_MS: (f32, f32) = (4_000.0, 30_000.0);
/// Looks without motion, so that what the gate does not see is not lost for ever.
const KEEP_ALIVE_MS: u64 = 3_000;
/// After motion the gate stays open for this long.
const HOLD_MS: u64 = 1_500;
/// At first everything is looked at, until the background is known.
const WARM_UP_MS: u64 = 2_000;

/// Decides for one camera which frames are looked at.
#[derive(Debug, Clone, Default)]
pub struct MotionGate {
    /// Per cell: brightness, and its mean difference from that. Empty before the first frame.
    background: Vec<(f32, f32)>,
    started_ms: u64,
    updated_ms: u64,
    moved_ms: Option<u64>,
    looked_ms: u64,
}

impl MotionGate {
    /// Is the frame with this grid (row by row, [`GRID`]) worth a look? `held`: the tracker follows a vehicle, so that every
    /// frame counts. A grid of another size always is.
    pub fn is_open(&mut self, grid: &[u8], now_ms: u64, held: bool) -> bool {
        if grid.len() != CELLS {
            return true;
        }
        if self.background.is_empty() {
            self.background = grid.iter().map(|level| (f32::from(*level), 1.0)).collect();
            (self.started_ms, self.updated_ms, self.looked_ms) = (now_ms, now_ms, now_ms);
            return true;
        }
        if self.differs(grid, now_ms) {
            self.moved_ms = Some(now_ms);
        }
        let since = |ms: u64| now_ms.saturating_sub(ms);
        let open = held || self.sees_motion(now_ms) || since(self.looked_ms) >= KEEP_ALIVE_MS;
        if open {
            self.looked_ms = now_ms;
        }
        open
    }

    /// Does something move, as of the last frame? Where not, the gate opens now and then all the same.
    pub fn sees_motion(&self, now_ms: u64) -> bool {
        let since = |ms: u64| now_ms.saturating_sub(ms);
        since(self.started_ms) < WARM_UP_MS || self.moved_ms.is_some_and(|moved| since(moved) < HOLD_MS)
    }

    /// Compares with the background, and lets the background follow.
    fn differs(&mut self, grid: &[u8], now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.updated_ms) as f32;
        self.updated_ms = now_ms;
        let shift = self.shift(grid);
        let follow = |time_ms: f32| 1.0 - (-passed / time_ms).exp();
        let (quick, slow) = (follow(ADAPT_MS.0), follow(ADAPT_MS.1));
        let mut cells = 0;
        for ((level, unrest), now) in self.background.iter_mut().zip(grid) {
            let raw = f32::from(*now) - *level;
            // Clouds and the camera's own exposure change everything at once.
            let off = (raw - shift).abs();
            let differs = off > MIN_DIFFERENCE.max(UNREST * *unrest);
            cells += usize::from(differs);
            let share = if differs { slow } else { quick };
            *level += share * raw;
            *unrest += share * (off.min(MOST_UNREST) - *unrest);
        }
        cells >= MIN_CELLS
    }

    /// The change that most cells share: their median.
    fn shift(&self, grid: &[u8]) -> f32 {
        let mut changes: Vec<f32> =
            self.background.iter().zip(grid).map(|((level, _), now)| f32::from(*now) - level).collect();
        let middle = changes.len() / 2;
        *changes.select_nth_unstable_by(middle, f32::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A road of some texture with sensor noise of the cells, and a block of another brightness on it.
    fn road(step: u64, brightness: i32, car: Option<(usize, usize, i32)>) -> Vec<u8> {
        let mut grid = Vec::with_capacity(CELLS);
        for cell in 0..CELLS {
            let (x, y) = (cell % GRID.0, cell / GRID.0);
            let texture = ((cell * 2_654_435_761) >> 7) % 60;
            let noise = (((cell as u64 * 7 + step * 13) * 40_503) >> 5) % 3;
            let there = car.is_some_and(|(cx, cy, _)| (cx..cx + 4).contains(&x) && (cy..cy + 4).contains(&y));
            let lift = if there { car.map_or(0, |(_, _, lift)| lift) } else { 0 };
            grid.push((90 + brightness + texture as i32 + noise as i32 + lift).clamp(0, 255) as u8);
        }
        grid
    }

    /// Shares of the frames that were looked at, 10 frames a second.
    fn looked_at(frames: std::ops::Range<u64>, gate: &mut MotionGate, grid: impl Fn(u64) -> Vec<u8>) -> f32 {
        let all = (frames.end - frames.start) as f32;
        frames.filter(|step| gate.is_open(&grid(*step), step * 100, false)).count() as f32 / all
    }

    #[test]
    fn an_empty_road_is_looked_at_every_few_seconds_only() {
        let mut gate = MotionGate::default();
        looked_at(0..50, &mut gate, |step| road(step, 0, None));
        let share = looked_at(50..1000, &mut gate, |step| road(step, 0, None));
        assert!(share > 0.02 && share < 0.05, "{share}");
        assert!(!gate.sees_motion(100_000));
    }

    #[test]
    fn a_vehicle_opens_the_gate_at_once() {
        let mut gate = MotionGate::default();
        looked_at(0..100, &mut gate, |step| road(step, 0, None));
        for step in 100..130 {
            assert!(gate.is_open(&road(step, 0, Some((step as usize - 90, 20, -15))), step * 100, false), "{step}");
            assert!(gate.sees_motion(step * 100), "{step}");
        }
    }

    #[test]
    fn a_cloud_is_no_vehicle() {
        let mut gate = MotionGate::default();
        looked_at(0..100, &mut gate, |step| road(step, 0, None));
        let share = looked_at(100..300, &mut gate, |step| road(step, -(step as i32 - 100).min(50), None));
        assert!(share < 0.06, "{share}");
    }

    #[test]
    fn a_parked_car_becomes_background() {
        let mut gate = MotionGate::default();
        let parked = |step| road(step, 0, Some((30, 20, 40)));
        looked_at(0..100, &mut gate, |step| road(step, 0, None));
        assert!(looked_at(100..200, &mut gate, parked) > 0.99);
        looked_at(200..1500, &mut gate, parked);
        assert!(looked_at(1500..2000, &mut gate, parked) < 0.05);
    }

    #[test]
    fn a_tracked_vehicle_holds_the_gate_open() {
        let mut gate = MotionGate::default();
        assert!((0..100).all(|step| gate.is_open(&road(0, 0, None), step * 100, true)));
    }

    proptest! {
        #[test]
        fn no_gate_stays_shut_for_longer_than_the_keep_alive(
            levels in proptest::collection::vec(any::<u8>(), 1..8), steps in proptest::collection::vec(1u64..900, 1..60)
        ) {
            let mut gate = MotionGate::default();
            let (mut now, mut looked) = (0, 0);
            for (index, step) in steps.iter().enumerate() {
                now += step;
                if gate.is_open(&vec![levels[index % levels.len()]; CELLS], now, false) {
                    looked = now;
                }
                prop_assert!(now - looked < KEEP_ALIVE_MS);
            }
        }
    }
}
