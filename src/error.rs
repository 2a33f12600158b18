//! Errors, sorted by what the caller can do about them. Every error has a stable `code`; none carries a user's text.

use std::fmt;

/// A field of some input that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `data.mode.kind`.
    pub field: String,
    /// What is wrong with it, as a clause: "must be a number from 0 to 100".
    pub problem: String,
}

impl FieldError {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), problem: problem.into() }
    }

    /// The same error seen from one level further out: `t` within `events[3]` becomes `events[3].t`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> FieldError {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = [outer, dot, &self.field].concat();
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for FieldError {}

/// Why a store could not do what it was asked. After any of these, nothing of the batch is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another tab committed first: read its changes, plan again. Never shown to a user.
    Stale,
    /// There is no room left on the device.
    Full(String),
    /// What is stored cannot be read as ours. It was set aside, never opened as empty.
    Damaged(String),
    /// Stored by a newer version of this software; it is left untouched.
    Newer(u32),
    /// Another tab holds an old version open and does not let go.
    Blocked,
    /// The storage broke; trying again may help.
    Failed(String),
}

impl StoreError {
    /// The stable code seen by JavaScript.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Stale => "storageStale",
            StoreError::Full(_) => "storageFull",
            StoreError::Damaged(_) => "storageDamaged",
            StoreError::Newer(_) => "storageNewer",
            StoreError::Blocked => "storageBlocked",
            StoreError::Failed(_) => "storageFailed",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Stale => f.write_str("another tab saved first"),
            StoreError::Full(why) => write!(f, "no room left on this device: {why}"),
            StoreError::Damaged(why) => write!(f, "the stored data is damaged: {why}"),
            StoreError::Newer(version) => write!(f, "the stored data is of the newer format {version}"),
            StoreError::Blocked => f.write_str("another tab keeps an old version of the storage open"),
            StoreError::Failed(why) => write!(f, "the storage failed: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Why a request brought no usable answer. The device's reaction to each is part of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// No answer: network, time-out, or a server fault. Back off and try again.
    Unreachable {
        /// What happened, for `lastError`.
        why: String,
        /// The server's own wish how long to wait, in ms.
        retry_after: Option<crate::stamp::Millis>,
        /// The HTTP status, when a server did answer.
        status: Option<u16>,
    },
    /// The token is missing, wrong or revoked. Nothing is parked and no attempt is counted.
    NotSignedIn,
    /// The body is over the server's limit: send fewer records.
    TooLarge(String),
    /// The request as a whole was refused for good (400, 422).
    Refused {
        /// The stable code of the problem.
        code: String,
        /// The server's explanation.
        why: String,
        /// The HTTP status.
        status: u16,
    },
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Unreachable { why, .. } => write!(f, "no answer: {why}"),
            TransportError::NotSignedIn => f.write_str("this device is not signed in"),
            TransportError::TooLarge(why) => write!(f, "too large: {why}"),
            TransportError::Refused { code, why, .. } => write!(f, "refused ({code}): {why}"),
        }
    }
}

impl std::error::Error for TransportError {}

/// What a call of the core answers instead of its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The input is wrong; nothing was changed.
    Invalid(FieldError),
    /// There is no such record, operation or conflict.
    NotFound(String),
    /// The device could not save; nothing was changed.
    Store(StoreError),
    /// A server was needed and did not help.
    Transport(TransportError),
    /// A sync round did not go through: its stable code, and why.
    Server(String, String),
    /// The call makes no sense now, such as input to an ended session.
    State(&'static str, String),
}

impl Error {
    /// The stable code seen by JavaScript.
    pub fn code(&self) -> &str {
        match self {
            Error::Server(code, _) => code,
            Error::Invalid(_) => "invalid",
            Error::NotFound(_) => "notFound",
            Error::Store(error) => error.code(),
            Error::Transport(TransportError::Unreachable { .. }) => "unreachable",
            Error::Transport(TransportError::NotSignedIn) => "authRequired",
            Error::Transport(TransportError::TooLarge(_)) => "tooLarge",
            Error::Transport(TransportError::Refused { .. }) => "refused",
            Error::State(code, _) => code,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(error) => error.fmt(f),
            Error::NotFound(what) => write!(f, "there is no {what}"),
            Error::Store(error) => error.fmt(f),
            Error::Transport(error) => error.fmt(f),
            Error::Server(_, why) | Error::State(_, why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Error {
        Error::Invalid(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Store(error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Error {
        Error::Transport(error)
    }
}
