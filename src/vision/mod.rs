//! The maths around the models, on slices: how a picture becomes a tensor, how a tensor becomes boxes or text. Pure:
//! no OpenCV, no runtime, no files. A tensor of the wrong shape is an error, never a panic.

mod detect;
mod detect_more;
mod error;
mod exposure;
mod fitting;
mod fuse;
mod grammar;
mod letterbox;
mod liveness;
mod nms;
mod ocr;
mod script;
mod tensor;
mod text;

pub use detect::{Candidate, DetectLayout, Detector};
pub use error::DecodeError;
pub use exposure::{Exposure, PictureFault, changed};
pub use fitting::{Fitting, Steps, likeliest_fitting};
pub use fuse::{better_framed, fuse_looks, mean_of, prominence, same_plate};
pub use grammar::{Grammar, GrammarError, Judged};
pub use letterbox::{Fit, Letterbox};
pub use liveness::{Liveness, Picture, VIEW, fingerprint};
pub use nms::{keep_best, overlap_of_smaller};
pub use ocr::{Alphabet, Blank, Lost, TextRead, decode_ctc, decode_slots, most_likely, softmax, without};
pub use script::Script;
pub use tensor::{ChannelOrder, Element, Packing, TensorBuffer, TensorData, TensorLayout, TensorView};
pub use text::normalise;
