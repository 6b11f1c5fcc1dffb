//! The audit trail: lines gather in memory and are written together, so that no answer waits for them.

use crate::server::alarm::Alarm;
use crate::server::store::{AuditRow, Store, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Lines that may wait.
const MOST_WAITING: usize = 10_000;

/// Lines of one commit.
const BATCH: usize = 500;

/// So long lines gather.
const GATHER: Duration = Duration::from_millis(200);

/// Longest text of a line.
const MOST_CHARS: usize = 500;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub struct Trail {
    waiting: Mutex<Vec<AuditRow>>,
    news: Notify,
    alarm: Mutex<Alarm>,
}

impl Trail {
    fn waiting(&self) -> MutexGuard<'_, Vec<AuditRow>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; never waits.
    pub fn add(&self, line: AuditRow) {
        let mut waiting = self.waiting();
        if waiting.len() < MOST_WAITING {
            waiting.push(AuditRow { who: plain(&line.who), what: plain(&line.what), ..line });
            drop(waiting);
            return self.news.notify_one();
        }
        drop(waiting);
        self.complain("too many lines wait");
    }

    fn complain(&self, reason: &str) {
        let failures = self.alarm.lock().unwrap_or_else(PoisonError::into_inner).raise();
        if let Some(failures) = failures {
            tracing::error!(failures, reason, "lines of the audit trail are lost or late");
        }
    }

    /// Writes what waits.
    pub async fn flush(&self, store: &Arc<Store>) {
        loop {
            let mut lines = std::mem::take(&mut *self.waiting());
            if lines.is_empty() {
                return;
            }
            let rest = lines.split_off(lines.len().min(BATCH));
            let written = lines.clone();
            let result = store.write_aside(move |conn| written.iter().try_for_each(|line| line.insert(conn))).await;
            let mut waiting = self.waiting();
            let later = std::mem::replace(&mut *waiting, rest);
            waiting.extend(later);
            match result {
                Ok(_) => {}
                // Nobody is left to write.
                Err(StoreError::Closed) => return,
                Err(error) => {
                    let later = std::mem::replace(&mut *waiting, lines);
                    waiting.extend(later);
                    drop(waiting);
                    return self.complain(&error.to_string());
                }
            }
        }
    }

    /// Writes what comes, for ever.
    pub async fn keep(&self, store: Arc<Store>) {
        loop {
            self.news.notified().await;
            tokio::time::sleep(GATHER).await;
            self.flush(&store).await;
        }
    }
}

/// One line, not long.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_CHARS).collect()
}
