//! The log of exits for want of anything better, kept on the disk: a new process must know how often that was tried.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::time::Duration;

/// One exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// What hung.
    pub part: String,
    /// Which boot, and when in it.
    pub boot: String,
    pub mono_s: u64,
    /// Seconds since the epoch, for exits of other boots; may be wrong.
    pub wall_s: i64,
}

/// All exits that may still count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExitLog {
    boot: String,
    exits: Vec<Exited>,
    /// The wall clock at the last question, for exits of other boots.
    wall_s: i64,
}

/// More than any budget counts.
const KEPT: usize = 32;

impl ExitLog {
    pub fn new(boot: String, exits: Vec<Exited>) -> Self {
        Self { boot, exits, wall_s: 0 }
    }

    /// What the file holds; one that is missing or unreadable is an empty log.
    pub fn load(file: &Path, boot: String) -> Self {
        let exits = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self::new(boot, exits.unwrap_or_default())
    }

    /// Replaces the file as a whole, and syncs it: an exit that is forgotten would be repeated for ever.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let temporary = file.with_extension("tmp");
        let mut out = std::fs::File::create(&temporary)?;
        io::Write::write_all(&mut out, &serde_json::to_vec(&self.exits)?)?;
        out.sync_all()?;
        std::fs::rename(temporary, file)
    }

    /// The wall clock now, for exits of other boots.
    pub fn tell_wall(&mut self, wall_s: i64) {
        self.wall_s = wall_s;
    }

    pub fn add(&mut self, exited: Exited) {
        self.exits.push(exited);
        let surplus = self.exits.len().saturating_sub(KEPT);
        self.exits.drain(..surplus);
    }

    /// Exits within the last `span` before `now` (monotonic). Those of this boot are dated by the monotonic clock; those of
    /// others by the wall clock, where a time that lies ahead is a clock that was wrong and counts as just now.
    pub fn within(&self, span: Duration, now: Duration) -> usize {
        let recent = |exited: &&Exited| {
            let age_s = if exited.boot == self.boot {
                now.as_secs().saturating_sub(exited.mono_s)
            } else {
                u64::try_from(self.wall_s.saturating_sub(exited.wall_s)).unwrap_or(0)
            };
            age_s < span.as_secs()
        };
        self.exits.iter().filter(recent).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(boot: &str, mono_s: u64, wall_s: i64) -> Exited {
        Exited { part: "camera c/p".into(), boot: boot.into(), mono_s, wall_s }
    }

    #[test]
    fn a_new_process_knows_the_exits_of_the_last_and_a_torn_file_is_an_empty_log() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("exits.json");
        let mut log = ExitLog::load(&file, "now".into());
        log.add(exit("now", 100, 5_000));
        log.save(&file).unwrap();
        let log = ExitLog::load(&file, "now".into());
        assert_eq!(log.within(Duration::from_secs(60), Duration::from_secs(120)), 1);
        assert_eq!(log.within(Duration::from_secs(60), Duration::from_secs(160)), 0);
        std::fs::write(&file, "[{\"part\":").unwrap();
        assert_eq!(ExitLog::load(&file, "now".into()), ExitLog::new("now".into(), Vec::new()));
    }

    #[test]
    fn exits_of_another_boot_are_dated_by_the_wall_clock_and_a_clock_set_back_forgives_nothing() {
        let mut log = ExitLog::new("now".into(), vec![exit("before", 9_000, 5_000)]);
        let hour = Duration::from_secs(3600);
        for (wall_s, counted) in [(6_000, 1), (9_000, 0), (0, 1)] {
            log.tell_wall(wall_s);
            assert_eq!(log.within(hour, Duration::from_secs(10)), counted, "at {wall_s}");
        }
    }

    #[test]
    fn the_log_does_not_grow_for_ever() {
        let mut log = ExitLog::default();
        (0..100).for_each(|second| log.add(exit("b", second, 0)));
        assert_eq!(log.exits.len(), KEPT);
    }
}
