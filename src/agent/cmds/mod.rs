//! One file per subcommand. Each has its arguments and `execute`, which says how it ended.

pub mod check_config;
#[cfg(feature = "vision")]
pub mod eval;
#[cfg(feature = "vision")]
pub mod models;
pub mod outbox;
#[cfg(feature = "vision")]
pub mod read;
#[cfg(feature = "vision")]
pub mod run;
#[cfg(feature = "vision")]
pub mod simulate;
pub mod test_server;
