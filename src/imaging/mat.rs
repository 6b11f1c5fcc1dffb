//! A frame's pixels as OpenCV sees them. A `Mat` borrows its bytes, so it lives no longer than the frame, and none
//! leaves this room.

use crate::domain::Frame;
use opencv::Result;
use opencv::boxed_ref::{BoxedRef, BoxedRefMut};
use opencv::core::{Mat, Rect, Size, Vec3b};

/// The frame's own pixels, not a copy: rows × columns of BGR.
pub(super) fn view(frame: &Frame) -> Result<BoxedRef<'_, Mat>> {
    // Frame guarantees 3 · width · height bytes; sizes beyond i32 cannot occur with that many bytes in memory.
    Mat::new_rows_cols_with_bytes::<Vec3b>(frame.height() as i32, frame.width() as i32, frame.pixels())
}

/// Every `step`-th row of the frame, likewise not a copy: the picture in which `step` rows stand beside each other as one,
/// and the part of it that is the first of them. Rows at the end that make no whole step are left out.
pub(super) fn every_row(frame: &Frame, step: u32) -> Result<(BoxedRef<'_, Mat>, Rect)> {
    let (width, rows) = (frame.width() as i32, (frame.height() / step) as i32);
    let bytes = 3 * frame.width() as usize * step as usize * rows as usize;
    let wide = Mat::new_rows_cols_with_bytes::<Vec3b>(rows, width * step as i32, &frame.pixels()[..bytes])?;
    Ok((wide, Rect::new(0, 0, width, rows)))
}

/// The beginning of `bytes` as a BGR picture of `size` to be written, and its number of bytes. The buffer grows where it
/// must. OpenCV writes into a picture that has the size and type it wants, and makes no other.
pub(super) fn of_size(bytes: &mut Vec<u8>, size: Size) -> Result<(usize, BoxedRefMut<'_, Mat>)> {
    let needed = size.width as usize * size.height as usize * 3;
    if bytes.len() < needed {
        bytes.resize(needed, 0);
    }
    Ok((needed, Mat::new_rows_cols_with_bytes_mut::<Vec3b>(size.height, size.width, &mut bytes[..needed])?))
}
