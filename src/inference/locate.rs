//! Where the ONNX Runtime library may be.

use super::InferenceError;
use crate::config::ModelsConfig;
use std::path::{Path, PathBuf};

/// What the linker knows it by, where a distribution or an administrator installed it.
const SYSTEM_NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

/// Where to load the library from, best first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidates {
    /// A file that is there.
    File(PathBuf),
    /// Names for the dynamic linker to find; and what was looked for before.
    System { names: &'static [&'static str], searched: String },
}

/// `models.runtime` if it is set; else the newest library in `<models.dir>/runtime`; else what the system has.
pub(super) fn candidates(config: &ModelsConfig) -> Result<Candidates, InferenceError> {
    if !config.runtime.as_os_str().is_empty() {
        let named = if config.runtime.is_dir() { newest_in(&config.runtime) } else { existing(&config.runtime) };
        return named.map(Candidates::File).ok_or_else(|| InferenceError::RuntimeMissing {
            searched: format!("{} (models.runtime)", config.runtime.display()),
        });
    }
    let folder = config.dir.join("runtime");
    if let Some(file) = newest_in(&folder) {
        return Ok(Candidates::File(file));
    }
    let searched = format!("{}/libonnxruntime.so* and the system's {}", folder.display(), SYSTEM_NAMES.join(", "));
    Ok(Candidates::System { names: &SYSTEM_NAMES, searched })
}

/// Absolute: the loader looks beside the program first for anything else.
fn existing(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|path| path.is_file())
}

/// Of `libonnxruntime.so`, `libonnxruntime.so.1.24.4`, … the one with the highest version.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(|entry| existing(&entry.ok()?.path()));
    files.filter_map(|path| Some((version_of(&path)?, path))).max().map(|(_, path)| path)
}

fn version_of(path: &Path) -> Option<Vec<u32>> {
    let rest = path.file_name()?.to_str()?.strip_prefix("libonnxruntime.so")?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    rest.strip_prefix('.')?.split('.').map(|part| part.parse().ok()).collect()
}

/// `1.31.1` of `libonnxruntime.so.1.31.1`, if it agrees with what the library itself says (`1.31`).
pub(super) fn full_version(path: &Path, known: &str) -> String {
    let version = version_of(path).unwrap_or_default();
    let full = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    if full.starts_with(&format!("{known}.")) { full } else { known.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_library_beside_the_models_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let config = ModelsConfig { dir: dir.path().into(), ..ModelsConfig::default() };
        assert!(matches!(candidates(&config).unwrap(), Candidates::System { .. }));
        std::fs::create_dir(dir.path().join("runtime")).unwrap();
        for name in ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_cuda.so"] {
            std::fs::write(dir.path().join("runtime").join(name), "").unwrap();
        }
        let found = dir.path().join("runtime/libonnxruntime.so.1.31.1").canonicalize().unwrap();
        assert_eq!(candidates(&config).unwrap(), Candidates::File(found.clone()));
        assert_eq!(full_version(&found, "1.31"), "1.31.1");
        assert_eq!(full_version(&found, "1.24"), "1.24", "a file name may lie");
    }

    #[test]
    fn a_named_library_that_is_not_there_is_an_error_with_its_name() {
        let config = ModelsConfig { runtime: "/nowhere/libonnxruntime.so".into(), ..ModelsConfig::default() };
        let error = candidates(&config).unwrap_err().to_string();
        assert!(error.contains("/nowhere/libonnxruntime.so (models.runtime)"), "{error}");
        assert!(error.contains("lpr-agent models fetch"), "{error}");
    }
}
