//! A frame's pixels as OpenCV sees them. A `Mat` borrows its bytes, so it lives no longer than the frame, and none
//! leaves this room.

use crate::domain::Frame;
use opencv::Result;
use opencv::boxed_ref::BoxedRef;
use opencv::core::{Mat, Vec3b};

/// The frame's own pixels, not a copy: rows × columns of BGR.
pub(super) fn view(frame: &Frame) -> Result<BoxedRef<'_, Mat>> {
    // Frame guarantees 3 · width · height bytes; sizes beyond i32 cannot occur with that many bytes in memory.
    Mat::new_rows_cols_with_bytes::<Vec3b>(frame.height() as i32, frame.width() as i32, frame.pixels())
}
