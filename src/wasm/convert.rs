//! What passes between JavaScript and the core: plain data as JSON, and errors with a code.
//!
//! JSON text is the border: engines write and read it faster than objects can be walked from here, and an object that
//! holds itself is an error there, where walking it would never end. Decides nothing.

use js_sys::{JSON, Promise, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{Error, FieldError};

/// A call's answer to JavaScript; the error is an `Error` object.
pub type Answer<T = JsValue> = Result<T, JsValue>;

/// What `value` says as JSON; `null` for `undefined`. `name` is what the caller calls it.
pub fn json(value: &JsValue, name: &str) -> Result<Value, FieldError> {
    let problem = || FieldError::new(name, "must be something that JSON can say");
    if value.is_undefined() {
        return Ok(Value::Null);
    }
    let text = JSON::stringify(value).map_err(|_| problem())?;
    // For what JSON cannot say at all, such as a function, the answer is undefined and no text.
    let text = text.as_string().ok_or_else(problem)?;
    serde_json::from_str(&text).map_err(|_| problem())
}

/// The fields of an object.
pub fn object(value: &JsValue, name: &str) -> Result<Map<String, Value>, FieldError> {
    match json(value, name)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(FieldError::new(name, "must be an object")),
    }
}

/// The fields of an object that may be left out.
pub fn optional_object(value: &JsValue, name: &str) -> Result<Map<String, Value>, FieldError> {
    if is_absent(value) { Ok(Map::new()) } else { object(value, name) }
}

/// Takes the value called `name` out of `fields`; `None` when it is absent. `wanted` completes "must be …".
pub fn take<T: DeserializeOwned>(
    fields: &mut Map<String, Value>,
    name: &str,
    wanted: &str,
) -> Result<Option<T>, FieldError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|_| FieldError::new(name, format!("must be {wanted}"))),
    }
}

/// A text.
pub fn text(value: &JsValue, name: &str) -> Result<String, FieldError> {
    value.as_string().ok_or_else(|| FieldError::new(name, "must be a text"))
}

/// A text that may be left out.
pub fn optional_text(value: &JsValue, name: &str) -> Result<Option<String>, FieldError> {
    if is_absent(value) { Ok(None) } else { text(value, name).map(Some) }
}

/// `null` or `undefined`.
pub fn is_absent(value: &JsValue) -> bool {
    value.is_null() || value.is_undefined()
}

/// `value` as JavaScript sees it.
pub fn to_js<T: Serialize + ?Sized>(value: &T) -> Answer {
    // Fails only for data that has no JSON form, and none of ours is such.
    let text = serde_json::to_string(value).map_err(|error| js_sys::Error::new(&error.to_string()))?;
    JSON::parse(&text)
}

/// Turns the core's answer into JavaScript's.
pub fn answer<T: Serialize>(result: Result<T, impl Into<Error>>) -> Answer {
    to_js(&result.map_err(raise)?)
}

/// The `Error` object that JavaScript catches.
pub fn raise(error: impl Into<Error>) -> JsValue {
    let error = error.into();
    let thrown = js_sys::Error::new(&error.to_string());
    thrown.set_name("KeyFlowError");
    let put = |name: &str, value: &str| {
        // A new error object takes any property.
        let _ = Reflect::set(&thrown, &JsValue::from_str(name), &JsValue::from_str(value));
    };
    put("code", error.code());
    if let Error::Invalid(error) = &error {
        put("field", &error.field);
    }
    thrown.unchecked_into()
}

/// Lets the page hear of an error that its own code threw where nobody catches it.
pub fn report(thrown: &JsValue) {
    // Nothing handles this promise, so the platform reports it like any other.
    let _ = Promise::reject(thrown);
}
