//! Pictures that a crash left on the disk without a row. They are looked for once, at the start, while the server already
//! works. Nothing is touched that is young, in use, or not named as we name files.

use super::images::ImageStore;
use super::segments::is_segment;
use super::store::{self, Connection, Store};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// Younger files are left for the next start.
const YOUNG_US: i64 = 10 * 60 * 1_000_000;

/// A crash leaves what was in flight. More than this means another database was put in the place of the one that named
/// them, and then they are evidence.
const MOST: usize = 1000;

/// Looks through all days and removes what no record names.
pub async fn run(store: Arc<Store>, images: ImageStore, now_us: i64) {
    let folder = images.clone();
    let look = move |conn: &Connection| {
        remove_empty_segments(&folder, now_us);
        Ok(orphans(conn, &folder, now_us, MOST))
    };
    let found = store.read(look).await;
    match found {
        Ok(orphans) if orphans.is_empty() => {}
        Ok(orphans) if orphans.len() > MOST => tracing::warn!(
            files = orphans.len(),
            folder = %images.root().display(),
            "so many pictures belong to no record that an older or empty database seems to be in use; they are kept"
        ),
        Ok(orphans) => {
            tracing::info!(files = orphans.len(), "pictures that a crash left without a record are removed");
            images.remove(orphans.iter().map(String::as_str));
        }
        Err(error) => tracing::warn!(%error, "pictures without a record could not be looked for"),
    }
}

/// Paths of pictures that no record names; not many more than `most`. Blocks.
pub fn orphans(conn: &Connection, images: &ImageStore, now_us: i64, most: usize) -> Vec<String> {
    let mut orphans = Vec::new();
    for day in days(images.root()) {
        for (file, changed_us) in files(&images.root().join(&day)) {
            if now_us.saturating_sub(changed_us) < YOUNG_US {
                continue;
            }
            for (path, id) in pictures(images, &format!("{day}/{file}")) {
                // In this order: a claim ends after the commit, so a picture without one has its row by now or never
                // gets it.
                if images.is_claimed(id) {
                    continue;
                }
                match store::names_image(conn, &id.to_string(), &path) {
                    Ok(false) => orphans.push(path),
                    Ok(true) => {}
                    // Not known is not unnamed.
                    Err(error) => tracing::debug!(%error, path, "not looked up"),
                }
            }
        }
        if orphans.len() > most {
            break;
        }
    }
    orphans
}

/// Segments that were begun and got no picture, or lost their last one while they were written.
fn remove_empty_segments(images: &ImageStore, now_us: i64) {
    for day in days(images.root()) {
        for (file, changed_us) in files(&images.root().join(&day)) {
            if is_segment(&file) && now_us.saturating_sub(changed_us) >= YOUNG_US {
                let removed = images.segments().remove_if_empty(&format!("{day}/{file}"));
                removed.unwrap_or_else(|error| tracing::debug!(%error, file, "an empty segment stays"));
            }
        }
    }
}

/// The pictures in a file below the root, each with its record: many in a segment, one in a file of an earlier version.
fn pictures(images: &ImageStore, path: &str) -> Vec<(String, Uuid)> {
    let file = path.rsplit('/').next().unwrap_or_default();
    if !is_segment(file) {
        return record_of(file).map(|id| (path.to_owned(), id)).into_iter().collect();
    }
    match images.segments().pictures(path) {
        Ok(listed) => listed.into_iter().map(|(place, header)| (place.path(&header.extension), header.id)).collect(),
        Err(error) => {
            tracing::debug!(%error, path, "not looked through");
            Vec::new()
        }
    }
}

/// `YYYY/MM/DD`, all that exist.
fn days(root: &Path) -> Vec<String> {
    let mut days = vec![String::new()];
    for digits in [4, 2, 2] {
        days = days.iter().flat_map(|above| numbered_folders(root, above, digits)).collect();
    }
    days.sort();
    days
}

fn numbered_folders(root: &Path, above: &str, digits: usize) -> Vec<String> {
    let entries = fs::read_dir(root.join(above)).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.len() == digits && name.bytes().all(|byte| byte.is_ascii_digit()));
    numbers.map(|name| if above.is_empty() { name } else { format!("{above}/{name}") }).collect()
}

/// Regular files and when they were last changed, in microseconds since the epoch.
fn files(dir: &Path) -> impl Iterator<Item = (String, i64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let file = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let changed = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some((entry.file_name().into_string().ok()?, i64::try_from(changed.as_micros()).ok()?))
    })
}

