//! Where a picture lands in a model's input, and the way back.

use crate::domain::{BBox, Point};

/// How a picture is made to fit the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Aspect kept, in the top left corner; the rest is filled (YOLOX).
    TopLeft,
    /// Aspect kept, in the middle; the rest is filled (YOLOv5 and later).
    Center,
    /// Aspect kept, the input takes the picture's size: nothing is filled. For graphs with a dynamic size.
    Aspect,
    /// Stretched to the whole input.
    Stretch,
    /// One line of text: the height is filled, the width follows the aspect up to four times the input's width; what
    /// is left on the right stays empty (PP-OCR).
    Line,
}

/// One picture's place in one input. All sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// Size of the tensor.
    pub tensor_width: usize,
    pub tensor_height: usize,
    /// Size the picture is resampled to.
    pub width: usize,
    pub height: usize,
    /// Where its top left corner lies in the tensor.
    pub left: usize,
    pub top: usize,
    scale_x: f32,
    scale_y: f32,
}

/// A line of text is squeezed beyond this many input widths.
const MAX_LINE: usize = 4;

impl Letterbox {
    /// Fits a picture of `width` × `height` into an input of `input_width` × `input_height`. Sides of 0 count as 1.
    pub fn new(fit: Fit, width: u32, height: u32, input_width: usize, input_height: usize) -> Self {
        let (input_width, input_height) = (input_width.max(1), input_height.max(1));
        let (source_width, source_height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let scale = (input_width as f64 / source_width).min(input_height as f64 / source_height);
        let side = |source: f64, limit: usize| ((source * scale).round_ties_even() as usize).clamp(1, limit);
        let (inner_width, inner_height) = match fit {
            Fit::TopLeft => {
                let side = |source: f64, limit: usize| ((source * scale) as usize).clamp(1, limit);
                (side(source_width, input_width), side(source_height, input_height))
            }
            Fit::Center | Fit::Aspect => (side(source_width, input_width), side(source_height, input_height)),
            Fit::Stretch => (input_width, input_height),
            Fit::Line => {
                let line = (input_height as f64 * source_width / source_height).ceil() as usize;
                (line.clamp(1, input_width * MAX_LINE), input_height)
            }
        };
        let (tensor_width, tensor_height) = match fit {
            Fit::Aspect => (inner_width, inner_height),
            Fit::Line => (inner_width.max(input_width), input_height),
            _ => (input_width, input_height),
        };
        let (left, top) = match fit {
            Fit::Center => ((tensor_width - inner_width) / 2, (tensor_height - inner_height) / 2),
            _ => (0, 0),
        };
        // The reference of the top-left letterbox scales back by the one factor, before rounding.
        let (scale_x, scale_y) = match fit {
            Fit::TopLeft | Fit::Center => (scale, scale),
            _ => (inner_width as f64 / source_width, inner_height as f64 / source_height),
        };
        Self {
            tensor_width,
            tensor_height,
            width: inner_width,
            height: inner_height,
            left,
            top,
            scale_x: scale_x as f32,
            scale_y: scale_y as f32,
        }
    }

    /// From tensor pixels to the picture's.
    pub fn point_to_source(&self, p: Point) -> Point {
        Point::new((p.x - self.left as f32) / self.scale_x, (p.y - self.top as f32) / self.scale_y)
    }

    /// From tensor pixels to the picture's.
    pub fn box_to_source(&self, b: &BBox) -> BBox {
        let from = self.point_to_source(Point::new(b.x1, b.y1));
        let to = self.point_to_source(Point::new(b.x2, b.y2));
        BBox::new(from.x, from.y, to.x, to.y)
    }

    /// From the picture's pixels to the tensor's.
    pub fn point_to_tensor(&self, p: Point) -> Point {
        Point::new(p.x * self.scale_x + self.left as f32, p.y * self.scale_y + self.top as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_fit() -> impl Strategy<Value = Fit> {
        prop_oneof![Just(Fit::TopLeft), Just(Fit::Center), Just(Fit::Aspect), Just(Fit::Stretch), Just(Fit::Line)]
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_point(
            fit in any_fit(), w in 1u32..5000, h in 1u32..5000, iw in 16usize..700, ih in 16usize..700,
            x in 0f32..1.0, y in 0f32..1.0,
        ) {
            let letterbox = Letterbox::new(fit, w, h, iw, ih);
            let p = Point::new(x * w as f32, y * h as f32);
            let back = letterbox.point_to_source(letterbox.point_to_tensor(p));
            let tolerance = 1e-2 * (w.max(h) as f32).max(1.0) / 16.0;
            prop_assert!(p.distance(back) <= tolerance, "{p:?} came back as {back:?}");
        }

        #[test]
        fn the_picture_always_lies_inside_the_tensor(
            fit in any_fit(), w in 0u32..20_000, h in 0u32..20_000, iw in 0usize..1300, ih in 0usize..1300,
        ) {
            let l = Letterbox::new(fit, w, h, iw, ih);
            prop_assert!(l.width >= 1 && l.height >= 1);
            prop_assert!(l.left + l.width <= l.tensor_width && l.top + l.height <= l.tensor_height);
        }
    }

    #[test]
    fn a_wide_photo_in_the_usual_inputs() {
        let top_left = Letterbox::new(Fit::TopLeft, 1280, 720, 416, 416);
        assert_eq!((top_left.width, top_left.height, top_left.left, top_left.top), (416, 234, 0, 0));
        let center = Letterbox::new(Fit::Center, 1280, 720, 640, 640);
        assert_eq!((center.width, center.height, center.left, center.top), (640, 360, 0, 140));
        let aspect = Letterbox::new(Fit::Aspect, 1280, 720, 640, 640);
        assert_eq!((aspect.tensor_width, aspect.tensor_height), (640, 360));
    }

    #[test]
    fn a_line_of_text_keeps_its_aspect_and_is_padded_on_the_right() {
        let short = Letterbox::new(Fit::Line, 100, 30, 320, 48);
        assert_eq!((short.width, short.tensor_width, short.tensor_height), (160, 320, 48));
        let long = Letterbox::new(Fit::Line, 500, 48, 320, 48);
        assert_eq!((long.width, long.tensor_width), (500, 500));
        let absurd = Letterbox::new(Fit::Line, 5000, 1, 320, 48);
        assert_eq!(absurd.width, 1280);
    }
}
