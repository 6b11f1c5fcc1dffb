//! The way of one vehicle through the picture: its direction, the lines it crossed, whether it stands.

use super::region::Line;
use crate::domain::{BBox, Direction, LineCrossing, Point};

/// A plate that grew or shrank by this much (as logarithm, ln 1.2) approached or receded.
const GROWN: f32 = 0.182;
/// One that moved sideways by so many of its widths went left or right.
const SIDEWAYS: f32 = 1.5;
/// A standing plate stays within so many of its widths: jitter and a camera that shakes.
const STANDS: f32 = 1.5;

#[derive(Debug, Clone)]
pub(super) struct Way {
    start: BBox,
    now: BBox,
    /// Net crossings per line of the configuration.
    crossings: Vec<i32>,
}

impl Way {
    pub(super) fn new(start: BBox, lines: usize) -> Self {
        Self { start, now: start, crossings: vec![0; lines] }
    }

    /// The plate's smoothed box, in a frame of this size.
    pub(super) fn go(&mut self, to: BBox, lines: &[Line], width: u32, height: u32) {
        let relative = |b: &BBox| {
            let Point { x, y } = b.center();
            Point::new(x / width.max(1) as f32, y / height.max(1) as f32)
        };
        let (a, b) = (relative(&self.now), relative(&to));
        for (line, net) in lines.iter().zip(&mut self.crossings) {
            *net += line.crossed(a, b);
        }
        self.now = to;
    }

    /// Growth tells more than sideways movement: a car that comes near on its lane also moves to the side.
    pub(super) fn direction(&self) -> Option<Direction> {
        let growth = (self.now.height().max(1.0) / self.start.height().max(1.0)).ln();
        if growth.abs() >= GROWN {
            return Some(if growth > 0.0 { Direction::Approaching } else { Direction::Receding });
        }
        let dx = self.now.center().x - self.start.center().x;
        let far = dx.abs() >= SIDEWAYS * self.now.width().max(1.0);
        far.then_some(if dx > 0.0 { Direction::Right } else { Direction::Left })
    }

    /// Who dithers on a line and goes back has not crossed it.
    pub(super) fn crossed(&self, lines: &[Line]) -> Vec<LineCrossing> {
        let each = lines.iter().zip(&self.crossings).filter(|(_, net)| **net != 0);
        each.map(|(line, net)| LineCrossing { name: line.name.clone(), forward: *net > 0 }).collect()
    }

    pub(super) fn stands(&self) -> bool {
        let (a, b) = (self.start.center(), self.now.center());
        a.distance(b) <= STANDS * self.now.width().max(self.start.width())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(x: f32, y: f32, height: f32) -> BBox {
        BBox::from_center(x, y, height * 4.0, height)
    }

    fn way(boxes: &[BBox], lines: &[Line]) -> Way {
        let mut way = Way::new(boxes[0], lines.len());
        boxes.iter().for_each(|b| way.go(*b, lines, 1000, 500));
        way
    }

    #[test]
    fn growth_tells_towards_and_away_else_the_side_does() {
        let direction = |boxes: &[BBox]| way(boxes, &[]).direction();
        assert_eq!(direction(&[plate(500.0, 200.0, 12.0), plate(700.0, 400.0, 30.0)]), Some(Direction::Approaching));
        assert_eq!(direction(&[plate(500.0, 300.0, 30.0), plate(500.0, 250.0, 20.0)]), Some(Direction::Receding));
        assert_eq!(direction(&[plate(100.0, 300.0, 20.0), plate(800.0, 310.0, 21.0)]), Some(Direction::Right));
        assert_eq!(direction(&[plate(800.0, 300.0, 20.0), plate(100.0, 310.0, 21.0)]), Some(Direction::Left));
        assert_eq!(direction(&[plate(100.0, 300.0, 20.0), plate(110.0, 310.0, 21.0)]), None);
    }

    #[test]
    fn who_dithers_on_a_line_has_crossed_it_once_or_not_at_all() {
        let line = [Line { name: "gate".into(), from: Point::new(0.0, 0.5), to: Point::new(1.0, 0.5) }];
        let at = |ys: &[f32]| ys.iter().map(|y| plate(500.0, *y, 20.0)).collect::<Vec<_>>();
        assert!(way(&at(&[200.0, 260.0, 240.0, 255.0, 240.0]), &line).crossed(&line).is_empty());
        let crossed = way(&at(&[200.0, 260.0, 240.0, 255.0, 400.0]), &line).crossed(&line);
        assert_eq!(crossed, [LineCrossing { name: "gate".into(), forward: true }]);
    }
}
