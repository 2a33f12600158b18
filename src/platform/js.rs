//! The few things every browser adapter asks of JavaScript: properties, thrown values, detached work, patience.
//!
//! Everything is looked up on the global object, so it works in a window, in a worker and in Node.

use std::fmt;
use std::future::Future;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// What JavaScript threw or rejected with.
#[derive(Debug)]
pub(super) struct Thrown {
    /// `QuotaExceededError` and the like; empty when the value is no error.
    pub(super) name: String,
    message: String,
}

impl From<JsValue> for Thrown {
    fn from(value: JsValue) -> Thrown {
        let text = |key| get(&value, key).and_then(|text| text.as_string());
        Thrown {
            name: text("name").unwrap_or_default(),
            message: text("message").or_else(|| value.as_string()).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        f.write_str(": ")?;
        f.write_str(&self.message)
    }
}

/// The property, unless it is absent, `undefined` or `null`, or reading it throws.
pub(super) fn get(object: &JsValue, key: &str) -> Option<JsValue> {
    // Reflect refuses primitives with an exception of its own; they have no property we want.
    Reflect::get(object, &JsValue::from_str(key))
        .ok()
        .filter(|value| !value.is_undefined() && !value.is_null())
}

/// A property of the global object.
pub(super) fn global(key: &str) -> Option<JsValue> {
    get(&js_sys::global(), key)
}

/// Sets a property of an object that we made ourselves.
pub(super) fn set(object: &JsValue, key: &str, value: &JsValue) {
    // This throws on frozen objects and setters only; a plain object of our own has neither.
    let _ = Reflect::set(object, &JsValue::from_str(key), value);
}

/// Calls `object[key](...arguments)`.
pub(super) fn call(object: &JsValue, key: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    let method: Function = Reflect::get(object, &JsValue::from_str(key))?.dyn_into()?;
    method.apply(object, &arguments.iter().copied().collect::<Array>())
}

/// Calls `new global[key](...arguments)`; `None` when there is no such class here, or when it refuses.
pub(super) fn construct(key: &str, arguments: &[&JsValue]) -> Option<JsValue> {
    let class: Function = global(key)?.dyn_into().ok()?;
    Reflect::construct(&class, &arguments.iter().copied().collect::<Array>()).ok()
}

/// Runs `work` to its end even when the caller loses interest: a dropped IndexedDB callback aborts its transaction.
pub(super) fn detach<T: 'static>(work: impl Future<Output = T> + 'static) -> oneshot::Receiver<T> {
    let (done, answer) = oneshot::channel();
    wasm_bindgen_futures::spawn_local(async move {
        // When nobody waits any more the result is dropped here, and closes what it holds.
        let _ = done.send(work.await);
    });
    answer
}

/// The answer, or `None` when it takes longer than `ms`.
pub(super) async fn within<T>(ms: u32, answer: oneshot::Receiver<T>) -> Option<T> {
    match select(answer, TimeoutFuture::new(ms)).await {
        Either::Left((answer, _)) => answer.ok(),
        Either::Right(_) => None,
    }
}
