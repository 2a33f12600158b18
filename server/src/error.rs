//! Every refusal as `application/problem+json` (RFC 9457) with a stable `code`. No problem carries content or a token.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use keyflow_sync::error::FieldError;
use serde_json::json;

use crate::store::StoreError;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem of the given status; `code` is part of the contract, `detail` is for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), field: None, retry_after_seconds: None }
    }

    /// 401: no token, or one that is unknown or revoked.
    pub fn unauthorized() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a valid device token is needed")
    }

    /// 404: this user has no such thing, whether or not another one has.
    pub fn not_found(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "notFound", format!("there is no such {what}"))
    }

    /// 413: send less at once.
    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", detail)
    }

    /// 429: wait `seconds`.
    pub fn too_many(seconds: u64) -> Problem {
        let problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "tooManyRequests",
            "too many requests, wait a little",
        );
        Problem { retry_after_seconds: Some(seconds.max(1)), ..problem }
    }
}

impl From<FieldError> for Problem {
    /// 422: a field of the request cannot be accepted.
    fn from(error: FieldError) -> Problem {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", error.to_string());
        Problem { field: Some(error.field), ..problem }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            // The account is gone, and with it every token of it.
            StoreError::NoUser => Problem::unauthorized(),
            StoreError::Busy => {
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the database is busy");
                Problem { retry_after_seconds: Some(1), ..problem }
            }
            error => {
                tracing::error!(%error, "the database failed");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Gives every refusal that a library made (no such route, wrong method, time-out, a broken query) the one form.
pub async fn as_problem(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let made_here =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    if made_here || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("notFound", "there is no such address"),
        StatusCode::METHOD_NOT_ALLOWED => ("methodNotAllowed", "this address does not take that method"),
        StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long"),
        StatusCode::PAYLOAD_TOO_LARGE => ("tooLarge", "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupportedEncoding", "a body may be plain or gzip"),
        status if status.is_server_error() => ("internal", "the server failed"),
        _ => ("badRequest", "the request cannot be read"),
    };
    let mut problem = Problem::new(status, code, detail).into_response();
    for (name, value) in response.headers() {
        if name == header::ALLOW || name == header::ACCEPT_ENCODING {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}
