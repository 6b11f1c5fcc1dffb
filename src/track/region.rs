//! Zones and lines, in shares of the frame's width and height (0–1), so that they hold at every resolution.

use crate::domain::Point;

/// Where reads count, or do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    pub kind: ZoneKind,
    /// Corners in order, at least 3; the last is joined to the first.
    pub points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneKind {
    /// Only plates in such a zone count; where there are several, in any of them.
    Include,
    /// Plates in such a zone do not count, whatever else they are in.
    Exclude,
}

/// A line that vehicles cross.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    pub from: Point,
    pub to: Point,
}

impl Zone {
    fn contains(&self, p: Point) -> bool {
        let mut inside = false;
        let mut before = match self.points.last() {
            Some(last) => *last,
            None => return false,
        };
        for corner in &self.points {
            let spans = (corner.y > p.y) != (before.y > p.y);
            if spans && p.x < (before.x - corner.x) * (p.y - corner.y) / (before.y - corner.y) + corner.x {
                inside = !inside;
            }
            before = *corner;
        }
        inside
    }
}

/// Does a plate at this place count?
pub(super) fn counts(zones: &[Zone], p: Point) -> bool {
    let of = |kind: ZoneKind| zones.iter().filter(move |zone| zone.kind == kind);
    let included = of(ZoneKind::Include).next().is_none() || of(ZoneKind::Include).any(|zone| zone.contains(p));
    included && !of(ZoneKind::Exclude).any(|zone| zone.contains(p))
}

impl Line {
    /// +1 where the way from `a` to `b` crosses the line forwards (see [`crate::domain::LineCrossing`]), −1 backwards, 0 not.
    pub(super) fn crossed(&self, a: Point, b: Point) -> i32 {
        let side =
            |from: Point, to: Point, p: Point| (to.x - from.x) * (p.y - from.y) - (to.y - from.y) * (p.x - from.x);
        let (before, after) = (side(self.from, self.to, a) > 0.0, side(self.from, self.to, b) > 0.0);
        // The line's ends must be on both sides of the way, too.
        let beside = (side(a, b, self.from) > 0.0) == (side(a, b, self.to) > 0.0);
        match (before, after) {
            _ if beside => 0,
            (false, true) => 1,
            (true, false) => -1,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(kind: ZoneKind, points: &[(f32, f32)]) -> Zone {
        Zone { kind, points: points.iter().map(|(x, y)| Point::new(*x, *y)).collect() }
    }

    #[test]
    fn a_plate_counts_inside_an_included_and_outside_every_excluded_zone() {
        let lower = zone(ZoneKind::Include, &[(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]);
        let corner = zone(ZoneKind::Exclude, &[(0.8, 0.8), (1.0, 0.8), (1.0, 1.0)]);
        assert!(counts(&[], Point::new(0.5, 0.1)));
        let zones = [lower, corner.clone()];
        assert!(counts(&zones, Point::new(0.5, 0.7)));
        assert!(!counts(&zones, Point::new(0.5, 0.3)));
        assert!(!counts(&zones, Point::new(0.95, 0.85)));
        assert!(counts(&[corner], Point::new(0.5, 0.1)));
    }

    #[test]
    fn a_line_from_left_to_right_is_crossed_forwards_by_what_comes_down_the_picture() {
        let line = Line { name: "gate".into(), from: Point::new(0.2, 0.5), to: Point::new(0.8, 0.5) };
        assert_eq!(line.crossed(Point::new(0.5, 0.4), Point::new(0.5, 0.6)), 1);
        assert_eq!(line.crossed(Point::new(0.5, 0.6), Point::new(0.5, 0.4)), -1);
        assert_eq!(line.crossed(Point::new(0.5, 0.1), Point::new(0.5, 0.4)), 0);
        assert_eq!(line.crossed(Point::new(0.9, 0.4), Point::new(0.9, 0.6)), 0, "past its end");
    }

    proptest! {
        #[test]
        fn a_closed_way_crosses_a_line_as_often_there_as_back(
            way in proptest::collection::vec((0f32..1.0, 0f32..1.0), 3..12), y in 0.05f32..0.95,
        ) {
            // As long as the picture is wide: no way around its ends.
            let line = Line { name: String::new(), from: Point::new(-10.0, y), to: Point::new(10.0, y) };
            let points: Vec<Point> = way.iter().map(|(x, y)| Point::new(*x, *y)).collect();
            let round = points.iter().zip(points.iter().cycle().skip(1));
            prop_assert_eq!(round.map(|(a, b)| line.crossed(*a, *b)).sum::<i32>(), 0);
        }
    }
}
