//! The outbox: every event waits here, on the disk, until the server's answer names it (DESIGN 2 and 6).
//!
//! One SQLite file, `<data_dir>/outbox.db`; one thread, named `outbox`, owns its connection. Everyone else holds an
//! [`OutboxHandle`]: bounded commands, answered after the commit. Evidence files are written before the row that
//! names them and removed after it.

mod error;
mod handle;
mod keep;
mod lock;
mod read;
mod report;
mod row;
mod schema;
mod settle;
mod store;
mod tally;
mod writer;

#[cfg(test)]
mod tests;

pub use error::OutboxError;
pub use handle::{Outbox, OutboxHandle};
pub use row::{Counts, NewRow, Reconciled, Row, RowId, Settled, Want};
