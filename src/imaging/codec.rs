//! Image files to pixels, pixels to JPEG.

use super::header::declared_size;
use super::mat;
use crate::domain::{BBox, Frame, FrameError};
use opencv::boxed_ref::BoxedRef;
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Size, ToInputArray, Vector, VectorToVec};
use opencv::{imgcodecs, imgproc};
use std::path::{Path, PathBuf};

/// Pixels of the largest image that is decoded: 64 million, 192 MB as BGR. An 8K frame has 33 million. A larger
/// one is refused from its header, before anything is unpacked.
pub const MAX_PIXELS: u64 = 64_000_000;

/// Bytes of the largest image file that is read.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Lowest JPEG quality that the byte budget may force; below, letters drown in blocks.
const QUALITY_FLOOR: u8 = 40;

/// Longest side in pixels below which a picture is not shrunk for the byte budget.
const SIDE_FLOOR: u32 = 48;

const EXTENSIONS: [&str; 7] = ["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff"];

/// Why a picture cannot be read, made or drawn.
#[derive(Debug, thiserror::Error)]
pub enum ImagingError {
    #[error("{path}: cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{path}: is not an image; jpeg, png, bmp, webp and tiff are read")]
    NotAnImage { path: PathBuf },
    #[error("{path}: is damaged or cut short; copy or export it again")]
    Damaged { path: PathBuf },
    #[error("{path}: has {width}x{height} pixels; at most {MAX_PIXELS} are read; shrink it first")]
    TooLarge { path: PathBuf, width: u64, height: u64 },
    #[error("a picture of {width}x{height} does not fit into {max_bytes} bytes of JPEG; raise the byte budget")]
    Budget { width: u32, height: u32, max_bytes: usize },
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("OpenCV cannot {what}: {reason}")]
    Opencv { what: &'static str, reason: String },
}

/// A decoded image: BGR, 8 bits a channel, rows tightly packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// `3 · width · height` bytes.
    pub pixels: Vec<u8>,
}

/// Does the name end like that of an image we read?
pub fn is_image_name(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// Reads and decodes an image file; see [`decode_bytes`].
pub fn decode_file(path: &Path) -> Result<Picture, ImagingError> {
    let unreadable = |reason| ImagingError::Unreadable { path: path.to_owned(), reason };
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if meta.len() > MAX_FILE_BYTES || !meta.is_file() {
        return Err(ImagingError::NotAnImage { path: path.to_owned() });
    }
    decode_bytes(&std::fs::read(path).map_err(unreadable)?, path)
}

/// Decodes a jpeg, png, bmp, webp or tiff to BGR; grey becomes colour, an alpha channel is left out, 16 bits become 8,
/// and the EXIF orientation is applied. `name` is what errors call it.
pub fn decode_bytes(bytes: &[u8], name: &Path) -> Result<Picture, ImagingError> {
    let path = || name.to_owned();
    let (width, height) = declared_size(bytes).ok_or_else(|| ImagingError::NotAnImage { path: path() })?;
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(ImagingError::TooLarge { path: path(), width, height });
    }
    let mat = Mat::from_slice(bytes)
        .and_then(|data| imgcodecs::imdecode(&data, imgcodecs::IMREAD_COLOR))
        .map_err(|_| ImagingError::Damaged { path: path() })?;
    let pixels = mat.data_bytes().map_err(|_| ImagingError::Damaged { path: path() })?;
    let (cols, rows) = (unsigned(mat.cols()), unsigned(mat.rows()));
    if pixels.is_empty() || pixels.len() != cols as usize * rows as usize * 3 {
        return Err(ImagingError::Damaged { path: path() });
    }
    Ok(Picture { width: cols, height: rows, pixels: pixels.to_vec() })
}

/// The frame as JPEG of at most `max_bytes`. Begins with `quality` (1–100); where that is too large the quality gives
/// way first, down to 40, then the size, down to 48 pixels on the longer side. [`ImagingError::Budget`] where even
/// that is too large.
pub fn encode_jpeg(frame: &Frame, quality: u8, max_bytes: usize) -> Result<Vec<u8>, ImagingError> {
    let quality = quality.clamp(1, 100);
    let full = view(frame)?;
    let best = jpeg(&full, quality)?;
    if best.len() <= max_bytes {
        return Ok(best);
    }
    let floor = QUALITY_FLOOR.min(quality);
    let poorest = jpeg(&full, floor)?;
    if poorest.len() <= max_bytes {
        return best_fitting(&full, floor, quality, max_bytes, poorest);
    }
    shrink_to_fit(frame, floor, max_bytes, poorest.len())
}

