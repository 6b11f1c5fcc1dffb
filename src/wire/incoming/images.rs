//! Pictures inside a payload (PROTOCOL 3.2.5).

use super::lists;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use serde_json::{Map, Value};

/// Crops that are kept of one event.
pub const MAX_CROPS: usize = 64;

/// The keys under which peers send whole pictures, and `cropped_plates`.
pub(super) const IMAGE_KEYS: [&str; 4] = ["annotated_image", "original_image", "image_data", "cropped_plates"];
const WHOLE_KEYS: [&str; 3] = ["annotated_image", "original_image", "image_data"];

/// What the first bytes say a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    Jpeg,
    Png,
}

/// A picture, decoded from base64 but not looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub kind: ImageKind,
    pub bytes: Vec<u8>,
}

/// The pictures of one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Images {
    /// `annotated_image`.
    pub frame: Option<Image>,
    /// `original_image`.
    pub original: Option<Image>,
    /// `image_data` of the oldest agents.
    pub data: Option<Image>,
    /// `cropped_plates`, parallel to `ocr_results`; `None` where one was missing or unreadable.
    pub crops: Vec<Option<Image>>,
    /// Sent, but empty, neither JPEG nor PNG, or beyond [`MAX_CROPS`]. An empty crop only keeps its place.
    pub dropped: usize,
}

impl Images {
    /// Is there no picture to keep?
    pub fn is_empty(&self) -> bool {
        let whole = [&self.frame, &self.original, &self.data];
        whole.into_iter().chain(&self.crops).all(Option::is_none)
    }

    pub(super) fn read(payload: &Map<String, Value>) -> Self {
        let mut images = Images::default();
        let mut take = |value: Option<&Value>| match decode(value) {
            Decoded::Absent => None,
            Decoded::Image(image) => Some(image),
            Decoded::Unreadable => {
                images.dropped += 1;
                None
            }
        };
        let [frame, original, data] = WHOLE_KEYS.map(|key| payload.get(key));
        images.frame = take(frame);
        images.original = take(original);
        images.data = take(data);
        let crops = lists::texts(payload, "cropped_plates").unwrap_or_default();
        images.crops = crops.iter().take(MAX_CROPS).map(|crop| take(Some(crop))).collect();
        images.dropped += [frame, original, data].into_iter().flatten().filter(|value| is_blank(value)).count();
        images.dropped += crops.len().saturating_sub(MAX_CROPS);
        while images.crops.last().is_some_and(Option::is_none) {
            images.crops.pop();
        }
        images
    }
}

enum Decoded {
    Absent,
    Image(Image),
    Unreadable,
}

/// Peers pad or do not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn decode(value: Option<&Value>) -> Decoded {
    let text = match value {
        None | Some(Value::Null) => return Decoded::Absent,
        Some(blank) if is_blank(blank) => return Decoded::Absent,
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Decoded::Unreadable,
    };
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(',').map_or("", |(_, data)| data),
        None => text,
    };
    let bytes = STANDARD.decode(text).or_else(|_| {
        let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        LENIENT.decode(compact)
    });
    match bytes {
        Ok(bytes) => match kind_of(&bytes) {
            Some(kind) => Decoded::Image(Image { kind, bytes }),
            None => Decoded::Unreadable,
        },
        Err(_) => Decoded::Unreadable,
    }
}

fn kind_of(bytes: &[u8]) -> Option<ImageKind> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some(ImageKind::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageKind::Png)
    } else {
        None
    }
}
