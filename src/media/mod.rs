//! Evidence: the pictures that go with a read, as files. Written before the row that names them, removed after it.

mod path;
mod store;
mod unread;

pub use path::{EvidencePath, PathError};
pub use store::{EvidenceRefs, EvidenceStore, MediaError};
pub use unread::UnreadStore;
