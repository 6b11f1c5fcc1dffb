//! The live page: hand-written HTML, CSS and JavaScript modules inside the binary; nothing comes from another host.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

const HTML: &str = include_str!("page/index.html");
const FILES: [(&str, &str, &str); 4] = [
    ("/assets/app.js", "text/javascript; charset=utf-8", include_str!("page/app.js")),
    ("/assets/socket.js", "text/javascript; charset=utf-8", include_str!("page/socket.js")),
    ("/assets/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/assets/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// Scripts, styles, pictures and connections from here and nowhere else; nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /` and its files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = get(async || file("text/html; charset=utf-8", HTML));
    FILES.into_iter().fold(Router::new().route("/", page), |router, (path, media_type, text)| {
        router.route(path, get(async move || file(media_type, text)))
    })
}

fn file(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new version of the server is a new page at once.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
