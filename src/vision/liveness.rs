//! Is what a camera shows still what it should show? A stream can go on while the picture is frozen, the lens covered, the
//! camera turned away or blinded by the sun.
//!
//! Works on small grids of brightness, about one a second, and on a fingerprint of the full frame. Everything is compared
//! with the same camera's own past, so that night, rain and fog, which come slowly, teach it instead of alarming it.

/// Columns and rows of the grid that is expected.
pub const VIEW: (usize, usize) = (64, 36);
const CELLS: usize = VIEW.0 * VIEW.1;

/// What is the matter with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Picture {
    /// Too little was seen to tell.
    #[default]
    Unknown,
    Good,
    /// So dark that nothing can be read: without lamps the usual picture of a night, and no fault.
    Dark,
    /// Much of it is blown out: sun or a lamp in the lens.
    Blinded,
    /// It shows another place than it used to.
    Moved,
    /// Its detail has vanished from one minute to the next: covered, sprayed, or its lamp has failed.
    Covered,
    /// Frames come, and all are the same to the last bit.
    Frozen,
}

impl Picture {
    pub fn as_str(self) -> &'static str {
        match self {
            Picture::Unknown => "unknown",
            Picture::Good => "good",
            Picture::Dark => "dark",
            Picture::Blinded => "blinded",
            Picture::Moved => "moved",
            Picture::Covered => "covered",
            Picture::Frozen => "frozen",
        }
    }
}

/// Grey levels below which a picture is dark, in the mean.
const DARK_MEAN: f32 = 14.0;
/// Grey level from which a cell is blown, and the share of such cells that blinds.
const BLOWN: u8 = 250;
const BLOWN_SHARE: f32 = 0.35;
/// Mean difference between neighbouring cells, as a share of its usual value, below which a picture is covered, and from
/// which it is clear again.
const COVERED: f32 = 0.3;
const CLEAR: f32 = 0.5;
/// Less detail than this, in grey levels, says nothing about shifts.
const LEAST_DETAIL: f32 = 1.0;
/// The usual detail follows the present one over this time: dusk and fog take longer, a hand does not.
const DETAIL_MS: f32 = 300_000.0;
/// … and over this while it is learnt.
const DETAIL_LEARN_MS: f32 = 30_000.0;
/// The present view is averaged over this time, so that vehicles and rain do not count; the usual one follows over the other.
const VIEW_MS: f32 = 20_000.0;
const USUAL_MS: f32 = 1_800_000.0;
/// What is usual is learnt for this long before anything is compared with it.
const LEARN_MS: u64 = 120_000;
/// Largest shift that is looked for, in cells.
const REACH: i32 = 8;
/// A shifted view must fit at least so well (correlation), and by so much better than the unshifted one.
const FITS: f32 = 0.5;
const BETTER: f32 = 0.2;
/// What fits the usual view worse than this is another place altogether.
const STRANGE: f32 = 0.12;

/// How long each must last before it is said, and before it is taken back.
const COVERED_FOR_MS: u64 = 30_000;
const BLINDED_FOR_MS: u64 = 60_000;
const DARK_FOR_MS: u64 = 60_000;
const MOVED_FOR_MS: u64 = 60_000;
const STRANGE_FOR_MS: u64 = 600_000;
const CLEAR_FOR_MS: u64 = 10_000;

/// A condition that must hold for a while, and be gone for a while.
#[derive(Debug, Clone, Copy, Default)]
struct Lasting {
    since: Option<u64>,
    on: bool,
}

impl Lasting {
    fn is(&mut self, holds: bool, now_ms: u64, for_ms: u64) -> bool {
        if holds == self.on {
            self.since = None;
        } else {
            let since = *self.since.get_or_insert(now_ms);
            let patience = if self.on { CLEAR_FOR_MS } else { for_ms };
            if now_ms.saturating_sub(since) >= patience {
                (self.on, self.since) = (holds, None);
            }
        }
        self.on
    }
}

