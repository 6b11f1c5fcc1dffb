//! The latest-frame slots: one per camera, the newest frame wins, what it overwrites is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One slot per camera, all behind one lock, so that one thread can wait for whichever camera is first. Clones share
/// the slots.
pub struct Slots<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
}

struct State<T> {
    slots: Vec<Slot<T>>,
    /// Cameras in the order in which they are asked: who was served last stands last.
    turn: VecDeque<usize>,
}

struct Slot<T> {
    item: Option<T>,
    ended: bool,
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

/// How often a waiting producer looks at its stop flag.
const SLICE: Duration = Duration::from_millis(100);

impl<T> Slots<T> {
    /// `count` empty slots; the camera's index is the slot's.
    pub fn new(count: usize) -> Self {
        let slots = (0..count).map(|_| Slot { item: None, ended: false }).collect();
        let state = Mutex::new(State { slots, turn: (0..count).collect() });
        Self { shared: Arc::new(Shared { state, filled: Condvar::new(), emptied: Condvar::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the newest item; true where it overwrote one nobody took.
    pub fn put(&self, camera: usize, item: T) -> bool {
        let mut state = self.lock();
        let Some(slot) = state.slots.get_mut(camera) else { return false };
        let overwrote = slot.item.replace(item).is_some();
        self.shared.filled.notify_one();
        overwrote
    }

    /// Puts the item once the slot is empty, so that none is lost; false where `stop` was raised before.
    pub fn put_waiting(&self, camera: usize, item: T, stop: &AtomicBool) -> bool {
        let mut state = self.lock();
        while state.slots.get(camera).is_some_and(|slot| slot.item.is_some()) {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            state = self.shared.emptied.wait_timeout(state, SLICE).unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(slot) = state.slots.get_mut(camera) {
            slot.item = Some(item);
            self.shared.filled.notify_one();
        }
        true
    }

    /// Nothing more will come from this camera.
    pub fn end(&self, camera: usize) {
        if let Some(slot) = self.lock().slots.get_mut(camera) {
            slot.ended = true;
        }
        self.shared.filled.notify_all();
    }

    /// Takes the next item, the cameras in turn; waits for at most `timeout`. `None`: the time is over, or every
    /// camera has ended (see [`Slots::all_ended`]).
    pub fn take_next(&self, timeout: Duration) -> Option<(usize, T)> {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(taken) = state.take_in_turn() {
                self.shared.emptied.notify_all();
                return Some(taken);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.all_ended() {
                return None;
            }
            state = self.shared.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Every camera has ended and every slot is empty.
    pub fn all_ended(&self) -> bool {
        self.lock().all_ended()
    }
}

impl<T> State<T> {
    fn take_in_turn(&mut self) -> Option<(usize, T)> {
        let place = self.turn.iter().position(|camera| self.slots[*camera].item.is_some())?;
        let camera = self.turn.remove(place)?;
        self.turn.push_back(camera);
        self.slots[camera].item.take().map(|item| (camera, item))
    }

    fn all_ended(&self) -> bool {
        self.slots.iter().all(|slot| slot.ended && slot.item.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn the_newest_wins_and_says_that_it_overwrote() {
        let slots = Slots::new(1);
        assert!(!slots.put(0, 1));
        assert!(slots.put(0, 2));
        assert_eq!(slots.take_next(NOW), Some((0, 2)));
        assert_eq!(slots.take_next(NOW), None);
    }

    #[test]
    fn a_busy_camera_does_not_starve_the_others() {
        let slots = Slots::new(3);
        let mut served = Vec::new();
        for frame in 0..6 {
            slots.put(0, frame);
            slots.put(2, frame);
            served.extend(slots.take_next(NOW).map(|(camera, _)| camera));
        }
        assert_eq!(served, [0, 2, 0, 2, 0, 2]);
    }

    #[test]
    fn all_have_ended_only_when_the_last_frame_is_taken() {
        let slots = Slots::new(2);
        slots.put(0, 'a');
        slots.end(0);
        slots.end(1);
        assert!(!slots.all_ended());
        assert_eq!(slots.take_next(NOW), Some((0, 'a')));
        assert!(slots.all_ended());
        // Does not wait out its time once nothing can come.
        let begun = Instant::now();
        assert_eq!(slots.take_next(Duration::from_secs(60)), None);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_waiting_producer_loses_nothing_and_can_be_stopped() {
        let slots = Slots::new(1);
        let stop = Arc::new(AtomicBool::new(false));
        let producer = {
            let (slots, stop) = (slots.clone(), stop.clone());
            std::thread::spawn(move || (0..200).take_while(|n| slots.put_waiting(0, *n, &stop)).count())
        };
        for wanted in 0..100 {
            assert_eq!(slots.take_next(Duration::from_secs(10)), Some((0, wanted)));
        }
        stop.store(true, Ordering::Relaxed);
        let put = producer.join().unwrap();
        assert!((100..200).contains(&put), "{put}");
    }

    #[test]
    fn a_consumer_is_woken_by_whichever_camera_is_first() {
        let slots = Slots::new(2);
        let other = slots.clone();
        let consumer = std::thread::spawn(move || other.take_next(Duration::from_secs(30)));
        slots.put(1, 'x');
        assert_eq!(consumer.join().unwrap(), Some((1, 'x')));
    }
}
