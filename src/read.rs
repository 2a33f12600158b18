//! Reading JSON as types: one field at a time, an error names the field that is wrong.
//!
//! Everything is read from a [`Value`] and by the functions here, so that each type adds its field names and little else
//! to what users download. Never refuses a field that it does not know.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::FieldError;
use crate::stamp::{Replica, Stamp};

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads the whole of `value`; the error's field is a path within it, empty for the value itself.
    fn from_json(value: Value) -> Result<Self, FieldError>;
}

/// Reads a text as JSON and that as `T`.
pub fn parse<T: FromJson>(text: &str) -> Result<T, FieldError> {
    T::from_json(value(text)?)
}

fn value(text: &str) -> Result<Value, FieldError> {
    serde_json::from_str(text).map_err(|error| FieldError::new("", error.to_string()))
}

/// Takes the field called `name` out; one that is absent reads as `null`.
pub fn take<T: FromJson>(fields: &mut Map<String, Value>, name: &str) -> Result<T, FieldError> {
    T::from_json(raw(fields, name)).map_err(|error| error.within(name))
}

/// Takes the field called `name` out; the default where it is absent or `null`.
pub fn take_or_default<T: FromJson + Default>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> Result<T, FieldError> {
    take::<Option<T>>(fields, name).map(Option::unwrap_or_default)
}

fn raw(fields: &mut Map<String, Value>, name: &str) -> Value {
    fields.get_mut(name).map(Value::take).unwrap_or_default()
}

/// An error about the value itself.
pub fn wrong(problem: &str) -> FieldError {
    FieldError::new("", problem)
}

impl FromJson for Value {
    fn from_json(value: Value) -> Result<Value, FieldError> {
        Ok(value)
    }
}

impl FromJson for Map<String, Value> {
    fn from_json(value: Value) -> Result<Map<String, Value>, FieldError> {
        match value {
            Value::Object(fields) => Ok(fields),
            _ => Err(wrong("must be an object")),
        }
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Result<String, FieldError> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err(wrong("must be a text")),
        }
    }
}

impl FromJson for bool {
    fn from_json(value: Value) -> Result<bool, FieldError> {
        value.as_bool().ok_or_else(|| wrong("must be true or false"))
    }
}

impl FromJson for i64 {
    fn from_json(value: Value) -> Result<i64, FieldError> {
        value.as_i64().ok_or_else(|| wrong("must be a whole number"))
    }
}

impl FromJson for u64 {
    fn from_json(value: Value) -> Result<u64, FieldError> {
        value.as_u64().ok_or_else(|| wrong("must be a whole number, 0 or more"))
    }
}

impl FromJson for u32 {
    fn from_json(value: Value) -> Result<u32, FieldError> {
        u32::try_from(u64::from_json(value)?).map_err(|_| wrong("is too large"))
    }
}

impl FromJson for i32 {
    fn from_json(value: Value) -> Result<i32, FieldError> {
        i32::try_from(i64::from_json(value)?).map_err(|_| wrong("is out of range"))
    }
}

impl FromJson for usize {
    fn from_json(value: Value) -> Result<usize, FieldError> {
        usize::try_from(u64::from_json(value)?).map_err(|_| wrong("is too large"))
    }
}

impl FromJson for f64 {
    fn from_json(value: Value) -> Result<f64, FieldError> {
        value.as_f64().ok_or_else(|| wrong("must be a number"))
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: Value) -> Result<Option<T>, FieldError> {
        if value.is_null() { Ok(None) } else { T::from_json(value).map(Some) }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value) -> Result<Vec<T>, FieldError> {
        let mut list = Vec::new();
        for (index, item) in items(value)?.into_iter().enumerate() {
            list.push(T::from_json(item).map_err(|error| error.within(&place(index)))?);
        }
        Ok(list)
    }
}

fn items(value: Value) -> Result<Vec<Value>, FieldError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(wrong("must be a list")),
    }
}

fn place(index: usize) -> String {
    format!("[{index}]")
}

impl<A: FromJson, B: FromJson> FromJson for (A, B) {
    fn from_json(value: Value) -> Result<(A, B), FieldError> {
        let mut items = items(value)?.into_iter();
        match (items.next(), items.next(), items.next()) {
            (Some(a), Some(b), None) => Ok((A::from_json(a)?, B::from_json(b)?)),
            _ => Err(wrong("must be a pair")),
        }
    }
}

impl FromJson for BTreeMap<String, Value> {
    fn from_json(value: Value) -> Result<BTreeMap<String, Value>, FieldError> {
        let mut map = BTreeMap::new();
        for (name, value) in Map::from_json(value)? {
            map.insert(name, value);
        }
        Ok(map)
    }
}

macro_rules! parsed {
    ($type:ty) => {
        impl FromJson for $type {
            fn from_json(value: Value) -> Result<$type, FieldError> {
                let text = value.as_str().ok_or_else(|| wrong("must be a text"))?;
                text.parse().map_err(|error: crate::stamp::BadStamp| wrong(&error.to_string()))
            }
        }
    };
}
parsed!(Stamp);
parsed!(Replica);

/// Lets serde read a type the way [`FromJson`] does, so that there is one way.
macro_rules! serde_through_json {
    ($type:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                <$type as $crate::read::FromJson>::from_json(value).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_through_json;

/// Reads a struct: fields that must be there, and fields whose absence is their default.
macro_rules! read_struct {
    ($type:ident { $($field:ident: $name:literal),* } or default { $($other:ident: $other_name:literal),* }) => {
        impl $crate::read::FromJson for $type {
            fn from_json(value: serde_json::Value) -> Result<$type, $crate::error::FieldError> {
                let mut fields = <serde_json::Map<String, serde_json::Value> as $crate::read::FromJson>::from_json(value)?;
                Ok($type {
                    $($field: $crate::read::take(&mut fields, $name)?,)*
                    $($other: $crate::read::take_or_default(&mut fields, $other_name)?,)*
                })
            }
        }
        $crate::read::serde_through_json!($type);
    };
}
pub(crate) use read_struct;

/// Reads an enum without data by the names of its variants.
macro_rules! read_names {
    ($type:ident { $($variant:ident: $name:literal),* }) => {
        impl $crate::read::FromJson for $type {
            fn from_json(value: serde_json::Value) -> Result<$type, $crate::error::FieldError> {
                match value.as_str() {
                    $(Some($name) => Ok($type::$variant),)*
                    _ => Err($crate::read::wrong("is none of the known names")),
                }
            }
        }
        $crate::read::serde_through_json!($type);
    };
}
pub(crate) use read_names;
