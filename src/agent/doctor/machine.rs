//! Measuring the box, the disk and the outbox; [`super::judge_machine`] says what it means.

use crate::clock::Clock;
use crate::config::AgentConfig;
use crate::health::{Sampler, SystemSample};
use crate::outbox::{Inspector, Stats, is_held};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The box itself.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    pub cores: usize,
    /// Of one inference, as configured; `None` without a configuration.
    pub threads: Option<usize>,
    pub sample: SystemSample,
    /// The Raspberry Pi's word on its supply and its heat, where there is one.
    pub throttled: Option<u32>,
    pub synced: bool,
    pub wall_us: i64,
}

/// Between two looks at the processor.
const PAUSE: Duration = Duration::from_millis(500);

pub fn look_at_machine(data_dir: &Path, threads: Option<usize>, clock: &dyn Clock) -> Machine {
    let mut sampler = Sampler::new(data_dir);
    std::thread::sleep(PAUSE);
    Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads,
        sample: sampler.sample(),
        throttled: throttled(Path::new("/sys/devices/platform")),
        synced: clock.synced(),
        wall_us: clock.wall_us(),
    }
}

/// `/sys/devices/platform/soc/soc:firmware/get_throttled`, in hexadecimal; the folder's name differs between models.
fn throttled(platform: &Path) -> Option<u32> {
    let below = |dir: PathBuf, start: &'static str| {
        let entries = fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        entries.filter(move |path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("soc") && (start.is_empty() || name.ends_with(start))
        })
    };
    let files = below(platform.to_owned(), "").flat_map(|soc| {
        let own = soc.join("get_throttled");
        below(soc, ":firmware").map(|firmware| firmware.join("get_throttled")).chain([own])
    });
    let text = files.filter_map(|file| fs::read_to_string(file).ok()).next()?;
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// The disk that holds the data directory.
#[derive(Debug)]
pub enum Disk {
    /// It is not there yet.
    Missing(PathBuf),
    /// It cannot be written, and why.
    Unwritable { dir: PathBuf, error: io::Error },
    Written {
        dir: PathBuf,
        /// Time of one small file, down to the disk.
        took: Duration,
        free_bytes: Option<u64>,
        used_percent: Option<f64>,
        /// Percent of the flash's life that are over, as the maker counts them.
        worn_percent: Option<u32>,
    },
}

pub fn look_at_disk(dir: &Path) -> Disk {
    if !dir.exists() {
        return Disk::Missing(dir.to_owned());
    }
    let begun = Instant::now();
    if let Err(error) = write_and_remove(dir) {
        return Disk::Unwritable { dir: dir.to_owned(), error };
    }
    let took = begun.elapsed();
    let sample = Sampler::new(dir).sample();
    Disk::Written {
        dir: dir.to_owned(),
        took,
        free_bytes: sample.disk_free_bytes,
        used_percent: sample.disk_usage,
        worn_percent: worn_percent(dir),
    }
}

fn write_and_remove(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".doctor-{}", std::process::id()));
    let written = fs::File::create(&path).and_then(|mut file| {
        file.write_all(&[0x5a; 4096])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}

/// eMMC counts its wear in tenths (JEDEC 5.0, `life_time`: two estimates, the worse counts); SD cards do not tell.
fn worn_percent(dir: &Path) -> Option<u32> {
    let device = fs::metadata(dir).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let block = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    let text = block.ancestors().take(3).find_map(|folder| fs::read_to_string(folder.join("device/life_time")).ok())?;
    life_time(&text)
}

fn life_time(text: &str) -> Option<u32> {
    let estimates =
        text.split_whitespace().filter_map(|word| u32::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    // 0: not defined; 11: over.
    estimates.filter(|tenth| (1..=11).contains(tenth)).max().map(|tenth| tenth * 10)
}

/// The outbox, looked at without touching it.
#[derive(Debug)]
pub struct OutboxLook {
    /// An agent works with it now.
    pub runs: bool,
    /// `None`: there is none yet. `Err`: why it cannot be read.
    pub stats: Option<Result<Stats, String>>,
}

pub fn look_at_outbox(config: &AgentConfig, clock: &dyn Clock) -> OutboxLook {
    let dir = &config.data_dir;
    let stats = dir.join("outbox.db").exists().then(|| {
        let outbox = Inspector::open(dir).map_err(|error| error.to_string())?;
        outbox.stats(clock).map_err(|error| error.to_string())
    });
    OutboxLook { runs: is_held(dir), stats }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmwares_word_is_found_and_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(throttled(dir.path()), None);
        let folder = dir.path().join("soc/soc:firmware");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("get_throttled"), "50005\n").unwrap();
        assert_eq!(throttled(dir.path()), Some(0x50005));
    }

    #[test]
    fn the_worse_of_two_estimates_counts() {
        assert_eq!(life_time("0x02 0x09\n"), Some(90));
        assert_eq!(life_time("0x00 0x00\n"), None);
        assert_eq!(life_time("nonsense"), None);
    }

    #[test]
    fn the_try_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(look_at_disk(dir.path()), Disk::Written { .. }));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(matches!(look_at_disk(&dir.path().join("none")), Disk::Missing(_)));
    }
}
