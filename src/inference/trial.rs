//! Other models tried beside those that work: what both made of the same frames, and what speaks against the new ones. Pure.

use std::fmt;

/// Plates that must have been read by one of the sets before the two can be compared.
const LEAST_READS: u64 = 5;
/// A look may take so many times as long as one of the set in use: the two were measured while they worked side by side.
const SLOWER: f64 = 3.0;
/// Of the plates that the set in use reads, the new one must read so many, percent.
const LEAST_PERCENT: u64 = 75;

/// What two sets of models made of the same frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trial {
    pub looks: u64,
    /// Plates that count, by the set in use.
    pub old_reads: u64,
    /// And by the new one.
    pub new_reads: u64,
    /// Those with the same text.
    pub same: u64,
    /// Milliseconds of all looks together.
    pub old_ms: f64,
    pub new_ms: f64,
}

/// One frame that both have looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    /// Texts that count, by the set in use.
    pub old: Vec<String>,
    pub new: Vec<String>,
    pub old_ms: f64,
    pub new_ms: f64,
}

/// What speaks against the new models.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Objection {
    #[error("only {0} plates were read, too few to compare; try it when vehicles pass, or with a longer --trial")]
    Unseen(u64),
    #[error("a look takes {new_ms:.0} ms in place of {old_ms:.0} ms, which is too slow for the frames that come")]
    Slow { new_ms: f64, old_ms: f64 },
    #[error("it reads {new} plates where the models in use read {old}")]
    Fewer { new: u64, old: u64 },
}

impl Trial {
    pub fn add(&mut self, looked: &Looked) {
        let mut left = looked.old.clone();
        let same =
            looked.new.iter().filter_map(|text| left.iter().position(|old| old == text).map(|at| left.remove(at)));
        self.same += same.count() as u64;
        self.looks += 1;
        self.old_reads += looked.old.len() as u64;
        self.new_reads += looked.new.len() as u64;
        self.old_ms += looked.old_ms;
        self.new_ms += looked.new_ms;
    }

    /// Have plates enough been read to compare the two?
    pub fn is_telling(&self) -> bool {
        self.old_reads.max(self.new_reads) >= LEAST_READS
    }

    /// What speaks against the new models, where the set in use looks at `looks_per_s` frames in a second.
    pub fn objection(&self, looks_per_s: f64) -> Option<Objection> {
        if !self.is_telling() {
            return Some(Objection::Unseen(self.old_reads.max(self.new_reads)));
        }
        let (old, new) = (self.old_reads, self.new_reads);
        if 100 * new < LEAST_PERCENT * old {
            return Some(Objection::Fewer { new, old });
        }
        let (old_ms, new_ms) = self.mean_ms();
        let allowed = (SLOWER * old_ms).max(1000.0 / looks_per_s.max(0.001));
        (new_ms > allowed).then_some(Objection::Slow { new_ms, old_ms })
    }

    fn mean_ms(&self) -> (f64, f64) {
        let looks = self.looks.max(1) as f64;
        (self.old_ms / looks, self.new_ms / looks)
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { looks, old_reads, new_reads, same, .. } = self;
        let (old_ms, new_ms) = self.mean_ms();
        write!(
            f,
            "on {looks} frames it read {new_reads} plates, the models in use {old_reads}, {same} of them with the same text; \
             a look took {new_ms:.0} ms in place of {old_ms:.0} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn looked(old: &[&str], new: &[&str], old_ms: f64, new_ms: f64) -> Looked {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Looked { old: texts(old), new: texts(new), old_ms, new_ms }
    }

    fn trial(times: usize, looked: &Looked) -> Trial {
        let mut trial = Trial::default();
        (0..times).for_each(|_| trial.add(looked));
        trial
    }

    #[test]
    fn too_few_plates_say_nothing_and_one_that_reads_nothing_is_refused() {
        assert_eq!(trial(4, &looked(&["A"], &["A"], 10.0, 10.0)).objection(5.0), Some(Objection::Unseen(4)));
        assert_eq!(trial(900, &looked(&[], &[], 10.0, 10.0)).objection(5.0), Some(Objection::Unseen(0)));
        let blind = trial(5, &looked(&["A"], &[], 10.0, 1.0));
        assert_eq!(blind.objection(5.0), Some(Objection::Fewer { new: 0, old: 5 }));
        assert_eq!(trial(5, &looked(&[], &["A"], 10.0, 10.0)).objection(5.0), None, "it sees what the other does not");
    }

    #[test]
    fn slow_is_what_the_cameras_do_not_wait_for() {
        let slow = trial(9, &looked(&["A"], &["A"], 50.0, 190.0));
        assert_eq!(slow.objection(5.0), None, "at five frames a second there are 200 ms");
        assert_eq!(slow.objection(10.0), Some(Objection::Slow { new_ms: 190.0, old_ms: 50.0 }));
        assert_eq!(trial(9, &looked(&["A"], &["A"], 50.0, 149.0)).objection(20.0), None, "both shared the processor");
    }

    #[test]
    fn a_text_is_the_same_once() {
        let trial = trial(1, &looked(&["A", "B", "B"], &["B", "A", "A"], 1.0, 1.0));
        assert_eq!(trial.same, 2);
        assert!(trial.to_string().contains("2 of them with the same text"), "{trial}");
    }

    proptest! {
        #[test]
        fn the_same_models_once_more_are_never_refused_and_reading_more_is_never_worse(
            plates in prop::collection::vec(0usize..4, 5..60), ms in 1.0..500.0f64, rate in 0.1..60.0f64, more in 0usize..3,
        ) {
            let (mut same, mut better) = (Trial::default(), Trial::default());
            for count in plates {
                let read = Looked { old: vec!["A".into(); count], new: vec!["A".into(); count], old_ms: ms, new_ms: ms };
                same.add(&read);
                better.add(&Looked { new: vec!["A".into(); count + more], ..read });
            }
            if same.is_telling() {
                prop_assert_eq!(same.objection(rate), None);
                prop_assert_eq!(better.objection(rate), None);
            }
            prop_assert!(better.same <= better.old_reads.min(better.new_reads));
        }
    }
}
