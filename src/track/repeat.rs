//! The same vehicle again: a track that broke and began anew, a car that turned round, a parked one that was covered.

use super::vote::Verdict;
use crate::domain::BBox;

/// Vehicles remembered at the most.
const MAX_REMEMBERED: usize = 256;
/// A parked vehicle that was covered by others is known again for so long.
const PARKED_MS: u64 = 600_000;
/// A character with at least this share of the weight, from enough reads, is beyond doubt.
const SURE_SUPPORT: f32 = 0.7;
/// And this many reads are enough.
const ENOUGH_READS: u32 = 3;

/// A vehicle's stay in the picture.
pub(super) struct Stay<'a> {
    pub(super) track: u64,
    pub(super) verdict: &'a Verdict,
    pub(super) first_seen_ms: u64,
    pub(super) last_seen_ms: u64,
    /// Where its plate was last.
    pub(super) place: BBox,
}

/// A vehicle reported lately.
#[derive(Debug, Clone)]
struct Known {
    track: u64,
    verdict: Verdict,
    last_seen_ms: u64,
    /// Where its plate was last.
    place: BBox,
    /// It stood there when its time was up.
    parked: bool,
}

/// The vehicles of one camera that were reported lately.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Vec<Known>,
}

impl Memory {
    /// A vehicle that is reported now. `parked`: it stood all the time.
    pub(super) fn remember(&mut self, stay: &Stay<'_>, parked: bool) {
        if self.known.len() >= MAX_REMEMBERED {
            self.known.remove(0);
        }
        let Stay { track, last_seen_ms, place, .. } = *stay;
        self.known.push(Known { track, verdict: stay.verdict.clone(), last_seen_ms, place, parked });
    }

    /// A reported vehicle is still in sight.
    pub(super) fn still_there(&mut self, track: u64, last_seen_ms: u64, place: Option<BBox>) {
        if let Some(known) = self.known.iter_mut().find(|known| known.track == track) {
            known.last_seen_ms = last_seen_ms;
            known.place = place.unwrap_or(known.place);
        }
    }

    /// Was this vehicle reported already?
    pub(super) fn is_repeat(&mut self, stay: &Stay<'_>, window_ms: u64) -> bool {
        let since = |known: &Known| stay.first_seen_ms.saturating_sub(known.last_seen_ms);
        self.known.retain(|known| since(known) <= window_ms.max(PARKED_MS));
        let again = self.known.iter_mut().find(|known| {
            let waited = known.parked && since(known) <= PARKED_MS && same_place(&known.place, &stay.place);
            (since(known) <= window_ms || waited) && same_plate(&known.verdict, stay.verdict)
        });
        let Some(known) = again else { return false };
        known.track = stay.track;
        known.last_seen_ms = known.last_seen_ms.max(stay.last_seen_ms);
        true
    }
}

/// Within two widths of each other: a camera that shakes in the wind moves less, a car that parks beside moves more.
fn same_place(a: &BBox, b: &BBox) -> bool {
    a.center().distance(b.center()) <= 2.0 * a.width().max(b.width())
}

/// Are these votes about the same plate? Equal texts are. Else the votes must leave the difference open: one character
/// that is in doubt on either side, or two where one side has hardly been read.
pub(super) fn same_plate(a: &Verdict, b: &Verdict) -> bool {
    if a.text == b.text {
        return true;
    }
    let (left, right): (Vec<char>, Vec<char>) = (a.text.chars().collect(), b.text.chars().collect());
    let distance = strsim::generic_levenshtein(&left, &right);
    let weak = a.reads.min(b.reads) < ENOUGH_READS;
    let shorter = left.len().min(right.len());
    if weak && (is_part(&left, &right) || (distance == 2 && shorter >= 6)) {
        return true;
    }
    if distance != 1 || shorter < 4 {
        return false;
    }
    if weak || left.len() != right.len() {
        return weak || a.support.iter().chain(&b.support).any(|support| *support < SURE_SUPPORT);
    }
    let differing = left.iter().zip(&right).position(|(l, r)| l != r);
    let doubt = |verdict: &Verdict, at: usize| verdict.support.get(at).is_none_or(|support| *support < SURE_SUPPORT);
    differing.is_some_and(|at| doubt(a, at) || doubt(b, at))
}

/// Is one the beginning, middle or end of the other, and most of it? A plate that leaves the picture is read so.
fn is_part(a: &[char], b: &[char]) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    short.len() >= 3 && short.len() * 2 >= long.len() && long.windows(short.len()).any(|part| part == short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(text: &str, reads: u32, support: f32) -> Verdict {
        let support = vec![support; text.chars().count()];
        Verdict { text: text.into(), confidence: support.clone(), support, reads, ..Verdict::default() }
    }

    #[test]
    fn sure_votes_that_differ_in_one_character_are_two_vehicles() {
        let sure = verdict("ABC1234", 9, 0.95);
        assert!(!same_plate(&sure, &verdict("ABC1235", 8, 0.9)));
        assert!(same_plate(&sure, &verdict("ABC1234", 1, 0.1)));
    }

    #[test]
    fn a_difference_where_the_vote_is_in_doubt_is_none() {
        let mut doubtful = verdict("ABC1Z34", 6, 0.95);
        assert!(!same_plate(&verdict("ABC1234", 9, 0.95), &doubtful));
        doubtful.support[4] = 0.55;
        assert!(same_plate(&verdict("ABC1234", 9, 0.95), &doubtful));
    }

    #[test]
    fn a_plate_hardly_read_may_be_off_by_more() {
        let known = verdict("ABC1234", 9, 0.95);
        assert!(same_plate(&known, &verdict("A8C12Z4", 1, 1.0)));
        assert!(same_plate(&known, &verdict("C1234", 2, 1.0)), "cut by the picture's edge");
        assert!(!same_plate(&known, &verdict("XYZ1234", 1, 1.0)));
        assert!(!same_plate(&known, &verdict("A8C12Z4", 9, 0.95)));
    }

    #[test]
    fn a_parked_vehicle_is_known_again_at_its_place_long_after_the_window() {
        let text = verdict("ABC1234", 9, 0.95);
        let stay = |from: u64, to: u64, x: f32| Stay {
            track: from,
            verdict: &text,
            first_seen_ms: from,
            last_seen_ms: to,
            place: BBox::new(x, 100.0, x + 80.0, 120.0),
        };
        let mut memory = Memory::default();
        memory.remember(&stay(0, 30_000, 100.0), true);
        assert!(memory.is_repeat(&stay(90_000, 95_000, 109.0), 5000));
        memory.still_there(90_000, 100_000, None);
        assert!(memory.is_repeat(&stay(690_000, 695_000, 100.0), 5000));
        assert!(!memory.is_repeat(&stay(790_000, 795_000, 500.0), 5000), "it has moved");
        assert!(!memory.is_repeat(&stay(1_400_000, 1_401_000, 100.0), 5000), "forgotten");
    }

    proptest! {
        #[test]
        fn likeness_of_votes_has_no_order(
            a in "[AB12]{3,8}", b in "[AB12]{3,8}", reads in (1u32..9, 1u32..9), support in (0.3f32..1.0, 0.3f32..1.0)
        ) {
            let (a, b) = (verdict(&a, reads.0, support.0), verdict(&b, reads.1, support.1));
            prop_assert!(same_plate(&a, &a));
            prop_assert_eq!(same_plate(&a, &b), same_plate(&b, &a));
        }
    }
}
