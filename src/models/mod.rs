//! The model store: which files the agent needs, where they may come from, and whether those on the disk are the ones.
//!
//! `models/lock.toml` pins every file by sha256 ([`Lock`], pure). [`Store`] is the folder they land in. [`fetch`] brings
//! what is missing: from a local folder, from a Python wheel through pip, or from a project's release page. How a model
//! is *used* is no business of this room: that is its manifest's, beside the lock.

mod error;
mod fetch;
mod lock;
mod source;
mod store;
#[cfg(test)]
mod tests;

pub use error::{LockError, ModelsError, SourceError, install_again};
pub use fetch::{Outcome, Progress, StandIn, fetch};
pub use lock::{Entry, Lock, Role, Source, Wheel, When};
pub use source::Origins;
pub use store::{State, Store};
