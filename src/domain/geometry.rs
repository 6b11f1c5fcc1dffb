//! Points, boxes and quadrilaterals in pixels. x grows to the right, y downwards; a pixel's area is
//! `[x, x + 1) × [y, y + 1)`, so the box of a whole W×H frame is `(0, 0, W, H)`.

use serde::{Deserialize, Serialize};

/// A point in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl Point {
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Euclidean distance in pixels.
    pub fn distance(self, other: Point) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// A bounding box in pixels, written on the wire as `[x1, y1, x2, y2]` (PROTOCOL 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "[f32; 4]", into = "[f32; 4]")]
pub struct BBox {
    pub x1: f32,
    pub y1: f32,
    pub x2: f32,
    pub y2: f32,
}

impl From<[f32; 4]> for BBox {
    fn from([x1, y1, x2, y2]: [f32; 4]) -> Self {
        Self { x1, y1, x2, y2 }
    }
}

impl From<BBox> for [f32; 4] {
    fn from(b: BBox) -> Self {
        [b.x1, b.y1, b.x2, b.y2]
    }
}

impl BBox {
    pub const fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// From centre and size.
    pub fn from_center(cx: f32, cy: f32, width: f32, height: f32) -> Self {
        Self::new(cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0)
    }

    /// The smallest box around all points; empty at the origin for none.
    pub fn around(points: &[Point]) -> Self {
        points.iter().map(|p| Self::new(p.x, p.y, p.x, p.y)).reduce(|a, b| a.union(&b)).unwrap_or_default()
    }

    pub fn width(&self) -> f32 {
        (self.x2 - self.x1).max(0.0)
    }

    pub fn height(&self) -> f32 {
        (self.y2 - self.y1).max(0.0)
    }

    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    pub fn center(&self) -> Point {
        Point::new((self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0)
    }

    /// All four numbers finite and an area above zero.
    pub fn is_valid(&self) -> bool {
        [self.x1, self.y1, self.x2, self.y2].iter().all(|v| v.is_finite()) && self.x2 > self.x1 && self.y2 > self.y1
    }

    pub fn contains(&self, p: Point) -> bool {
        p.x >= self.x1 && p.x < self.x2 && p.y >= self.y1 && p.y < self.y2
    }

    pub fn intersection(&self, other: &BBox) -> BBox {
        BBox::new(self.x1.max(other.x1), self.y1.max(other.y1), self.x2.min(other.x2), self.y2.min(other.y2))
    }

    pub fn union(&self, other: &BBox) -> BBox {
        BBox::new(self.x1.min(other.x1), self.y1.min(other.y1), self.x2.max(other.x2), self.y2.max(other.y2))
    }

    /// Intersection over union, 0–1; 0 for empty boxes.
    pub fn iou(&self, other: &BBox) -> f32 {
        let inter = self.intersection(other).area();
        let union = self.area() + other.area() - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }

    /// Share of this box that lies inside `other`, 0–1.
    pub fn share_inside(&self, other: &BBox) -> f32 {
        let area = self.area();
        if area > 0.0 { self.intersection(other).area() / area } else { 0.0 }
    }

    /// Widened on every side by a fraction of its width and height.
    pub fn widen(&self, fraction_x: f32, fraction_y: f32) -> BBox {
        let (dx, dy) = (self.width() * fraction_x, self.height() * fraction_y);
        BBox::new(self.x1 - dx, self.y1 - dy, self.x2 + dx, self.y2 + dy)
    }

    /// The part inside a frame of `width` × `height` pixels.
    pub fn clamp_to(&self, width: u32, height: u32) -> BBox {
        self.intersection(&BBox::new(0.0, 0.0, width as f32, height as f32))
    }

    pub fn translate(&self, dx: f32, dy: f32) -> BBox {
        BBox::new(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)
    }
}

/// Four corners in reading order: top left, top right, bottom right, bottom left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Quad(pub [Point; 4]);

impl Quad {
    pub fn bbox(&self) -> BBox {
        BBox::around(&self.0)
    }

    pub fn translate(&self, dx: f32, dy: f32) -> Quad {
        Quad(self.0.map(|p| Point::new(p.x + dx, p.y + dy)))
    }
}

impl From<BBox> for Quad {
    fn from(b: BBox) -> Self {
        Quad([Point::new(b.x1, b.y1), Point::new(b.x2, b.y1), Point::new(b.x2, b.y2), Point::new(b.x1, b.y2)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_box() -> impl Strategy<Value = BBox> {
        (-50f32..50.0, -50f32..50.0, 0.5f32..80.0, 0.5f32..80.0).prop_map(|(x, y, w, h)| BBox::new(x, y, x + w, y + h))
    }

    proptest! {
        #[test]
        fn iou_is_symmetric_and_within_0_and_1(a in any_box(), b in any_box()) {
            let iou = a.iou(&b);
            prop_assert!((0.0..=1.0).contains(&iou));
            prop_assert_eq!(iou, b.iou(&a));
            prop_assert!(a.iou(&a) > 0.999);
        }

        #[test]
        fn a_clamped_box_stays_in_the_frame(a in any_box()) {
            let c = a.clamp_to(40, 30);
            if c.is_valid() {
                prop_assert!(c.x1 >= 0.0 && c.y1 >= 0.0 && c.x2 <= 40.0 && c.y2 <= 30.0);
            }
        }
    }

    #[test]
    fn a_box_is_four_numbers_on_the_wire() {
        let b = BBox::new(1.0, 2.0, 3.5, 4.0);
        assert_eq!(serde_json::to_string(&b).unwrap(), "[1.0,2.0,3.5,4.0]");
        assert_eq!(serde_json::from_str::<BBox>("[1,2,3.5,4]").unwrap(), b);
    }
}
