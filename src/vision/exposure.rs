//! How a whole picture is lit: black, blown out, without detail, blurred. And whether two pictures are the same one.

/// Rows that are looked at; more would tell no more.
const ROWS: usize = 180;
/// Brightness (0–255) up to which a pixel is black, and from which on it is blown out.
const BLACK: u8 = 20;
const BLOWN: u8 = 250;
/// A share of black or blown pixels above which nothing can be read in the picture.
const MOSTLY: f32 = 0.9;
/// Of blown ones: letters need the half of the picture that is left.
const HALF: f32 = 0.5;
/// Grey levels of spread below which a picture shows nothing: a lens cap, fog, a wall.
const LEAST_SPREAD: f32 = 6.0;
/// Sharpness below which no letter can be told from another.
const LEAST_SHARPNESS: f32 = 0.06;

/// What is measured of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Exposure {
    /// Mean brightness, 0–255.
    pub mean: f32,
    /// Standard deviation of the brightness, grey levels.
    pub spread: f32,
    /// Share of black pixels, 0–1.
    pub black: f32,
    /// Share of blown-out pixels, 0–1.
    pub blown: f32,
    /// 0–1: the steepest steps between neighbouring pixels as a share of the contrast; 0 where there is no contrast.
    pub sharpness: f32,
}

/// What can be wrong with a picture as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFault {
    /// No light, or a covered lens.
    Black,
    /// The sun or a lamp in the lens, or an exposure that is far too long.
    Blown,
    /// Neither dark nor bright, and nothing to see.
    Flat,
    /// Out of focus, or a wet or dirty lens.
    Blurred,
}

impl Exposure {
    /// Of BGR pixels in tightly packed rows of `width` pixels; `None` where they make no row.
    pub fn of(pixels: &[u8], width: usize) -> Option<Self> {
        let row_bytes = width.checked_mul(3).filter(|bytes| *bytes > 0 && pixels.len() >= *bytes)?;
        let height = pixels.len() / row_bytes;
        let mut levels = [0u64; 256];
        let mut steps = [0u64; 256];
        for row in pixels.chunks_exact(row_bytes).step_by(height.div_ceil(ROWS)) {
            let mut before: Option<u8> = None;
            for pixel in row.chunks_exact(3) {
                let luma = luma(pixel);
                levels[usize::from(luma)] += 1;
                if let Some(before) = before {
                    steps[usize::from(luma.abs_diff(before))] += 1;
                }
                before = Some(luma);
            }
        }
        Some(Self::from_counts(&levels, &steps))
    }

    fn from_counts(levels: &[u64; 256], steps: &[u64; 256]) -> Self {
        let all = levels.iter().sum::<u64>().max(1) as f64;
        let mean = levels.iter().zip(0..).map(|(count, level)| *count as f64 * f64::from(level)).sum::<f64>() / all;
        let square = |level: i32| (f64::from(level) - mean).powi(2);
        let variance = levels.iter().zip(0..).map(|(count, level)| *count as f64 * square(level)).sum::<f64>() / all;
        let share = |range: &[u64]| (range.iter().sum::<u64>() as f64 / all) as f32;
        let contrast = f32::from(quantile(levels, 0.98)) - f32::from(quantile(levels, 0.02));
        let steepest = f32::from(quantile(steps, 0.995));
        Self {
            mean: mean as f32,
            spread: variance.sqrt() as f32,
            black: share(&levels[..=usize::from(BLACK)]),
            blown: share(&levels[usize::from(BLOWN)..]),
            sharpness: if contrast < LEAST_SPREAD { 0.0 } else { (steepest / contrast).clamp(0.0, 1.0) },
        }
    }

    /// The worst that is wrong with it, where something is.
    pub fn fault(&self) -> Option<PictureFault> {
        if self.black > MOSTLY {
            Some(PictureFault::Black)
        } else if self.blown > HALF {
            Some(PictureFault::Blown)
        } else if self.spread < LEAST_SPREAD {
            Some(PictureFault::Flat)
        } else if self.sharpness < LEAST_SHARPNESS {
            Some(PictureFault::Blurred)
        } else {
            None
        }
    }
}

