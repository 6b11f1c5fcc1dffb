//! The first hundred bytes of the outbox file. SQLite believes most of them: a wrong one can make the file unwritable, or
//! be written into every page that follows. Pure, but for reading them.

use super::schema::APPLICATION_ID;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(super) const BYTES: usize = 100;
/// A version so far beyond the newest is damage, and no version.
pub(super) const VERSIONS_AHEAD: i64 = 1000;

/// What is wrong with the header of the file at `path`; `None`: nothing, or it is not (yet) one of ours.
pub(super) fn damage(path: &Path, newest: i64) -> Option<&'static str> {
    let file = File::open(path).ok()?;
    let mut bytes = [0u8; BYTES];
    file.read_exact_at(&mut bytes, 0).ok()?;
    if number(&bytes, 68) != u32::try_from(APPLICATION_ID).ok()? {
        return None;
    }
    let log = std::fs::metadata(super::recover::suffixed(path, "-wal")).map_or(0, |log| log.len());
    // What the log holds has not come into the file yet.
    let length = if log == 0 { Some(file.metadata().ok()?.len()) } else { None };
    fault(&bytes, length, newest)
}

fn fault(bytes: &[u8; BYTES], length: Option<u64>, newest: i64) -> Option<&'static str> {
    let page = page_bytes(bytes)?;
    let version = i64::from(number(bytes, 60) as i32);
    // Otherwise SQLite asks the file how many pages it has.
    let counted = number(bytes, 24) == number(bytes, 92);
    let (pages, trunk, free) = (number(bytes, 28), number(bytes, 32), number(bytes, 36));
    let checks = [
        (matches!(bytes[18..20], [1 | 2, 1 | 2]), "the version of its form"),
        (bytes[20..24] == [0, 64, 32, 32], "the layout of its pages"),
        (number(bytes, 44) <= 4, "the form of its tables"),
        (number(bytes, 52) == 0 && number(bytes, 64) == 0, "its pages' map"),
        (number(bytes, 56) == 1, "the encoding of its texts"),
        ((0..=newest + VERSIONS_AHEAD).contains(&version), "its version"),
        (bytes[72..92].iter().all(|byte| *byte == 0), "its header"),
        (
            !counted || length.is_none_or(|length| u64::from(pages) * u64::from(page) == length),
            "the number of its pages",
        ),
        ((trunk == 0) == (free == 0) && (!counted || trunk.max(free) <= pages), "the list of its free pages"),
    ];
    checks.into_iter().find(|(sound, _)| !sound).map(|(_, what)| what)
}

/// `None`: no possible size, which SQLite itself refuses.
pub(super) fn page_bytes(bytes: &[u8; BYTES]) -> Option<u16> {
    let page = u16::from_be_bytes([bytes[16], bytes[17]]);
    (page >= 512 && page.is_power_of_two()).then_some(page)
}

fn number(bytes: &[u8; BYTES], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
