//! The composition root of the agent: builds the parts, owns start and stop order; one file per subcommand in `cmds`.

#[cfg(feature = "vision")]
mod cameras;
pub mod cmds;
pub mod delivery;
pub mod doctor;
mod edit_config;
#[cfg(feature = "vision")]
mod evidence;
#[cfg(feature = "vision")]
mod hours;
mod import_env;
#[cfg(feature = "vision")]
mod infer;
mod link_file;
#[cfg(feature = "vision")]
mod motion;
mod owner;
#[cfg(feature = "vision")]
mod reload;
#[cfg(feature = "vision")]
mod reports;
#[cfg(feature = "vision")]
mod run;
mod shrink;
#[cfg(feature = "vision")]
mod unread;

pub use crate::exit::{Exit, Failure};
#[cfg(feature = "vision")]
pub use run::{Agent, Ending};
