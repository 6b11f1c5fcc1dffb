//! How much of what is brought may be in memory at a time: in all, and of one sender, so that nobody can fill the server and
//! nobody can keep the others out.

use super::guard::{Role, Who};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Events of the largest size that may be in hand at a time.
const EVENTS: usize = 8;

/// Where events are small there is room for more of them.
const LEAST: usize = 16_000_000;

/// One sender may have this part of it.
const SHARE: usize = 4;

/// What is in hand.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_sender: HashMap<String, usize>,
}

/// A part of the budget; given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    sender: String,
    /// What the sender may have in all.
    share: usize,
    bytes: usize,
}

impl Budget {
    /// For events of at most so many bytes.
    pub fn new(max_event_bytes: usize) -> Arc<Self> {
        Arc::new(Self { most: EVENTS.saturating_mul(max_event_bytes.max(LEAST)), taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing as yet. While everything is open all are one, and have the whole.
    pub fn hold(self: &Arc<Self>, who: Option<&Who>) -> Held {
        let share = if who.is_some_and(|who| who.role == Role::Open) { self.most } else { self.most / SHARE };
        self.part(who.map(Who::sender).unwrap_or_default(), share)
    }

    fn part(self: &Arc<Self>, sender: String, share: usize) -> Held {
        Held { budget: self.clone(), sender, share, bytes: 0 }
    }
}

impl Held {
    /// Takes so many bytes more; `false`, and nothing taken, where that is too much.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let mut taken = self.budget.taken();
        let of_sender = taken.by_sender.get(&self.sender).copied().unwrap_or(0).saturating_add(bytes);
        let all = taken.all.saturating_add(bytes);
        if all > self.budget.most || of_sender > self.share {
            return false;
        }
        taken.all = all;
        taken.by_sender.insert(self.sender.clone(), of_sender);
        drop(taken);
        self.bytes += bytes;
        true
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut taken = self.budget.taken();
        taken.all = taken.all.saturating_sub(self.bytes);
        if let Some(of_sender) = taken.by_sender.get_mut(&self.sender) {
            *of_sender = of_sender.saturating_sub(self.bytes);
            if *of_sender == 0 {
                taken.by_sender.remove(&self.sender);
            }
        }
        drop(taken);
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sender_has_its_share_all_have_the_whole_and_all_is_given_back() {
        let budget = Budget::new(20_000_000);
        let mut greedy: Vec<Held> = (0..10).map(|_| budget.part("greedy".into(), 40_000_000)).collect();
        assert_eq!(greedy.iter_mut().filter_map(|held| held.grow(20_000_000).then_some(())).count(), 2);
        let mut others: Vec<Held> = (0..10).map(|n| budget.part(format!("sender {n}"), 40_000_000)).collect();
        assert_eq!(others.iter_mut().filter_map(|held| held.grow(20_000_000).then_some(())).count(), 6, "eight in all");
        assert!(!greedy[0].grow(1));
        drop(greedy);
        assert!(others[9].grow(40_000_000));
        drop(others);
        let taken = budget.taken();
        assert_eq!((taken.all, taken.by_sender.len()), (0, 0));
    }
}
