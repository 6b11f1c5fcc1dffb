//! The line before each picture in a segment: whose it is and how long, so that a segment says what it holds without the
//! database. Pure.

use uuid::Uuid;

/// Bytes of a header.
pub const HEADER: u64 = 128;

/// The first word: no picture begins like this.
const MAGIC: &str = "lpr-picture";

/// In its place where the picture was removed and its bytes could not be: of the same length.
pub const GONE: &str = "lpr-removed";

/// Longest role of a picture, in bytes.
const MAX_NAME: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The detection.
    pub id: Uuid,
    /// `frame`, `crop-0`, …
    pub name: String,
    /// `jpg` or `png`.
    pub extension: String,
    pub bytes: u64,
}

impl Header {
    pub fn line(&self) -> [u8; HEADER as usize] {
        let mut line = [b' '; HEADER as usize];
        let text = format!("{MAGIC} {} {:.MAX_NAME$} {:.4} {}", self.id, self.name, self.extension, self.bytes);
        for (to, from) in line.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        line[HEADER as usize - 1] = b'\n';
        line
    }

    /// `None` for anything but a header.
    pub fn parse(line: &[u8; HEADER as usize]) -> Option<Self> {
        Self::parse_after(MAGIC, line)
    }

    /// As [`Header::parse`], of a picture that was removed.
    pub fn parse_gone(line: &[u8; HEADER as usize]) -> Option<Self> {
        Self::parse_after(GONE, line)
    }

    fn parse_after(first: &str, line: &[u8; HEADER as usize]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let mut words = text.split_ascii_whitespace();
        (words.next()? == first).then_some(())?;
        let id = words.next()?.parse().ok()?;
        let (name, extension) = (words.next()?.to_owned(), words.next()?.to_owned());
        let bytes = words.next()?.parse().ok()?;
        words.next().is_none().then_some(Self { id, name, extension, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_reads_back_and_no_other_bytes_are_one(id in any::<u128>(), bytes in any::<u64>(), noise in any::<[u8; 32]>()) {
            let id = Uuid::from_u128(id);
            let header = Header { id, name: "crop-63".into(), extension: "png".into(), bytes };
            let mut line = header.line();
            prop_assert_eq!((Header::parse(&line), Header::parse_gone(&line)), (Some(header.clone()), None));
            line[..GONE.len()].copy_from_slice(GONE.as_bytes());
            prop_assert_eq!((Header::parse(&line), Header::parse_gone(&line)), (None, Some(header)));
            let mut line = [0; HEADER as usize];
            line[..32].copy_from_slice(&noise);
            prop_assert_eq!(Header::parse(&line), None);
        }
    }
}
