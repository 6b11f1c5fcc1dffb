//! A clip through the pipeline and the tracker, as `run` does it.

use super::score::ClipEvent;
use crate::agent::Failure;
use crate::capture::{self, OpenOptions};
use crate::config::SourceSpec;
use crate::domain::CaptureTime;
use crate::inference::{Lookout, Pipeline};
use crate::track::{Passage, TrackSettings, Tracker};
use std::path::Path;

/// What came of a clip.
#[derive(Debug, Default)]
pub struct Watched {
    pub frames: u64,
    pub events: Vec<ClipEvent>,
    /// Why not all of it was seen.
    pub error: Option<String>,
}

pub fn watch(pipeline: &mut Pipeline, path: &Path, settings: TrackSettings) -> Result<Watched, Failure> {
    let mut watched = Watched::default();
    let opened = SourceSpec::parse(&path.to_string_lossy())
        .map_err(|error| error.to_string())
        .and_then(|spec| capture::open(&spec, &OpenOptions::default()).map_err(|error| error.to_string()));
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => return Ok(Watched { error: Some(format!("{}: {error}", path.display())), ..watched }),
    };
    let (mut tracker, mut lookout) = (Tracker::new(settings), Lookout::default());
    let (mut first, mut last) = (None, CaptureTime::default());
    loop {
        let frame = match source.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => {
                watched.error = Some(error.to_string());
                break;
            }
        };
        watched.frames += 1;
        last = frame.captured;
        let begin = *first.get_or_insert(last);
        let reading = pipeline.read_next(&frame, &mut lookout)?;
        let passages = tracker.update(&frame, &reading);
        watched.events.extend(passages.into_iter().map(|passage| event(passage, begin, last)));
    }
    let begin = first.unwrap_or(last);
    watched.events.extend(tracker.finish().into_iter().map(|passage| event(passage, begin, last)));
    Ok(watched)
}

fn event(passage: Passage, begin: CaptureTime, now: CaptureTime) -> ClipEvent {
    let seconds = |time: CaptureTime| time.mono_ms.saturating_sub(begin.mono_ms) as f64 / 1e3;
    ClipEvent {
        first_seen_s: seconds(passage.first_seen),
        event_s: seconds(now),
        text: passage.plate.text,
        province: passage.plate.province,
    }
}
