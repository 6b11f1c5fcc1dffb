//! Cutting out and resizing, with OpenCV's own resampling: the models' reference code uses it too, and a reader of
//! text feels a different filter.

use super::looks::luma;
use super::mat;
use crate::domain::{BBox, Frame, Quad};
use opencv::core::{Mat, Point2f, Rect, Scalar, Size};
use opencv::imgproc;

/// Rows of pixels that a cell of [`Resampler::luma_grid`] is the mean of, at least, where the frame has them.
const ROWS_OF_A_CELL: u32 = 10;

/// Why pixels could not be resampled.
#[derive(Debug, thiserror::Error)]
pub enum WarpError {
    #[error("cannot resample to {width}x{height} pixels: both sides must be 1 to 16384")]
    Size { width: u32, height: u32 },
    #[error("the area {area:?} is not inside the frame of {width}x{height} pixels")]
    Outside { area: PixelRect, width: u32, height: u32 },
    #[error("OpenCV: {0}")]
    OpenCv(#[from] opencv::Error),
}

/// How pixels between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// OpenCV `INTER_LINEAR`.
    Linear,
    /// OpenCV `INTER_AREA`: the mean of all source pixels, for reductions without moiré.
    Area,
}

/// Whole pixels of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelRect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl PixelRect {
    /// All of a frame.
    pub fn whole(frame: &Frame) -> Self {
        Self { x: 0, y: 0, width: frame.width(), height: frame.height() }
    }

    /// The pixels of a box, its sides rounded to whole numbers and kept inside the frame; `None` where nothing is left
    /// of it.
    pub fn of(bbox: &BBox, frame: &Frame) -> Option<Self> {
        let inside = bbox.clamp_to(frame.width(), frame.height());
        if !bbox.is_valid() || !inside.is_valid() {
            return None;
        }
        let side = |v: f32| v.round_ties_even() as u32;
        let (x1, y1, x2, y2) = (side(inside.x1), side(inside.y1), side(inside.x2), side(inside.y2));
        (x2 > x1 && y2 > y1).then_some(Self { x: x1, y: y1, width: x2 - x1, height: y2 - y1 })
    }

    pub fn bbox(&self) -> BBox {
        let (x, y) = (self.x as f32, self.y as f32);
        BBox::new(x, y, x + self.width as f32, y + self.height as f32)
    }
}

/// Resamples parts of frames into a buffer of its own, which the next call uses again: of whatever size, it allocates
/// only for a picture larger than all before.
pub struct Resampler {
    out: Vec<u8>,
}

impl Resampler {
    /// Also stops OpenCV's thread pool for the whole process: it would fight the inference runtime's.
    pub fn new() -> Result<Self, WarpError> {
        opencv::core::set_num_threads(1)?;
        Ok(Self { out: Vec::new() })
    }

    /// `area` of the frame as `width` × `height` pixels: BGR, rows tightly packed.
    pub fn resize(
        &mut self,
        frame: &Frame,
        area: PixelRect,
        width: u32,
        height: u32,
        filter: Filter,
    ) -> Result<&[u8], WarpError> {
        let size = checked_size(width, height)?;
        let whole = mat::view(frame)?;
        let rect = checked_rect(frame, area)?;
        let part = Mat::roi(&whole, rect)?;
        let (pixels, mut out) = mat::of_size(&mut self.out, size)?;
        imgproc::resize(&part, &mut out, size, 0.0, 0.0, interpolation(filter))?;
        drop(out);
        Ok(&self.out[..pixels])
    }

    /// The brightness (0–255) of `width` × `height` cells that cover the frame, row by row: the mean of each. Of a frame
    /// with more rows than the means need, every second, third, … is taken: most of the cost is the reading of pixels.
    pub fn luma_grid(&mut self, frame: &Frame, width: u32, height: u32, grid: &mut Vec<u8>) -> Result<(), WarpError> {
        let size = checked_size(width, height)?;
        let step = (frame.height() / (height * ROWS_OF_A_CELL)).max(1);
        let (rows, left) = mat::every_row(frame, step)?;
        let (pixels, mut out) = mat::of_size(&mut self.out, size)?;
        imgproc::resize(&Mat::roi(&rows, left)?, &mut out, size, 0.0, 0.0, imgproc::INTER_AREA)?;
        drop(out);
        grid.clear();
        grid.extend(self.out[..pixels].chunks_exact(3).map(luma));
        Ok(())
    }

    /// The quadrilateral of the frame as an upright picture of `width` × `height` pixels: BGR, rows tightly packed.
    /// What lies outside the frame repeats its border.
    pub fn rectify(&mut self, frame: &Frame, quad: &Quad, width: u32, height: u32) -> Result<&[u8], WarpError> {
        let size = checked_size(width, height)?;
        let (w, h) = (width as f32, height as f32);
        let from = quad.0.map(|p| Point2f::new(p.x, p.y));
        let to = [Point2f::new(0.0, 0.0), Point2f::new(w, 0.0), Point2f::new(w, h), Point2f::new(0.0, h)];
        let transform = imgproc::get_perspective_transform_slice(from, to, opencv::core::DECOMP_LU)?;
        let border = opencv::core::BORDER_REPLICATE;
        let whole = mat::view(frame)?;
        let linear = imgproc::INTER_LINEAR;
        let (pixels, mut out) = mat::of_size(&mut self.out, size)?;
        imgproc::warp_perspective(&whole, &mut out, &transform, size, linear, border, Scalar::default())?;
        drop(out);
        Ok(&self.out[..pixels])
    }
}

