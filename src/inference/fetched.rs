//! A model file, read and checked.

use super::{InferenceError, Manifest};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::Path;

/// The bytes of a manifest's file, if they are the ones it means.
pub(super) fn read_checked(dir: &Path, manifest: &Manifest) -> Result<Vec<u8>, InferenceError> {
    let path = dir.join(&manifest.file);
    let remedy = || remedy(dir, manifest);
    let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => InferenceError::ModelMissing { path: path.clone(), remedy: remedy() },
        _ => InferenceError::Unreadable { path: path.clone(), source },
    })?;
    let got = sha256_of(&bytes);
    let expected = manifest.sha256.to_ascii_lowercase();
    if got != expected {
        return Err(InferenceError::ModelCorrupt { path, expected, got, remedy: remedy() });
    }
    Ok(bytes)
}

/// How the file comes back.
fn remedy(dir: &Path, manifest: &Manifest) -> String {
    match &manifest.comes_with {
        Some(package) => {
            let path = dir.join(&manifest.file);
            format!(
                "reinstall the package {package}, which brings it, or in a checkout: git checkout -- {}",
                path.display()
            )
        }
        None => format!("get it with `lpr-agent models fetch --dir {} {}`", dir.display(), manifest.name),
    }
}

pub(super) fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
