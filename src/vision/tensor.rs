//! Pixels in, tensor out.

use super::{DecodeError, Letterbox};

/// Where the channels of a tensor lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorLayout {
    /// One plane a channel: `[1, C, H, W]`.
    Nchw,
    /// Channels together: `[1, H, W, C]`.
    Nhwc,
}

/// What a model takes for its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOrder {
    Bgr,
    Rgb,
    /// One channel: luma as BT.601 weighs it, rounded to whole numbers as OpenCV does.
    Gray,
}

impl ChannelOrder {
    pub fn channels(self) -> usize {
        match self {
            Self::Bgr | Self::Rgb => 3,
            Self::Gray => 1,
        }
    }
}

/// Type of a tensor's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    F32,
    U8,
}

/// How a BGR picture is written into a tensor: `(value − mean) / std` per channel, the area around the picture filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Packing {
    pub layout: TensorLayout,
    pub order: ChannelOrder,
    pub element: Element,
    /// In the tensor's channel order; on the 0–255 scale. Unused for [`Element::U8`].
    pub mean: [f32; 3],
    pub std: [f32; 3],
    /// The tensor's value around the picture, after normalisation.
    pub fill: [f32; 3],
}

/// A tensor as the runtime sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub data: &'a [f32],
}

/// The numbers of an input; used again for every frame, so that packing allocates only when the size grows.
#[derive(Debug, Clone)]
pub struct TensorBuffer {
    shape: [usize; 4],
    element: Element,
    f32s: Vec<f32>,
    u8s: Vec<u8>,
    /// The place and packing for which what is around the picture has been filled.
    filled: Option<(Letterbox, Packing)>,
}

/// The numbers of an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TensorData<'a> {
    F32(&'a [f32]),
    U8(&'a [u8]),
}

impl Default for TensorBuffer {
    fn default() -> Self {
        Self { shape: [0; 4], element: Element::F32, f32s: Vec::new(), u8s: Vec::new(), filled: None }
    }
}

impl TensorBuffer {
    /// Shape of what was packed last.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// What was packed last.
    pub fn data(&self) -> TensorData<'_> {
        match self.element {
            Element::F32 => TensorData::F32(&self.f32s),
            Element::U8 => TensorData::U8(&self.u8s),
        }
    }

    /// Writes a picture, already resampled to the letterbox's inner size (`bgr`: 3 bytes a pixel, rows tightly packed),
    /// into its place in the tensor.
    pub fn pack(&mut self, bgr: &[u8], place: &Letterbox, packing: &Packing) -> Result<(), DecodeError> {
        check(bgr, place)?;
        let (channels, width, height) = (packing.order.channels(), place.tensor_width, place.tensor_height);
        self.shape = match packing.layout {
            TensorLayout::Nchw => [1, channels, height, width],
            TensorLayout::Nhwc => [1, height, width, channels],
        };
        self.element = packing.element;
        let covered = (place.width, place.height) == (width, height);
        let ready = self.filled.as_ref().is_some_and(|(filled, with)| (filled, with) == (place, packing));
        if !ready {
            self.filled = Some((*place, packing.clone()));
        }
        match packing.element {
            Element::F32 => {
                let table = tables(packing);
                if !ready {
                    fill(&mut self.f32s, channels * width * height, covered, packing, |value| value);
                }
                write(&mut self.f32s, bgr, place, packing, |channel, value| table[channel][usize::from(value)]);
            }
            Element::U8 => {
                if !ready {
                    fill(&mut self.u8s, channels * width * height, covered, packing, |value| value as u8);
                }
                write(&mut self.u8s, bgr, place, packing, |_, value| value);
            }
        }
        Ok(())
    }
}

fn check(bgr: &[u8], place: &Letterbox) -> Result<(), DecodeError> {
    if bgr.len() != place.width * place.height * 3 {
        return Err(DecodeError::Pixels { width: place.width, height: place.height, got: bgr.len() });
    }
    if place.left + place.width > place.tensor_width || place.top + place.height > place.tensor_height {
        return Err(DecodeError::Overflow {
            width: place.width,
            height: place.height,
            tensor_width: place.tensor_width,
            tensor_height: place.tensor_height,
        });
    }
    Ok(())
}

