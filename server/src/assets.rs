//! The web page, from inside the program. A server built without one says so instead.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::Problem;

#[derive(RustEmbed)]
#[folder = "../www/dist"]
#[allow_missing = true]
struct Page;

const START: &str = "index.html";
/// The builder puts a hash of the content into every name below this folder.
const HASHED: &str = "assets/";

const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>KeyFlow server</title>\
    <h1>KeyFlow server</h1><p>The server is running. This build has no web page inside: build the page first, then the \
    server. The API is under <code>/api</code>.</p></html>";

/// `GET` of any address outside `/api`: the file of that name, or else the start page, whose router knows the rest.
pub async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Problem::not_found("address").into_response();
    }
    if let Some(file) = Page::get(path) {
        return serve(path, file, &headers);
    }
    // A missing script or picture is an error; the start page in its place would only hide it.
    if path.starts_with(HASHED) {
        return Problem::not_found("file").into_response();
    }
    match Page::get(START) {
        Some(file) => serve(START, file, &headers),
        None => {
            let kind =
                [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
            (kind, NO_PAGE).into_response()
        }
    }
}

fn serve(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash: String =
        file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let names = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, cache.to_owned())];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, names).into_response();
    }
    let mime = file.metadata.mimetype();
    let kind = if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() };
    (names, [(header::CONTENT_TYPE, kind)], Body::from(file.data.into_owned())).into_response()
}
