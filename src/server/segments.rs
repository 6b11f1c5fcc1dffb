//! Pictures one after the other in large files: `YYYY/MM/DD/<segment>.pics`, 64 MB each.
//!
//! Why not a file a picture: ext4 does not give an inode away again for minutes after its file was deleted, and looks at each
//! such inode whenever it makes a file, so that a server that deletes as many pictures as it takes becomes slow
//! (docs/cost.md). And one sync serves all events that are under way.
//!
//! A picture is a header of one line, its bytes, and room up to the next multiple of 4096. Its space goes back to the
//! disk by a hole in the file; a segment that is all hole is deleted.

use super::group_sync::GroupSync;
use super::header::{GONE, HEADER, Header};
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// A segment that has reached this gets no more.
const FULL: u64 = 64 << 20;

/// Pictures begin at multiples of it: a hole of whole blocks is free space again.
const BLOCK: u64 = 4096;

const EXTENSION: &str = ".pics";

/// The segments below a root.
#[derive(Debug)]
pub struct Segments {
    root: PathBuf,
    /// The one that is written to.
    current: Mutex<Option<Arc<Segment>>>,
}

/// A segment that this process writes.
#[derive(Debug)]
pub struct Segment {
    day: String,
    name: String,
    file: File,
    end: AtomicU64,
    sync: GroupSync,
    /// A sync failed: what the kernel then still holds in memory is not on the disk, whatever the next sync says.
    failed: AtomicBool,
}

/// Where a picture lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Below the root.
    pub segment: String,
    pub offset: u64,
}

impl Segments {
    pub fn new(root: PathBuf) -> Self {
        Self { root, current: Mutex::default() }
    }

    /// The segment of the day that takes the next picture, made where there is none; it is on the disk in its folder.
    pub fn current(&self, day: &str) -> io::Result<Arc<Segment>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = current.as_ref().filter(|segment| segment.takes_more(day)) {
            return Ok(segment.clone());
        }
        // Held while it is made: nobody may use a file whose name is not on the disk yet.
        if let Some(full) = current.take() {
            full.remove_if_empty(&self.root);
        }
        let segment = Arc::new(Segment::make(&self.root, day)?);
        *current = Some(segment.clone());
        Ok(segment)
    }

    fn find(&self, place: &Place) -> io::Result<(Header, File)> {
        let file = File::open(self.root.join(&place.segment))?;
        let header = header_at(&file, place.offset)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok((header, file))
    }

    /// The header of the picture at a place, and how many of its bytes are there.
    pub fn look(&self, place: &Place) -> io::Result<(Header, u64)> {
        let (header, file) = self.find(place)?;
        let there = file.metadata()?.len().saturating_sub(place.offset + HEADER).min(header.bytes);
        Ok((header, there))
    }

    pub fn read(&self, place: &Place) -> io::Result<Vec<u8>> {
        let (header, file) = self.find(place)?;
        // Not before it is certain that so much is there.
        if place.offset.saturating_add(HEADER).saturating_add(header.bytes) > file.metadata()?.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(header.bytes).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, place.offset + HEADER)?;
        Ok(bytes)
    }

    /// Gives a picture's space back; the segment goes with its last picture.
    pub fn remove(&self, place: &Place) -> io::Result<()> {
        let file = File::options().read(true).write(true).open(self.root.join(&place.segment))?;
        let header = header_at(&file, place.offset)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        match punch(&file, place.offset, header.bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.mark_gone(&file, place),
            Err(error) => Err(error.into()),
            Ok(()) => self.remove_if_empty(&place.segment),
        }
    }

    /// Where the file system cannot make holes the space comes back with the segment's last picture.
    fn mark_gone(&self, file: &File, place: &Place) -> io::Result<()> {
        file.write_all_at(GONE.as_bytes(), place.offset)?;
        let (left, is_whole) = self.walk(&place.segment)?;
        if left.is_empty() && is_whole && !self.is_current(&place.segment) {
            fs::remove_file(self.root.join(&place.segment))?;
        }
        Ok(())
    }

    /// Deletes a segment that no picture is left in.
    pub fn remove_if_empty(&self, segment: &str) -> io::Result<()> {
        let path = self.root.join(segment);
        if is_hole(&File::open(&path)?)? && !self.is_current(segment) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn is_current(&self, segment: &str) -> bool {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|current| current.path() == segment)
    }

    /// Every picture of a segment, as far as it can be told.
    pub fn pictures(&self, segment: &str) -> io::Result<Vec<(Place, Header)>> {
        Ok(self.walk(segment)?.0)
    }

    /// What a power cut left unfinished ends the list, which then is not whole: nothing after it can be told apart from what a
    /// picture says.
    fn walk(&self, segment: &str) -> io::Result<(Vec<(Place, Header)>, bool)> {
        let file = File::open(self.root.join(segment))?;
        let mut pictures = Vec::new();
        let mut from = 0;
        // Over the holes.
        while let Ok(offset) = seek(&file, SeekFrom::Data(from)) {
            let Some(line) = line_at(&file, offset)? else { return Ok((pictures, false)) };
            let bytes = match (Header::parse(&line), Header::parse_gone(&line)) {
                (Some(header), _) => {
                    let bytes = header.bytes;
                    pictures.push((Place { segment: segment.to_owned(), offset }, header));
                    bytes
                }
                (None, Some(gone)) => gone.bytes,
                (None, None) => return Ok((pictures, false)),
            };
            from = offset.saturating_add(room(bytes));
        }
        Ok((pictures, true))
    }
}