/// All 256 normalised values a channel can take.
fn tables(packing: &Packing) -> [[f32; 256]; 3] {
    std::array::from_fn(|c| std::array::from_fn(|value| (value as f32 - packing.mean[c]) / packing.std[c]))
}

/// Gives the buffer its size, and its fill everywhere where the picture will not cover it all.
fn fill<T: Copy>(buffer: &mut Vec<T>, size: usize, covered: bool, packing: &Packing, of: impl Fn(f32) -> T) {
    let fill = packing.fill.map(of);
    if covered {
        buffer.resize(size, fill[0]);
        return;
    }
    buffer.clear();
    let channels = packing.order.channels();
    match packing.layout {
        TensorLayout::Nchw => (0..channels).for_each(|c| buffer.resize((c + 1) * size / channels, fill[c])),
        TensorLayout::Nhwc => buffer.extend(fill.iter().take(channels).cycle().take(size)),
    }
}

/// One pass over the picture, whatever the layout.
fn write<T: Copy>(buffer: &mut [T], bgr: &[u8], place: &Letterbox, packing: &Packing, of: impl Fn(usize, u8) -> T) {
    let (width, plane) = (place.tensor_width, place.tensor_width * place.tensor_height);
    let [x, y, z] = if packing.order == ChannelOrder::Rgb { [2, 1, 0] } else { [0, 1, 2] };
    for (row, line) in bgr.chunks_exact(place.width * 3).enumerate() {
        let start = (place.top + row) * width + place.left;
        let (end, pixels) = (start + place.width, line.chunks_exact(3));
        match (packing.order, packing.layout) {
            (ChannelOrder::Gray, _) => {
                buffer[start..end].iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = of(0, luma(pixel)));
            }
            (_, TensorLayout::Nchw) => {
                let (first, others) = buffer.split_at_mut(plane);
                let (second, third) = others.split_at_mut(plane);
                let slots = first[start..end].iter_mut().zip(&mut second[start..end]).zip(&mut third[start..end]);
                for (((first, second), third), pixel) in slots.zip(pixels) {
                    (*first, *second, *third) = (of(0, pixel[x]), of(1, pixel[y]), of(2, pixel[z]));
                }
            }
            (_, TensorLayout::Nhwc) => {
                for (slots, pixel) in buffer[start * 3..end * 3].chunks_exact_mut(3).zip(pixels) {
                    (slots[0], slots[1], slots[2]) = (of(0, pixel[x]), of(1, pixel[y]), of(2, pixel[z]));
                }
            }
        }
    }
}

