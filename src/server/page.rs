//! The control room's page: hand-written HTML, CSS and JavaScript modules inside the binary; nothing comes from another
//! host.

use crate::web::assets::{self, Asset, CSS, HTML, JS, SVG, TTF};
use axum::Router;

macro_rules! assets {
    ($($media_type:ident $name:literal),* $(,)?) => {
        &[$((concat!("/assets/", $name), $media_type, include_bytes!(concat!("page/", $name)).as_slice())),*]
    };
}

/// Each file with its address and media type.
const FILES: &[Asset] = assets![
    JS "alerts.js", JS "api.js", JS "app.js", JS "audit.js", JS "board.js", JS "cameras.js", JS "chart.js", JS "detail.js", JS "dom.js",
    JS "en.js", JS "entries.js", JS "feed.js", JS "figures.js", JS "first.js", JS "i18n.js", JS "icons.js", JS "keys.js",
    JS "list.js", JS "live.js", JS "menu.js", JS "pane.js", JS "record.js", JS "search.js", JS "session.js",
    JS "signin.js", JS "socket.js", JS "sound.js", JS "th.js", JS "viewer.js", JS "watchlists.js",
    CSS "base.css", CSS "reads.css", CSS "shell.css", CSS "views.css", SVG "icon.svg",
];

/// Plates look the same on every machine, Latin and Thai: the font that the agent draws with.
const FONTS: &[Asset] = &[
    ("/assets/plate-latin.ttf", TTF, include_bytes!("../glyphs/fonts/sarabun-latin-bold.ttf")),
    ("/assets/plate-thai.ttf", TTF, include_bytes!("../glyphs/fonts/sarabun-thai-bold.ttf")),
];

/// `GET /` and its files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page: Asset = ("/", HTML, include_bytes!("page/index.html").as_slice());
    assets::router(std::iter::once(&page).chain(FILES).chain(FONTS))
}

#[cfg(test)]
mod tests {
    use super::*;

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
