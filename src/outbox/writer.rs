//! The outbox thread: takes commands, groups what is written into few commits, answers after the commit.

use super::store::Store;
use super::tally::Lane;
use super::{Counts, NewRow, OutboxError, Reconciled, Row, RowId, Settled, Want};
use crate::clock::Clock;
use crate::config::OutboxConfig;
use crate::domain::{CameraKey, CaptureTime};
use crate::media::EvidencePath;
use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Changes in one commit at the most, when so many wait already.
const GROUP: usize = 512;

pub(super) type Answer<T> = oneshot::Sender<Result<T, OutboxError>>;

/// Something that changes rows; several share a commit.
#[derive(Debug)]
pub(super) enum Change {
    /// With the bytes of its pictures.
    Submit(Box<NewRow>, u64),
    Settle(Vec<Settled>),
    Quarantine(RowId, String),
    Requeue(Vec<RowId>),
    ClockSet(CaptureTime, CameraKey),
    ServerSeen(String, Option<u64>),
}

/// What a change comes to; most have nothing to tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) reconciled: Reconciled,
    pub(super) moved: u64,
}

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Change(Change, Answer<Done>),
    Next(Want, Answer<Vec<Row>>),
    Evidence(Answer<HashSet<EvidencePath>>),
    Close(Answer<()>),
}

/// What the thread shares with the handles.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pins: Mutex<HashSet<RowId>>,
    newest: AtomicI64,
}

impl Shared {
    pub(super) fn pin(&self, ids: impl Iterator<Item = RowId>) {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    pub(super) fn unpin(&self, ids: impl Iterator<Item = RowId>) {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            pins.remove(&id);
        }
    }

    pub(super) fn newest(&self) -> RowId {
        RowId(self.newest.load(Ordering::Acquire))
    }

    pub(super) fn set_newest(&self, id: i64) {
        self.newest.store(id, Ordering::Release);
    }
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) config: OutboxConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) counts: watch::Sender<Counts>,
    pub(super) shared: Arc<Shared>,
    /// Rows of the last group: so many are likely to come again at about the same time.
    pub(super) company: usize,
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
                Command::Next(want, answer) => {
                    let rows = self.store.next(&want);
                    if let Ok(rows) = &rows {
                        let ids: Vec<RowId> = rows.iter().map(|row| row.id).collect();
                        self.shared.pin(ids.iter().copied());
                        self.store.close_gaps(&ids);
                    }
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

    /// What waits already, and as many more as came together the last time, for which it waits `batch_ms` at the most:
    /// one submitter alone is answered at once. Ends early at a command of another kind, which it returns too.
    async fn gather(&mut self, first: (Change, Answer<Done>)) -> (Vec<(Change, Answer<Done>)>, Option<Command>) {
        let deadline = Instant::now() + Duration::from_millis(self.config.batch_ms);
        let expected = self.company.min(self.config.batch_rows);
        let mut group = vec![first];
        let mut follower = None;
        while group.len() < GROUP {
            let command = match self.commands.try_recv() {
                Ok(command) => Some(command),
                Err(_) if group.len() >= expected => break,
                Err(_) => match tokio::time::timeout_at(deadline, self.commands.recv()).await {
                    Ok(command) => command,
                    Err(_) => break,
                },
            };
            match command {
                Some(Command::Change(change, answer)) => group.push((change, answer)),
                other => {
                    follower = other;
                    break;
                }
            }
        }
        self.company = group.len();
        (group, follower)
    }

    fn apply(&mut self, group: Vec<(Change, Answer<Done>)>) {
        let (changes, answers): (Vec<Change>, Vec<Answer<Done>>) = group.into_iter().unzip();
        let results = match self.commit(&changes) {
            Ok(done) => done.into_iter().map(Ok).collect(),
            // One of them may be at fault: each alone.
            Err(_) if changes.len() > 1 => {
                changes.iter().map(|change| self.commit(std::slice::from_ref(change)).map(|done| done[0])).collect()
            }
            Err(error) => vec![Err(error)],
        };
        self.publish();
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
        for change in &changes {
            match change {
                Change::Settle(settled) => self.shared.unpin(settled.iter().map(|one| one.id)),
                Change::Quarantine(id, _) => self.shared.unpin(std::iter::once(*id)),
                _ => {}
            }
        }
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Done>, OutboxError> {
        let now = self.clock.stamp();
        self.store.transact(|store| {
            let one = |change: &Change| -> Result<Done, OutboxError> {
                let mut done = Done::default();
                match change {
                    Change::Submit(row, bytes) => {
                        store.insert(row, Lane::waiting(row.kind), *bytes, None)?;
                    }
                    Change::Settle(settled) => store.settle(settled, now)?,
                    Change::Quarantine(id, reason) => store.quarantine(*id, reason)?,
                    Change::Requeue(ids) => done.moved = store.requeue(ids)?,
                    Change::ClockSet(at, reporter) => store.clock_set(*at, reporter)?,
                    Change::ServerSeen(store_id, checkpoint) => {
                        done.reconciled = store.server_seen(store_id, *checkpoint, now)?;
                    }
                }
                Ok(done)
            };
            changes.iter().map(one).collect()
        })
    }

    fn publish(&self) {
        let counts = self.store.counts();
        self.shared.set_newest(self.store.head.last_id);
        self.counts.send_if_modified(|last| std::mem::replace(last, counts) != counts);
    }
}
