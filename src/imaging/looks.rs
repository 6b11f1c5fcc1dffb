//! How a plate's picture looks: sharp or blurred, evenly lit or not. Cheap, from a reduced copy.

use super::{Filter, PixelRect, Resampler, WarpError};
use crate::domain::{Frame, PlateLight};

/// Size of the copy, pixels.
const SIZE: (u32, u32) = (128, 32);
/// Brightness (0–255) that hardly a pixel of a dark plate reaches.
const DARK: u8 = 60;
/// Brightness above which even the letters of a plate in glare are.
const WASHED_OUT: u8 = 175;
/// A pixel of this brightness is white, and so many of them are glare.
const WHITE: u8 = 252;
const MOSTLY_WHITE: f32 = 0.75;
/// A contrast below this (grey levels) has no edges that could be measured.
const LEAST_CONTRAST: f32 = 12.0;

/// How part of a frame looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looks {
    /// 0–1: the steepest edges between neighbouring pixels as a share of the contrast. A sharp plate has above 0.4, one
    /// whose letters run into each other below 0.2.
    pub sharpness: f32,
    pub light: PlateLight,
}

impl Resampler {
    /// How the area looks.
    pub fn looks(&mut self, frame: &Frame, area: PixelRect) -> Result<Looks, WarpError> {
        // Enlarging would make every small plate look blurred.
        let (width, height) = (SIZE.0.min(area.width).max(8), SIZE.1.min(area.height).max(4));
        let filter = if area.width > width { Filter::Area } else { Filter::Linear };
        let pixels = self.resize(frame, area, width, height, filter)?;
        Ok(judge(pixels, width as usize))
    }
}

/// Of BGR pixels in rows of `width`.
fn judge(pixels: &[u8], width: usize) -> Looks {
    let luma: Vec<u8> = pixels.chunks_exact(3).map(luma).collect();
    let (low, high) = (quantile(&luma, 0.05), quantile(&luma, 0.95));
    let white = luma.iter().filter(|level| **level >= WHITE).count() as f32 / luma.len().max(1) as f32;
    let light = if high < DARK {
        PlateLight::Dark
    } else if low > WASHED_OUT || white > MOSTLY_WHITE {
        PlateLight::Glare
    } else {
        PlateLight::Even
    };
    let contrast = f32::from(high) - f32::from(low);
    let steps: Vec<u8> =
        luma.chunks(width.max(1)).flat_map(|row| row.windows(2).map(|p| p[0].abs_diff(p[1]))).collect();
    let sharpness =
        if contrast < LEAST_CONTRAST { 0.0 } else { (f32::from(quantile(&steps, 0.97)) / contrast).clamp(0.0, 1.0) };
    Looks { sharpness, light }
}

/// ITU-R BT.601 in 256ths.
pub(super) fn luma(bgr: &[u8]) -> u8 {
    ((29 * u32::from(bgr[0]) + 150 * u32::from(bgr[1]) + 77 * u32::from(bgr[2])) >> 8) as u8
}

/// The level that this share of the values does not exceed.
fn quantile(values: &[u8], share: f32) -> u8 {
    let mut counts = [0usize; 256];
    values.iter().for_each(|value| counts[usize::from(*value)] += 1);
    let wanted = (values.len() as f32 * share) as usize;
    let mut sum = 0;
    for (level, count) in (0u8..=255).zip(counts) {
        sum += count;
        if sum > wanted {
            return level;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CaptureTime;

    /// Dark strokes on a bright plate; `blur` is the width in pixels over which an edge is smeared.
    fn plate(dark: u8, bright: u8, blur: usize) -> Frame {
        let (width, height) = (128usize, 32usize);
        let ink = |x: usize| f32::from(u8::from((x / 12).is_multiple_of(2)));
        let mut pixels = Vec::new();
        for _ in 0..height {
            for x in 0..width {
                let from = x.saturating_sub(blur / 2);
                let to = (x + blur / 2 + 1).min(width);
                let share = (from..to).map(ink).sum::<f32>() / (to - from) as f32;
                let level = f32::from(bright) + (f32::from(dark) - f32::from(bright)) * share;
                pixels.extend([level as u8; 3]);
            }
        }
        let at = CaptureTime { wall_us: 0, mono_ms: 0, synced: true };
        Frame::new(width as u32, height as u32, pixels, 1, at).unwrap()
    }

    fn looks(frame: &Frame) -> Looks {
        Resampler::new().unwrap().looks(frame, PixelRect::whole(frame)).unwrap()
    }

    #[test]
    fn sharpness_falls_with_blur_and_does_not_depend_on_contrast() {
        let sharpness = |blur| looks(&plate(40, 220, blur)).sharpness;
        assert!(
            sharpness(0) > 0.9 && sharpness(2) < sharpness(0) && sharpness(8) < 0.25,
            "{} {}",
            sharpness(2),
            sharpness(8)
        );
        assert!((looks(&plate(100, 140, 0)).sharpness - sharpness(0)).abs() < 0.1);
    }

    #[test]
    fn glare_and_darkness_are_told_from_an_ordinary_plate() {
        assert_eq!(looks(&plate(30, 230, 0)).light, PlateLight::Even);
        assert_eq!(looks(&plate(10, 40, 0)).light, PlateLight::Dark);
        assert_eq!(looks(&plate(200, 255, 0)).light, PlateLight::Glare);
        assert_eq!(looks(&plate(100, 100, 0)).sharpness, 0.0);
    }
}
