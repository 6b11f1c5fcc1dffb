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

    /// The lens: a kernel of 1, 6, 1 eighths, both ways.
    pub fn soften(&mut self) {
        let row = self.width() * 4;
        let pixels = self.pixels_mut();
        let blend = |a: u8, b: u8, c: u8| ((u16::from(a) + 6 * u16::from(b) + u16::from(c) + 4) / 8) as u8;
        for line in pixels.chunks_exact_mut(row.max(4)) {
            let mut left = [line[0], line[1], line[2], line[3]];
            for i in 4..line.len().saturating_sub(4) {
                let before = left[i % 4];
                left[i % 4] = line[i];
                line[i] = blend(before, line[i], line[i + 4]);
            }
        }
        let mut above = pixels.get(..row).map(<[u8]>::to_vec).unwrap_or_default();
        let rows = pixels.len() / row.max(1);
        for y in 1..rows.saturating_sub(1) {
            let (current, below) = pixels[y * row..(y + 2) * row].split_at_mut(row);
            for ((value, up), down) in current.iter_mut().zip(above.iter_mut()).zip(below.iter()) {
                let before = *up;
                *up = *value;
                *value = blend(before, *value, *down);
            }
        }
    }

    /// A box filter of `2 · radius + 1` pixels, both ways; 0 leaves all as it is.
    pub fn smooth(&mut self, radius: usize) {
        if radius == 0 {
            return;
        }
        let (width, height) = (self.width(), self.height());
        let pixels = self.pixels_mut();
        let mut line = Vec::new();
        for y in 0..height {
            average(pixels, &mut line, (y * width * 4, 4, width), radius);
        }
        for x in 0..width {
            average(pixels, &mut line, (x * 4, width * 4, height), radius);
        }
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

/// Box filter along one line of pixels: where it starts, its step and its length. Beyond the ends the last pixel
/// repeats.
fn average(pixels: &mut [u8], line: &mut Vec<[u8; 4]>, (start, step, count): (usize, usize, usize), radius: usize) {
    line.clear();
    line.extend((0..count).map(|i| {
        let at = start + i * step;
        [pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]]
    }));
    let Some(last) = count.checked_sub(1) else { return };
    let span = 2 * radius as u32 + 1;
    let mut sum = [0u32; 4];
    for i in 0..=2 * radius {
        let pixel = line[i.saturating_sub(radius).min(last)];
        sum.iter_mut().zip(pixel).for_each(|(s, p)| *s += u32::from(p));
    }
    for i in 0..count {
        let (leaving, entering) = (line[i.saturating_sub(radius)], line[(i + radius + 1).min(last)]);
        for channel in 0..4 {
            pixels[start + i * step + channel] = ((sum[channel] + span / 2) / span) as u8;
            sum[channel] = sum[channel] + u32::from(entering[channel]) - u32::from(leaving[channel]);
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
