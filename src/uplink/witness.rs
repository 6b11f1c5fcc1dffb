//! How far the server has come, as its answers tell: the memory that shows when it lost data. Pure.
//!
//! Answers overtake each other, so a lower checkpoint alone proves nothing. It does when it is lower than what had been
//! heard before the question was asked: the server counts its commits up.

use crate::wire::answer::Commit;

#[derive(Debug, Default)]
pub(super) struct Witness {
    store_id: Option<String>,
    newest: u64,
}

impl Witness {
    /// To be kept with every question until its answer comes.
    pub(super) fn so_far(&self) -> u64 {
        self.newest
    }

    /// An answer that introduces the server. What the outbox is to be told, `None` where it says nothing of its store.
    pub(super) fn introduced(&mut self, commit: &Commit, asked_at: u64) -> Option<(String, Option<u64>)> {
        let store_id = commit.store_id.clone()?;
        let same = self.store_id.as_ref().is_none_or(|known| *known == store_id);
        let overtaken = same && commit.checkpoint.is_some_and(|now| now >= asked_at && now < self.newest);
        let checkpoint = if overtaken { Some(self.newest) } else { commit.checkpoint };
        self.newest = checkpoint.unwrap_or(0);
        self.store_id = Some(store_id.clone());
        Some((store_id, checkpoint))
    }

    /// An answer to an event. `Some`: the server behind it has changed or gone back, and the outbox is to be told.
    pub(super) fn answered(
        &mut self,
        commit: &Commit,
        duplicate: bool,
        asked_at: u64,
    ) -> Option<(String, Option<u64>)> {
        let changed = matches!((&self.store_id, &commit.store_id), (Some(known), Some(now)) if known != now);
        // The answer to a repeat may carry the number of the first time.
        let back = !duplicate && commit.checkpoint.is_some_and(|now| now < asked_at);
        if changed || back {
            let named = Commit { store_id: commit.store_id.clone().or(self.store_id.clone()), ..commit.clone() };
            return self.introduced(&named, asked_at);
        }
        self.newest = self.newest.max(commit.checkpoint.unwrap_or(0));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn commit(store: &str, checkpoint: u64) -> Commit {
        Commit { store_id: Some(store.into()), checkpoint: Some(checkpoint) }
    }

    #[test]
    fn another_store_or_an_older_one_is_noticed_in_any_answer() {
        let mut witness = Witness::default();
        assert_eq!(witness.introduced(&commit("a", 10), 0), Some(("a".into(), Some(10))));
        let asked = witness.so_far();
        assert_eq!(witness.answered(&commit("a", 12), false, asked), None);
        assert_eq!(witness.answered(&commit("a", 11), false, asked), None, "overtaken on the way");
        let asked = witness.so_far();
        assert_eq!(witness.answered(&commit("a", 3), true, asked), None, "a repeat");
        assert_eq!(witness.answered(&commit("a", 5), false, asked), Some(("a".into(), Some(5))), "a backup");
        assert_eq!(witness.answered(&commit("b", 900), false, 5), Some(("b".into(), Some(900))), "another store");
        assert_eq!(witness.introduced(&Commit::default(), 0), None, "a server without a store");
    }

    #[test]
    fn a_registration_overtaken_by_answers_is_no_loss() {
        let mut witness = Witness::default();
        witness.introduced(&commit("a", 10), 0);
        let asked = witness.so_far();
        witness.answered(&commit("a", 15), false, asked);
        assert_eq!(witness.introduced(&commit("a", 12), asked), Some(("a".into(), Some(15))));
        let asked = witness.so_far();
        assert_eq!(witness.introduced(&commit("a", 12), asked), Some(("a".into(), Some(12))), "now it is");
    }

    proptest! {
        /// A server that never loses anything is never suspected, in whatever order its answers arrive.
        #[test]
        fn a_sound_server_is_never_suspected(order in prop::collection::vec((0usize..8, any::<bool>()), 1..80)) {
            let mut witness = Witness::default();
            let mut server = 0u64;
            let mut told = 0u64;
            let mut open: Vec<(u64, u64, bool)> = Vec::new();
            for (pick, registration) in order {
                if open.len() < 4 {
                    server += u64::from(!registration);
                    open.push((witness.so_far(), server, registration));
                }
                if pick < open.len() {
                    let (asked, checkpoint, registration) = open.remove(pick);
                    let commit = commit("a", checkpoint);
                    if registration {
                        let (_, checkpoint) = witness.introduced(&commit, asked).unwrap();
                        prop_assert!(checkpoint >= Some(told), "the outbox would send everything again");
                        told = checkpoint.unwrap();
                    } else {
                        prop_assert_eq!(witness.answered(&commit, false, asked), None);
                        told = told.max(checkpoint);
                    }
                }
            }
        }
    }
}
