//! Requests to the server and what its answers mean. Pure: a [`crate::seam::Transport`] carries them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::error::TransportError;
use crate::read::parse;
use crate::schedule::retry_after;
use crate::seam::{Request, Response};
use crate::stamp::Millis;

/// The parts of an RFC 9457 problem that matter here.
struct Problem {
    code: String,
    title: String,
    detail: String,
}

impl Problem {
    fn of(body: Option<&Value>) -> Problem {
        let text = |name: &str| {
            let text = body.and_then(|body| body.get(name)).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Problem { code: text("code"), title: text("title"), detail: text("detail") }
    }
}

/// A text as one segment of a path or one value of a query.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A request without a body.
pub fn get(path: String) -> Request {
    Request { method: "GET", path, body: None, token: None, deadline: 0 }
}

/// A request with a JSON body.
pub fn post(path: &str, body: &Value) -> Request {
    Request { method: "POST", path: path.to_owned(), body: Some(body.to_string()), token: None, deadline: 0 }
}

/// A request to remove something.
pub fn delete(path: String) -> Request {
    Request { method: "DELETE", path, body: None, token: None, deadline: 0 }
}

/// What an answer means, by the table of protocol section 6. `wall` dates a `retry-after` header.
///
/// Only a problem the server itself explains with a `code` is a refusal; anything else of that status may come from
/// something between here and there, and passes.
pub fn read(answer: Result<Response, String>, wall: Millis) -> Result<Value, TransportError> {
    let unreachable = |why, retry_after, status| TransportError::Unreachable { why, retry_after, status };
    let response = answer.map_err(|why| unreachable(why, None, None))?;
    let status = response.status;
    let body = parse::<Value>(&response.body);
    let problem = Problem::of(body.as_ref().ok());
    let why = match (problem.detail.as_str(), problem.title.as_str()) {
        ("", "") => format!("status {status}"),
        ("", title) => title.to_owned(),
        (detail, _) => detail.to_owned(),
    };
    match status {
        204 => Ok(Value::Null),
        200..=299 => body
            .map_err(|error| unreachable(format!("the reply cannot be read: {error}"), None, Some(status))),
        401 => Err(TransportError::NotSignedIn),
        413 => Err(TransportError::TooLarge(why)),
        400..=499 if ![408, 425, 429].contains(&status) && !problem.code.is_empty() => {
            Err(TransportError::Refused { code: problem.code, why, status })
        }
        _ => {
            let wait = response.retry_after.and_then(|header| retry_after(&header, wall));
            Err(unreachable(why, wait, Some(status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, body: &str) -> Result<Value, TransportError> {
        let retry_after = (status == 429).then(|| "7".to_owned());
        read(Ok(Response { status, retry_after, body: body.into() }), 0)
    }

    fn passes(result: Result<Value, TransportError>) -> bool {
        matches!(result, Err(TransportError::Unreachable { .. }))
    }

    #[test]
    fn a_good_answer_is_its_json() {
        assert_eq!(answer(200, r#"{"a":1}"#), Ok(json!({"a": 1})));
        assert_eq!(answer(204, ""), Ok(Value::Null));
    }

    #[test]
    fn whatever_may_pass_is_tried_again() {
        assert!(passes(read(Err("connection refused".into()), 0)));
        for status in [302, 408, 425, 500, 502, 503] {
            assert!(passes(answer(status, r#"{"code":"x"}"#)), "{status}");
        }
        assert!(passes(answer(200, "<html>log in to this network</html>")));
        assert!(passes(answer(404, "<html>not here</html>")));
    }

    #[test]
    fn the_server_says_how_long_to_wait() {
        let expected = TransportError::Unreachable {
            why: "status 429".into(),
            retry_after: Some(7_000),
            status: Some(429),
        };
        assert_eq!(answer(429, ""), Err(expected));
    }

    #[test]
    fn a_refusal_carries_the_code_of_the_server() {
        let expected = TransportError::Refused { code: "badCursor".into(), why: "no".into(), status: 400 };
        assert_eq!(answer(400, r#"{"code":"badCursor","detail":"no"}"#), Err(expected));
        assert_eq!(answer(401, ""), Err(TransportError::NotSignedIn));
        assert_eq!(answer(413, r#"{"title":"big"}"#), Err(TransportError::TooLarge("big".into())));
    }

    #[test]
    fn an_id_is_safe_in_a_path() {
        assert_eq!(segment("a/b?c é"), "a%2Fb%3Fc%20%C3%A9");
    }
}
