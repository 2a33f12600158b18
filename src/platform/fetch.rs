//! Carries requests to the server with the platform's `fetch`: in a window, in a worker, in Node.
//!
//! Every request has an end, every body is read to its end, and nothing is retried here except once without compression.

use std::cell::Cell;

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Object, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response as Answer;

use super::js::{self, Thrown, detach, get};
use crate::seam::{Request, Response, Transport};
use crate::stamp::Millis;

/// Bodies from this size on are sent as gzip where the platform can.
const GZIP_FROM_BYTES: usize = 1024;
/// The longest wait a timer of the platform takes; it runs off at once beyond.
const MAX_TIMER_MS: Millis = i32::MAX as Millis;

/// Talks to one server.
pub struct FetchTransport {
    base: String,
    /// The server, or something before it, does not take gzip: remembered for as long as this lives.
    plain: Cell<bool>,
}

impl FetchTransport {
    /// For the server at `base_url`, such as `https://example.org`; empty for the page's own origin.
    pub fn new(base_url: &str) -> FetchTransport {
        FetchTransport { base: base_url.trim_end_matches('/').to_owned(), plain: Cell::new(false) }
    }

    async fn exchange(&self, request: &Request, abort: &Abort) -> Result<Response, String> {
        let text = request.body.as_deref();
        let gzip = match text.filter(|text| text.len() >= GZIP_FROM_BYTES && !self.plain.get()) {
            Some(text) => gzip(text).await,
            None => None,
        };
        let plain = text.map(JsValue::from_str);
        let Some(packed) = gzip else { return self.fetch(request, plain.as_ref(), false, abort).await };
        let answer = self.fetch(request, Some(&packed), true, abort).await?;
        if !refuses_gzip(&answer) {
            return Ok(answer);
        }
        self.plain.set(true);
        self.fetch(request, plain.as_ref(), false, abort).await
    }

    async fn fetch(
        &self,
        request: &Request,
        body: Option<&JsValue>,
        packed: bool,
        abort: &Abort,
    ) -> Result<Response, String> {
        let headers = Object::new();
        let header = |name, value: &str| js::set(&headers, name, &JsValue::from_str(value));
        if let Some(token) = &request.token {
            header("authorization", &["Bearer ", token].concat());
        }
        let init = Object::new();
        if let Some(body) = body {
            header("content-type", "application/json");
            if packed {
                header("content-encoding", "gzip");
            }
            js::set(&init, "body", body);
        }
        js::set(&init, "method", &JsValue::from_str(request.method));
        js::set(&init, "headers", &headers);
        js::set(&init, "cache", &JsValue::from_str("no-store"));
        js::set(&init, "credentials", &JsValue::from_str("omit"));
        if let Some(signal) = abort.signal() {
            js::set(&init, "signal", &signal);
        }
        let url = JsValue::from_str(&[self.base.as_str(), &request.path].concat());
        // Runs to its end by itself: when the deadline passes, the abort ends it.
        let answered = detach(async move { answer(&url, &init).await.map_err(|thrown| thrown.to_string()) });
        answered.await.unwrap_or_else(|_| Err("the request stopped".to_owned()))
    }
}

impl Transport for FetchTransport {
    async fn send(&self, request: &Request) -> Result<Response, String> {
        // Dropped on every way out, also when the caller gives up: a request never outlives its sender.
        let abort = Abort(js::construct("AbortController", &[]));
        let exchange = std::pin::pin!(self.exchange(request, &abort));
        let deadline = request.deadline.clamp(0, MAX_TIMER_MS);
        let timer = TimeoutFuture::new(u32::try_from(deadline).unwrap_or(u32::MAX));
        match select(exchange, timer).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(["no answer within ", &deadline.to_string(), " ms"].concat()),
        }
    }
}

/// Aborts its request when dropped; after the answer that changes nothing.
struct Abort(Option<JsValue>);

impl Abort {
    fn signal(&self) -> Option<JsValue> {
        get(self.0.as_ref()?, "signal")
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            let _ = js::call(controller, "abort", &[]);
        }
    }
}

async fn answer(url: &JsValue, init: &Object) -> Result<Response, Thrown> {
    let promise = js::call(&js_sys::global(), "fetch", &[url, init])?;
    let answer: Answer = JsFuture::from(Promise::resolve(&promise)).await?.unchecked_into();
    let retry_after = answer.headers().get("retry-after").ok().flatten();
    // The body is read whatever the status: an unread one holds its connection.
    let body = JsFuture::from(answer.text()?).await?;
    Ok(Response { status: answer.status(), retry_after, body: body.as_string().unwrap_or_default() })
}

/// The text as gzip bytes; `None` where the platform has no compression, or when it fails.
async fn gzip(text: &str) -> Option<JsValue> {
    let stream = js::construct("CompressionStream", &[&JsValue::from_str("gzip")])?;
    let writer = js::call(&get(&stream, "writable")?, "getWriter", &[]).ok()?;
    let written = js::call(&writer, "write", &[&Uint8Array::from(text.as_bytes())]).ok()?;
    let closed = js::call(&writer, "close", &[]).ok()?;
    let packed = js::construct("Response", &[&get(&stream, "readable")?])?;
    let packed = js::call(&packed, "arrayBuffer", &[]).ok()?;
    let all: Array = JsFuture::from(Promise::all(&Array::of3(&packed, &written, &closed))).await.ok()?.into();
    Some(Uint8Array::new(&all.get(0)).into())
}

/// Whether the server could not read the compressed body, as opposed to what was in it.
fn refuses_gzip(answer: &Response) -> bool {
    let code = || serde_json::from_str::<serde_json::Value>(&answer.body).ok()?.get("code").cloned();
    answer.status == 415 || answer.status == 400 && code().is_some_and(|code| code == "badEncoding")
}
