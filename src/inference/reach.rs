//! How far a frame is searched for plates, and when the frames of a stream are searched less far.

use crate::domain::FrameReading;

/// How far a frame is searched for plates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The whole frame once, and vehicles closely.
    Near,
    /// Where that finds nothing, the frame once more in its own size, which costs about four times the first look.
    Far,
}

/// Of frames in a row without a plate every so manieth is searched far.
const FAR_EVERY: u64 = 3;

/// One stream's frames as they come: an empty road is not searched far again and again, and where plates are seen nothing
/// is missed.
#[derive(Debug, Clone, Default)]
pub struct Lookout {
    /// Frames in a row without a plate.
    empty: u64,
    still: bool,
}

impl Lookout {
    /// How far the next frame is to be searched.
    pub fn reach(&self) -> Reach {
        if !self.still && self.empty.is_multiple_of(FAR_EVERY) { Reach::Far } else { Reach::Near }
    }

    /// Whether nothing moves, so that whatever is far away has been searched for when it came.
    pub fn set_still(&mut self, still: bool) {
        self.still = still;
    }

    /// What came of it.
    pub fn saw(&mut self, reading: &FrameReading) {
        self.empty = if reading.plates.is_empty() { self.empty + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PlateRead;
    use proptest::prelude::*;

    #[test]
    fn where_nothing_moves_nothing_is_searched_far() {
        let mut lookout = Lookout::default();
        lookout.set_still(true);
        assert_eq!(lookout.reach(), Reach::Near);
        lookout.set_still(false);
        assert_eq!(lookout.reach(), Reach::Far);
    }

    proptest! {
        #[test]
        fn a_frame_behind_one_with_a_plate_is_searched_far_and_no_three_in_a_row_are_not(
            frames in proptest::collection::vec(any::<bool>(), 1..60),
        ) {
            let mut lookout = Lookout::default();
            let (mut plate_before, mut near) = (true, 0);
            for plate in frames {
                near = if lookout.reach() == Reach::Near { near + 1 } else { 0 };
                prop_assert!(near < FAR_EVERY && !(plate_before && near > 0));
                let plates = if plate { vec![PlateRead::default()] } else { Vec::new() };
                lookout.saw(&FrameReading { plates, ..FrameReading::default() });
                plate_before = plate;
            }
        }

        #[test]
        fn of_an_empty_road_one_frame_in_three_is_searched_far(count in 1u64..200) {
            let mut lookout = Lookout::default();
            let far = (0..count).filter(|_| {
                let far = lookout.reach() == Reach::Far;
                lookout.saw(&FrameReading::default());
                far
            });
            prop_assert_eq!(far.count() as u64, count.div_ceil(FAR_EVERY));
        }
    }
}
