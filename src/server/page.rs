//! The control room's page: hand-written HTML, CSS and JavaScript modules inside the binary; nothing comes from another
//! host.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TTF: &str = "font/ttf";

macro_rules! assets {
    ($($media_type:ident $name:literal),* $(,)?) => {
        &[$((concat!("/assets/", $name), $media_type, include_bytes!(concat!("page/", $name)).as_slice())),*]
    };
}

/// Each file with its address and media type.
const FILES: &[(&str, &str, &[u8])] = assets![
    JS "alerts.js", JS "api.js", JS "app.js", JS "audit.js", JS "board.js", JS "cameras.js", JS "chart.js", JS "detail.js", JS "dom.js",
    JS "en.js", JS "entries.js", JS "feed.js", JS "figures.js", JS "first.js", JS "i18n.js", JS "icons.js", JS "keys.js",
    JS "list.js", JS "live.js", JS "menu.js", JS "pane.js", JS "record.js", JS "search.js", JS "session.js",
    JS "signin.js", JS "socket.js", JS "sound.js", JS "th.js", JS "viewer.js", JS "watchlists.js",
    CSS "base.css", CSS "reads.css", CSS "shell.css", CSS "views.css", SVG "icon.svg",
];

/// Plates look the same on every machine, Latin and Thai: the font that the agent draws with.
const FONTS: &[(&str, &str, &[u8])] = &[
    ("/assets/plate-latin.ttf", TTF, include_bytes!("../glyphs/fonts/sarabun-latin-bold.ttf")),
    ("/assets/plate-thai.ttf", TTF, include_bytes!("../glyphs/fonts/sarabun-thai-bold.ttf")),
];

/// Scripts, styles, fonts, pictures and connections from here and nowhere else; nothing inline; no text becomes markup
/// or script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// `GET /` and its files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = ("/", HTML, include_bytes!("page/index.html").as_slice());
    std::iter::once(&page).chain(FILES).chain(FONTS).fold(Router::new(), |router, &(path, media_type, bytes)| {
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
    /// The file, or `304` where the browser has it. A new version of the server is a new page at once: a browser asks
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

    /// The names that `text` imports or refers to, e.g. `from "./dom.js"`.
    fn named<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
    }

    #[test]
    fn every_file_that_the_page_names_is_served_and_every_served_file_is_named() {
        let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).unwrap_or_default();
        let mut wanted: Vec<String> =
            named(include_str!("page/index.html"), "\"assets/", "\"").map(str::to_owned).collect();
        for &(_, _, bytes) in FILES {
            wanted.extend(named(text(bytes), "from \"./", "\"").map(str::to_owned));
            wanted.extend(named(text(bytes), "url(\"", "\"").map(str::to_owned));
        }
        wanted.sort();
        wanted.dedup();
        let mut served: Vec<_> = FILES.iter().chain(FONTS).filter_map(|file| file.0.strip_prefix("/assets/")).collect();
        served.sort_unstable();
        assert_eq!(wanted, served);
    }
}
