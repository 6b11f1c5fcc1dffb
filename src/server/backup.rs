//! `lpr-server backup --to DIR`: the database of one moment and the pictures that it names, while the server runs. The
//! folder can be used as a data directory as it is.

use super::check::{DataArgs, database, storage};
use super::images::ImageStore;
use super::store::{Connection, verify};
use crate::exit::{Exit, Failure};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The folder to write to; a backup in it is brought up to date
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Say what was done as JSON
    #[arg(long)]
    json: bool,
}

/// What became of the pictures.
#[derive(Debug, Default)]
struct Pictures {
    copied: u64,
    linked: u64,
    there: u64,
    missing: u64,
}

/// Makes the backup and says what is in it.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let data_dir = args.data.data_dir()?;
    let to = &args.to;
    let failed =
        |error: io::Error| Failure::new(Exit::Storage, format!("cannot write the backup to {}: {error}", to.display()));
    fs::create_dir_all(to.join("images")).map_err(failed)?;
    if same(&data_dir, to) {
        return Err(Failure::new(Exit::Storage, "--to names the data directory itself; name another folder"));
    }
    let target = to.join("lpr-server.db");
    if to.join("lpr-server.db-wal").exists() {
        let message = format!("a server has worked in {}: it is no backup any more; name another folder", to.display());
        return Err(Failure::new(Exit::Storage, message));
    }
    // No picture goes by age or size until this ends.
    let _quiet = File::open(&data_dir).and_then(|dir| Ok(flock(&dir, FlockOperation::LockShared).map(|()| dir)?));
    let part = to.join("lpr-server.db.part");
    remove_if_there(&part).map_err(failed)?;
    let source = verify::open_to_read(&database(&data_dir)).map_err(storage)?;
    verify::copy_to(&source, &part).map_err(storage)?;
    drop(source);
    File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;

    let copy = verify::open_to_read(&part).map_err(storage)?;
    let (store_id, checkpoint) = verify::identity(&copy).map_err(storage)?;
    let pictures = copy_pictures(&copy, &data_dir.join("images"), &to.join("images")).map_err(failed)?;
    drop(copy);
    // Last of all: until here an older backup in this folder is whole.
    fs::rename(&part, &target).and_then(|()| File::open(to)?.sync_all()).map_err(failed)?;
    say(args, &store_id, checkpoint, &pictures);
    if pictures.missing > 0 {
        let message =
            format!("{} pictures are not in the backup: they were gone from the data directory", pictures.missing);
        return Err(Failure::new(Exit::Partly, message));
    }
    Ok(())
}

fn say(args: &Args, store_id: &str, checkpoint: i64, pictures: &Pictures) {
    let Pictures { copied, linked, there, missing } = *pictures;
    let line = match args.json {
        true => json!({
            "to": args.to.display().to_string(), "store_id": store_id, "checkpoint": checkpoint,
            "pictures": {"copied": copied, "linked": linked, "there_already": there, "missing": missing},
        })
        .to_string(),
        false => format!(
            "{}: commit {checkpoint} of store {store_id}; pictures: {copied} copied, {linked} linked, {there} there already",
            args.to.display()
        ),
    };
    let _ = writeln!(io::stdout(), "{line}");
}

/// Brings every named picture over. A picture is never changed once it is written, so that one of the same size is the same,
/// and on the same disk one file can serve both folders. One in a segment becomes a file in a folder of the segment's name:
/// the segment itself is still written, and gets holes.
fn copy_pictures(copy: &Connection, from: &Path, to: &Path) -> io::Result<Pictures> {
    let images = ImageStore::open(from.to_owned())?;
    let mut pictures = Pictures::default();
    let mut folders = BTreeSet::new();
    let mut fault = None;
    let listed = verify::pictures(copy, |named| {
        if fault.is_none() {
            fault = bring(&images, &named, to, &mut folders, &mut pictures).err();
        }
    });
    if let Some(error) = fault {
        return Err(error);
    }
    listed.map_err(io::Error::other)?;
    for folder in folders {
        File::open(folder)?.sync_all()?;
    }
    Ok(pictures)
}

fn bring(
    images: &ImageStore,
    named: &verify::Named,
    to: &Path,
    folders: &mut BTreeSet<PathBuf>,
    pictures: &mut Pictures,
) -> io::Result<()> {
    let path = named.path.as_str();
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || images.bytes(named).is_err() {
        pictures.missing += 1;
        return Ok(());
    }
    let (from, to) = (images.root().join(path), to.join(path));
    if fs::metadata(&to).is_ok_and(|file| file.len() == named.bytes.unsigned_abs()) {
        pictures.there += 1;
        return Ok(());
    }
    let folder = to.parent().unwrap_or(&to).to_owned();
    if folders.insert(folder.clone()) {
        fs::create_dir_all(&folder)?;
    }
    remove_if_there(&to)?;
    if fs::hard_link(&from, &to).is_ok() {
        pictures.linked += 1;
        return Ok(());
    }
    let temporary = to.with_extension("part");
    fs::write(&temporary, images.read(path)?.0)?;
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, &to)?;
    pictures.copied += 1;
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn same(one: &Path, two: &Path) -> bool {
    matches!((one.canonicalize(), two.canonicalize()), (Ok(one), Ok(two)) if one == two)
}

/// For retention: while this is held no backup and no check is under way, and none begins. `None` where one is.
pub fn nobody_copies(data_dir: &Path) -> Option<File> {
    let dir = File::open(data_dir).ok()?;
    flock(&dir, FlockOperation::NonBlockingLockExclusive).ok().map(|()| dir)
}
