//! The outbox thread: takes commands, groups what is written into few commits, answers after the commit.

use super::store::Store;
use super::{Counts, NewRow, OutboxError, Row, RowId};
use crate::clock::Clock;
use crate::config::OutboxConfig;
use crate::media::EvidencePath;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub(super) type Answer<T> = oneshot::Sender<Result<T, OutboxError>>;

/// Something that changes rows; several share a commit.
#[derive(Debug)]
pub(super) enum Change {
    Submit(Box<NewRow>),
    DeleteDelivered(Vec<RowId>),
    Quarantine(RowId, String),
}

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Change(Change, Answer<()>),
    Next { limit: usize, skip: HashSet<RowId>, answer: Answer<Vec<Row>> },
    Evidence(Answer<HashSet<EvidencePath>>),
    Close(Answer<()>),
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) config: OutboxConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) counts: watch::Sender<Counts>,
}

impl Writer {
    /// Works until it is told to close or nobody is left to tell it anything.
    pub(super) async fn run(mut self) {
        let mut next = self.commands.recv().await;
        while let Some(command) = next.take() {
            match command {
                Command::Change(change, answer) => {
                    let (group, follower) = self.gather((change, answer)).await;
                    self.apply(group);
                    next = follower;
                }
                Command::Next { limit, skip, answer } => {
                    let rows = self.store.next(limit, &skip);
                    self.publish();
                    let _ = answer.send(rows);
                }
                Command::Evidence(answer) => {
                    let _ = answer.send(self.store.evidence());
                }
                Command::Close(answer) => {
                    let _ = answer.send(self.store.checkpoint());
                    return;
                }
            }
            if next.is_none() {
                next = self.commands.recv().await;
            }
        }
        if let Err(error) = self.store.checkpoint() {
            tracing::warn!(%error, "the outbox was closed without writing its log back");
        }
    }

    /// Changes that come within `batch_ms` of the first, up to `batch_rows`; and the command of another kind that
    /// ended the group, if one did.
    async fn gather(&mut self, first: (Change, Answer<()>)) -> (Vec<(Change, Answer<()>)>, Option<Command>) {
        let deadline = Instant::now() + Duration::from_millis(self.config.batch_ms);
        let mut group = vec![first];
        while group.len() < self.config.batch_rows {
            match tokio::time::timeout_at(deadline, self.commands.recv()).await {
                Ok(Some(Command::Change(change, answer))) => group.push((change, answer)),
                Ok(other) => return (group, other),
                Err(_) => break,
            }
        }
        (group, None)
    }

    fn apply(&mut self, group: Vec<(Change, Answer<()>)>) {
        let mut waiting = Vec::with_capacity(group.len());
        if let Err(error) = self.store.begin() {
            return refuse(group.into_iter().map(|(_, answer)| answer), &error);
        }
        for (change, answer) in group {
            match self.change(&change) {
                Ok(()) => waiting.push(answer),
                Err(error) => {
                    let _ = answer.send(Err(error));
                }
            }
        }
        match self.store.commit() {
            Ok(()) => {
                self.publish();
                waiting.into_iter().for_each(|answer| drop(answer.send(Ok(()))));
            }
            Err(error) => refuse(waiting.into_iter(), &error),
        }
    }

    fn change(&self, change: &Change) -> Result<(), OutboxError> {
        match change {
            Change::Submit(row) => self.store.insert(row, self.clock.wall_us()),
            Change::DeleteDelivered(ids) => self.store.delete_delivered(ids),
            Change::Quarantine(id, reason) => self.store.quarantine(*id, reason),
        }
    }

    fn publish(&self) {
        match self.store.counts() {
            Ok(counts) => {
                self.counts.send_if_modified(|last| std::mem::replace(last, counts) != counts);
            }
            Err(error) => tracing::error!(%error, "the outbox cannot be counted"),
        }
    }
}

fn refuse(answers: impl Iterator<Item = Answer<()>>, error: &OutboxError) {
    let reason = error.to_string();
    for answer in answers {
        let _ = answer.send(Err(OutboxError::Sql { doing: "write", reason: reason.clone() }));
    }
}
