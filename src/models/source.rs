//! One file from one source. pip and Python do the talking to the world: the machine's own settings (index, proxy,
//! certificates) hold, and no host is named here.

use super::store::copy_hashing;
use super::{Entry, Source, SourceError, Store, Wheel};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where the sources are on this machine.
#[derive(Debug, Clone)]
pub struct Origins {
    /// The folder that `LPR_MODEL_CACHE` names.
    pub cache: Option<PathBuf>,
    /// The Python that has pip.
    pub python: OsString,
}

/// Fetches a URL into a file; a dead line gives up after 60 s.
const DOWNLOAD: &str = "import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=60) as answer, open(sys.argv[2], 'wb') as out:
        shutil.copyfileobj(answer, out)
except OSError as error:
    sys.exit(str(error))
";

/// The lock pins one wheel, built for one Python; which Python happens to run pip has no say in it.
const WHEEL_PYTHON: &str = "311";

impl Origins {
    /// Tries one source for `entry`; on success the file is in its place.
    pub(super) fn bring(&self, store: &Store, entry: &Entry, source: &Source) -> Result<(), SourceError> {
        match source {
            Source::Cache(file) => self.bring_from_cache(store, entry, file),
            Source::Wheel(wheel) => self.bring_from_wheel(store, entry, wheel),
            Source::Url(url) => self.bring_from_url(store, entry, url),
            Source::Package(package) => {
                Err(SourceError::ComesWith { package: package.clone(), path: store.path_of(entry) })
            }
        }
    }

    fn bring_from_cache(&self, store: &Store, entry: &Entry, file: &str) -> Result<(), SourceError> {
        let path = self.cache.as_ref().ok_or(SourceError::NoCache)?.join(file);
        match File::open(&path) {
            Ok(mut content) => store.take_in(entry, &mut content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SourceError::NotInCache(path)),
            Err(source) => Err(SourceError::Unreadable { path, source }),
        }
    }

    fn bring_from_url(&self, store: &Store, entry: &Entry, url: &str) -> Result<(), SourceError> {
        let path = scratch(store)?.join("download");
        let output = self.run(Command::new(&self.python).args(["-c", DOWNLOAD, url]).arg(&path))?;
        if !output.status.success() {
            return Err(SourceError::Download(last_line(&output)));
        }
        let mut content = open(&path)?;
        store.take_in(entry, &mut content)
    }

    fn bring_from_wheel(&self, store: &Store, entry: &Entry, wheel: &Wheel) -> Result<(), SourceError> {
        let folder = scratch(store)?;
        self.pip_download(wheel, &folder)?;
        let path = only_wheel_in(&folder)?;
        let found = copy_hashing(&mut open(&path)?, &mut io::sink(), u64::MAX)
            .map_err(|source| SourceError::Unreadable { path: path.clone(), source })?;
        if found.sha256 != wheel.sha256 {
            return Err(SourceError::ForeignWheel { found: found.sha256, pinned: wheel.sha256.clone() });
        }
        let bad = |error: zip::result::ZipError| SourceError::BadWheel(format!("{}: {error}", wheel.member));
        let mut archive = zip::ZipArchive::new(open(&path)?).map_err(bad)?;
        let mut member = archive.by_name(&wheel.member).map_err(bad)?;
        store.take_in(entry, &mut member)
    }

    fn pip_download(&self, wheel: &Wheel, folder: &Path) -> Result<(), SourceError> {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]);
        pip.args(["--progress-bar", "off", "--disable-pip-version-check", "--retries", "2"]);
        pip.args(["--python-version", WHEEL_PYTHON]);
        if let Some(platform) = &wheel.platform {
            pip.args(["--platform", platform]);
        }
        pip.arg("--dest").arg(folder).arg(format!("{}=={}", wheel.package, wheel.version));
        let output = self.run(&mut pip)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("No module named pip") {
            return Err(SourceError::NoPip { python: self.python.display().to_string() });
        }
        // An unreachable index ends in "No matching distribution": only the warnings before it tell.
        if said.contains("connection broken by") || said.contains("ConnectionError") || said.contains("Max retries") {
            return Err(SourceError::PipOffline);
        }
        Err(SourceError::Pip(last_line(&output)))
    }

    fn run(&self, command: &mut Command) -> Result<Output, SourceError> {
        command
            .stdin(Stdio::null())
            .output()
            .map_err(|source| SourceError::NoPython { python: self.python.display().to_string(), source })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(file) => write!(f, "the cache folder ({file})"),
            Self::Wheel(wheel) => write!(f, "the Python wheel {} {}", wheel.package, wheel.version),
            Self::Url(url) => f.write_str(url),
            Self::Package(package) => write!(f, "the package {package}"),
        }
    }
}

/// An empty folder on the store's own disk; the fetch that made it removes it.
fn scratch(store: &Store) -> Result<PathBuf, SourceError> {
    let path = store.dir().join(".fetch").join("scratch");
    let made = match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(&path),
    };
    made.map(|()| path.clone()).map_err(|source| SourceError::Unwritable { path, source })
}

fn only_wheel_in(folder: &Path) -> Result<PathBuf, SourceError> {
    let unreadable = |source| SourceError::Unreadable { path: folder.to_owned(), source };
    for item in fs::read_dir(folder).map_err(unreadable)? {
        let path = item.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    Err(SourceError::Pip("it ended well but left no wheel".into()))
}

fn open(path: &Path) -> Result<File, SourceError> {
    File::open(path).map_err(|source| SourceError::Unreadable { path: path.to_owned(), source })
}

fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}
