//! Non-maximum suppression: of boxes that show the same thing, keep the surest.

use crate::domain::BBox;

/// Indices of the boxes to keep, surest first. A box falls when `overlap` with a surer one is above `limit`.
/// Equal scores keep their order; boxes without area or with scores that are no numbers fall.
pub fn keep_best<T>(
    items: &[T],
    bbox: impl Fn(&T) -> BBox,
    score: impl Fn(&T) -> f32,
    overlap: impl Fn(&BBox, &BBox) -> f32,
    limit: f32,
) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..items.len()).filter(|&i| bbox(&items[i]).is_valid() && score(&items[i]).is_finite()).collect();
    order.sort_by(|&a, &b| score(&items[b]).total_cmp(&score(&items[a])));
    let mut kept: Vec<(usize, BBox)> = Vec::new();
    for index in order {
        let candidate = bbox(&items[index]);
        if kept.iter().all(|(_, better)| overlap(better, &candidate) <= limit) {
            kept.push((index, candidate));
        }
    }
    kept.into_iter().map(|(index, _)| index).collect()
}

/// Shared area as a share of the smaller box, 0–1: a box inside another is the same thing, however small.
pub fn overlap_of_smaller(a: &BBox, b: &BBox) -> f32 {
    let smaller = a.area().min(b.area());
    if smaller > 0.0 { a.intersection(b).area() / smaller } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxes() -> impl Strategy<Value = Vec<(BBox, f32)>> {
        let one = (0f32..90.0, 0f32..90.0, 1f32..40.0, 1f32..40.0, 0f32..1.0)
            .prop_map(|(x, y, w, h, s)| (BBox::new(x, y, x + w, y + h), s));
        proptest::collection::vec(one, 0..40)
    }

    fn kept(items: &[(BBox, f32)], limit: f32) -> Vec<usize> {
        keep_best(items, |i| i.0, |i| i.1, BBox::iou, limit)
    }

    proptest! {
        #[test]
        fn what_is_kept_does_not_overlap_and_what_falls_has_a_better_one(items in boxes(), limit in 0.1f32..0.9) {
            let keep = kept(&items, limit);
            for (n, &a) in keep.iter().enumerate() {
                for &b in &keep[n + 1..] {
                    prop_assert!(items[a].0.iou(&items[b].0) <= limit);
                    prop_assert!(items[a].1 >= items[b].1);
                }
            }
            for i in (0..items.len()).filter(|i| !keep.contains(i)) {
                prop_assert!(keep.iter().any(|&k| items[k].0.iou(&items[i].0) > limit && items[k].1 >= items[i].1));
            }
        }

        #[test]
        fn doing_it_twice_changes_nothing(items in boxes(), limit in 0.1f32..0.9) {
            let once: Vec<_> = kept(&items, limit).into_iter().map(|i| items[i]).collect();
            prop_assert_eq!(kept(&once, limit).len(), once.len());
        }
    }

    #[test]
    fn boxes_that_are_no_boxes_fall() {
        let items = [
            (BBox::new(0.0, 0.0, f32::NAN, 1.0), 0.9),
            (BBox::new(5.0, 5.0, 4.0, 6.0), 0.9),
            (BBox::new(0.0, 0.0, 1.0, 1.0), f32::NAN),
            (BBox::new(0.0, 0.0, 1.0, 1.0), 0.2),
        ];
        assert_eq!(kept(&items, 0.5), [3]);
    }

    #[test]
    fn a_box_inside_another_overlaps_wholly() {
        let (car, plate) = (BBox::new(0.0, 0.0, 100.0, 100.0), BBox::new(40.0, 80.0, 60.0, 90.0));
        assert_eq!(overlap_of_smaller(&car, &plate), 1.0);
        assert_eq!(overlap_of_smaller(&car, &BBox::default()), 0.0);
    }
}
