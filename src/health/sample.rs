//! Measuring the box: processor, memory, disk, temperature.

use std::fs;
use std::path::{Path, PathBuf};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// One look at the box. Usages are percent, 0–100; `None` where the box does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SystemSample {
    pub cpu_usage: Option<f64>,
    pub memory_usage: Option<f64>,
    /// Of the file system that holds the data directory.
    pub disk_usage: Option<f64>,
    pub disk_free_bytes: Option<u64>,
    /// °C of the hottest sensor.
    pub temperature: Option<f64>,
}

/// °C of this box's hottest sensor; `None` where it has none.
pub fn temperature() -> Option<f64> {
    hottest(Path::new(THERMAL))
}

const THERMAL: &str = "/sys/class/thermal";

/// Looks at the box each time it is asked.
pub struct Sampler {
    system: Option<System>,
    data_dir: PathBuf,
    thermal: PathBuf,
}

impl Sampler {
    /// `data_dir` tells which disk counts.
    pub fn new(data_dir: &Path) -> Self {
        Self::with_thermal(data_dir, Path::new(THERMAL))
    }

    fn with_thermal(data_dir: &Path, thermal: &Path) -> Self {
        let kinds = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing().with_usage()).with_memory(memory());
        // A box without /proc still has a disk and a temperature to tell.
        let system = System::new_with_specifics(kinds).ok();
        Self { system, data_dir: data_dir.to_owned(), thermal: thermal.to_owned() }
    }

    /// Processor usage is the mean since the last look.
    pub fn sample(&mut self) -> SystemSample {
        let (cpu_usage, memory_usage) = self.system.as_mut().map(usages).unwrap_or_default();
        let (disk_usage, disk_free_bytes) = disk(&self.data_dir).unzip();
        SystemSample { cpu_usage, memory_usage, disk_usage, disk_free_bytes, temperature: hottest(&self.thermal) }
    }
}

fn memory() -> MemoryRefreshKind {
    MemoryRefreshKind::nothing().with_ram()
}

fn usages(system: &mut System) -> (Option<f64>, Option<f64>) {
    system.refresh_cpu_usage();
    system.refresh_memory_specifics(memory());
    let cpu = percent(f64::from(system.global_cpu_usage()), 100.0);
    (cpu, percent(system.used_memory() as f64, system.total_memory() as f64))
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    let percent = 100.0 * part / whole;
    percent.is_finite().then(|| (percent.clamp(0.0, 100.0) * 10.0).round() / 10.0)
}

/// Usage in percent as `df` has it (root's reserve counts as used), and bytes free for us.
fn disk(path: &Path) -> Option<(f64, u64)> {
    let stat = rustix::fs::statvfs(path).ok()?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree) as f64;
    let usage = percent(used, used + stat.f_bavail as f64)?;
    Some((usage, stat.f_bavail.saturating_mul(stat.f_frsize)))
}

/// sysinfo's components are empty on many Raspberry Pis, so the thermal zones are read directly: millidegrees.
fn hottest(thermal: &Path) -> Option<f64> {
    let zones = fs::read_dir(thermal).ok()?;
    zones
        .filter_map(|zone| fs::read_to_string(zone.ok()?.path().join("temp")).ok())
        .filter_map(|text| text.trim().parse::<f64>().ok())
        .map(|millidegrees| millidegrees / 1000.0)
        // A dead sensor says 0 or nonsense.
        .filter(|celsius| (1.0..150.0).contains(celsius))
        .max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_its_usages() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sampler::new(dir.path()).sample();
        for usage in [sample.cpu_usage, sample.memory_usage, sample.disk_usage] {
            assert!((0.0..=100.0).contains(&usage.unwrap()), "{sample:?}");
        }
        assert!(sample.disk_free_bytes.unwrap() > 0);
    }

    #[test]
    fn the_hottest_zone_counts_and_a_dead_sensor_does_not() {
        let dir = tempfile::tempdir().unwrap();
        for (zone, text) in [("thermal_zone0", "48312\n"), ("thermal_zone1", "61000\n"), ("thermal_zone2", "-274000\n")]
        {
            fs::create_dir(dir.path().join(zone)).unwrap();
            fs::write(dir.path().join(zone).join("temp"), text).unwrap();
        }
        assert_eq!(hottest(dir.path()), Some(61.0));
        assert_eq!(hottest(Path::new("/nowhere")), None);
    }
}
