//! Pictures: decode, encode, resize, warp, draw. With `capture`, the boundary to OpenCV: no other room names it, and
//! no `Mat` leaves.

mod annotate;
mod codec;
mod header;
mod labels;
mod looks;
mod mat;
mod paint;
mod sheet;
mod warp;

pub use annotate::annotate;
pub use codec::{
    ImagingError, MAX_PIXELS, Picture, crop, decode_bytes, decode_file, encode_jpeg, encode_png, is_image_name,
    shrink_to_width,
};
pub use header::has_image_magic;
pub use looks::Looks;
pub use sheet::{Cell, SheetError, contact_sheet};
pub use warp::{Filter, PixelRect, Resampler, WarpError};
