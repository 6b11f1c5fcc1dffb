//! A patch of the frame to paint polygons on.

use super::optics::Rgb;
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point, Shader, SpreadMode,
    Transform,
};

/// What a polygon is filled with: a colour above, one below, and how much of it covers what is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    pub top: Rgb,
    pub bottom: Rgb,
    pub alpha: f32,
}

/// Premultiplied RGBA with its place in the frame.
pub struct Canvas {
    pixmap: Pixmap,
    pub x: i32,
    pub y: i32,
}

impl Canvas {
    /// `None` where there is nothing to paint on.
    pub fn new(x: i32, y: i32, width: i32, height: i32) -> Option<Self> {
        let pixmap = Pixmap::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?)?;
        Some(Self { pixmap, x, y })
    }

    pub fn width(&self) -> usize {
        self.pixmap.width() as usize
    }

    pub fn height(&self) -> usize {
        self.pixmap.height() as usize
    }

    /// Four bytes a pixel, premultiplied RGBA.
    pub fn pixels(&self) -> &[u8] {
        self.pixmap.data()
    }

    pub fn pixels_mut(&mut self) -> &mut [u8] {
        self.pixmap.data_mut()
    }

    pub fn clear(&mut self) {
        self.pixmap.fill(Color::TRANSPARENT);
    }

    /// Fills closed contours, given in frame pixels.
    pub fn fill(&mut self, contours: &[Vec<(f32, f32)>], fill: Fill) {
        let (dx, dy) = (self.x as f32, self.y as f32);
        let mut builder = PathBuilder::new();
        for contour in contours {
            for (i, (x, y)) in contour.iter().enumerate() {
                if i == 0 { builder.move_to(x - dx, y - dy) } else { builder.line_to(x - dx, y - dy) }
            }
            builder.close();
        }
        if let Some(path) = builder.finish() {
            let paint = Paint { shader: shader(&path, fill), ..Paint::default() };
            self.pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
        }
    }
}

fn shader(path: &Path, fill: Fill) -> Shader<'static> {
    let colour = |c: Rgb| {
        let [r, g, b] = c.map(|v| v.clamp(0.0, 1.0));
        Color::from_rgba(r, g, b, fill.alpha.clamp(0.0, 1.0)).unwrap_or(Color::BLACK)
    };
    let bounds = path.bounds();
    if fill.top == fill.bottom || bounds.height() < 2.0 {
        return Shader::SolidColor(colour(fill.top));
    }
    LinearGradient::new(
        Point::from_xy(0.0, bounds.top()),
        Point::from_xy(0.0, bounds.bottom()),
        vec![GradientStop::new(0.0, colour(fill.top)), GradientStop::new(1.0, colour(fill.bottom))],
        SpreadMode::Pad,
        Transform::identity(),
    )
    .unwrap_or_else(|| Shader::SolidColor(colour(fill.top)))
}
