//! From frames to events: which reads belong to the same passing vehicle, what its plate says, and when it is gone.
//! Pure and deterministic: time is the frames' own. `docs/tracking.md` tells how it decides and what was measured.
//!
//! [`tracker`] drives; [`assign`] and [`association`] pair what is seen with what is followed, [`motion`] says where that
//! should be; [`vote`] adds up the reads, [`repeat`] knows a vehicle again, [`way`] and [`region`] know where it went,
//! [`funnel`] counts what became of it. [`gate`] saves the looks at an empty road.

mod assign;
mod association;
mod funnel;
mod gate;
mod motion;
mod region;
mod repeat;
mod settings;
mod tracker;
mod vehicle;
mod vote;
mod way;

pub use funnel::{Funnel, Outcome, Unread};
pub use gate::{GRID, MotionGate};
pub use region::{Line, Zone, ZoneKind};
pub use settings::{Refusal, TrackSettings};
pub use tracker::{Passage, Tracker};
