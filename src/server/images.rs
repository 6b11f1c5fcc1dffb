//! Evidence pictures: below `<data_dir>/images`, in the segments of their day (`segments`). Those that an earlier version
//! wrote are files of their own, `YYYY/MM/DD/<detection_id>-frame.jpg`, and stay so.
//!
//! Nothing a peer sends becomes part of a path: names are made of our own numbers, and no name is used twice. A picture
//! is whole and on the disk before anyone may name it in the database.

use super::header::Header;
use super::segments::{Place, Segment, Segments};
use super::store::ImageRow;
use super::store::verify::Named;
use crate::killpoint;
use crate::wire::incoming::{Image, ImageKind, Images};
use jiff::{Timestamp, tz::TimeZone};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The images folder. Clones share it.
#[derive(Debug, Clone)]
pub struct ImageStore {
    root: PathBuf,
    segments: Arc<Segments>,
    claims: Arc<Mutex<HashMap<Uuid, usize>>>,
}

/// Pictures on the disk that no row names yet. While this lives the sweep leaves the record's files alone.
#[derive(Debug)]
pub struct Written {
    pub rows: Vec<ImageRow>,
    _claim: Claim,
}

#[derive(Debug)]
struct Claim {
    claims: Arc<Mutex<HashMap<Uuid, usize>>>,
    id: Uuid,
}

impl Claim {
    fn new(claims: &Arc<Mutex<HashMap<Uuid, usize>>>, id: Uuid) -> Self {
        *claims.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default() += 1;
        Self { claims: claims.clone(), id }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = claims.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                claims.remove(&self.id);
            }
        }
    }
}

impl ImageStore {
    /// Makes the folder if it is missing.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { segments: Arc::new(Segments::new(root.clone())), root, claims: Arc::default() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Is a commit under way that may name files of this record?
    pub fn is_claimed(&self, id: Uuid) -> bool {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// The pictures by segment, for those who look through all of them.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Writes all pictures of one revision of a detection, or none: at an error those already written are removed.
    /// Blocks until they are on the disk.
    pub fn write(&self, id: Uuid, received_us: i64, images: &Images) -> io::Result<Written> {
        let mut written = Written { rows: Vec::new(), _claim: Claim::new(&self.claims, id) };
        let result = self.segments.current(&day_of(received_us)).and_then(|segment| {
            append(&segment, &mut written.rows, id, images)?;
            killpoint::hit("server.image.written");
            segment.sync()
        });
        if result.is_err() {
            self.remove(written.rows.iter().map(|row| row.path.as_str()));
        }
        result.map(|()| written)
    }

    /// Removes pictures that no row names; one that is gone already is no fault.
    pub fn remove<'a>(&self, paths: impl Iterator<Item = &'a str>) {
        for path in paths {
            if let Err(error) = self.remove_one(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path, %error, "an unused picture could not be removed");
            }
        }
    }

    fn remove_one(&self, path: &str) -> io::Result<()> {
        match self.place(path) {
            Some(place) => self.segments.remove(&place),
            None => fs::remove_file(self.confined(path)?),
        }
    }

    /// The bytes of a stored picture, and its media type. Blocks.
    pub fn read(&self, path: &str) -> io::Result<(Vec<u8>, &'static str)> {
        let media_type = if path.ends_with(".png") { "image/png" } else { "image/jpeg" };
        let bytes = match self.place(path) {
            Some(place) => self.segments.read(&place)?,
            None => fs::read(self.confined(path)?)?,
        };
        Ok((bytes, media_type))
    }

    /// How many bytes lie there of a picture that a record names. In a segment it must say itself that it is that
    /// record's. Blocks.
    pub fn bytes(&self, named: &Named) -> io::Result<u64> {
        let Some(place) = self.place(&named.path) else {
            return Ok(fs::metadata(self.confined(&named.path)?)?.len());
        };
        let (header, there) = self.segments.look(&place)?;
        match header.id.to_string() == named.id {
            true => Ok(there),
            false => Err(io::Error::other(format!("a picture of {} lies there", header.id))),
        }
    }

    /// Where in a segment it lies. In a copy of the folder a segment may be a folder with a file for each picture.
    fn place(&self, path: &str) -> Option<Place> {
        Place::parse(path).filter(|place| !self.root.join(&place.segment).is_dir())
    }

    /// `path` below the root.
    fn confined(&self, path: &str) -> io::Result<PathBuf> {
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.root.join(path)).ok_or_else(|| io::Error::other("the path leaves the images folder"))
    }
}

/// Gives the rows of those that were written, also where the next could not be.
fn append(segment: &Segment, rows: &mut Vec<ImageRow>, id: Uuid, images: &Images) -> io::Result<()> {
    for (name, image) in named(images) {
        let (extension, bytes) = (extension(image.kind), image.bytes.len());
        let header = Header { id, name, extension: extension.to_owned(), bytes: bytes as u64 };
        let place = segment.append(&header, &image.bytes)?;
        rows.push(ImageRow { name: header.name, path: place.path(extension), bytes: bytes as i64 });
    }
    Ok(())
}