/// BT.601 luma with OpenCV's 14-bit weights.
fn luma(bgr: &[u8]) -> u8 {
    let [b, g, r] = [bgr[0], bgr[1], bgr[2]].map(u32::from);
    ((b * 1868 + g * 9617 + r * 4899 + 8192) >> 14) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Fit;
    use proptest::prelude::*;

    fn packing(layout: TensorLayout, order: ChannelOrder, element: Element) -> Packing {
        Packing { layout, order, element, mean: [0.0; 3], std: [1.0; 3], fill: [114.0; 3] }
    }

    #[test]
    fn planes_and_pixels_hold_the_same_numbers() {
        let bgr = [1, 2, 3, 4, 5, 6];
        let place = Letterbox::new(Fit::Stretch, 2, 1, 2, 1);
        let mut buffer = TensorBuffer::default();
        buffer.pack(&bgr, &place, &packing(TensorLayout::Nchw, ChannelOrder::Bgr, Element::F32)).unwrap();
        assert_eq!((buffer.shape(), buffer.f32s.as_slice()), ([1, 3, 1, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..]));
        buffer.pack(&bgr, &place, &packing(TensorLayout::Nhwc, ChannelOrder::Rgb, Element::U8)).unwrap();
        assert_eq!((buffer.shape(), buffer.u8s.as_slice()), ([1, 1, 2, 3], &[3, 2, 1, 6, 5, 4][..]));
        buffer.pack(&bgr, &place, &packing(TensorLayout::Nchw, ChannelOrder::Gray, Element::F32)).unwrap();
        assert_eq!((buffer.shape(), buffer.f32s.as_slice()), ([1, 1, 1, 2], &[2.0, 5.0][..]));
    }

    #[test]
    fn values_are_normalised_and_the_rest_is_filled_anew_each_time() {
        let mut packing = packing(TensorLayout::Nchw, ChannelOrder::Bgr, Element::F32);
        (packing.mean, packing.std, packing.fill) = ([127.5; 3], [127.5; 3], [0.0; 3]);
        let mut buffer = TensorBuffer::default();
        let wide = Letterbox::new(Fit::TopLeft, 4, 2, 4, 4);
        buffer.pack(&[255; 24], &wide, &packing).unwrap();
        let tall = Letterbox::new(Fit::TopLeft, 2, 4, 4, 4);
        buffer.pack(&[0; 24], &tall, &packing).unwrap();
        assert_eq!(&buffer.f32s[..8], [-1.0, -1.0, 0.0, 0.0, -1.0, -1.0, 0.0, 0.0]);
        assert!(!buffer.f32s.contains(&1.0), "nothing is left of the picture before");
    }

    #[test]
    fn the_wrong_number_of_bytes_is_refused() {
        let place = Letterbox::new(Fit::Stretch, 2, 2, 2, 2);
        let packing = packing(TensorLayout::Nchw, ChannelOrder::Bgr, Element::F32);
        let error = TensorBuffer::default().pack(&[0; 11], &place, &packing).unwrap_err();
        assert_eq!(error, DecodeError::Pixels { width: 2, height: 2, got: 11 });
    }

    proptest! {
        /// A buffer that has held any pictures before packs the next as a new one does.
        #[test]
        fn what_was_packed_before_leaves_no_trace(
            pictures in proptest::collection::vec((1u32..9, 1u32..9, any::<bool>(), any::<bool>(), any::<u8>()), 1..8),
        ) {
            let mut used = TensorBuffer::default();
            for (w, h, nhwc, bytes, value) in pictures {
                let place = Letterbox::new(Fit::Center, w, h, 6, 6);
                let layout = if nhwc { TensorLayout::Nhwc } else { TensorLayout::Nchw };
                let element = if bytes { Element::U8 } else { Element::F32 };
                let packing = packing(layout, ChannelOrder::Bgr, element);
                let bgr = vec![value; place.width * place.height * 3];
                let mut fresh = TensorBuffer::default();
                used.pack(&bgr, &place, &packing).unwrap();
                fresh.pack(&bgr, &place, &packing).unwrap();
                prop_assert_eq!((used.shape(), used.data()), (fresh.shape(), fresh.data()));
            }
        }

        #[test]
        fn every_pixel_lands_in_its_place(
            w in 1u32..12, h in 1u32..12, iw in 1usize..16, ih in 1usize..16,
            fit in prop_oneof![Just(Fit::TopLeft), Just(Fit::Center), Just(Fit::Line), Just(Fit::Aspect)],
            nhwc in any::<bool>(),
        ) {
            let place = Letterbox::new(fit, w, h, iw, ih);
            let bgr: Vec<u8> = (0..place.width * place.height * 3).map(|i| (i % 113) as u8).collect();
            let layout = if nhwc { TensorLayout::Nhwc } else { TensorLayout::Nchw };
            let mut buffer = TensorBuffer::default();
            buffer.pack(&bgr, &place, &packing(layout, ChannelOrder::Rgb, Element::F32)).unwrap();
            let [_, a, b, c] = buffer.shape();
            prop_assert_eq!(buffer.f32s.len(), a * b * c);
            for y in 0..place.tensor_height { for x in 0..place.tensor_width { for channel in 0..3 {
                let at = if nhwc { (y * b + x) * 3 + channel } else { (channel * b + y) * c + x };
                let inside = (place.left..place.left + place.width).contains(&x)
                    && (place.top..place.top + place.height).contains(&y);
                let expected = if inside {
                    f32::from(bgr[((y - place.top) * place.width + x - place.left) * 3 + 2 - channel])
                } else { 114.0 };
                prop_assert_eq!(buffer.f32s[at], expected);
            } } }
        }
    }
}
