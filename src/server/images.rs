//! Evidence pictures as files: `<data_dir>/images/YYYY/MM/DD/<detection_id>-frame.jpg`.
//!
//! Nothing a peer sends becomes part of a path: names are made of our own UUID, a role and an extension. A file is
//! whole and on the disk (file and directory synced) before anyone may name it in the database.

use super::store::ImageRow;
use crate::wire::incoming::{Image, ImageKind, Images};
use jiff::{Timestamp, tz::TimeZone};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use uuid::Uuid;

/// The images folder.
#[derive(Debug, Clone)]
pub struct ImageStore {
    root: PathBuf,
}

impl ImageStore {
    /// Makes the folder if it is missing.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { root })
    }

    /// Writes all pictures of one revision of a detection, or none: at an error those already written are removed.
    /// Blocks until they are on the disk.
    pub fn write(&self, id: Uuid, revision: i64, received_us: i64, images: &Images) -> io::Result<Vec<ImageRow>> {
        let day = day_of(received_us);
        let stem = if revision == 0 { id.to_string() } else { format!("{id}-r{revision}") };
        let mut rows = Vec::new();
        for (name, image) in named(images) {
            let file = format!("{stem}-{name}.{}", extension(image.kind));
            let path = format!("{day}/{file}");
            if let Err(error) = self.write_one(&day, &file, &image.bytes) {
                self.remove(rows.iter().map(|row: &ImageRow| row.path.as_str()));
                return Err(error);
            }
            rows.push(ImageRow { name, path, bytes: image.bytes.len() as i64 });
        }
        if !rows.is_empty() {
            sync_dir(&self.root.join(&day))?;
        }
        Ok(rows)
    }

    fn write_one(&self, day: &str, file: &str, bytes: &[u8]) -> io::Result<()> {
        let dir = self.make_day(day)?;
        let temporary = dir.join(format!(".{file}.tmp"));
        let result = (|| {
            let mut out = File::create(&temporary)?;
            out.write_all(bytes)?;
            out.sync_all()?;
            fs::rename(&temporary, dir.join(file))
        })();
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    /// `YYYY/MM/DD` below the root; each new level is synced into the one above.
    fn make_day(&self, day: &str) -> io::Result<PathBuf> {
        let mut dir = self.root.clone();
        for part in day.split('/') {
            let parent = dir.clone();
            dir.push(part);
            match fs::create_dir(&dir) {
                Ok(()) => sync_dir(&parent)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(dir)
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

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
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
        let rows = store.write(Uuid::nil(), 0, 1_734_602_400_000_000, &images).unwrap();
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
    fn pictures_that_cannot_all_be_written_leave_none() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path().to_owned()).unwrap();
        let day = dir.path().join("2024/12/19");
        // A folder where the second file should go.
        fs::create_dir_all(day.join(format!("{}-crop-0.jpg", Uuid::nil()))).unwrap();
        let images = Images { frame: jpeg(1), crops: vec![jpeg(2)], ..Images::default() };
        assert!(store.write(Uuid::nil(), 0, 1_734_602_400_000_000, &images).is_err());
        assert!(!day.join(format!("{}-frame.jpg", Uuid::nil())).exists());
    }
}
