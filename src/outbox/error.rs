use std::path::PathBuf;

/// What can go wrong with the outbox.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error(
        "cannot write to the data directory {dir}: {source}; create it, make it writable for this user, or set data_dir"
    )]
    Directory { dir: PathBuf, source: std::io::Error },
    #[error(
        "the data directory {dir} is in use by another lpr-agent ({holder}); stop that one or give this one a data_dir of its own"
    )]
    Locked { dir: PathBuf, holder: String },
    #[error("cannot open the outbox {path}: {source}; check free space and permissions of its directory")]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("{path} is no outbox of lpr-agent (application id {found:#x}); move it away or set another data_dir")]
    Foreign { path: PathBuf, found: i64 },
    #[error(
        "the outbox {path} was made by a newer lpr-agent (schema {found}, this one knows up to {known}); install that version again"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("the outbox {path} is damaged: {what}")]
    Damaged { path: PathBuf, what: &'static str },
    #[error("there is no outbox {path}; the agent makes it when it first runs")]
    Missing { path: PathBuf },
    #[error("cannot look for the outbox {path}: {source}; run this as the user of the service, or as root")]
    Hidden { path: PathBuf, source: std::io::Error },
    #[error(
        "the outbox {path} was made by an older lpr-agent (schema {found}); start this version of the service once, which brings it up to date"
    )]
    Older { path: PathBuf, found: i64 },
    #[error("the outbox cannot {doing}: {reason}; check free space and the health of the disk under data_dir")]
    Sql { doing: &'static str, reason: String, code: Option<rusqlite::ffi::Error> },
    #[error("the outbox has more to write than it can; this health report is dropped and counted")]
    Overload,
    #[error("the outbox is closed")]
    Closed,
}

impl OutboxError {
    pub(super) fn sql(doing: &'static str) -> impl Fn(rusqlite::Error) -> OutboxError {
        move |error| OutboxError::Sql { doing, reason: error.to_string(), code: error.sqlite_error().copied() }
    }

    /// Another process is writing the file, and took longer than it was waited for.
    pub(super) fn is_held(&self) -> bool {
        matches!(self, OutboxError::Sql { code: Some(code), .. } if code.code == rusqlite::ErrorCode::DatabaseBusy)
    }

    /// The same failure, for another who waits.
    pub(super) fn copy(&self) -> OutboxError {
        match self {
            OutboxError::Sql { doing, reason, code } => OutboxError::Sql { doing, reason: reason.clone(), code: *code },
            other => OutboxError::Sql { doing: "go on", reason: other.to_string(), code: None },
        }
    }
}
