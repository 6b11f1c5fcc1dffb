//! A picture that can be painted on: boxes, lines and text, always clipped to its edges.

use super::ImagingError;
use crate::domain::{BBox, Frame};
use crate::glyphs::Mask;

/// Blue, green, red.
pub type Colour = [u8; 3];

/// A frame's pixels, writable.
pub struct Canvas {
    width: i32,
    height: i32,
    pixels: Vec<u8>,
}

impl Canvas {
    pub fn over(frame: &Frame) -> Self {
        // A frame's sides fit: its pixels are in memory.
        Self { width: frame.width() as i32, height: frame.height() as i32, pixels: frame.pixels().to_vec() }
    }

    /// The painted frame, with the number and the time of `frame`.
    pub fn into_frame(self, frame: &Frame) -> Result<Frame, ImagingError> {
        Ok(Frame::new(frame.width(), frame.height(), self.pixels, frame.number, frame.captured)?)
    }

    /// Fills a rectangle; `opacity` 0–1.
    pub fn fill(&mut self, area: &BBox, colour: Colour, opacity: f32) {
        let (left, top) = (whole(area.x1, self.width), whole(area.y1, self.height));
        let (right, bottom) = (whole(area.x2, self.width), whole(area.y2, self.height));
        for y in top..bottom {
            for x in left..right {
                self.blend(x, y, colour, opacity);
            }
        }
    }

    /// A rectangle's outline, `thickness` pixels wide, growing outwards so that it hides nothing of what it frames.
    pub fn outline(&mut self, area: &BBox, colour: Colour, thickness: f32) {
        let outer = BBox::new(area.x1 - thickness, area.y1 - thickness, area.x2 + thickness, area.y2 + thickness);
        self.fill(&BBox { y2: area.y1, ..outer }, colour, 1.0);
        self.fill(&BBox { y1: area.y2, ..outer }, colour, 1.0);
        self.fill(&BBox::new(outer.x1, area.y1, area.x1, area.y2), colour, 1.0);
        self.fill(&BBox::new(area.x2, area.y1, outer.x2, area.y2), colour, 1.0);
    }

    /// Lays text with its top left corner at (`left`, `top`).
    pub fn text(&mut self, mask: &Mask, left: f32, top: f32, colour: Colour) {
        let (left, top) = (left.round() as i32, top.round() as i32);
        let rows = mask.alpha.chunks_exact((mask.width as usize).max(1));
        for (row, y) in rows.zip(top..) {
            for (alpha, x) in row.iter().zip(left..) {
                if *alpha > 0 && (0..self.width).contains(&x) && (0..self.height).contains(&y) {
                    self.blend(x, y, colour, f32::from(*alpha) / 255.0);
                }
            }
        }
    }

    /// `x` and `y` inside the picture.
    fn blend(&mut self, x: i32, y: i32, colour: Colour, opacity: f32) {
        let at = (y as usize * self.width as usize + x as usize) * 3;
        for (under, over) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            let mixed = f32::from(*under) + (f32::from(over) - f32::from(*under)) * opacity;
            *under = mixed.round() as u8;
        }
    }
}

/// The nearest whole pixel in `0..=limit`; 0 for what is not a number.
fn whole(value: f32, limit: i32) -> i32 {
    (value.round() as i32).clamp(0, limit)
}
