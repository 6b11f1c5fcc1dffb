//! Files of a page that are part of the program: served with their type, a strict policy and a validator.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

pub const HTML: &str = "text/html; charset=utf-8";
pub const CSS: &str = "text/css; charset=utf-8";
pub const JS: &str = "text/javascript; charset=utf-8";
pub const SVG: &str = "image/svg+xml";
pub const TTF: &str = "font/ttf";

/// A file: its address, its media type, its bytes.
pub type Asset = (&'static str, &'static str, &'static [u8]);

/// Files of a folder: `assets!("page/": JS "app.js", CSS "base.css")`, the folder as `include_bytes!` takes it.
macro_rules! assets {
    ($folder:literal: $($media_type:ident $name:literal),* $(,)?) => {
        &[$((concat!("/assets/", $name), $media_type, include_bytes!(concat!($folder, $name)).as_slice())),*]
    };
}
pub(crate) use assets;

/// Plates look the same on every machine, Latin and Thai: the font that the agent draws with.
pub const FONTS: &[Asset] = &[
    ("/assets/plate-latin.ttf", TTF, include_bytes!("../glyphs/fonts/sarabun-latin-bold.ttf")),
    ("/assets/plate-thai.ttf", TTF, include_bytes!("../glyphs/fonts/sarabun-thai-bold.ttf")),
];

/// Scripts, styles, fonts, pictures and connections from here and nowhere else; nothing inline; no text becomes markup
/// or script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// `GET` of each file.
pub fn router<'a, S: Clone + Send + Sync + 'static>(assets: impl IntoIterator<Item = &'a Asset>) -> Router<S> {
    assets.into_iter().fold(Router::new(), |router, &(path, media_type, bytes)| {
        let file = File { media_type, bytes, tag: tag(bytes) };
        router.route(path, get(async move |headers: HeaderMap| file.answer(&headers)))
    })
}

/// A file of the page.
#[derive(Clone)]
struct File {
    media_type: &'static str,
    bytes: &'static [u8],
    tag: String,
}

/// A strong validator: the same bytes and only those.
fn tag(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

impl File {
    /// The file, or `304` where the browser has it. A new version of the program is a new page at once: a browser asks
    /// each time, and is sent only what has changed.
    fn answer(&self, request: &HeaderMap) -> Response {
        let common = [(header::ETAG, self.tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
        if has(request, &self.tag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let more = [
            (header::CONTENT_TYPE.as_str(), self.media_type),
            (header::CONTENT_SECURITY_POLICY.as_str(), POLICY),
            (header::REFERRER_POLICY.as_str(), "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
        ];
        (common, more, self.bytes).into_response()
    }
}

/// Whether `If-None-Match` names `tag`.
fn has(request: &HeaderMap, tag: &str) -> bool {
    let given = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|text| text.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Every file that `page` and `files` name, and every one that is served; in a whole page they are the same.
#[cfg(test)]
pub(crate) fn named_and_served(page: &str, files: &[&[Asset]]) -> (Vec<String>, Vec<String>) {
    fn named(text: &str, before: &str, after: &str) -> Vec<String> {
        text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).map(str::to_owned).collect()
    }
    let mut wanted = named(page, "\"assets/", "\"");
    for &(_, _, bytes) in files.iter().copied().flatten() {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        wanted.extend(named(text, "from \"./", "\""));
        wanted.extend(named(text, "url(\"", "\""));
    }
    wanted.sort();
    wanted.dedup();
    let all = files.iter().copied().flatten().chain(FONTS);
    let mut served: Vec<String> = all.filter_map(|file| file.0.strip_prefix("/assets/")).map(str::to_owned).collect();
    served.sort();
    (wanted, served)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, header::HeaderValue::from_static(value))])
    }

    #[test]
    fn a_browser_that_has_the_file_is_not_sent_it_again() {
        let file = File { media_type: JS, bytes: b"1", tag: "\"a\"".into() };
        for (value, status) in [("\"a\"", 304), ("\"b\", W/\"a\"", 304), ("*", 304), ("\"b\"", 200), ("a", 200)] {
            assert_eq!(file.answer(&asked(value)).status(), status, "{value}");
        }
        assert_eq!(file.answer(&HeaderMap::new()).status(), 200);
        assert_ne!(tag(b"1"), tag(b"2"));
    }
}
