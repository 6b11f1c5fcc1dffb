//! What the server's page and the agent's have in common: how files are served, and whether a request was meant for us.

pub mod assets;
pub mod origin;
