//! How well it reads, with the real models: photos, simulated traffic, and why a plate was not read. In one program, so that
//! what calculates on one core leaves the others to its neighbours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as tests do")]

#[cfg(feature = "vision")]
mod common;
#[path = "common/noisy_reader.rs"]
mod noisy_reader;
#[path = "common/pass_score.rs"]
mod pass_score;
#[cfg(feature = "vision")]
#[path = "accuracy/passes.rs"]
mod passes;
#[cfg(feature = "vision")]
#[path = "accuracy/photos.rs"]
mod photos;
#[cfg(feature = "vision")]
#[path = "accuracy/reasons.rs"]
mod reasons;
#[cfg(feature = "vision")]
#[path = "common/reel.rs"]
mod reel;
#[cfg(feature = "vision")]
#[path = "accuracy/simulator.rs"]
mod simulator;
#[path = "common/split_mix.rs"]
mod split_mix;
#[cfg(feature = "vision")]
#[path = "accuracy/sureness.rs"]
mod sureness;
#[path = "accuracy/track_noise.rs"]
mod track_noise;
#[path = "common/traffic.rs"]
mod traffic;
