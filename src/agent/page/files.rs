//! The page's files: its own, and those of the server's page that are the same here.

use crate::web::assets::{self, Asset, CSS, HTML, JS, SVG, TTF};
use axum::Router;

macro_rules! assets {
    ($folder:literal: $($media_type:ident $name:literal),* $(,)?) => {
        &[$((concat!("/assets/", $name), $media_type, include_bytes!(concat!($folder, $name)).as_slice())),*]
    };
}

const OWN: &[Asset] = assets!["assets/":
    JS "aim.js", JS "app.js", JS "en.js", JS "health.js", JS "reads.js", JS "state.js", JS "th.js", JS "unread.js",
    JS "zones.js", CSS "agent.css",
];

const SHARED: &[Asset] = assets!["../../server/page/":
    JS "api.js", JS "dom.js", JS "first.js", JS "i18n.js", JS "icons.js", JS "session.js", JS "signin.js",
    CSS "base.css", CSS "shell.css", SVG "icon.svg",
];

const FONTS: &[Asset] = &[
    ("/assets/plate-latin.ttf", TTF, include_bytes!("../../glyphs/fonts/sarabun-latin-bold.ttf")),
    ("/assets/plate-thai.ttf", TTF, include_bytes!("../../glyphs/fonts/sarabun-thai-bold.ttf")),
];

/// `GET /` and its files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page: Asset = ("/", HTML, include_bytes!("assets/index.html").as_slice());
    assets::router(std::iter::once(&page).chain(OWN).chain(SHARED).chain(FONTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
    }

    #[test]
    fn every_file_that_the_page_names_is_served_and_every_served_file_is_named() {
        let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).unwrap_or_default();
        let mut wanted: Vec<&str> = named(include_str!("assets/index.html"), "\"assets/", "\"").collect();
        for &(_, _, bytes) in OWN.iter().chain(SHARED) {
            wanted.extend(named(text(bytes), "from \"./", "\""));
            wanted.extend(named(text(bytes), "url(\"", "\""));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let all = OWN.iter().chain(SHARED).chain(FONTS);
        let mut served: Vec<_> = all.filter_map(|file| file.0.strip_prefix("/assets/")).collect();
        served.sort_unstable();
        assert_eq!(wanted, served);
    }
}
