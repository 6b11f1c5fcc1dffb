//! The composition root of the agent: builds the parts, owns start and stop order; one file per subcommand in `cmds`.

pub mod cmds;

pub use crate::exit::{Exit, Failure};
