//! One file per subcommand. Each has its arguments and `execute`, which says how it ended.

pub mod check_config;
pub mod doctor;
#[cfg(feature = "vision")]
pub mod eval;
pub mod import_env;
#[cfg(feature = "vision")]
pub mod models;
pub mod outbox;
pub mod provision;
#[cfg(feature = "vision")]
pub mod read;
#[cfg(feature = "vision")]
pub mod run;
#[cfg(feature = "vision")]
pub mod simulate;
pub mod test_server;
pub mod write_zones;
