//! A file gets another text, whole or not at all.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

/// Puts `text` in the place of `target`, with the rights of `like`; on the disk when it returns.
pub fn replace(target: &Path, text: &str, like: &Metadata) -> io::Result<()> {
    let mut temporary = target.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let written = write(&temporary, text, like).and_then(|()| fs::rename(&temporary, target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder(target)
}

/// The new text in place of the old, with the old one's rights; a link stays a link.
pub fn rewrite(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    replace(&path, text, &fs::metadata(&path)?)
}

fn write(path: &Path, text: &str, like: &Metadata) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(like.permissions())?;
    // Whose it was; only root may give files away.
    let _ = chown(path, Some(like.uid()), Some(like.gid()));
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes sure that the name of `path` is on the disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
