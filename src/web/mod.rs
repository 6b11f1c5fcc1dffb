//! What the server's page and the agent's have in common: how files are served, and whether a request was meant for us.

#[cfg(any(feature = "server", all(feature = "uplink", feature = "vision")))]
pub mod assets;
pub mod origin;
