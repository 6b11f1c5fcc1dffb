//! From frames to events: which reads belong to the same passing vehicle, what its plate says, and when it is gone.
//! Pure and deterministic: time is the frames' own.

mod association;
mod tracker;

pub use tracker::{Passage, TrackSettings, Tracker};
