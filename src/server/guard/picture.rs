//! How large a picture says it is, read from its first bytes and never decoded. Pure.

use crate::wire::incoming::{Image, ImageKind, Images};

/// Width and height; `None` where the header does not say.
pub fn declared_size(image: &Image) -> Option<(u64, u64)> {
    match image.kind {
        ImageKind::Png => png(&image.bytes),
        ImageKind::Jpeg => jpeg(&image.bytes),
    }
}

/// The first chunk of a PNG is its header.
fn png(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| Some(u64::from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    Some((number(16)?, number(20)?))
}

/// Goes from segment to segment up to the frame header (ITU-T T.81, B.2.2).
fn jpeg(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            // Fill.
            0xff => at += 1,
            // Without a length.
            0x01 | 0xd0..=0xd7 => at += 2,
            // The picture's data begins, or ends, before a header.
            0xd9 | 0xda => return None,
            _ => {
                let word = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
                let length = usize::from(word(at + 2)?);
                let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                if is_frame {
                    let parts = usize::from(*bytes.get(at + 9)?);
                    let well_formed = (1..=4).contains(&parts) && length == 8 + 3 * parts;
                    return well_formed.then_some((u64::from(word(at + 7)?), u64::from(word(at + 5)?)));
                }
                at += 2 + length.max(2);
            }
        }
    }
}

/// Takes the pictures out that are too large, in bytes or in what they declare; gives their number.
pub fn sift(images: &mut Images, most_bytes: usize, most_pixels: u64) -> usize {
    let mut dropped = 0;
    let mut look = |slot: &mut Option<Image>| {
        let fits = slot.as_ref().is_none_or(|image| {
            let pixels = declared_size(image).map_or(0, |(width, height)| width.saturating_mul(height));
            image.bytes.len() <= most_bytes && pixels <= most_pixels
        });
        if !fits {
            *slot = None;
            dropped += 1;
        }
    };
    [&mut images.frame, &mut images.original, &mut images.data].into_iter().for_each(&mut look);
    images.crops.iter_mut().for_each(look);
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A JPEG up to its frame header.
    pub fn jpeg_of(width: u16, height: u16) -> Image {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc2, 0, 11, 8];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([1, 1, 0x11, 0]);
        Image { kind: ImageKind::Jpeg, bytes }
    }

    #[test]
    fn a_picture_says_how_large_it_is() {
        assert_eq!(declared_size(&jpeg_of(1920, 1080)), Some((1920, 1080)));
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend([0, 1, 0, 0, 0, 0, 1, 0]);
        assert_eq!(declared_size(&Image { kind: ImageKind::Png, bytes }), Some((65_536, 256)));
        let bytes = include_bytes!("../../../tests/page/frame.jpg").to_vec();
        let (width, height) = declared_size(&Image { kind: ImageKind::Jpeg, bytes }).unwrap();
        assert!(width > 100 && height > 100, "a real photo: {width} x {height}");
    }

    #[test]
    fn what_declares_too_much_is_taken_out_and_the_rest_stays() {
        let mut images = Images {
            frame: Some(jpeg_of(60_000, 60_000)),
            crops: vec![Some(jpeg_of(90, 30)), None],
            ..Images::default()
        };
        assert_eq!(sift(&mut images, 1000, 50_000_000), 1);
        assert!(images.frame.is_none() && images.crops[0].is_some());
        assert_eq!(sift(&mut images, 10, 50_000_000), 1, "too many bytes");
        assert!(images.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..80), png in any::<bool>()) {
            let kind = if png { ImageKind::Png } else { ImageKind::Jpeg };
            declared_size(&Image { kind, bytes });
        }
    }
}
