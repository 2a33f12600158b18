//! The routes, what surrounds each of them, and how a request is read. No rules about records.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyflow_sync::error::FieldError;
use serde_json::Value;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::address;
use crate::assets;
use crate::config::Config;
use crate::error::{Problem, as_problem};
use crate::events::{Events, events};
use crate::limits::Limits;
use crate::store::{Database, UserId};
use crate::{accounts, history, pull, push};

/// What every request can reach.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub store: Arc<dyn Database>,
    pub events: Arc<Events>,
    pub limits: Arc<Limits>,
}

/// The page runs our own scripts and wasm, talks to its own server, and is never framed.
const CONTENT_SECURITY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// All routes with all layers.
pub fn router(app: App) -> Router {
    let config = app.config.clone();
    let api = Router::new()
        .route("/devices", post(accounts::register).get(accounts::list))
        .route("/devices/link-codes", post(accounts::link_code))
        .route("/devices/link", post(accounts::link))
        .route("/devices/{id}", delete(accounts::revoke))
        .route("/account", delete(accounts::remove))
        .route("/sync/sessions", post(push::sessions).get(history::sessions))
        .route("/sync/sessions/{id}", get(history::session))
        .route("/sync/sessions/{id}/versions", get(history::versions))
        .route("/sync/progress", post(push::progress))
        .route("/sync/settings", post(push::settings))
        .route("/sync/changes", get(pull::changes))
        .route("/sync/log", get(history::log))
        .route("/sync/events", get(events))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(if_absent(header::CACHE_CONTROL, "no-store"));
    // The last layer is the outermost. Compressed bodies are bounded before and after they are inflated.
    Router::new()
        .nest("/api", api)
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(assets::asset)
        .with_state(app)
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(config.max_wire_bytes))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_secs(config.request_seconds),
        ))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a handler broke one of its own rules");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed").into_response()
        }))
        .layer(from_fn(as_problem))
        .layer(CompressionLayer::new())
        .layer(if_absent(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY))
        .layer(if_absent(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(if_absent(header::REFERRER_POLICY, "no-referrer"))
        .layer(cross_origin(&config))
}

fn if_absent(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn cross_origin(config: &Config) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        config.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}

async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.store.ready().await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "notReady", "the database does not answer")
    })?;
    Ok("ready\n")
}

async fn nothing_here() -> Problem {
    Problem::not_found("address")
}

async fn wrong_method() -> Response {
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// A record in its wire form with its owner, as the spec shows it.
pub fn owned(user: &UserId, mut record: Value) -> Value {
    if let Value::Object(fields) = &mut record {
        fields.insert("userId".into(), user.to_string().into());
    }
    record
}

/// A request body as JSON: within the limits, whole, and parsed. No body at all reads as `null`.
pub struct JsonBody(pub Value);

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &App) -> Result<JsonBody, Problem> {
        let most = app.config.max_body_bytes;
        let body = Limited::new(request.into_body(), most).collect().await.map_err(|error| {
            if is_over_limit(&*error) {
                Problem::too_large(format!("the body is over the limit of {most} bytes"))
            } else {
                let why = "the body is cut off or not in the encoding it names";
                Problem::new(StatusCode::BAD_REQUEST, "badBody", why)
            }
        })?;
        let bytes = body.to_bytes();
        if bytes.is_empty() {
            return Ok(JsonBody(Value::Null));
        }
        let parsed = serde_json::from_slice(&bytes);
        // The position tells enough; the message could quote the text.
        parsed.map(JsonBody).map_err(|error| {
            let why = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
            Problem::new(StatusCode::BAD_REQUEST, "badJson", why)
        })
    }
}

fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    if error.is::<LengthLimitError>() {
        return true;
    }
    // An `io::Error` does not name what it wraps as its source.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = wrapped.map(|inner| inner as &(dyn Error + 'static));
    inner.or_else(|| error.source()).is_some_and(is_over_limit)
}

/// The query of a request.
pub struct Params(HashMap<String, String>);

impl Params {
    /// The parameter of that name; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The parameter `limit`: more than `most` gives `most`.
    pub fn limit(&self, usual: u32, most: u32) -> Result<u32, FieldError> {
        let Some(text) = self.get("limit") else { return Ok(usual) };
        let number = text.parse::<u64>().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| FieldError::new("limit", "must be a whole number, 1 or more"))?;
        Ok(u32::try_from(number).unwrap_or(most).min(most))
    }
}

impl FromRequestParts<App> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Params, Problem> {
        let query = Query::<HashMap<String, String>>::from_request_parts(parts, app).await;
        query
            .map(|Query(params)| Params(params))
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "badQuery", "the query cannot be read"))
    }
}

/// The address that the limits count by.
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<ClientAddress, Problem> {
        Ok(ClientAddress(address::of(parts, app.config.trust_forwarded_for)))
    }
}
