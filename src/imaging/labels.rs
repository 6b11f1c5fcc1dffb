//! Where a plate's label goes. Pure.

use crate::domain::BBox;

/// A place for a label of `width` × `height` pixels that belongs to `anchor`: above it, else below it, else further
/// away or beside it; inside the frame always, and clear of all `taken` where there is such a place. Where there is
/// none, the place that covers the least of them.
pub fn place(width: f32, height: f32, anchor: &BBox, frame: (f32, f32), taken: &[BBox], gap: f32) -> BBox {
    let candidates = candidates(width, height, anchor, gap);
    let inside = candidates.into_iter().map(|label| pushed_into(label, frame));
    let mut best: Option<(f32, BBox)> = None;
    for label in inside {
        let covered: f32 = taken.iter().map(|other| label.intersection(other).area()).sum();
        if covered == 0.0 {
            return label;
        }
        if best.is_none_or(|(least, _)| covered < least) {
            best = Some((covered, label));
        }
    }
    best.map_or(*anchor, |(_, label)| label)
}

/// Places in order of preference.
fn candidates(width: f32, height: f32, anchor: &BBox, gap: f32) -> Vec<BBox> {
    let left = anchor.center().x - width / 2.0;
    let middle = anchor.center().y - height / 2.0;
    let at = |x: f32, y: f32| BBox::new(x, y, x + width, y + height);
    let mut places = Vec::new();
    for step in 0..4 {
        let away = gap + step as f32 * (height + gap);
        places.push(at(left, anchor.y1 - away - height));
        places.push(at(left, anchor.y2 + away));
    }
    places.push(at(anchor.x2 + gap, middle));
    places.push(at(anchor.x1 - gap - width, middle));
    places
}

/// Moved into the frame; a label larger than the frame begins at its corner.
fn pushed_into(label: BBox, (width, height): (f32, f32)) -> BBox {
    let dx = (width - label.x2).min(0.0);
    let dy = (height - label.y2).min(0.0);
    let moved = label.translate(dx, dy);
    moved.translate((-moved.x1).max(0.0), (-moved.y1).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: (f32, f32) = (640.0, 360.0);

    #[test]
    fn a_label_stands_above_its_plate_or_below_where_there_is_no_room() {
        let plate = BBox::new(300.0, 200.0, 400.0, 230.0);
        assert!(place(120.0, 40.0, &plate, FRAME, &[plate], 4.0).y2 <= 196.0);
        let high = BBox::new(300.0, 10.0, 400.0, 40.0);
        assert!(place(120.0, 40.0, &high, FRAME, &[high], 4.0).y1 >= 44.0);
    }

    #[test]
    fn a_second_label_does_not_cover_the_first_plate_or_its_label() {
        let (a, b) = (BBox::new(100.0, 200.0, 200.0, 230.0), BBox::new(150.0, 240.0, 250.0, 270.0));
        let first = place(120.0, 40.0, &a, FRAME, &[a, b], 4.0);
        let second = place(120.0, 40.0, &b, FRAME, &[a, b, first], 4.0);
        for other in [a, b, first] {
            assert_eq!(second.intersection(&other).area(), 0.0, "{second:?} covers {other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_label_is_inside_the_frame_and_off_its_plate(
            x in -20f32..640.0, y in -20f32..360.0, w in 10f32..300.0, h in 5f32..120.0,
            width in 20f32..400.0, height in 10f32..100.0,
        ) {
            let plate = BBox::new(x, y, x + w, y + h);
            let label = place(width, height, &plate, FRAME, &[plate], 3.0);
            prop_assert!(label.x1 >= 0.0 && label.y1 >= 0.0);
            prop_assert!(label.x2 <= FRAME.0 + 0.01 && label.y2 <= FRAME.1 + 0.01, "{label:?}");
            prop_assert_eq!(label.intersection(&plate).area(), 0.0);
        }
    }
}
