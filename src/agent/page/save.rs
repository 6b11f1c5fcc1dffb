//! The configuration's file: what it says of a camera, and a change of it that is checked before, and kept whole or not at
//! all.

use super::edit::{self, Areas, EditError};
use super::writer::{self, Order};
use crate::agent::replace_file::replace;
use crate::config::{ConfigError, agent_from};
use rustix::fs::{Access, access};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file that the agent runs with.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    /// Socket of who writes it where we may not.
    writer: Option<PathBuf>,
}

/// What the file says of one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub areas: Areas,
    /// Of the file's content: who changes it must have seen this one.
    pub version: String,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error("the agent was started without a configuration file")]
    NoFile,
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} has been changed by someone else meanwhile; load it again")]
    Changed { path: PathBuf },
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Faults(#[from] ConfigError),
    #[error("the environment sets a value of this camera (LPR_CAMERA_{camera}_…), which wins over the file")]
    Overridden { camera: usize },
    #[error("{path} cannot be written: {source}")]
    ReadOnly { path: PathBuf, source: io::Error },
}

impl ConfigFile {
    /// The file at `path`; an empty one stands for none.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), writer: None }
    }

    /// The same, changed through `socket` where its folder cannot be written.
    pub fn written_through(self, socket: Option<PathBuf>) -> Self {
        Self { writer: socket, ..self }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now of the `camera`-th camera (from 0), the environment on top.
    pub fn said(&self, camera: usize, env: &[(String, String)]) -> Result<Said, SaveError> {
        let (text, version) = self.text()?;
        let config = agent_from(&text, &self.path.display().to_string(), env.iter().cloned())?;
        let areas = config.camera.get(camera).map(Areas::of).ok_or(EditError::NoCamera(camera + 1))?;
        Ok(Said { areas, version })
    }

    /// Could a change be written, as far as can be told beforehand?
    pub fn is_writable(&self) -> bool {
        let may_ask = |socket: &PathBuf| access(socket, Access::WRITE_OK).is_ok();
        self.is_ours() || self.writer.as_ref().is_some_and(may_ask)
    }

    fn is_ours(&self) -> bool {
        let Ok(path) = self.path.canonicalize() else { return false };
        path.parent().is_some_and(|folder| access(folder, Access::WRITE_OK).is_ok())
    }

    /// Puts the areas into the file, if it still is as `version` says, and the result is a valid configuration that differs
    /// in nothing else. Gives where the file as it was is kept.
    pub fn save(
        &self,
        camera: usize,
        areas: &Areas,
        version: &str,
        env: &[(String, String)],
    ) -> Result<PathBuf, SaveError> {
        let (text, now) = self.text()?;
        if now != version {
            return Err(SaveError::Changed { path: self.path.clone() });
        }
        let changed = edit::apply(&text, camera, areas)?;
        let origin = self.path.display().to_string();
        let mut wanted = agent_from(&text, &origin, env.iter().cloned())?;
        if let Some(camera) = wanted.camera.get_mut(camera) {
            areas.put_into(camera);
        }
        if agent_from(&changed, &origin, env.iter().cloned())? != wanted {
            return Err(SaveError::Overridden { camera: camera + 1 });
        }
        let saved = match &self.writer {
            Some(socket) if !self.is_ours() => {
                let order = Order { camera, areas: areas.clone(), version: version.to_owned() };
                writer::ask(socket, &order)
            }
            _ => self.replace(&text, &changed),
        };
        saved.map_err(|source| SaveError::ReadOnly { path: self.path.clone(), source })
    }

    fn text(&self) -> Result<(String, String), SaveError> {
        if self.path.as_os_str().is_empty() {
            return Err(SaveError::NoFile);
        }
        let text = fs::read_to_string(&self.path)
            .map_err(|source| SaveError::Unreadable { path: self.path.clone(), source })?;
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let version = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok((text, version))
    }

    /// First the backup, then the file: at every moment there is a whole one.
    fn replace(&self, before: &str, after: &str) -> io::Result<PathBuf> {
        // A link stays a link: what it leads to is replaced.
        let path = self.path.canonicalize()?;
        let mut backup = path.clone().into_os_string();
        backup.push(".bak");
        let (backup, like) = (PathBuf::from(backup), fs::metadata(&path)?);
        replace(&backup, before, &like)?;
        replace(&path, after, &like)?;
        Ok(backup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ZoneConfig;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    const TEXT: &str = "# mine\n[[camera]]\nsource = \"rtsp://cam/1\"   # the gate\n";

    fn file(dir: &TempDir) -> ConfigFile {
        let path = dir.path().join("agent.toml");
        fs::write(&path, TEXT).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        ConfigFile::at(&path)
    }

    fn areas() -> Areas {
        let points = vec![[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]];
        Areas { zones: vec![ZoneConfig { kind: "include".into(), points }], ..Areas::default() }
    }

    #[test]
    fn a_change_is_kept_whole_with_the_old_file_beside_it() {
        let dir = TempDir::new().unwrap();
        let file = file(&dir);
        let said = file.said(0, &[]).unwrap();
        assert!(file.is_writable() && said.areas == Areas::default());
        let backup = file.save(0, &areas(), &said.version, &[]).unwrap();
        assert_eq!(fs::read_to_string(&backup).unwrap(), TEXT);
        assert_eq!(file.said(0, &[]).unwrap().areas, areas());
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("# mine") && text.contains("# the gate"), "{text}");
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing temporary is left");
    }

    #[test]
    fn a_file_that_changed_meanwhile_or_would_be_invalid_is_left_alone() {
        let dir = TempDir::new().unwrap();
        let file = file(&dir);
        let version = file.said(0, &[]).unwrap().version;
        assert!(matches!(file.save(0, &areas(), "0123", &[]), Err(SaveError::Changed { .. })));
        let mut crossed = areas();
        crossed.zones[0].points = vec![[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]];
        let error = file.save(0, &crossed, &version, &[]).unwrap_err().to_string();
        assert!(error.contains("camera[1].zone[1].points"), "{error}");
        let env = [("LPR_CAMERA_1_MIN_PLATE_HEIGHT".to_owned(), "30".to_owned())];
        let version = file.said(0, &env).unwrap().version;
        assert!(matches!(file.save(0, &areas(), &version, &env), Err(SaveError::Overridden { camera: 1 })));
        assert_eq!(fs::read_to_string(file.path()).unwrap(), TEXT);
        assert!(matches!(ConfigFile::at(Path::new("")).said(0, &[]), Err(SaveError::NoFile)));
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = TempDir::new().unwrap();
        let file = file(&dir);
        let link = dir.path().join("link.toml");
        std::os::unix::fs::symlink(file.path(), &link).unwrap();
        let linked = ConfigFile::at(&link);
        linked.save(0, &areas(), &linked.said(0, &[]).unwrap().version, &[]).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(file.said(0, &[]).unwrap().areas, areas());
    }
}