fn interpolation(filter: Filter) -> i32 {
    match filter {
        Filter::Linear => imgproc::INTER_LINEAR,
        Filter::Area => imgproc::INTER_AREA,
    }
}

fn checked_size(width: u32, height: u32) -> Result<Size, WarpError> {
    const MAX: u32 = 16_384;
    if !(1..=MAX).contains(&width) || !(1..=MAX).contains(&height) {
        return Err(WarpError::Size { width, height });
    }
    Ok(Size::new(width as i32, height as i32))
}

fn checked_rect(frame: &Frame, area: PixelRect) -> Result<Rect, WarpError> {
    let fits =
        |from: u32, length: u32, limit: u32| length > 0 && from.checked_add(length).is_some_and(|to| to <= limit);
    if !fits(area.x, area.width, frame.width()) || !fits(area.y, area.height, frame.height()) {
        return Err(WarpError::Outside { area, width: frame.width(), height: frame.height() });
    }
    Ok(Rect::new(area.x as i32, area.y as i32, area.width as i32, area.height as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CaptureTime, Point};

    /// Blue grows with x, green with y.
    fn ramp(width: u32, height: u32) -> Frame {
        let pixels: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7])).collect();
        Frame::new(width, height, pixels, 1, CaptureTime::default()).unwrap()
    }

    #[test]
    fn an_area_kept_at_its_size_is_a_plain_cut() {
        let frame = ramp(20, 10);
        let area = PixelRect { x: 3, y: 4, width: 2, height: 1 };
        let mut resampler = Resampler::new().unwrap();
        assert_eq!(resampler.resize(&frame, area, 2, 1, Filter::Linear).unwrap(), [3, 4, 7, 4, 4, 7]);
    }

    #[test]
    fn area_reduction_takes_the_mean() {
        let frame = ramp(5, 3);
        let mut resampler = Resampler::new().unwrap();
        let out = resampler.resize(&frame, PixelRect::whole(&frame), 1, 1, Filter::Area).unwrap();
        assert_eq!(out, [2, 1, 7]);
    }

    #[test]
    fn a_grid_of_some_of_the_rows_is_that_of_all_of_them() {
        let frame = ramp(64, 203);
        let mut resampler = Resampler::new().unwrap();
        let all = resampler.resize(&frame, PixelRect::whole(&frame), 8, 4, Filter::Area).unwrap();
        let all: Vec<u8> = all.chunks_exact(3).map(luma).collect();
        let mut some = Vec::new();
        resampler.luma_grid(&frame, 8, 4, &mut some).unwrap();
        assert_eq!(some.len(), all.len());
        // Of every five rows the first, and not the last three: up to four rows above the middle of what all show.
        assert!(some.iter().zip(&all).all(|(some, all)| some.abs_diff(*all) <= 3), "{some:?} {all:?}");
    }

    #[test]
    fn a_box_quad_is_rectified_to_the_same_pixels_as_its_cut() {
        let frame = ramp(20, 10);
        let bbox = BBox::new(2.0, 3.0, 8.0, 6.0);
        let mut resampler = Resampler::new().unwrap();
        let cut =
            resampler.resize(&frame, PixelRect::of(&bbox, &frame).unwrap(), 6, 3, Filter::Linear).unwrap().to_vec();
        assert_eq!(resampler.rectify(&frame, &bbox.into(), 6, 3).unwrap(), cut);
    }

    #[test]
    fn what_lies_outside_is_refused_or_cut_off_but_never_a_panic() {
        let frame = ramp(20, 10);
        let mut resampler = Resampler::new().unwrap();
        let outside = PixelRect { x: 18, y: 0, width: 5, height: 5 };
        assert!(matches!(resampler.resize(&frame, outside, 5, 5, Filter::Linear), Err(WarpError::Outside { .. })));
        let whole = PixelRect::whole(&frame);
        assert!(matches!(resampler.resize(&frame, whole, 0, 5, Filter::Linear), Err(WarpError::Size { .. })));
        assert_eq!(PixelRect::of(&BBox::new(-5.0, -5.0, -1.0, 4.0), &frame), None);
        assert_eq!(PixelRect::of(&BBox::new(f32::NAN, 0.0, 3.0, 4.0), &frame), None);
        let cut = PixelRect::of(&BBox::new(15.5, -3.0, 99.0, 4.9), &frame).unwrap();
        assert_eq!(cut, PixelRect { x: 16, y: 0, width: 4, height: 5 });
        let far = Quad([
            Point::new(f32::NAN, 1e30),
            Point::new(-1e30, 0.0),
            Point::new(f32::INFINITY, 3.0),
            Point::default(),
        ]);
        assert!(resampler.rectify(&frame, &far, 4, 4).is_ok());
        let point = Quad([Point::default(); 4]);
        assert!(resampler.rectify(&frame, &point, 4, 4).is_ok(), "a quad without area gives some picture");
    }
}
