//! The composition root of the agent: builds the parts, owns start and stop order; one file per subcommand in `cmds`.

#[cfg(feature = "vision")]
mod cameras;
#[cfg(feature = "vision")]
mod care;
#[cfg(feature = "vision")]
mod caretaker;
pub mod cmds;
pub mod delivery;
pub mod doctor;
mod edit_config;
#[cfg(feature = "vision")]
mod evidence;
#[cfg(feature = "vision")]
mod eye;
#[cfg(feature = "vision")]
mod hours;
mod import_env;
#[cfg(feature = "vision")]
mod infer;
#[cfg(feature = "vision")]
mod infer_host;
mod link_file;
#[cfg(feature = "vision")]
mod luma_grid;
#[cfg(feature = "vision")]
mod metrics;
#[cfg(feature = "vision")]
mod motion;
mod owner;
pub mod page;
#[cfg(feature = "vision")]
mod reload;
mod replace_file;
#[cfg(feature = "vision")]
mod reports;
#[cfg(feature = "vision")]
mod run;
mod shrink;
#[cfg(feature = "vision")]
mod snapshot;
#[cfg(feature = "vision")]
mod swap;
#[cfg(feature = "vision")]
mod unread;

pub use crate::exit::{Exit, Failure};
#[cfg(feature = "vision")]
pub use metrics::{CameraFigures, Snapshot, prometheus_text, status_line};
#[cfg(feature = "vision")]
pub use run::{Agent, Ending};
