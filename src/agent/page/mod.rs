//! The agent's own page (docs/local-page.md): what an installer or a technician sees of this machine, without a server.
//!
//! `access` (who may), `edit` (the configuration's text), `snapshot` (facts to text) are pure; `save` has the
//! files, `writer` another way to them, `live` the pictures, `recent` the last reads, `routes` and `listen` the network. Nothing here is waited for by the
//! pipeline.

pub mod access;
pub mod edit;
pub mod recent;
pub mod save;
pub mod snapshot;
pub mod writer;

#[cfg(feature = "vision")]
mod answers;
#[cfg(feature = "vision")]
mod desk;
#[cfg(feature = "vision")]
mod files;
#[cfg(feature = "vision")]
mod listen;
#[cfg(feature = "vision")]
pub mod live;
#[cfg(feature = "vision")]
mod routes;

#[cfg(feature = "vision")]
pub use desk::{Page, Sources, Subject};
