//! What was wrong with a piece of input, said so that a caller can point at it.
//!
//! Never carries the offending value itself: typed text may be private and errors end up in logs.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// One input field that cannot be accepted, and why.
///
/// Serialises as `{code, field, message}`; `code` is always [`FieldError::CODE`]. Sending the same input again
/// gives the same error: a retry cannot help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field as the caller wrote it, for example `events[3].t`.
    pub field: String,
    /// What the field must be, for people.
    pub problem: String,
}

impl FieldError {
    /// The stable code to switch on.
    pub const CODE: &str = "invalidField";

    /// An error about `field`.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), problem: problem.into() }
    }

    /// The same error seen from one level further out: `t` within `events[3]` becomes `events[3].t`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> FieldError {
        self.field = if self.field.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.field) };
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for FieldError {}

impl Serialize for FieldError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("FieldError", 3)?;
        out.serialize_field("code", FieldError::CODE)?;
        out.serialize_field("field", &self.field)?;
        out.serialize_field("message", &self.to_string())?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_as_code_field_and_message() {
        let error = FieldError::new("t", "must not be negative").within("events[3]");
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"code": "invalidField", "field": "events[3].t", "message": "events[3].t: must not be negative"})
        );
    }
}
