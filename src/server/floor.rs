//! Room on the disk: below the floor that the configuration sets the oldest records go, the least missed first.

use super::app::App;
use super::retention::{bytes_of, megabytes, remove};
use super::store::{self, Class, Removal, StoreError, Usage};
use rustix::fs::statvfs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Some file systems give a removed file's room back a moment later.
const SETTLE: Duration = Duration::from_secs(2);
/// Where removing gained nothing, this long nothing more goes for it.
const REST: Duration = Duration::from_secs(3600);

/// What is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// On the file system of the data directory.
    pub disk: i64,
    /// Inside the database's file: for further records, not for pictures.
    pub inside: i64,
}

impl Room {
    fn look(data_dir: &Path, inside: i64) -> std::io::Result<Self> {
        Ok(Self { disk: free_bytes(data_dir)?, inside })
    }

    /// What is wanting to `floor`. Where removing gains the disk nothing, the database can still do without growing.
    fn wanting(self, floor: i64, gains: bool) -> i64 {
        let free = if gains { self.disk } else { self.disk.saturating_add(self.inside) };
        floor.saturating_sub(free).max(0)
    }
}

/// What has to go, in this order, to make so much room.
pub fn due(usage: &[Usage], mut wanting: i64) -> Vec<Removal> {
    let mut due = Vec::new();
    for class in Class::DETECTIONS {
        let bytes = wanting.min(bytes_of(usage, class));
        if bytes > 0 {
            wanting -= bytes;
            due.push(Removal { class, before_us: None, bytes: Some(bytes) });
        }
    }
    due
}

/// Keeps `retention.min_free_mb` free.
#[derive(Debug, Default)]
pub struct Floor {
    /// Since when removing is known to gain the disk nothing: pictures are shared with a backup, there are none, or somebody
    /// else takes what is gained.
    in_vain: Option<Instant>,
    /// When that was last logged.
    said: Option<Instant>,
}

impl Floor {
    pub fn is_due(&self, app: &App) -> bool {
        let floor = megabytes(app.config.retention.min_free_mb);
        floor > 0 && free_bytes(&app.config.data_dir).is_ok_and(|free| free < floor)
    }

    pub async fn keep(&mut self, app: &App) -> Result<(), StoreError> {
        let floor = megabytes(app.config.retention.min_free_mb);
        if !self.is_due(app) {
            self.in_vain = None;
            if self.said.take().is_some() {
                tracing::info!("there is room on the disk of the data directory again");
            }
            return Ok(());
        }
        let gains = self.in_vain.is_none_or(|since| since.elapsed() >= REST);
        let inside = app.store.read(store::free_inside).await?;
        let Ok(before) = Room::look(&app.config.data_dir, inside) else { return Ok(()) };
        let usage = app.store.read(store::usage).await?;
        let (mut records, mut bytes) = (0, 0);
        for removal in due(&usage, before.wanting(floor, gains)) {
            let removed = remove(app, removal).await?;
            records += removed.0;
            bytes += removed.1;
        }
        if records > 0 {
            tracing::warn!(
                records,
                bytes,
                free = before.disk,
                "the disk is nearly full: retention removed the oldest records"
            );
            tokio::time::sleep(SETTLE).await;
        }
        let after = free_bytes(&app.config.data_dir).unwrap_or(before.disk);
        if gains {
            self.in_vain = (bytes > 0 && after - before.disk < bytes / 4).then(Instant::now);
        }
        if (self.in_vain.is_some() || records == 0) && self.said.is_none_or(|said| said.elapsed() >= REST) {
            self.said = Some(Instant::now());
            tracing::error!(
                free = after,
                "the disk of the data directory is nearly full, and removing records gains nothing there; look what fills it: \
                 another program, or a backup on the same disk"
            );
        }
        Ok(())
    }
}

fn free_bytes(dir: &Path) -> std::io::Result<i64> {
    let found = statvfs(dir)?;
    Ok(i64::try_from(found.f_bavail.saturating_mul(found.f_frsize)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usage(bytes: [i64; 3]) -> Vec<Usage> {
        let of = |(class, bytes)| Usage { class, records: 1, bytes, removed_records: 0, removed_bytes: 0 };
        Class::DETECTIONS.into_iter().zip(bytes).map(of).collect()
    }

    #[test]
    fn where_the_disk_gains_nothing_the_room_inside_the_database_counts() {
        let room = Room { disk: 30, inside: 60 };
        assert_eq!((room.wanting(100, true), room.wanting(100, false), room.wanting(90, false)), (70, 10, 0));
        assert_eq!((room.wanting(30, true), room.wanting(0, true)), (0, 0));
    }

    proptest! {
        #[test]
        fn the_least_missed_go_first_and_no_more_than_is_wanting(
            stored in prop::array::uniform3(0i64..1000), wanting in 0i64..4000,
        ) {
            let mut left = stored;
            for removal in due(&usage(stored), wanting) {
                let class = removal.class as usize;
                left[class] -= removal.bytes.unwrap();
                prop_assert!(left[class] >= 0 && left[..class].iter().all(|bytes| *bytes == 0));
            }
            let gone = stored.iter().sum::<i64>() - left.iter().sum::<i64>();
            prop_assert_eq!(gone, wanting.min(stored.iter().sum()));
        }
    }
}
