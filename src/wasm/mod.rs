//! The only code that JavaScript sees. It reads what it is given, calls the core, and turns what comes back.
//!
//! Holds no rule of syncing or typing, and lets no panic and no untyped error across. The types that users see are
//! written by hand in `pkg-config/keyflow-sync.d.ts`, which also says what each call promises.

mod convert;
mod draft;
mod handle;
mod keyflow;
mod setup;
mod store;

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::driver::Driver;
use crate::error::{Error, StoreError};
use crate::metrics::{MeasureInput, Metrics};
use crate::platform::fetch::FetchTransport;
use crate::platform::host::BrowserHost;

use convert::{Answer, object, raise, to_js};

/// The core as it runs in a page.
type Core = Driver<store::AnyStore, FetchTransport, BrowserHost>;

#[wasm_bindgen]
extern "C" {
    /// The clock of key events: milliseconds since the page began.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Measures a log of keys: `{target, mode, language?, events}` in, [`Metrics`] out. Pure.
#[wasm_bindgen(skip_typescript)]
pub fn measure(input: &JsValue) -> Answer {
    measured(input).map_err(raise)
}

fn measured(input: &JsValue) -> Result<JsValue, Error> {
    let input = MeasureInput::from_json(&object(input, "input")?.into())?;
    to_js::<Metrics>(&crate::metrics::measure(&input)?)
}

/// Minutes to add to UTC for the user's local time at `wall`, epoch ms.
fn tz_offset_min(wall: f64) -> i32 {
    -js_sys::Date::new(&JsValue::from_f64(wall)).get_timezone_offset() as i32
}

/// A Blob of JSON.
fn json_blob(value: &serde_json::Value) -> Result<JsValue, Error> {
    let parts = js_sys::Array::of1(&JsValue::from_str(&value.to_string()));
    let kind = web_sys::BlobPropertyBag::new();
    kind.set_type("application/json");
    let blob = web_sys::Blob::new_with_str_sequence_and_options(&parts, &kind);
    let failed = |_| Error::Store(StoreError::Full("the export does not fit into memory".into()));
    blob.map(JsCast::unchecked_into).map_err(failed)
}