/// Share (0–1) of the bytes that differ between two pictures of one size. A living sensor has noise: 0 again and again is
/// a picture that stands still. Of different sizes: 1.
pub fn changed(before: &[u8], after: &[u8]) -> f32 {
    if before.len() != after.len() {
        return 1.0;
    }
    let differing = before.iter().zip(after).filter(|(a, b)| a != b).count();
    differing as f32 / before.len().max(1) as f32
}

/// ITU-R BT.601 in 256ths.
fn luma(bgr: &[u8]) -> u8 {
    ((29 * u32::from(bgr[0]) + 150 * u32::from(bgr[1]) + 77 * u32::from(bgr[2])) >> 8) as u8
}

/// The value below which so great a share of what was counted lies.
fn quantile(counts: &[u64; 256], share: f64) -> u8 {
    let wanted = (counts.iter().sum::<u64>() as f64 * share) as u64;
    let mut below = 0;
    for (value, count) in (0u8..=255).zip(counts) {
        below += count;
        if below > wanted {
            return value;
        }
    }
    255
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDTH: usize = 320;
    const HEIGHT: usize = 180;

    /// A grey picture of `level(x, y)`.
    fn picture(level: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))).flat_map(|(x, y)| [level(x, y); 3]).collect()
    }

    fn fault(level: impl Fn(usize, usize) -> u8) -> Option<PictureFault> {
        Exposure::of(&picture(level), WIDTH).unwrap().fault()
    }

    #[test]
    fn each_fault_has_its_name() {
        let noise = |x: usize, y: usize| ((x * 7 + y * 13) % 5) as u8;
        assert_eq!(fault(|x, y| 4 + noise(x, y)), Some(PictureFault::Black));
        assert_eq!(fault(|x, y| 251 + noise(x, y) % 4), Some(PictureFault::Blown));
        assert_eq!(fault(|x, y| 120 + noise(x, y)), Some(PictureFault::Flat));
        assert_eq!(fault(|x, _| (x * 255 / WIDTH) as u8), Some(PictureFault::Blurred), "a soft slope");
        assert_eq!(fault(|x, y| if (x / 8 + y / 8) % 2 == 0 { 40 } else { 200 }), None, "a chequerboard");
    }

    #[test]
    fn a_night_scene_with_a_lit_plate_is_no_fault() {
        let plate = |x: usize, y: usize| (100..220).contains(&x) && (60..140).contains(&y);
        let scene = |x: usize, y: usize| if plate(x, y) { if x % 8 < 3 { 60 } else { 190 } } else { 10 };
        assert_eq!(fault(scene), None);
    }

    #[test]
    fn what_makes_no_row_is_not_measured() {
        assert_eq!(Exposure::of(&[], 0), None);
        assert_eq!(Exposure::of(&[1, 2, 3], 2), None);
        assert_eq!(Exposure::of(&[9; 6], usize::MAX), None);
    }

    #[test]
    fn the_same_picture_has_not_changed_and_another_size_has() {
        assert_eq!(changed(&[1, 2, 3, 4], &[1, 2, 3, 4]), 0.0);
        assert_eq!(changed(&[1, 2, 3, 4], &[1, 2, 3, 5]), 0.25);
        assert_eq!(changed(&[1, 2, 3], &[1, 2, 3, 4]), 1.0);
        assert_eq!(changed(&[], &[]), 0.0);
    }

    proptest! {
        #[test]
        fn any_pixels_give_numbers_within_their_ranges(pixels in prop::collection::vec(any::<u8>(), 0..900), width in 0usize..20) {
            if let Some(exposure) = Exposure::of(&pixels, width) {
                let Exposure { mean, spread, black, blown, sharpness } = exposure;
                prop_assert!((0.0..=255.0).contains(&mean) && (0.0..=128.0).contains(&spread));
                prop_assert!([black, blown, sharpness].iter().all(|share| (0.0..=1.0).contains(share)));
                let _ = exposure.fault();
            }
        }
    }
}
