//! The token, read anew for every connection so that a changed file needs no restart.

use super::UplinkError;
use crate::config::Secret;
use std::path::Path;

/// The token in the file; an empty name means that there is none.
pub fn read_token(file: &str) -> Result<Secret, UplinkError> {
    if file.is_empty() {
        return Ok(Secret::default());
    }
    let path = Path::new(file);
    let text = std::fs::read_to_string(path).map_err(|source| UplinkError::Token { path: path.into(), source })?;
    let token = text.trim();
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
        assert!(read_token("").unwrap().is_empty());
    }
}
