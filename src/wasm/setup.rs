//! What a store is opened with, read from the caller's object. Every refusal names its field.

use serde_json::{Map, Value};
use wasm_bindgen::JsValue;

use super::convert::{optional_object, take};
use super::store::Storage;
use crate::driver::Setup;
use crate::error::FieldError;
use crate::model::Strategy;
use crate::plan::Rules;
use crate::schedule::Options;

/// The longest name of a store.
const MAX_NAME_BYTES: usize = 128;

/// The caller's wishes.
pub struct Opening {
    /// The store's name.
    pub name: String,
    /// What it is kept in.
    pub storage: Storage,
    /// The server; empty for the page's own origin.
    pub server: Option<String>,
    /// What the driver needs to know.
    pub setup: Setup,
}

impl Opening {
    /// Reads and checks the object that `KeyFlow.open` was given.
    pub fn parse(options: &JsValue, online: bool) -> Result<Opening, FieldError> {
        let mut fields = optional_object(options, "options")?;
        let name = take(&mut fields, "name", "a text")?.unwrap_or_else(|| "keyflow".to_owned());
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(FieldError::new("name", format!("must have 1 to {MAX_NAME_BYTES} bytes")));
        }
        let storage = take(&mut fields, "storage", "auto, indexeddb, tauri or memory")?.unwrap_or_default();
        let server = take::<String>(&mut fields, "server", "a text")?;
        if let Some(server) = server.as_ref().filter(|server| !server.is_empty()) {
            check_server(server)?;
        }
        let strategy: Option<Strategy> =
            take(&mut fields, "strategy", "lastWriteWins, fieldLevel or manual")?;
        let numbers = take(&mut fields, "options", "an object")?.unwrap_or_default();
        let setup = Setup {
            rules: Rules { options: numbers_of(numbers)?, strategy: strategy.unwrap_or_default() },
            token: take(&mut fields, "token", "a text")?,
            device_name: take(&mut fields, "deviceName", "a text")?,
            online,
        };
        Ok(Opening { name, storage, server, setup })
    }
}

fn check_server(server: &str) -> Result<(), FieldError> {
    let known =
        web_sys::Url::new(server).is_ok_and(|url| ["http:", "https:"].contains(&url.protocol().as_str()));
    if known { Ok(()) } else { Err(FieldError::new("server", "must be the origin of a server: https://…")) }
}

fn numbers_of(numbers: Map<String, Value>) -> Result<Options, FieldError> {
    let mut options = Options::default();
    for (name, value) in &numbers {
        if !options.set(name, value) {
            return Err(FieldError::new(
                format!("options.{name}"),
                "must be one of the known numbers, whole and not negative",
            ));
        }
    }
    options.check()?;
    Ok(options)
}
