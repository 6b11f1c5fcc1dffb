//! The page's files: its own, and those of the server's page that are the same here.

use crate::web::assets::{self, Asset, CSS, FONTS, HTML, JS, SVG, assets};
use axum::Router;

const OWN: &[Asset] = assets!["assets/":
    JS "aim.js", JS "app.js", JS "en.js", JS "health.js", JS "reads.js", JS "state.js", JS "th.js", JS "unread.js",
    JS "zones.js", CSS "agent.css",
];

const SHARED: &[Asset] = assets!["../../server/page/":
    JS "api.js", JS "dom.js", JS "first.js", JS "i18n.js", JS "icons.js", JS "session.js", JS "signin.js",
    CSS "base.css", CSS "shell.css", SVG "icon.svg",
];

/// `GET /` and its files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page: Asset = ("/", HTML, include_bytes!("assets/index.html").as_slice());
    assets::router(std::iter::once(&page).chain(OWN).chain(SHARED).chain(FONTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_served_and_every_served_file_is_named() {
        let (wanted, served) = assets::named_and_served(include_str!("assets/index.html"), &[OWN, SHARED]);
        assert_eq!(wanted, served);
    }
}