/// The frame as PNG, every pixel as it is.
pub fn encode_png(frame: &Frame) -> Result<Vec<u8>, ImagingError> {
    let mut bytes = Vector::<u8>::new();
    imgcodecs::imencode(".png", &view(frame)?, &mut bytes, &Vector::new())
        .map_err(|e| opencv_error("encode a PNG", &e))?;
    Ok(bytes.to_vec())
}

/// Bisects for the highest quality that fits; `fits` is the picture at `low`, and `high` is known to be too large.
fn best_fitting(
    mat: &impl ToInputArray,
    low: u8,
    high: u8,
    max_bytes: usize,
    fits: Vec<u8>,
) -> Result<Vec<u8>, ImagingError> {
    let (mut low, mut high, mut fits) = (low, high, fits);
    while high - low > 3 {
        let middle = low + (high - low) / 2;
        let bytes = jpeg(mat, middle)?;
        if bytes.len() <= max_bytes {
            (low, fits) = (middle, bytes);
        } else {
            high = middle;
        }
    }
    Ok(fits)
}

fn shrink_to_fit(frame: &Frame, quality: u8, max_bytes: usize, bytes: usize) -> Result<Vec<u8>, ImagingError> {
    let longest = frame.width().max(frame.height());
    // Bytes go about with the area.
    let mut scale = 0.98 * (max_bytes as f64 / bytes as f64).sqrt();
    loop {
        let side = (f64::from(longest) * scale) as u32;
        if side < SIDE_FLOOR {
            return Err(ImagingError::Budget { width: frame.width(), height: frame.height(), max_bytes });
        }
        let small = resized(&view(frame)?, scale)?;
        let encoded = jpeg(&small, quality)?;
        if encoded.len() <= max_bytes {
            return Ok(encoded);
        }
        scale *= 0.9;
    }
}

/// The frame at most `max_width` pixels wide, its proportions kept; never enlarged.
pub fn shrink_to_width(frame: &Frame, max_width: u32) -> Result<Frame, ImagingError> {
    if frame.width() <= max_width.max(1) {
        return Ok(frame.clone());
    }
    let small = resized(&view(frame)?, f64::from(max_width.max(1)) / f64::from(frame.width()))?;
    let pixels = small.data_bytes().map_err(|e| opencv_error("read a picture", &e))?;
    Ok(Frame::new(unsigned(small.cols()), unsigned(small.rows()), pixels, frame.number, frame.captured)?)
}

/// The part of the frame under `bbox`, widened to whole pixels; `None` where they do not overlap.
pub fn crop(frame: &Frame, bbox: &BBox) -> Option<Frame> {
    let inside = bbox.clamp_to(frame.width(), frame.height());
    if !inside.is_valid() {
        return None;
    }
    let (left, top) = (inside.x1.floor() as usize, inside.y1.floor() as usize);
    let (right, bottom) = (inside.x2.ceil() as usize, inside.y2.ceil() as usize);
    let stride = frame.width() as usize * 3;
    let rows = frame.pixels().chunks_exact(stride).skip(top).take(bottom - top);
    let pixels: Vec<u8> = rows.flat_map(|row| &row[left * 3..right * 3]).copied().collect();
    Frame::new((right - left) as u32, (bottom - top) as u32, pixels, frame.number, frame.captured).ok()
}

/// The frame for OpenCV, not a copy.
fn view(frame: &Frame) -> Result<BoxedRef<'_, Mat>, ImagingError> {
    mat::view(frame).map_err(|e| opencv_error("take a frame", &e))
}

fn resized(mat: &(impl MatTraitConst + ToInputArray), scale: f64) -> Result<Mat, ImagingError> {
    let side = |length: i32| ((f64::from(length) * scale).round() as i32).max(1);
    let mut small = Mat::default();
    imgproc::resize(mat, &mut small, Size::new(side(mat.cols()), side(mat.rows())), 0.0, 0.0, imgproc::INTER_AREA)
        .map_err(|e| opencv_error("resize a picture", &e))?;
    Ok(small)
}

fn jpeg(mat: &impl ToInputArray, quality: u8) -> Result<Vec<u8>, ImagingError> {
    let mut bytes = Vector::<u8>::new();
    let params = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, i32::from(quality)]);
    match imgcodecs::imencode(".jpg", mat, &mut bytes, &params) {
        Ok(true) => Ok(bytes.to_vec()),
        Ok(false) => Err(ImagingError::Opencv { what: "write a JPEG", reason: "no reason given".into() }),
        Err(error) => Err(opencv_error("write a JPEG", &error)),
    }
}

fn opencv_error(what: &'static str, error: &opencv::Error) -> ImagingError {
    ImagingError::Opencv { what, reason: error.message.lines().next().unwrap_or_default().to_owned() }
}

