//! Two looks at the same plates made one.

use super::overlap_of_smaller;
use crate::domain::{BBox, Detection, Point, Quad};

/// Two boxes are one plate if this share of the smaller one lies in the other: a plate's first row alone and the whole
/// of it may be found in different looks.
const SAME_PLATE: f32 = 0.5;

/// Every plate once, surest first, of what was found in the full frame and in close-ups of it. A plate seen in both gets
/// the mean of its two surest boxes, weighted by confidence (weighted boxes fusion, Solovyev 2019), and the higher
/// confidence: the errors of two looks partly cancel, and text recognition feels a box that is a few pixels off.
pub fn fuse_looks(full: Vec<Detection>, close: Vec<Detection>) -> Vec<Detection> {
    let looks = [(full, false), (close, true)];
    let mut found: Vec<(Detection, bool)> =
        looks.into_iter().flat_map(|(look, close)| look.into_iter().map(move |d| (d, close))).collect();
    found.retain(|(d, _)| d.bbox.is_valid() && d.confidence.is_finite());
    found.sort_by(|a, b| b.0.confidence.total_cmp(&a.0.confidence));
    let mut plates: Vec<Plate> = Vec::new();
    for (detection, close) in found {
        match plates.iter_mut().find(|plate| plate.is_at(&detection.bbox)) {
            Some(plate) if plate.close != close && plate.other.is_none() => plate.other = Some(detection),
            Some(_) => {}
            None => plates.push(Plate { surest: detection, close, other: None }),
        }
    }
    plates.into_iter().map(Plate::fused).collect()
}

/// One plate's surest detection, and the surest of the other look.
struct Plate {
    surest: Detection,
    close: bool,
    other: Option<Detection>,
}

impl Plate {
    fn is_at(&self, bbox: &BBox) -> bool {
        same_plate(&self.surest.bbox, bbox)
    }

    fn fused(self) -> Detection {
        let Some(other) = self.other else { return self.surest };
        mean_of(&self.surest, &other)
    }
}

/// Two boxes of one plate made one: the mean of both, weighted by confidence, with the first's confidence and class.
pub fn mean_of(surest: &Detection, other: &Detection) -> Detection {
    let weights = surest.confidence + other.confidence;
    let share = if weights > 0.0 { other.confidence / weights } else { 0.0 };
    let mix = |a: f32, b: f32| a + (b - a) * share;
    let (a, b) = (surest.bbox, other.bbox);
    let bbox = BBox::new(mix(a.x1, b.x1), mix(a.y1, b.y1), mix(a.x2, b.x2), mix(a.y2, b.y2));
    let corners = surest
        .corners
        .zip(other.corners)
        .map(|(a, b)| Quad(std::array::from_fn(|i| Point::new(mix(a.0[i].x, b.0[i].x), mix(a.0[i].y, b.0[i].y)))));
    Detection { bbox, corners, ..surest.clone() }
}

/// A close look that is less sure than this share of the first one has lost part of the plate.
const LOST: f32 = 0.6;

/// Of a plate's box and that of a look from close by, the better one, with the higher confidence: the close one, unless
/// that look is much less sure than the first was.
pub fn better_framed(first: &Detection, close: &Detection) -> Detection {
    let framed = if close.confidence < LOST * first.confidence { first } else { close };
    Detection { confidence: first.confidence.max(close.confidence), ..framed.clone() }
}

/// How much a plate is the one that a picture shows: its size counts as much as the detector's confidence. By confidence
/// alone a small plate far behind comes before the large one in front; by size alone a grille or a sign does.
pub fn prominence(plate: &Detection) -> f32 {
    let prominence = plate.confidence * plate.bbox.area().sqrt();
    if prominence.is_finite() { prominence } else { 0.0 }
}

/// Do two boxes of different looks show the same plate?
pub fn same_plate(a: &BBox, b: &BBox) -> bool {
    overlap_of_smaller(a, b) > SAME_PLATE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plate(bbox: BBox, confidence: f32) -> Detection {
        Detection { bbox, confidence, class: "plate".into(), corners: Some(bbox.into()) }
    }

    #[test]
    fn a_plate_seen_twice_gets_the_weighted_box_and_the_higher_confidence() {
        let full = vec![plate(BBox::new(100.0, 50.0, 200.0, 80.0), 0.3)];
        let close = vec![plate(BBox::new(104.0, 50.0, 204.0, 84.0), 0.9), plate(BBox::new(0.0, 0.0, 40.0, 10.0), 0.5)];
        let fused = fuse_looks(full, close);
        assert_eq!(fused.len(), 2);
        assert_eq!((fused[0].bbox, fused[0].confidence), (BBox::new(103.0, 50.0, 203.0, 83.0), 0.9));
        assert_eq!(fused[0].corners, Some(fused[0].bbox.into()));
        assert_eq!(fused[1].confidence, 0.5);
    }

    #[test]
    fn two_boxes_of_one_look_are_not_mixed() {
        let full = vec![plate(BBox::new(0.0, 0.0, 100.0, 30.0), 0.9), plate(BBox::new(0.0, 0.0, 50.0, 30.0), 0.8)];
        assert_eq!(fuse_looks(full.clone(), vec![]), full[..1]);
    }

    #[test]
    fn a_large_plate_in_front_comes_before_a_surer_one_far_behind() {
        let front = plate(BBox::new(576.0, 573.0, 796.0, 636.0), 0.34);
        let (behind, beside) =
            (plate(BBox::new(214.0, 332.0, 249.0, 344.0), 0.46), plate(BBox::new(1187.0, 454.0, 1274.0, 482.0), 0.70));
        assert!(prominence(&front) > prominence(&behind) && prominence(&front) > prominence(&beside));
        let grille = plate(BBox::new(400.0, 300.0, 1000.0, 500.0), 0.11);
        assert!(prominence(&plate(front.bbox, 0.9)) > prominence(&grille));
        assert_eq!(prominence(&plate(BBox::new(0.0, 0.0, f32::INFINITY, 1.0), 0.5)), 0.0);
    }

    #[test]
    fn a_close_look_that_lost_part_of_the_plate_does_not_replace_the_first() {
        let first = plate(BBox::new(158.0, 203.0, 287.0, 239.0), 0.54);
        let half = plate(BBox::new(208.0, 203.0, 272.0, 239.0), 0.2);
        assert_eq!(better_framed(&first, &half), first);
        let exact = plate(BBox::new(156.0, 204.0, 298.0, 238.0), 0.5);
        assert_eq!(better_framed(&first, &exact), Detection { confidence: 0.54, ..exact });
    }

    fn any_plates() -> impl Strategy<Value = Vec<Detection>> {
        let one = (0f32..90.0, 0f32..90.0, 1f32..40.0, 1f32..40.0, 0f32..1.0)
            .prop_map(|(x, y, w, h, c)| plate(BBox::new(x, y, x + w, y + h), c));
        proptest::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn plates_come_surest_first_and_lie_among_what_was_found(full in any_plates(), close in any_plates()) {
            let all: Vec<BBox> = full.iter().chain(&close).map(|d| d.bbox).collect();
            let fused = fuse_looks(full, close);
            prop_assert_eq!(fused.is_empty(), all.is_empty());
            prop_assert!(fused.is_sorted_by(|a, b| a.confidence >= b.confidence));
            for plate in fused {
                prop_assert!(all.iter().any(|found| found.union(&plate.bbox).area() <= 2.5 * found.area().max(plate.bbox.area())));
                prop_assert!(plate.bbox.is_valid());
            }
        }
    }
}
