//! What the caretaker knows, for everyone who asks: how hot it is, how much may be done, what hangs.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shared by the caretaker, who writes it, and the inference thread, reports and metrics, who read it.
#[derive(Debug)]
pub struct Care {
    /// Share of the time that the models may work, percent.
    duty: AtomicU8,
    rebuilds: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    celsius: Option<f64>,
    hanging: Vec<(String, bool)>,
    /// What the process ends for.
    exit: Option<String>,
}

impl Default for Care {
    fn default() -> Self {
        Self { duty: AtomicU8::new(100), rebuilds: AtomicU64::new(0), state: Mutex::default() }
    }
}

impl Care {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn duty_percent(&self) -> u8 {
        self.duty.load(Ordering::Relaxed)
    }

    pub(super) fn set_duty(&self, percent: u8, celsius: Option<f64>) {
        self.duty.store(percent, Ordering::Relaxed);
        self.with(|state| state.celsius = celsius);
    }

    /// °C of the hottest sensor, where there is one.
    pub fn celsius(&self) -> Option<f64> {
        self.with(|state| state.celsius)
    }

    /// Times that a part was rebuilt.
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds.load(Ordering::Relaxed)
    }

    pub(super) fn count_rebuild(&self) {
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
    }

    /// Parts that do not work, and whether they were given up.
    pub fn hanging(&self) -> Vec<(String, bool)> {
        self.with(|state| state.hanging.clone())
    }

    pub(super) fn set_hanging(&self, hanging: Vec<(String, bool)>) {
        self.with(|state| state.hanging = hanging);
    }

    /// The part for whose sake the process ends, if it does.
    pub fn exit(&self) -> Option<String> {
        self.with(|state| state.exit.clone())
    }

    pub(super) fn set_exit(&self, part: &str) {
        self.with(|state| state.exit = Some(part.to_owned()));
    }
}
