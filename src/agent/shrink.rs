//! Pictures made smaller for the socket, on demand of the uplink.

use crate::domain::{CaptureTime, Frame};
use crate::imaging;
use crate::uplink::Shrink;
use std::path::Path;

/// Decodes and encodes again.
pub struct Reencode {
    /// JPEG quality to start from, 1–100.
    pub quality: u8,
}

impl Shrink for Reencode {
    fn shrink(&self, jpeg: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        let picture = imaging::decode_bytes(jpeg, Path::new("a picture of an event")).ok()?;
        let frame = Frame::new(picture.width, picture.height, picture.pixels, 1, CaptureTime::default()).ok()?;
        imaging::encode_jpeg(&frame, self.quality, max_bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_to_fit_and_what_is_no_picture_is_not() {
        let pixels: Vec<u8> = (0..200 * 120 * 3u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let frame = Frame::new(200, 120, pixels, 1, CaptureTime::default()).unwrap();
        let large = imaging::encode_jpeg(&frame, 95, usize::MAX).unwrap();
        let small = Reencode { quality: 85 }.shrink(&large, large.len() / 4).unwrap();
        assert!(small.len() <= large.len() / 4 && small.starts_with(&[0xff, 0xd8]));
        assert!(Reencode { quality: 85 }.shrink(b"no picture", 1000).is_none());
    }
}
