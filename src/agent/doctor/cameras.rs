//! Looking through a camera for a moment.

use crate::capture::{self, CaptureError, FrameSource, OpenOptions};
use crate::config::SourceSpec;
use crate::domain::Frame;
use crate::vision::{Exposure, changed};
use std::time::{Duration, Instant};

/// How long frames are counted.
const WATCHED: Duration = Duration::from_secs(2);
/// Frames that are looked at at the most.
const MOST_FRAMES: usize = 120;
/// Whatever is configured: the doctor does not wait for longer.
const MOST_PATIENCE: Duration = Duration::from_secs(12);

/// What was seen of one camera.
pub enum Look {
    /// The running service has it, and two cannot.
    Busy,
    Failed(CaptureError),
    Seen(Seen),
}

/// Of a camera that gives frames.
pub struct Seen {
    pub opened: Duration,
    pub fps: f64,
    /// The frames went on coming for as long as they were counted.
    pub moving: Moving,
    pub exposure: Option<Exposure>,
    /// First and last.
    pub frames: Vec<Frame>,
    /// Why no more came, where that was too early.
    pub lost: Option<CaptureError>,
}

/// Did the picture change?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    Yes,
    /// Not a byte.
    No,
    /// Of a file, or of too few frames, that says nothing.
    Unknown,
}

/// `runs`: the service works with its cameras now.
pub fn look(spec: &SourceSpec, options: &OpenOptions, runs: bool) -> Look {
    if runs && matches!(spec, SourceSpec::Device(_) | SourceSpec::Gst(_)) {
        return Look::Busy;
    }
    let mut options = options.clone();
    options.open_timeout = options.open_timeout.min(MOST_PATIENCE);
    options.read_timeout = options.read_timeout.min(MOST_PATIENCE);
    options.max_fps = 0.0;
    let begun = Instant::now();
    match capture::open(spec, &options) {
        Ok(mut source) => watch(source.as_mut(), begun.elapsed(), matches!(spec, SourceSpec::Path(_))),
        Err(error) => Look::Failed(error),
    }
}

fn watch(source: &mut dyn FrameSource, opened: Duration, is_file: bool) -> Look {
    let first = match source.next() {
        Ok(Some(frame)) => frame,
        Ok(None) => return Look::Failed(CaptureError::Lost { from: source.label() }),
        Err(error) => return Look::Failed(error),
    };
    let begun = Instant::now();
    let (mut count, mut any_change, mut lost) = (0usize, false, None);
    let mut last = first.clone();
    while begun.elapsed() < WATCHED && count < MOST_FRAMES {
        match source.next() {
            Ok(Some(frame)) => {
                any_change |= changed(last.pixels(), frame.pixels()) > 0.0;
                last = frame;
                count += 1;
            }
            Ok(None) => break,
            Err(error) => {
                lost = Some(error);
                break;
            }
        }
    }
    let moving = match (is_file, any_change, count) {
        (false, true, _) => Moving::Yes,
        (false, false, 5..) => Moving::No,
        _ => Moving::Unknown,
    };
    let fps = count as f64 / begun.elapsed().as_secs_f64().max(0.001);
    let exposure = Exposure::of(last.pixels(), last.width() as usize);
    let mut frames = vec![first];
    frames.extend((count > 0).then_some(last));
    Look::Seen(Seen { opened, fps, moving, exposure, frames, lost })
}
