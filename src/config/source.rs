//! Where frames come from: one syntax in the file and on the command line.

use std::fmt;
use std::path::PathBuf;

/// A source, told by its text alone (`lpr-agent` looks at the disk only when it opens it).
///
/// `Display` and `Debug` leave out credentials, and rather hide too much than too little: in an address everything
/// before the last `@`, in a pipeline every value of a property that is named like a secret.
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
    #[error("is no address; write rtsp://HOST:PORT/PATH")]
    Address,
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
        if let Some((scheme, rest)) = text.split_once(':')
            && matches!(scheme.to_ascii_lowercase().as_str(), "rtsp" | "rtsps")
        {
            return match rest.strip_prefix("//") {
                Some(rest) if !rest.is_empty() => Ok(Self::Rtsp(format!("{}://{rest}", scheme.to_ascii_lowercase()))),
                _ => Err(SourceError::Address),
            };
        }
        if let Some((scheme, _)) = text.split_once("://") {
            let is_word = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric());
            return Err(if is_word { SourceError::Scheme(scheme.to_owned()) } else { SourceError::Address });
        }
        if text.starts_with("/dev/video") {
            return Ok(Self::Device(text.into()));
        }
        Ok(Self::Path(text.into()))
    }

    /// A live source never ends and is opened again when it is lost; files and the simulator end.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Device(_) | Self::Rtsp(_) | Self::Gst(_) => true,
            Self::Path(_) | Self::Sim(_) => false,
        }
    }
}

/// The source without its credentials.
impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) | Self::Device(path) => write!(f, "{}", path.display()),
            Self::Rtsp(url) => f.write_str(&redacted_address(url)),
            Self::Gst(pipeline) => write!(f, "gst:{}", redacted_pipeline(pipeline)),
            Self::Sim(spec) => write!(f, "sim:{spec}"),
        }
    }
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `scheme://user:password@host/…` → `scheme://***@host/…`. The last `@` of all counts, since passwords may hold `@`,
/// `/` and `?` unescaped. Some cameras take the password in the path or the query: what follows `password=` and its
/// like is hidden up to the next `&`.
fn redacted_address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (stars, shown) = match rest.rsplit_once('@') {
        Some((_, shown)) => ("***@", shown),
        None => ("", rest),
    };
    let fields: Vec<String> = shown.split('&').map(redacted_field).collect();
    format!("{scheme}://{stars}{}", fields.join("&"))
}

/// `…password=1234` → `…password=***`.
fn redacted_field(field: &str) -> String {
    let secret = field.match_indices('=').find(|(at, _)| names_secret(last_word(&field[..*at])));
    match secret {
        Some((at, _)) => format!("{}=***", &field[..at]),
        None => field.to_owned(),
    }
}