/// The record that a file of ours was written for; `None` for a name that we do not give.
fn record_of(file: &str) -> Option<Uuid> {
    let file = match file.strip_prefix('.') {
        Some(temporary) => temporary.strip_suffix(".tmp")?,
        None => file,
    };
    let stem = file.strip_suffix(".jpg").or_else(|| file.strip_suffix(".png"))?;
    let (id, rest) = stem.split_at_checked(36)?;
    let role = match rest.strip_prefix("-r") {
        Some(revision) => revision.trim_start_matches(|c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()),
        None => rest,
    };
    // After the revision there may be eight more digits that keep two writers apart.
    let role = match role.strip_prefix('-').and_then(|role| role.split_at_checked(9)) {
        Some((apart, role)) if apart.ends_with('-') && apart[..8].bytes().all(|b| b.is_ascii_hexdigit()) => role,
        _ => role.strip_prefix('-')?,
    };
    let known = matches!(role, "frame" | "original" | "data")
        || role.strip_prefix("crop-").is_some_and(|index| index.parse::<usize>().is_ok());
    if known { id.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const HOUR_US: i64 = 3_600_000_000;

    #[test]
    fn only_our_own_names_are_known() {
        let id = "8fc1bf80-18f2-4314-b5b4-e8030fa0a355";
        for name in ["-frame.jpg", "-crop-12.png", "-r3-frame.jpg", "-r3-0a1b2c3d-crop-0.jpg", "-original.jpg"] {
            assert_eq!(record_of(&format!("{id}{name}")), id.parse().ok(), "{name}");
            assert_eq!(record_of(&format!(".{id}{name}.tmp")), id.parse().ok(), "{name}");
            assert_eq!(record_of(&format!(".{id}{name}")), None, "{name}");
        }
        for name in ["-frame.gif", "-notes.jpg", ".jpg", "-crop-.jpg", "-frame.jpg.bak", "-crop-x.jpg"] {
            assert_eq!(record_of(&format!("{id}{name}")), None, "{name}");
        }
        for name in ["frame.jpg", "", ".", "holiday.jpg", "ééééééééééééééééééééé-frame.jpg"] {
            assert_eq!(record_of(name), None, "{name}");
        }
    }

    struct Folder {
        dir: tempfile::TempDir,
        store: Arc<Store>,
        images: ImageStore,
    }

    impl Folder {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Arc::new(Store::open(&dir.path().join("lpr.db")).unwrap());
            let images = ImageStore::open(dir.path().join("images")).unwrap();
            fs::create_dir_all(dir.path().join("images/2024/12/19")).unwrap();
            Self { dir, store, images }
        }

        fn put(&self, name: &str) -> PathBuf {
            let path = self.dir.path().join("images/2024/12/19").join(name);
            fs::write(&path, "x").unwrap();
            path
        }

        /// As if the server started `later_us` after the files were written.
        async fn sweep(&self, later_us: i64) {
            let now = crate::clock::Clock::wall_us(&crate::clock::SystemClock);
            run(self.store.clone(), self.images.clone(), now + later_us).await;
        }
    }

    #[tokio::test]
    async fn what_a_crash_left_goes_and_everything_else_stays() {
        let folder = Folder::new();
        let left = [
            folder.put(&format!("{}-frame.jpg", Uuid::new_v4())),
            folder.put(&format!(".{}-crop-0.jpg.tmp", Uuid::new_v4())),
        ];
        let foreign = folder.put("holiday.jpg");
        let link = folder.dir.path().join(format!("images/2024/12/19/{}-frame.jpg", Uuid::new_v4()));
        std::os::unix::fs::symlink(&foreign, &link).unwrap();
        let named = Uuid::new_v4();
        let kept = folder.put(&format!("{named}-frame.jpg"));
        let path = format!("2024/12/19/{named}-frame.jpg");
        let row = move |conn: &Connection| {
            conn.execute(
                "INSERT INTO detections (detection_id, camera_id, checkpoint_id, captured_us, received_us, body)
                 VALUES (?1, 'c', 'p', 0, 0, '{}')",
                [named.to_string()],
            )?;
            conn.execute("INSERT INTO images VALUES (?1, 'frame', ?2, 1)", [named.to_string(), path])
        };
        folder.store.write(row).await.unwrap();

        folder.sweep(0).await;
        assert!(left.iter().all(|file| file.exists()), "the young are left alone");
        folder.sweep(HOUR_US).await;
        assert!(!left.iter().any(|file| file.exists()));
        assert!(kept.exists() && foreign.exists() && link.is_symlink());
    }

    #[tokio::test]
    async fn a_picture_whose_commit_is_under_way_is_not_swept_however_the_clock_steps() {
        use crate::wire::incoming::{Image, ImageKind, Images};
        let folder = Folder::new();
        let picture = |byte| Some(Image { kind: ImageKind::Jpeg, bytes: vec![byte; 5000] });
        let images = Images { frame: picture(1), crops: vec![picture(2)], ..Images::default() };
        let write = || folder.images.write(Uuid::new_v4(), 1_734_602_400_000_000, &images).unwrap();
        let (claimed, left) = (write(), write());
        let there = |written: &[crate::server::store::ImageRow]| {
            written.iter().filter(|row| folder.images.read(&row.path).is_ok()).count()
        };
        let (rows, left_rows) = (claimed.rows.clone(), left.rows.clone());
        drop(left);
        folder.sweep(HOUR_US).await;
        assert_eq!((there(&rows), there(&left_rows)), (2, 0));
        drop(claimed);
        let empty = folder.put(&format!("{}.pics", Uuid::new_v4()));
        fs::write(&empty, "").unwrap();
        folder.sweep(HOUR_US).await;
        assert_eq!(there(&rows), 0);
        assert!(!empty.exists());
    }

    #[tokio::test]
    async fn the_pictures_of_a_lost_database_are_kept() {
        let folder = Folder::new();
        let files: Vec<PathBuf> = (0..=MOST).map(|_| folder.put(&format!("{}-frame.jpg", Uuid::new_v4()))).collect();
        folder.sweep(HOUR_US).await;
        assert!(files.iter().all(|file| file.exists()));
    }
}
