//! Where frames come from: one syntax in the file and on the command line.

use std::fmt;
use std::path::PathBuf;

/// A source, told by its text alone (`lpr-agent` looks at the disk only when it opens it).
#[derive(Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// An image, a folder of images or a video file; which, the disk tells.
    Path(PathBuf),
    /// A V4L2 device, `/dev/videoN`.
    Device(PathBuf),
    /// `rtsp://` or `rtsps://`, perhaps with credentials.
    Rtsp(String),
    /// `gst:PIPELINE`, a GStreamer pipeline without its sink.
    Gst(String),
    /// `sim:SPEC`, the simulator.
    Sim(String),
}

/// Why a text names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("is missing; name an image, a folder, a video file, /dev/videoN, rtsp://…, gst:PIPELINE or sim:…")]
    Empty,
    #[error("{0}:// is not supported; use rtsp://… or gst:PIPELINE")]
    Scheme(String),
    #[error("gst: needs a pipeline behind it, e.g. gst:videotestsrc ! videoconvert")]
    EmptyPipeline,
}

impl SourceSpec {
    /// Reads the text; does not touch the disk or the network.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SourceError::Empty);
        }
        if let Some(pipeline) = text.strip_prefix("gst:") {
            let pipeline = pipeline.trim();
            return if pipeline.is_empty() {
                Err(SourceError::EmptyPipeline)
            } else {
                Ok(Self::Gst(pipeline.to_owned()))
            };
        }
        if let Some(spec) = text.strip_prefix("sim:") {
            return Ok(Self::Sim(spec.to_owned()));
        }
        if text.starts_with("rtsp://") || text.starts_with("rtsps://") {
            return Ok(Self::Rtsp(text.to_owned()));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(SourceError::Scheme(scheme.to_owned()));
        }
        if text.starts_with("/dev/video") {
            return Ok(Self::Device(text.into()));
        }
        Ok(Self::Path(text.into()))
    }
}

/// The source without its credentials.
impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) | Self::Device(path) => write!(f, "{}", path.display()),
            Self::Rtsp(url) => f.write_str(&without_userinfo(url)),
            Self::Gst(pipeline) => {
                let words: Vec<String> = pipeline.split(' ').map(without_userinfo).collect();
                write!(f, "gst:{}", words.join(" "))
            }
            Self::Sim(spec) => write!(f, "sim:{spec}"),
        }
    }
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `scheme://user:password@host/…` → `scheme://***@host/…`. The last `@` of the authority counts, since passwords
/// may hold one unescaped.
fn without_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => text.to_owned(),
    }
}