fn named(images: &Images) -> impl Iterator<Item = (String, &Image)> {
    let whole = [("frame", &images.frame), ("original", &images.original), ("data", &images.data)];
    let whole = whole.into_iter().filter_map(|(name, image)| Some((name.to_owned(), image.as_ref()?)));
    let crops = images.crops.iter().enumerate();
    whole.chain(crops.filter_map(|(index, crop)| Some((format!("crop-{index}"), crop.as_ref()?))))
}

fn extension(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Jpeg => "jpg",
        ImageKind::Png => "png",
    }
}

fn day_of(us: i64) -> String {
    let at = Timestamp::from_microsecond(us).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(byte: u8) -> Option<Image> {
        Some(Image { kind: ImageKind::Jpeg, bytes: vec![0xff, 0xd8, 0xff, byte] })
    }

    const AT: i64 = 1_734_602_400_000_000;

    #[test]
    fn pictures_lie_in_a_segment_of_their_day_read_back_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().join("images")).unwrap();
        let images = Images { frame: jpeg(1), crops: vec![None, jpeg(2)], ..Images::default() };
        let written = store.write(Uuid::nil(), AT, &images).unwrap();
        assert!(store.is_claimed(Uuid::nil()));
        let rows = written.rows.clone();
        drop(written);
        assert!(!store.is_claimed(Uuid::nil()));
        assert_eq!((rows[0].name.as_str(), rows[1].name.as_str()), ("frame", "crop-1"));
        assert!(rows.iter().all(|row| row.path.starts_with("2024/12/19/") && row.path.ends_with(".jpg")), "{rows:?}");
        assert_ne!(rows[0].path, rows[1].path);
        assert_eq!(store.read(&rows[1].path).unwrap(), (vec![0xff, 0xd8, 0xff, 2], "image/jpeg"));
        store.remove(rows[..1].iter().map(|row| row.path.as_str()));
        assert!(store.read(&rows[0].path).is_err());
        assert!(store.read(&rows[1].path).is_ok());
    }

    #[test]
    fn a_picture_that_an_earlier_version_wrote_is_read_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().to_owned()).unwrap();
        let path = format!("2024/12/19/{}-frame.jpg", Uuid::nil());
        fs::create_dir_all(dir.path().join("2024/12/19")).unwrap();
        fs::write(dir.path().join(&path), "old").unwrap();
        assert_eq!(store.read(&path).unwrap().0, b"old");
        store.remove([path.as_str()].into_iter());
        assert!(store.read(&path).is_err());
    }

    #[test]
    fn in_a_copy_a_segment_may_be_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().to_owned()).unwrap();
        let segment = format!("2024/12/19/{}.pics", Uuid::nil());
        fs::create_dir_all(dir.path().join(&segment)).unwrap();
        fs::write(dir.path().join(&segment).join("8192.png"), "copied").unwrap();
        let path = format!("{segment}/8192.png");
        assert_eq!(store.read(&path).unwrap(), (b"copied".to_vec(), "image/png"));
        store.remove([path.as_str()].into_iter());
        assert!(store.read(&path).is_err());
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), "x").unwrap();
        let store = ImageStore::open(dir.path().join("images")).unwrap();
        let segment = format!("../{}.pics/0.jpg", Uuid::nil());
        for path in ["../secret", "/etc/passwd", "2024/../../secret", "./../secret", "../secret/0.jpg", &segment] {
            assert!(store.read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn pictures_that_cannot_be_written_leave_no_claim() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().to_owned()).unwrap();
        fs::write(dir.path().join("2024"), "in the way").unwrap();
        let images = Images { frame: jpeg(1), crops: vec![jpeg(2)], ..Images::default() };
        assert!(store.write(Uuid::nil(), AT, &images).is_err());
        assert!(!store.is_claimed(Uuid::nil()));
        fs::remove_file(dir.path().join("2024")).unwrap();
        assert!(store.write(Uuid::nil(), AT, &images).is_ok());
    }

    #[test]
    fn a_folder_that_was_deleted_under_us_is_noticed_before_anything_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().join("images")).unwrap();
        let images = Images { frame: jpeg(1), ..Images::default() };
        store.write(Uuid::nil(), AT, &images).unwrap();
        fs::remove_dir_all(dir.path().join("images")).unwrap();
        assert!(store.write(Uuid::nil(), AT, &images).is_err());
        fs::create_dir(dir.path().join("images")).unwrap();
        let written = store.write(Uuid::nil(), AT, &images).unwrap();
        assert!(store.read(&written.rows[0].path).is_ok());
    }
}
