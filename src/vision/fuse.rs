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
