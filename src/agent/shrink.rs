//! Pictures made smaller for the socket, on demand of the uplink. Without OpenCV nobody can: large events go by REST.

use crate::config::EvidenceConfig;
use crate::uplink::Shrink;
use std::sync::Arc;

/// What the uplink is given.
#[cfg(not(feature = "vision"))]
pub fn shrink(_config: &EvidenceConfig) -> Option<Arc<dyn Shrink>> {
    None
}

/// What the uplink is given.
#[cfg(feature = "vision")]
pub fn shrink(config: &EvidenceConfig) -> Option<Arc<dyn Shrink>> {
    Some(Arc::new(Reencode { quality: config.jpeg_quality }))
}

/// Decodes and encodes again.
#[cfg(feature = "vision")]
struct Reencode {
    /// JPEG quality to start from, 1–100.
    quality: u8,
}

#[cfg(feature = "vision")]
impl Shrink for Reencode {
    fn shrink(&self, jpeg: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        use crate::domain::{CaptureTime, Frame};
        use crate::imaging;

        let picture = imaging::decode_bytes(jpeg, std::path::Path::new("a picture of an event")).ok()?;
        let frame = Frame::new(picture.width, picture.height, picture.pixels, 1, CaptureTime::default()).ok()?;
        imaging::encode_jpeg(&frame, self.quality, max_bytes).ok()
    }
}

#[cfg(all(test, feature = "vision"))]
mod tests {
    use super::*;
    use crate::domain::{CaptureTime, Frame};
    use crate::imaging;

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