/// A GStreamer pipeline with `***` for the value of each property that is named like a secret, and every address in
/// it redacted. Values may be quoted, and `=` may stand in spaces, as gst-launch has it.
fn redacted_pipeline(pipeline: &str) -> String {
    let mut shown = String::with_capacity(pipeline.len());
    let mut rest = pipeline;
    while let Some(at) = rest.find('=') {
        let word_at = rest[..at].rfind(' ').map_or(0, |space| space + 1);
        if rest[word_at..at].contains("://") {
            // An address by itself, as gst-launch takes it for an element; the `=` is part of it.
            let end = rest[at..].find(' ').map_or(rest.len(), |space| at + space);
            shown += &redacted_words(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let value_at = after.len() - after.trim_start().len();
        let value_end = value_at + value_length(&after[value_at..]);
        let value = &after[value_at..value_end];
        let value = if names_secret(last_word(before.trim_end())) { "***".into() } else { redacted_address(value) };
        shown += &redacted_words(before);
        shown += "=";
        shown += &after[..value_at];
        shown += &value;
        rest = &after[value_end..];
    }
    shown + &redacted_words(rest)
}

fn redacted_words(text: &str) -> String {
    text.split(' ').map(redacted_address).collect::<Vec<_>>().join(" ")
}

/// Bytes of a property's value: up to its closing quote, else to the next space; a backslash takes the next character
/// with it.
fn value_length(text: &str) -> usize {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(usize::from(quote.is_some())) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if Some(c) == quote {
            return at + 1;
        } else if quote.is_none() && c.is_whitespace() {
            return at;
        }
    }
    text.len()
}

/// The name at the end of `text`: letters, digits and dashes.
fn last_word(text: &str) -> &str {
    let start = text
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    &text[start..]
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = ["user", "usr", "pw", "pass", "auth", "token", "secret", "cookie", "header", "credential"];
    parts.iter().any(|part| name.contains(part)) || name.ends_with("key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let spec = SourceSpec::parse(text).unwrap();
        assert_eq!(format!("{spec:?}"), spec.to_string());
        spec.to_string()
    }

    #[test]
    fn every_kind_is_told_by_its_text() {
        let kinds: Vec<(String, bool)> =
            ["car.jpg", "/dev/video0", "RTSP://cam/live", "gst:videotestsrc ! queue", "sim:seed=7"]
                .iter()
                .map(|text| SourceSpec::parse(text).unwrap())
                .map(|spec| (spec.to_string(), spec.is_live()))
                .collect();
        let wanted = [
            ("car.jpg", false),
            ("/dev/video0", true),
            ("rtsp://cam/live", true),
            ("gst:videotestsrc ! queue", true),
            ("sim:seed=7", false),
        ];
        assert_eq!(kinds, wanted.map(|(text, live)| (text.to_owned(), live)));
    }

    #[test]
    fn what_is_no_source_is_refused_without_repeating_a_password() {
        assert_eq!(SourceSpec::parse(" "), Err(SourceError::Empty));
        assert_eq!(SourceSpec::parse("gst: "), Err(SourceError::EmptyPipeline));
        assert_eq!(SourceSpec::parse("http://u:p@h/"), Err(SourceError::Scheme("http".into())));
        assert_eq!(SourceSpec::parse("rtsp:/u:p@h/"), Err(SourceError::Address));
        assert_eq!(SourceSpec::parse("u:p@rtsp://h/"), Err(SourceError::Address));
    }

    #[test]
    fn a_source_is_shown_without_its_credentials() {
        assert_eq!(shown("rtsp://cam:554/live?ch=1&sub=0"), "rtsp://cam:554/live?ch=1&sub=0");
        assert_eq!(shown("rtsp://admin:geheim@cam:554/live"), "rtsp://***@cam:554/live");
        assert_eq!(shown("rtsp://admin:a@b/c?d@cam/live"), "rtsp://***@cam/live");
        assert_eq!(shown("rtsp://cam/user=admin&password=x1&ch=1"), "rtsp://cam/user=***&password=***&ch=1");
        assert_eq!(shown("rtsp://cam/h264?ch=1_password=x1_s"), "rtsp://cam/h264?ch=1_password=***");
        assert_eq!(
            shown("gst:rtspsrc location=\"rtsp://u:p w@h/a\" user-id=joe user-pw = 'p w' latency=0 ! rtph264depay"),
            "gst:rtspsrc location=\"rtsp://***@h/a\" user-id=*** user-pw = *** latency=0 ! rtph264depay"
        );
        assert_eq!(
            shown("gst:v4l2src device=/dev/video0 ! video/x-raw,width=1280,height=720 ! queue"),
            "gst:v4l2src device=/dev/video0 ! video/x-raw,width=1280,height=720 ! queue"
        );
    }

    /// Long enough that it does not stand in the rest of the text by chance.
    fn password(allowed: &'static str) -> impl Strategy<Value = String> {
        proptest::string::string_regex(&format!("[{allowed}]{{2,12}}")).unwrap().prop_map(|tail| format!("Zq{tail}"))
    }

    proptest! {
        #[test]
        fn no_password_of_an_address_is_ever_shown(secret in password("!-~")) {
            for text in [
                format!("rtsp://admin:{secret}@cam:554/live"),
                format!("rtsps://{secret}:x@cam/"),
                format!("rtsp://admin:{secret}@[::1]:554/a?b=c"),
            ] {
                prop_assert!(!shown(&text).contains("Zq"), "{}", shown(&text));
            }
        }

        #[test]
        fn no_password_of_a_pipeline_is_ever_shown(
            plain in password("!#-&(-\\[\\]-~"),
            quoted in password(" !#-\\[\\]-~"),
        ) {
            for text in [
                format!("gst:rtspsrc location=rtsp://u:{plain}@cam/live latency=0 ! decodebin"),
                format!("gst:rtspsrc latency=0 location=\"rtsp://u:{quoted}@cam/live\" ! decodebin"),
                format!("gst:rtspsrc user-id=u user-pw={plain} location=rtsp://cam/ ! decodebin"),
                format!("gst:rtspsrc user-id=u user-pw=\"{quoted}\" location=rtsp://cam/ ! decodebin"),
                format!("gst:rtspsrc user-pw = \"{quoted}\\\"{quoted}\" ! decodebin"),
                format!("gst:rtsp://u:{plain}@cam/live ! decodebin"),
            ] {
                prop_assert!(!shown(&text).contains("Zq"), "{}", shown(&text));
            }
        }

        #[test]
        fn any_text_is_read_and_shown_without_panic(text in ".{0,80}") {
            if let Ok(spec) = SourceSpec::parse(&text) {
                let _ = spec.to_string();
            }
        }
    }
}