fn unsigned(length: i32) -> u32 {
    u32::try_from(length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CaptureTime;
    use crate::imaging::has_image_magic;
    use proptest::prelude::*;

    /// A picture no encoder likes: every pixel is chance.
    fn noise(width: u32, height: u32) -> Frame {
        let mut seed = 1u32;
        let mut pixel = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let pixels: Vec<u8> = (0..width * height * 3).map(|_| pixel()).collect();
        Frame::new(width, height, pixels, 5, CaptureTime::default()).unwrap()
    }

    fn size_of(bytes: &[u8]) -> (u32, u32) {
        let picture = decode_bytes(bytes, Path::new("x.jpg")).unwrap();
        (picture.width, picture.height)
    }

    /// The frame in each format we read.
    fn encoded(frame: &Frame) -> Vec<(&'static str, Vec<u8>)> {
        let mat = view(frame).unwrap();
        let encode = |extension| {
            let mut bytes = Vector::<u8>::new();
            assert!(imgcodecs::imencode_def(extension, &mat, &mut bytes).unwrap());
            (extension, bytes.to_vec())
        };
        [".jpg", ".png", ".bmp", ".webp", ".tiff"].map(encode).to_vec()
    }

    #[test]
    fn every_format_is_known_by_its_first_bytes_and_its_declared_size_is_the_real_one() {
        for (format, bytes) in encoded(&noise(37, 21)) {
            assert!(has_image_magic(&bytes[..12]), "{format}");
            assert_eq!(declared_size(&bytes), Some((37, 21)), "{format}");
            assert_eq!(size_of(&bytes), (37, 21), "{format}");
        }
    }

    #[test]
    fn a_bomb_is_refused_from_its_header_and_named() {
        let (_, mut png) = encoded(&noise(8, 8)).remove(1);
        png[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        let error = decode_bytes(&png, Path::new("bomb.png")).unwrap_err();
        assert!(matches!(error, ImagingError::TooLarge { width: 65535, height: 65535, .. }), "{error}");
        assert!(error.to_string().starts_with("bomb.png: "), "{error}");
    }

    #[test]
    fn a_photo_held_upright_is_turned_as_its_exif_says() {
        let (_, jpeg) = encoded(&noise(40, 20)).remove(0);
        // APP1 with one big-endian EXIF entry: orientation 6, turn right.
        let exif = b"\xff\xe1\x00\x22Exif\0\0MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00";
        let turned = [&jpeg[..2], exif.as_slice(), &jpeg[2..]].concat();
        assert_eq!(size_of(&turned), (20, 40));
    }

    #[test]
    fn the_byte_budget_holds_by_quality_first_then_by_size() {
        let frame = noise(640, 360);
        let best = encode_jpeg(&frame, 90, usize::MAX).unwrap();
        let poorer = encode_jpeg(&frame, 90, best.len() * 2 / 3).unwrap();
        assert!(poorer.len() <= best.len() * 2 / 3 && size_of(&poorer) == (640, 360));
        let smaller = encode_jpeg(&frame, 90, best.len() / 10).unwrap();
        let (width, height) = size_of(&smaller);
        assert!(smaller.len() <= best.len() / 10 && width < 640);
        assert!((f64::from(width) / f64::from(height) - 640.0 / 360.0).abs() < 0.05, "{width}x{height}");
        assert!(matches!(encode_jpeg(&frame, 90, 300), Err(ImagingError::Budget { max_bytes: 300, .. })));
    }

    #[test]
    fn a_picture_is_shrunk_to_a_width_and_never_enlarged() {
        let frame = noise(640, 360);
        let small = shrink_to_width(&frame, 320).unwrap();
        assert_eq!((small.width(), small.height(), small.number), (320, 180, 5));
        assert_eq!(shrink_to_width(&frame, 1280).unwrap().width(), 640);
    }

    #[test]
    fn a_crop_has_the_pixels_under_its_box() {
        let frame = noise(20, 10);
        let cut = crop(&frame, &BBox::new(2.5, 3.0, 5.0, 4.9)).unwrap();
        assert_eq!((cut.width(), cut.height()), (3, 2));
        assert_eq!(cut.pixels()[..9], frame.pixels()[(3 * 20 + 2) * 3..(3 * 20 + 5) * 3]);
        assert!(crop(&frame, &BBox::new(30.0, 0.0, 40.0, 5.0)).is_none());
        assert!(crop(&frame, &BBox::new(f32::NAN, 0.0, 4.0, 5.0)).is_none_or(|cut| cut.width() <= 20));
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_an_error_or_a_picture_never_a_panic(
            format in 0usize..5, cut in 0usize..4000, at in 0usize..200, value: u8,
        ) {
            let (_, mut bytes) = encoded(&noise(16, 9)).remove(format);
            bytes.truncate(cut.max(1));
            let at = at % bytes.len();
            bytes[at] = value;
            if let Err(error) = decode_bytes(&bytes, Path::new("odd")) {
                prop_assert!(error.to_string().starts_with("odd: "));
            }
        }
    }
}
