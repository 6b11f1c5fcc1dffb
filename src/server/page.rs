//! The control room's page: hand-written HTML, CSS and JavaScript modules inside the binary; nothing comes from another
//! host.

use crate::web::assets::{self, Asset, CSS, FONTS, HTML, JS, SVG, assets};
use axum::Router;

/// Each file with its address and media type.
const FILES: &[Asset] = assets!["page/":
    JS "alerts.js", JS "api.js", JS "app.js", JS "audit.js", JS "board.js", JS "cameras.js", JS "chart.js", JS "detail.js", JS "dom.js",
    JS "en.js", JS "entries.js", JS "feed.js", JS "figures.js", JS "first.js", JS "i18n.js", JS "icons.js", JS "keys.js",
    JS "list.js", JS "live.js", JS "menu.js", JS "pane.js", JS "record.js", JS "search.js", JS "session.js",
    JS "signin.js", JS "socket.js", JS "sound.js", JS "th.js", JS "viewer.js", JS "watchlists.js",
    CSS "base.css", CSS "reads.css", CSS "shell.css", CSS "views.css", SVG "icon.svg",
];

/// `GET /` and its files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page: Asset = ("/", HTML, include_bytes!("page/index.html").as_slice());
    assets::router(std::iter::once(&page).chain(FILES).chain(FONTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_served_and_every_served_file_is_named() {
        let (wanted, served) = assets::named_and_served(include_str!("page/index.html"), &[FILES]);
        assert_eq!(wanted, served);
    }
}
