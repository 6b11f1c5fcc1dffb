//! Small pictures for lists: made when they are asked for, kept in memory up to a bound, never on the disk. One is made at
//! a time, of pictures whose declared size is checked before anything is decoded.

use super::images::ImageStore;
use axum::body::Bytes;
use jpeg_decoder::{Decoder, PixelFormat};
use jpeg_encoder::{ColorType, Encoder};
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;

/// A thumbnail fits into a square of this many pixels.
const SIDE: usize = 320;
const QUALITY: u8 = 75;
/// Larger pictures are served as they are: decoding them would take more memory than a list is worth.
const MOST_PIXELS: usize = 9_000_000;

type Picture = (Bytes, &'static str);

/// The thumbnails made lately.
pub struct Thumbs {
    kept: Mutex<Kept>,
    turn: Semaphore,
}

impl Thumbs {
    /// Keeps so many bytes of them.
    pub fn new(most_bytes: usize) -> Self {
        Self { kept: Mutex::new(Kept { most_bytes, ..Kept::default() }), turn: Semaphore::new(1) }
    }

    /// The thumbnail of a stored picture and its media type; the picture itself where none can be made of it. `None` where
    /// there is no such file.
    pub async fn of(&self, images: &ImageStore, path: String) -> Option<Picture> {
        if let Some(kept) = self.kept().get(&path) {
            return Some(kept);
        }
        let _turn = self.turn.acquire().await.ok()?;
        // Somebody else may have asked for it meanwhile.
        if let Some(kept) = self.kept().get(&path) {
            return Some(kept);
        }
        let (folder, file) = (images.clone(), path.clone());
        let make = move || {
            let (bytes, media_type) = folder.read(&file).ok()?;
            match shrink(&bytes) {
                Some(small) => Some((Bytes::from(small), "image/jpeg", true)),
                None => Some((Bytes::from(bytes), media_type, false)),
            }
        };
        let (bytes, media_type, small) = tokio::task::spawn_blocking(make).await.ok()??;
        if small {
            self.kept().put(path, (bytes.clone(), media_type));
        }
        Some((bytes, media_type))
    }

    /// These pictures are gone.
    pub fn forget(&self, paths: &[String]) {
        let mut kept = self.kept();
        paths.iter().for_each(|path| kept.remove(path));
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked for longest ago goes first.
#[derive(Default)]
struct Kept {
    most_bytes: usize,
    bytes: usize,
    asked: u64,
    pictures: HashMap<String, (Picture, u64)>,
    by_age: BTreeMap<u64, String>,
}

impl Kept {
    fn get(&mut self, path: &str) -> Option<Picture> {
        let (picture, age) = self.pictures.get_mut(path)?;
        self.by_age.remove(age);
        self.asked += 1;
        *age = self.asked;
        self.by_age.insert(self.asked, path.to_owned());
        Some(picture.clone())
    }

    fn put(&mut self, path: String, picture: Picture) {
        self.remove(&path);
        self.asked += 1;
        self.bytes += picture.0.len();
        self.by_age.insert(self.asked, path.clone());
        self.pictures.insert(path, (picture, self.asked));
        while self.bytes > self.most_bytes
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, path: &str) {
        if let Some((picture, age)) = self.pictures.remove(path) {
            self.by_age.remove(&age);
            self.bytes -= picture.0.len();
        }
    }
}

/// Grey or colour, row by row.
struct Pixels {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>,
}

/// A small JPEG of a JPEG; `None` of what is none, is too large, is small already, or has colours that screens have not.
fn shrink(bytes: &[u8]) -> Option<Vec<u8>> {
    let pixels = decode(bytes)?;
    let longer = pixels.width.max(pixels.height);
    let pixels = if longer > SIDE { average(&pixels, SIDE, longer) } else { pixels };
    let color = if pixels.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    let mut small = Vec::new();
    let (width, height) = (u16::try_from(pixels.width).ok()?, u16::try_from(pixels.height).ok()?);
    Encoder::new(&mut small, QUALITY).encode(&pixels.data, width, height, color).ok()?;
    (small.len() < bytes.len()).then_some(small)
}

/// Decoded at the smallest of an eighth, a quarter, a half that is not below a thumbnail.
fn decode(bytes: &[u8]) -> Option<Pixels> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    if usize::from(info.width) * usize::from(info.height) > MOST_PIXELS {
        return None;
    }
    let channels = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::L16 | PixelFormat::CMYK32 => return None,
    };
    // The decoder is content with one side of the size that is asked for; the longer one is to decide.
    let side = SIDE as u16;
    let asked = if info.width >= info.height { (side, u16::MAX) } else { (u16::MAX, side) };
    let (width, height) = decoder.scale(asked.0, asked.1).ok()?;
    let data = decoder.decode().ok()?;
    let (width, height) = (usize::from(width), usize::from(height));
    (data.len() == width * height * channels && !data.is_empty()).then_some(Pixels { width, height, channels, data })
}

/// Scaled by `to / from` < 1; each new pixel is the mean of those that it covers.
fn average(pixels: &Pixels, to: usize, from: usize) -> Pixels {
    let (width, height) = ((pixels.width * to / from).max(1), (pixels.height * to / from).max(1));
    let covered = |at: usize, new: usize, old: usize| (at * old / new, ((at + 1) * old / new).max(at * old / new + 1));
    let mut data = Vec::with_capacity(width * height * pixels.channels);
    for y in 0..height {
        let (top, bottom) = covered(y, height, pixels.height);
        for x in 0..width {
            let (left, right) = covered(x, width, pixels.width);
            for channel in 0..pixels.channels {
                let at = |x: usize, y: usize| (y * pixels.width + x) * pixels.channels + channel;
                let all = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
                let sum: usize = all.map(|(x, y)| usize::from(pixels.data[at(x, y)])).sum();
                data.push((sum / ((bottom - top) * (right - left))) as u8);
            }
        }
    }
    Pixels { width, height, channels: pixels.channels, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn jpeg(width: u16, height: u16, grey: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let data = vec![grey; usize::from(width) * usize::from(height) * 3];
        Encoder::new(&mut bytes, 95).encode(&data, width, height, ColorType::Rgb).unwrap();
        bytes
    }

    #[test]
    fn a_thumbnail_keeps_the_shape_and_the_colour_and_fits_its_square() {
        for (width, height, expected) in [(1280, 720, (320, 180)), (200, 1000, (64, 320)), (5000, 10, (320, 1))] {
            let small = shrink(&jpeg(width, height, 200)).unwrap();
            let pixels = decode(&small).unwrap();
            assert_eq!((pixels.width, pixels.height), expected);
            assert!(pixels.data.iter().all(|value| value.abs_diff(200) < 4), "of one grey");
        }
    }

    #[test]
    fn what_is_no_picture_or_far_too_large_is_never_decoded() {
        assert!(shrink(b"GIF89a").is_none());
        assert!(shrink(&[]).is_none());
        // 65535 × 65535 by its header.
        let mut huge = jpeg(64, 64, 1);
        let at = huge.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap() + 5;
        huge[at..at + 4].fill(0xff);
        assert!(shrink(&huge).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_damaged_picture_never_ends_the_server(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..12), cut in 0usize..4000) {
            let mut bytes = jpeg(96, 64, 90);
            for (at, value) in changes {
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(bytes.len().saturating_sub(cut % 200));
            let _ = shrink(&bytes);
        }
    }

    #[test]
    fn thumbnails_are_kept_up_to_the_bound_the_oldest_asked_for_go_first() {
        let mut kept = Kept { most_bytes: 25, ..Kept::default() };
        let picture = |byte: u8| (Bytes::from(vec![byte; 10]), "image/jpeg");
        kept.put("a".into(), picture(1));
        kept.put("b".into(), picture(2));
        assert!(kept.get("a").is_some());
        kept.put("c".into(), picture(3));
        assert!(kept.get("b").is_none() && kept.get("a").is_some() && kept.get("c").is_some());
        assert_eq!((kept.bytes, kept.by_age.len()), (20, 2));
        kept.put("d".into(), (Bytes::from(vec![0; 30]), "image/jpeg"));
        assert_eq!((kept.bytes, kept.pictures.len(), kept.by_age.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn a_thumbnail_is_made_once_and_forgotten_with_its_picture() {
        use crate::wire::incoming::{Image, ImageKind, Images};
        let dir = tempfile::tempdir().unwrap();
        let folder = ImageStore::open(dir.path().to_owned()).unwrap();
        let frame = Some(Image { kind: ImageKind::Jpeg, bytes: jpeg(640, 480, 7) });
        let written = folder.write(uuid::Uuid::nil(), 0, &Images { frame, ..Images::default() }).unwrap();
        let path = written.rows[0].path.clone();
        let thumbs = Thumbs::new(1_000_000);
        let (first, media_type) = thumbs.of(&folder, path.clone()).await.unwrap();
        assert!(media_type == "image/jpeg" && first.len() < written.rows[0].bytes as usize);
        folder.remove([path.as_str()].into_iter());
        assert_eq!(thumbs.of(&folder, path.clone()).await.unwrap().0, first, "from memory");
        thumbs.forget(std::slice::from_ref(&path));
        assert!(thumbs.of(&folder, path).await.is_none());
    }
}
