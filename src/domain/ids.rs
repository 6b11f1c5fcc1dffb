//! Names of cameras and checkpoints.

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest id we configure or accept, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("is empty")]
    Empty,
    #[error("is {0} bytes long; at most {MAX_ID_BYTES} are allowed")]
    TooLong(usize),
    #[error("contains a control character, a line separator or a change of direction")]
    Control,
}

fn checked(text: &str) -> Result<String, IdError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong(text.len()));
    }
    if text.chars().any(leaves_its_line) {
        return Err(IdError::Control);
    }
    Ok(text.to_owned())
}

/// Would it break a line, or turn the direction of the text around it?
pub fn leaves_its_line(c: char) -> bool {
    let lines = '\u{2028}'..='\u{2029}';
    let directions = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    c.is_control() || lines.contains(&c) || directions.iter().any(|range| range.contains(&c))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Trimmed; not empty, at most 128 bytes, no control characters. Never a path: callers that store
            /// files by id confine it themselves.
            pub fn new(text: &str) -> Result<Self, IdError> {
                checked(text).map(Self)
            }

            /// Stands for one that cannot be read.
            pub fn unknown() -> Self {
                Self("?".into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form (NFC) in which ids are compared: the same word can be written with different characters.
            pub fn normalised(&self) -> Self {
                Self(ComposingNormalizerBorrowed::new_nfc().normalize(&self.0).into_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// One camera of a checkpoint.
    CameraId
}
id! {
    /// The place where cameras stand.
    CheckpointId
}

/// What identifies a camera everywhere: the pair (PROTOCOL 1.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraKey {
    pub camera: CameraId,
    pub checkpoint: CheckpointId,
}

impl CameraKey {
    /// The form in which cameras are compared.
    pub fn normalised(&self) -> Self {
        Self { camera: self.camera.normalised(), checkpoint: self.checkpoint.normalised() }
    }
}

impl fmt::Display for CameraKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.checkpoint, self.camera)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_trimmed_and_refused_with_a_reason() {
        assert_eq!(CameraId::new(" camera_001 ").unwrap().as_str(), "camera_001");
        assert_eq!(CameraId::new("  "), Err(IdError::Empty));
        assert_eq!(CameraId::new("a\nb"), Err(IdError::Control));
        assert_eq!(CameraId::new("a\u{2028}b"), Err(IdError::Control));
        assert_eq!(CameraId::new("a\u{202e}b"), Err(IdError::Control));
        assert_eq!(CameraId::new(&"x".repeat(200)), Err(IdError::TooLong(200)));
    }

    #[test]
    fn two_ways_to_write_a_name_are_one_camera() {
        let id = |text: &str| CameraId::new(text).unwrap();
        // A letter with its accent in one character or two; Thai marks in either order.
        for (one, other) in [("caf\u{e9}", "cafe\u{301}"), ("\u{e01}\u{e38}\u{e48}", "\u{e01}\u{e48}\u{e38}")] {
            assert_ne!(id(one), id(other));
            assert_eq!(id(one).normalised(), id(other).normalised());
        }
    }
}
