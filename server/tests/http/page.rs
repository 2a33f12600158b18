//! The page, the headers that guard it, other origins, and the addresses for operations.

use reqwest::{Client, Method};

use crate::cloud::Cloud;

#[tokio::test]
async fn every_answer_carries_the_headers_that_guard_the_page() {
    let cloud = Cloud::start().await;
    for path in ["/", "/some/view", "/api/nothing", "/healthz"] {
        let reply = Client::new().get(format!("{}{path}", cloud.url)).send().await.unwrap();
        let policy = reply.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(reply.headers()["referrer-policy"], "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn an_unknown_address_gives_the_start_page_and_a_missing_asset_does_not() {
    let cloud = Cloud::start().await;
    let get = |path: &str| Client::new().get(format!("{}{path}", cloud.url)).send();
    let view = get("/history/today").await.unwrap();
    assert_eq!(
        (view.status().as_u16(), &view.headers()["cache-control"]),
        (200, &"no-cache".parse().unwrap())
    );
    assert_eq!(view.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(view.text().await.unwrap(), get("/").await.unwrap().text().await.unwrap());
    let missing = get("/assets/missing.js").await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn only_listed_origins_may_call_from_another_page() {
    let cloud = Cloud::start().await;
    for (origin, allowed) in [
        ("tauri://localhost", true),
        ("http://tauri.localhost", true),
        ("http://tauri.localhost.example.com", false),
        ("https://example.com", false),
        ("null", false),
    ] {
        let request = Client::new()
            .request(Method::OPTIONS, format!("{}/api/sync/sessions", cloud.url))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-encoding,content-type");
        let reply = request.send().await.unwrap();
        let header = |name: &str| reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("access-control-allow-origin").as_deref(), allowed.then_some(origin), "{origin}");
        assert!(header("access-control-allow-headers").unwrap().contains("content-encoding"));
        assert_eq!(header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_refusal_can_be_read_by_a_listed_origin() {
    let cloud = Cloud::start().await;
    let request =
        Client::new().get(format!("{}/api/sync/changes", cloud.url)).header("origin", "tauri://localhost");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 401);
    assert_eq!(reply.headers()["access-control-allow-origin"], "tauri://localhost");
    assert_eq!(reply.headers()["access-control-expose-headers"], "retry-after");
}

#[tokio::test]
async fn operations_can_ask_how_it_is() {
    let cloud = Cloud::start().await;
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let reply = Client::new().get(format!("{}{path}", cloud.url)).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.text().await.unwrap().as_str()), (200, text));
    }
}
