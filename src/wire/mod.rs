//! The protocol: what is said, how it is written, how answers are understood. Pure. Source: PROTOCOL.md.

pub mod incoming;
pub mod timestamp;

pub mod answer;
pub mod outgoing;
pub mod receipt;
