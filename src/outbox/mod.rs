//! The outbox: every event waits here, on the disk, until the server's answer names it (DESIGN 2 and 6).
//!
//! One SQLite file, `<data_dir>/outbox.db`; one thread, named `outbox`, owns its connection. Everyone else holds an
//! [`OutboxHandle`]: bounded commands, answered after the commit. Evidence files are written before the row that
//! names them and removed after it.

mod age;
mod disk;
mod editor;
mod error;
mod gone;
mod handle;
mod header;
mod housekeeping;
mod inspect;
mod keep;
mod lock;
mod policy;
mod read;
mod recover;
mod report;
mod row;
mod salvage;
mod salvage_sums;
mod schema;
mod settle;
mod sidecar;
mod store;
mod tally;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

pub use editor::{Editor, Foreign, Purged};
pub use error::OutboxError;
pub use handle::{Outbox, OutboxHandle};
pub use inspect::{Inspector, Kept, State, Stats};
pub use lock::is_held;
pub use row::{Counts, NewRow, Reconciled, Row, RowId, Settled, Want};