/// One camera's picture over time.
#[derive(Debug, Clone)]
pub struct Liveness {
    frozen_ms: u64,
    print: Option<(u64, u64)>,
    /// Of the last look; `None` before the first.
    looked_ms: Option<u64>,
    learnt_ms: u64,
    /// The usual one, and how long it has been learnt.
    detail: f32,
    detail_ms: u64,
    view: Vec<f32>,
    /// Edges of the usual view.
    usual: Vec<f32>,
    covered: Lasting,
    blinded: Lasting,
    dark: Lasting,
    shifted: Lasting,
    strange: Lasting,
}

impl Liveness {
    /// `frozen_ms`: frames that are the same for so long are frozen; 0: never.
    pub fn new(frozen_ms: u64) -> Self {
        Self {
            frozen_ms,
            print: None,
            looked_ms: None,
            learnt_ms: 0,
            detail: 0.0,
            detail_ms: 0,
            view: Vec::new(),
            usual: Vec::new(),
            covered: Lasting::default(),
            blinded: Lasting::default(),
            dark: Lasting::default(),
            shifted: Lasting::default(),
            strange: Lasting::default(),
        }
    }

    /// What the picture is like, with this grid (row by row, [`VIEW`]) and this fingerprint of the whole frame (see
    /// [`fingerprint`]). A grid of another size tells nothing.
    pub fn look(&mut self, grid: &[u8], print: u64, now_ms: u64) -> Picture {
        if grid.len() != CELLS {
            return Picture::Unknown;
        }
        let frozen = self.is_frozen(print, now_ms);
        let passed_ms = self.looked_ms.map_or(0, |then| now_ms.saturating_sub(then));
        self.looked_ms = Some(now_ms);
        let mean = grid.iter().map(|cell| f32::from(*cell)).sum::<f32>() / CELLS as f32;
        let blown = grid.iter().filter(|cell| **cell >= BLOWN).count() as f32 / CELLS as f32;
        let dark = self.dark.is(mean < DARK_MEAN, now_ms, DARK_FOR_MS);
        let blinded = self.blinded.is(blown > BLOWN_SHARE, now_ms, BLINDED_FOR_MS);
        let covered = self.is_covered(detail(grid), passed_ms, now_ms);
        let moved = self.is_moved(grid, passed_ms, now_ms, covered || blinded || dark);
        match () {
            () if frozen => Picture::Frozen,
            () if covered => Picture::Covered,
            () if blinded => Picture::Blinded,
            () if moved => Picture::Moved,
            () if dark => Picture::Dark,
            () if self.learnt_ms < LEARN_MS => Picture::Unknown,
            () => Picture::Good,
        }
    }

    /// A sensor trembles and an encoder rounds anew with every key frame: minutes without one changed bit are none of them.
    fn is_frozen(&mut self, print: u64, now_ms: u64) -> bool {
        match self.print {
            Some((same, since)) if same == print => {
                self.frozen_ms > 0 && now_ms.saturating_sub(since) >= self.frozen_ms
            }
            _ => {
                self.print = Some((print, now_ms));
                false
            }
        }
    }

    fn is_covered(&mut self, detail: f32, passed_ms: u64, now_ms: u64) -> bool {
        let follow = |time_ms: f32| 1.0 - (-(passed_ms as f32) / time_ms).exp();
        // At the start a headlight may be all there is to see.
        if self.detail_ms < LEARN_MS {
            self.detail_ms += passed_ms;
            self.detail += if self.detail == 0.0 { detail } else { follow(DETAIL_LEARN_MS) * (detail - self.detail) };
            return false;
        }
        let limit = if self.covered.on { CLEAR } else { COVERED };
        // Where there has never been much to see, nothing can vanish.
        let vanished = self.detail >= LEAST_DETAIL && detail < limit * self.detail;
        if !vanished {
            self.detail += follow(DETAIL_MS) * (detail - self.detail);
        }
        self.covered.is(vanished, now_ms, COVERED_FOR_MS)
    }

