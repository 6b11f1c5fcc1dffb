//! What can go wrong between the lock file and a model on the disk.

use std::io;
use std::path::{Path, PathBuf};

/// A lock file that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error("{0}")]
    Syntax(String),
    #[error("version is {0}, this program reads version 1: take the lock file that came with it")]
    Version(u32),
    #[error("[[file]] \"{name}\": {problem}")]
    Entry { name: String, problem: String },
}

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error("cannot read the lock file {path}: {source}; name the models folder with --dir DIR")]
    NoLock { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    BadLock { path: PathBuf, source: LockError },
    #[error("no file is called \"{name}\" in the lock; {hint}")]
    UnknownName { name: String, hint: String },
    #[error("cannot write to the models folder: {path}: {source}; make it writable or name another with --dir DIR")]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", cannot_be_had(.name, .file, .sha256, .tried))]
    NotHad { name: String, file: String, sha256: String, tried: Vec<(String, SourceError)> },
}

/// Why one source did not bring the file.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("LPR_MODEL_CACHE is not set")]
    NoCache,
    #[error("not there: {0}")]
    NotInCache(PathBuf),
    #[error("cannot start {python}: {source}; install Python 3 with pip (Debian: apt-get install python3-pip)")]
    NoPython { python: String, source: io::Error },
    #[error("{python} has no pip (Debian: apt-get install python3-pip)")]
    NoPip { python: String },
    #[error("no network: pip cannot reach its package index")]
    PipOffline,
    #[error("pip failed: {0}")]
    Pip(String),
    #[error("the download failed: {0}")]
    Download(String),
    #[error("the wheel has sha256 {found}, pinned is {pinned}: refused")]
    ForeignWheel { found: String, pinned: String },
    #[error("the wheel cannot be opened: {0}")]
    BadWheel(String),
    #[error("what arrived has sha256 {found} ({bytes} bytes), pinned is {pinned}: refused")]
    Foreign { found: String, bytes: u64, pinned: String },
    #[error("it is not downloaded: {}", install_again(.package, .path))]
    ComesWith { package: String, path: PathBuf },
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// Nothing else can succeed either, so the search ends here.
    #[error("cannot write {path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

/// What to do where a file is missing that comes with a package.
pub fn install_again(package: &str, path: &Path) -> String {
    format!("reinstall the package {package}, or in a checkout: git checkout -- {}", path.display())
}

fn cannot_be_had(name: &str, file: &str, sha256: &str, tried: &[(String, SourceError)]) -> String {
    let mut text = format!("{name} cannot be had:");
    for (origin, why) in tried {
        text += &format!("\n  from {origin}: {why}");
    }
    let base = file.rsplit('/').next().unwrap_or(file);
    text + &format!(
        "\n  By hand: put {base} (sha256 {sha256}) into a folder, name that folder in LPR_MODEL_CACHE and run this again."
    )
}