impl Segment {
    fn make(root: &Path, day: &str) -> io::Result<Self> {
        make_levels(root, day)?;
        let dir = root.join(day);
        let name = format!("{}{EXTENSION}", Uuid::now_v7());
        let file = File::options().read(true).write(true).create_new(true).open(dir.join(&name))?;
        sync_dir(&dir)?;
        Ok(Self {
            day: day.to_owned(),
            name,
            file,
            end: AtomicU64::new(0),
            sync: GroupSync::default(),
            failed: AtomicBool::new(false),
        })
    }

    fn takes_more(&self, day: &str) -> bool {
        self.day == day && self.end.load(Ordering::Relaxed) < FULL && !self.failed.load(Ordering::Relaxed)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.day, self.name)
    }

    /// Who still writes to it learns that it is gone when they sync it.
    fn remove_if_empty(&self, root: &Path) {
        if is_hole(&self.file).is_ok_and(|hole| hole) {
            let _ = fs::remove_file(root.join(self.path()));
        }
    }

    /// Writes a picture, which is on the disk only after the next [`Segment::sync`]. At an error nothing of it is left.
    pub fn append(&self, header: &Header, bytes: &[u8]) -> io::Result<Place> {
        let offset = self.end.fetch_add(room(header.bytes), Ordering::Relaxed);
        let write = || {
            self.file.write_all_at(&header.line(), offset)?;
            self.file.write_all_at(bytes, offset + HEADER)
        };
        write().inspect_err(|_| {
            let _ = punch(&self.file, offset, header.bytes);
        })?;
        Ok(Place { segment: self.path(), offset })
    }

    /// Returns once everything that was written before the call is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.sync.sync(|| {
            if self.failed.load(Ordering::Relaxed) {
                return Err(io::Error::other("an earlier sync of this file failed"));
            }
            let synced = self.file.sync_data().and_then(|()| match self.file.metadata()?.nlink() {
                0 => Err(io::Error::other("the file was deleted")),
                _ => Ok(()),
            });
            self.failed.store(synced.is_err(), Ordering::Relaxed);
            synced
        })
    }
}

impl Place {
    /// `path` as [`Place::path`] makes it; `None` for any other.
    pub fn parse(path: &str) -> Option<Self> {
        let (segment, offset) = path.rsplit_once('/')?;
        let (folder, name) = segment.rsplit_once('/')?;
        let name = name.strip_suffix(EXTENSION)?;
        let (offset, _) = offset.split_once('.')?;
        let plain = offset.bytes().all(|byte| byte.is_ascii_digit());
        let day = folder.split('/').map(str::len).eq([4, 2, 2])
            && folder.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/');
        (day && plain && name.parse::<Uuid>().is_ok()).then_some(())?;
        Some(Self { segment: segment.to_owned(), offset: offset.parse().ok().filter(|offset| offset % BLOCK == 0)? })
    }

    pub fn path(&self, extension: &str) -> String {
        format!("{}/{}.{extension}", self.segment, self.offset)
    }
}

/// Is this the name of a segment?
pub fn is_segment(file: &str) -> bool {
    file.strip_suffix(EXTENSION).is_some_and(|name| name.parse::<Uuid>().is_ok())
}

/// Is there no byte in it? Asked of the file system's map, which knows what is not on the disk yet; its count of blocks may
/// not.
fn is_hole(file: &File) -> io::Result<bool> {
    match seek(file, SeekFrom::Data(0)) {
        Ok(_) => Ok(false),
        Err(Errno::NXIO) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What a picture takes, with its header.
fn room(bytes: u64) -> u64 {
    HEADER.saturating_add(bytes).div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn punch(file: &File, offset: u64, bytes: u64) -> rustix::io::Result<()> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, hole, offset, room(bytes))
}

/// `None` where there is none, or a hole.
fn header_at(file: &File, offset: u64) -> io::Result<Option<Header>> {
    Ok(line_at(file, offset)?.and_then(|line| Header::parse(&line)))
}

/// `None` behind the end.
fn line_at(file: &File, offset: u64) -> io::Result<Option<[u8; HEADER as usize]>> {
    let mut line = [0; HEADER as usize];
    match file.read_exact_at(&mut line, offset) {
        Ok(()) => Ok(Some(line)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn make_levels(root: &Path, day: &str) -> io::Result<()> {
    if let Some(above) = root.parent().filter(|above| !above.as_os_str().is_empty()) {
        sync_dir(above)?;
    }
    let mut dir = root.to_owned();
    for part in day.split('/') {
        let parent = dir.clone();
        dir.push(part);
        match fs::create_dir(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        // Also where it exists: a crash may have come between making and syncing.
        sync_dir(&parent)?;
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
