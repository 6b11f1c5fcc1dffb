//! Pictures: decode, encode, resize, warp, draw. With `capture`, the boundary to OpenCV: no other room names it, and
//! no `Mat` leaves.

mod annotate;
mod codec;
mod mat;
mod warp;

pub use warp::{Filter, PixelRect, Resampler, WarpError};
