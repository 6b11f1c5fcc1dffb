//! What an image file's first bytes tell, before anything is unpacked.

/// Do the first bytes (12 are enough) begin an image of a format we read?
pub fn has_image_magic(head: &[u8]) -> bool {
    matches!(
        head,
        [0xff, 0xd8, 0xff, ..]
            | [0x89, b'P', b'N', b'G', ..]
            | [b'B', b'M', ..]
            | [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..]
            | [b'I', b'I', 42, 0, ..]
            | [b'M', b'M', 0, 42, ..]
    )
}

/// Width and height as the header says, for the formats we read; `None` for any other.
pub(super) fn declared_size(bytes: &[u8]) -> Option<(u64, u64)> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg_size(bytes),
        [0x89, b'P', b'N', b'G', ..] => Some((be(bytes, 16, 4)?, be(bytes, 20, 4)?)),
        [b'B', b'M', ..] => bmp_size(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp_size(bytes),
        [b'I', b'I', 42, 0, ..] => tiff_size(bytes, le),
        [b'M', b'M', 0, 42, ..] => tiff_size(bytes, be),
        _ => None,
    }
}

fn be(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(count)?)?;
    Some(field.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn le(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(count)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// ITU T.81 annex B: walk the segments to the frame header (SOF0–SOF15 without DHT, JPG and DAC).
fn jpeg_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut at = 2;
    loop {
        let marker = be(bytes, at, 2)?;
        match marker {
            0xffff => at += 1,
            0xffc4 | 0xffc8 | 0xffcc => at += 2 + be(bytes, at + 2, 2)? as usize,
            0xffc0..=0xffcf => return Some((be(bytes, at + 7, 2)?, be(bytes, at + 5, 2)?)),
            0xff01 | 0xffd0..=0xffd7 => at += 2,
            0xff02..=0xfffe => at += 2 + be(bytes, at + 2, 2)? as usize,
            _ => return None,
        }
    }
}

/// BITMAPCOREHEADER has 16-bit sides; in BITMAPINFOHEADER and later a negative height means top-down rows.
fn bmp_size(bytes: &[u8]) -> Option<(u64, u64)> {
    if le(bytes, 14, 4)? == 12 {
        return Some((le(bytes, 18, 2)?, le(bytes, 20, 2)?));
    }
    let side = |at| Some(u64::from((le(bytes, at, 4)? as u32 as i32).unsigned_abs()));
    Some((side(18)?, side(22)?))
}

/// RFC 9649: the first chunk is `VP8 `, `VP8L` or `VP8X`.
fn webp_size(bytes: &[u8]) -> Option<(u64, u64)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((le(bytes, 24, 3)? + 1, le(bytes, 27, 3)? + 1)),
        b"VP8L" => {
            let bits = le(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => Some((le(bytes, 26, 2)? & 0x3fff, le(bytes, 28, 2)? & 0x3fff)),
        _ => None,
    }
}

/// TIFF 6.0 section 2: tags 256 (width) and 257 (height) of the first directory.
fn tiff_size(bytes: &[u8], number: fn(&[u8], usize, usize) -> Option<u64>) -> Option<(u64, u64)> {
    let directory = usize::try_from(number(bytes, 4, 4)?).ok()?;
    let (mut width, mut height) = (None, None);
    for entry in 0..number(bytes, directory, 2)? as usize {
        let at = directory.checked_add(2 + 12 * entry)?;
        let short = number(bytes, at + 2, 2)? == 3;
        let value = number(bytes, at + 8, if short { 2 } else { 4 })?;
        match number(bytes, at, 2)? {
            256 => width = Some(value),
            257 => height = Some(value),
            _ => {}
        }
    }
    Some((width?, height?))
}
