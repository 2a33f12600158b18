//! The web page, from inside the program. A server built without one says so instead.

use std::borrow::Cow;

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
    answer(path, file.metadata.mimetype(), file.metadata.sha256_hash(), file.data, headers)
}

fn answer(
    path: &str,
    mime: &str,
    sha256: [u8; 32],
    content: Cow<'static, [u8]>,
    headers: &HeaderMap,
) -> Response {
    let hash: String = sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let names = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, cache.to_owned())];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, names).into_response();
    }
    let kind = if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() };
    (names, [(header::CONTENT_TYPE, kind)], Body::from(content.into_owned())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(path: &str, mime: &str, known: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(header::IF_NONE_MATCH, known.parse().unwrap());
        }
        answer(path, mime, [7; 32], Cow::Borrowed(b"content"), &headers)
    }

    #[test]
    fn a_file_with_a_hash_in_its_name_is_kept_for_ever_and_the_start_page_is_not() {
        let (asset, start) =
            (got("assets/core-1a2b.wasm", "application/wasm", None), got(START, "text/html", None));
        assert_eq!(asset.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(asset.headers()[header::CONTENT_TYPE], "application/wasm");
        assert_eq!(start.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(start.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[test]
    fn a_page_that_did_not_change_is_not_sent_again() {
        let tag = got(START, "text/html", None).headers()[header::ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
            assert_eq!(got(START, "text/html", Some(&known)).status(), StatusCode::NOT_MODIFIED);
        }
        assert_eq!(got(START, "text/html", Some("\"x\"")).status(), StatusCode::OK);
    }
}