    fn is_moved(&mut self, grid: &[u8], passed_ms: u64, now_ms: u64, blind: bool) -> bool {
        if self.view.is_empty() {
            self.view = grid.iter().map(|cell| f32::from(*cell)).collect();
        }
        // A long pause tells nothing about what was seen during it.
        let passed_ms = passed_ms.min(5_000);
        let follow = 1.0 - (-(passed_ms as f32) / VIEW_MS).exp();
        for (slow, now) in self.view.iter_mut().zip(grid) {
            *slow += follow * (f32::from(*now) - *slow);
        }
        let edges = edges(&self.view);
        if blind || spread(&edges) < LEAST_DETAIL {
            return self.shifted.on || self.strange.on;
        }
        if self.learnt_ms < LEARN_MS {
            self.learnt_ms += passed_ms;
            self.usual = edges;
            return false;
        }
        let here = fit(&self.usual, &edges, (0, 0));
        let best = if here < FITS { best_fit(&self.usual, &edges) } else { here };
        let (shifted, strange) = (best >= FITS && best >= here + BETTER, here < STRANGE);
        if !shifted && !strange {
            let learn = 1.0 - (-(passed_ms as f32) / USUAL_MS).exp();
            for (usual, now) in self.usual.iter_mut().zip(&edges) {
                *usual += learn * (now - *usual);
            }
        }
        let shifted = self.shifted.is(shifted, now_ms, MOVED_FOR_MS);
        self.strange.is(strange, now_ms, STRANGE_FOR_MS) | shifted
    }
}

/// Mean difference between neighbours, in grey levels.
fn detail(grid: &[u8]) -> f32 {
    let mut sum = 0.0;
    for row in grid.chunks_exact(VIEW.0) {
        sum += row.windows(2).map(|pair| f32::from(pair[0].abs_diff(pair[1]))).sum::<f32>();
    }
    sum / CELLS as f32
}

/// Steepness of each cell: what is left of a view when its light changes.
fn edges(view: &[f32]) -> Vec<f32> {
    let mut edges = vec![0.0; CELLS];
    for y in 1..VIEW.1 - 1 {
        for x in 1..VIEW.0 - 1 {
            let at = y * VIEW.0 + x;
            let (dx, dy) = (view[at + 1] - view[at - 1], view[at + VIEW.0] - view[at - VIEW.0]);
            // A headlight's edge must not outweigh a street's.
            edges[at] = (dx * dx + dy * dy).sqrt().min(60.0);
        }
    }
    edges
}

fn spread(cells: &[f32]) -> f32 {
    let mean = cells.iter().sum::<f32>() / cells.len() as f32;
    (cells.iter().map(|cell| (cell - mean).powi(2)).sum::<f32>() / cells.len() as f32).sqrt()
}

/// Correlation of `usual` with `now` shifted by so many cells, over what both show; −1 to 1.
fn fit(usual: &[f32], now: &[f32], (dx, dy): (i32, i32)) -> f32 {
    let (width, height) = (VIEW.0 as i32, VIEW.1 as i32);
    let (mut n, mut a, mut b, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for y in 1.max(1 - dy)..(height - 1).min(height - 1 - dy) {
        for x in 1.max(1 - dx)..(width - 1).min(width - 1 - dx) {
            let (p, q) = (usual[(y * width + x) as usize], now[((y + dy) * width + x + dx) as usize]);
            n += 1.0;
            a += p;
            b += q;
            aa += p * p;
            bb += q * q;
            ab += p * q;
        }
    }
    let spread = ((aa - a * a / n) * (bb - b * b / n)).sqrt();
    if spread > 0.0 { (ab - a * b / n) / spread } else { 0.0 }
}

fn best_fit(usual: &[f32], now: &[f32]) -> f32 {
    let shifts = (-REACH..=REACH).flat_map(|dy| (-REACH..=REACH).map(move |dx| (dx, dy)));
    shifts.map(|shift| fit(usual, now, shift)).fold(-1.0, f32::max)
}

/// A number that differs as soon as one of the looked-at bytes does: every 97th of the frame, all colours and places.
pub fn fingerprint(pixels: &[u8]) -> u64 {
    pixels
        .iter()
        .step_by(97)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
