//! Evidence pictures as files: `<data_dir>/images/YYYY/MM/DD/<detection_id>-frame.jpg`.
//!
//! Nothing a peer sends becomes part of a path: names are made of our own UUID, a role and an extension, and no name is
//! used twice. A file is whole and on the disk (file and directory synced) before anyone may name it in the database.

use super::days::Days;
use super::store::ImageRow;
use crate::killpoint;
use crate::wire::incoming::{Image, ImageKind, Images};
use jiff::{Timestamp, tz::TimeZone};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The images folder. Clones share it.
#[derive(Debug, Clone)]
pub struct ImageStore {
    root: PathBuf,
    days: Arc<Days>,
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
        Ok(Self { days: Arc::new(Days::new(root.clone())), root, claims: Arc::default() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Is a commit under way that may name files of this record?
    pub fn is_claimed(&self, id: Uuid) -> bool {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Writes all pictures of one revision of a detection, or none: at an error those already written are removed.
    /// Blocks until they are on the disk.
    pub fn write(&self, id: Uuid, revision: i64, received_us: i64, images: &Images) -> io::Result<Written> {
        let mut written = Written { rows: Vec::new(), _claim: Claim::new(&self.claims, id) };
        let result = self.write_all(&mut written.rows, id, revision, received_us, images);
        if result.is_err() {
            self.remove(written.rows.iter().map(|row| row.path.as_str()));
        }
        result.map(|()| written)
    }

    fn write_all(
        &self,
        rows: &mut Vec<ImageRow>,
        id: Uuid,
        revision: i64,
        received_us: i64,
        images: &Images,
    ) -> io::Result<()> {
        let day = day_of(received_us);
        // The same revision may be on its way twice: each has files of its own.
        let stem = match revision {
            0 => id.to_string(),
            _ => format!("{id}-r{revision}-{}", &Uuid::new_v4().simple().to_string()[..8]),
        };
        for (name, image) in named(images) {
            let file = format!("{stem}-{name}.{}", extension(image.kind));
            self.write_one(&day, &file, &image.bytes)?;
            rows.push(ImageRow { name, path: format!("{day}/{file}"), bytes: image.bytes.len() as i64 });
        }
        if !rows.is_empty() {
            killpoint::hit("server.image.renamed");
            self.days.sync(&day)?;
        }
        Ok(())
    }

    fn write_one(&self, day: &str, file: &str, bytes: &[u8]) -> io::Result<()> {
        let dir = self.days.make(day)?;
        let temporary = dir.join(format!(".{file}.tmp"));
        let result = (|| {
            let mut out = File::create(&temporary)?;
            out.write_all(bytes)?;
            out.sync_all()?;
            fs::rename(&temporary, dir.join(file))
        })();
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
            self.days.forget(day);
        }
        result
    }

    /// Removes files that no row names; one that is gone already is no fault.
    pub fn remove<'a>(&self, paths: impl Iterator<Item = &'a str>) {
        for path in paths {
            if let Some(full) = self.confined(path)
                && let Err(error) = fs::remove_file(&full)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(file = %full.display(), %error, "an unused image file could not be removed");
            }
        }
    }

    /// The bytes of a stored image, and its media type. Blocks.
    pub fn read(&self, path: &str) -> io::Result<(Vec<u8>, &'static str)> {
        let full = self.confined(path).ok_or_else(|| io::Error::other("the path leaves the images folder"))?;
        let media_type = if path.ends_with(".png") { "image/png" } else { "image/jpeg" };
        Ok((fs::read(full)?, media_type))
    }

    /// `path` below the root; `None` if it would lead out of it.
    fn confined(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        path.components().all(|part| matches!(part, Component::Normal(_))).then(|| self.root.join(path))
    }
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

    #[test]
    fn pictures_lie_in_the_folder_of_their_day_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().join("images")).unwrap();
        let images = Images { frame: jpeg(1), crops: vec![None, jpeg(2)], ..Images::default() };
        let written = store.write(Uuid::nil(), 0, 1_734_602_400_000_000, &images).unwrap();
        assert!(store.is_claimed(Uuid::nil()));
        let rows = written.rows.clone();
        drop(written);
        assert!(!store.is_claimed(Uuid::nil()));
        let paths: Vec<_> = rows.iter().map(|row| row.path.as_str()).collect();
        let id = Uuid::nil();
        assert_eq!(paths, [format!("2024/12/19/{id}-frame.jpg"), format!("2024/12/19/{id}-crop-1.jpg")]);
        assert_eq!(store.read(&rows[1].path).unwrap(), (vec![0xff, 0xd8, 0xff, 2], "image/jpeg"));
        let files = fs::read_dir(dir.path().join("images/2024/12/19")).unwrap().count();
        assert_eq!(files, 2, "no temporary file is left");
        store.remove(rows.iter().map(|row| row.path.as_str()));
        assert!(store.read(&rows[1].path).is_err());
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), "x").unwrap();
        let store = ImageStore::open(dir.path().join("images")).unwrap();
        for path in ["../secret", "/etc/passwd", "2024/../../secret", "./../secret"] {
            assert!(store.read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn one_revision_on_its_way_twice_has_files_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().to_owned()).unwrap();
        let images = Images { frame: jpeg(1), ..Images::default() };
        let write = || store.write(Uuid::nil(), 2, 1_734_602_400_000_000, &images).unwrap();
        let (one, two) = (write(), write());
        assert_ne!(one.rows[0].path, two.rows[0].path);
        drop(one);
        assert!(store.is_claimed(Uuid::nil()));
    }

    #[test]
    fn pictures_that_cannot_all_be_written_leave_none() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().to_owned()).unwrap();
        let day = dir.path().join("2024/12/19");
        // A folder where the second file should go.
        fs::create_dir_all(day.join(format!("{}-crop-0.jpg", Uuid::nil()))).unwrap();
        let images = Images { frame: jpeg(1), crops: vec![jpeg(2)], ..Images::default() };
        assert!(store.write(Uuid::nil(), 0, 1_734_602_400_000_000, &images).is_err());
        assert!(!day.join(format!("{}-frame.jpg", Uuid::nil())).exists());
        assert!(!store.is_claimed(Uuid::nil()));
    }
}
