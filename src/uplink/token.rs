//! The token, read anew for every connection so that a changed file needs no restart.

use super::UplinkError;
use crate::config::Secret;
use std::path::PathBuf;

/// The token in the file. An empty name means systemd's credential `token` (`LoadCredential=token:…` in the unit), and
/// no token where there is none, or an empty one: so the unit says that its file is not there.
pub fn read_token(file: &str) -> Result<Secret, UplinkError> {
    read(file, std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from))
}

fn read(file: &str, credentials: Option<PathBuf>) -> Result<Secret, UplinkError> {
    let path = match (file, credentials) {
        ("", Some(folder)) if folder.join("token").exists() => folder.join("token"),
        ("", _) => return Ok(Secret::default()),
        (file, _) => PathBuf::from(file),
    };
    let path = path.as_path();
    let text = std::fs::read_to_string(path).map_err(|source| UplinkError::Token { path: path.into(), source })?;
    let token = text.trim();
    if token.is_empty() && file.is_empty() {
        return Ok(Secret::default());
    }
    if token.is_empty() {
        return Err(UplinkError::BadToken { path: path.into(), reason: "it is empty" });
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UplinkError::BadToken { path: path.into(), reason: "it holds spaces, line breaks or other bytes" });
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_and_faults_name_the_file_not_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let name = file.to_str().unwrap();
        assert!(read_token(name).unwrap_err().to_string().contains("token_file"));
        std::fs::write(&file, "s3cret\n").unwrap();
        assert_eq!(read_token(name).unwrap().reveal(), "s3cret");
        std::fs::write(&file, "s3cret\nanother").unwrap();
        let text = read_token(name).unwrap_err().to_string();
        assert!(text.contains(name) && !text.contains("s3cret"), "{text}");
        assert!(read("", None).unwrap().is_empty());
    }

    #[test]
    fn a_systemd_credential_is_used_where_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = || Some(folder.path().to_owned());
        assert!(read("", credentials()).unwrap().is_empty());
        std::fs::write(folder.path().join("token"), "from-systemd\n").unwrap();
        assert_eq!(read("", credentials()).unwrap().reveal(), "from-systemd");
        std::fs::write(folder.path().join("token"), "\n").unwrap();
        assert!(read("", credentials()).unwrap().is_empty(), "the unit's stand-in for a token that is not there");
        let file = folder.path().join("own");
        std::fs::write(&file, "own\n").unwrap();
        assert_eq!(read(file.to_str().unwrap(), credentials()).unwrap().reveal(), "own", "a named file comes first");
    }
}
