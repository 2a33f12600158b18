//! What passes between JavaScript and the core: plain data as JSON, and errors with a code.
//!
//! What comes in is read from JSON text: an object that holds itself is an error there, where walking it would never end.
//! Decides nothing.

use std::pin::Pin;

use js_sys::{JSON, Promise, Reflect};
use serde::Serialize;
use serde_json::{Map, Value};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::future_to_promise;

use crate::error::{Error, FieldError};
use crate::read::FromJson;

/// What a call answers at once; the error is an `Error` object.
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
pub fn take<T: FromJson>(
    fields: &mut Map<String, Value>,
    name: &str,
    wanted: &str,
) -> Result<Option<T>, FieldError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            T::from_json(value).map(Some).map_err(|_| FieldError::new(name, format!("must be {wanted}")))
        }
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
pub fn to_js<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, Error> {
    value_to_js(serde_json::to_value(value).map_err(|_| unsayable())?)
}

/// The one writer of JavaScript values: a writer per type would be a tenth of the module.
fn value_to_js(value: Value) -> Result<JsValue, Error> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|_| unsayable())
}

/// Only data that has no JSON form cannot be said, and none of ours is such.
fn unsayable() -> Error {
    FieldError::new("answer", "cannot be said in JSON").into()
}

/// The core's answer as JavaScript sees it.
pub fn answer<T: Serialize>(result: Result<T, Error>) -> Result<JsValue, Error> {
    to_js(&result?)
}

/// Of a call that answers nothing.
pub fn done(result: Result<(), Error>) -> Result<JsValue, Error> {
    result.map(|()| JsValue::UNDEFINED)
}

/// A call that takes its time, as the promise that JavaScript waits for.
pub fn promise(work: impl Future<Output = Result<JsValue, Error>> + 'static) -> Promise {
    run(Box::pin(work))
}

/// One function for all calls: made anew for each, the code around a promise would be a tenth of the module.
fn run(work: Pin<Box<dyn Future<Output = Result<JsValue, Error>>>>) -> Promise {
    future_to_promise(async move { work.await.map_err(raise) })
}

/// The `Error` object that JavaScript catches.
pub fn raise(error: Error) -> JsValue {
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
