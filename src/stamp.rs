//! The order of all edits: hybrid logical clock stamps.
//!
//! A [`Stamp`] names one edit and sorts it among all others, as in Kulkarni, Demirbas et al., "Logical Physical
//! Clocks" (2014). Nothing here reads a clock; the caller passes the time in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Epoch time or a span of time, in whole milliseconds.
pub type Millis = i64;

/// The greatest time a stamp can carry: 48 bits of milliseconds, past the year 10,000.
pub const MAX_MS: Millis = (1 << 48) - 1;

/// The random 64-bit name of one store on one device; the last tie-break between two edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Replica(pub u64);

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Identity and order of one edit: `(ms, counter, replica)`.
///
/// Its text form is 34 characters, `mmmmmmmmmmmm-cccc-rrrrrrrrrrrrrrrr` in lower-case hexadecimal, and sorts exactly
/// like the triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Time of the edit, epoch milliseconds, anchored to the server's time; `0..=MAX_MS`.
    pub ms: Millis,
    /// Orders edits of the same millisecond.
    pub counter: u16,
    /// The store that made the edit.
    pub replica: Replica,
}

impl Stamp {
    /// The stamp below every other: "never edited".
    pub const ZERO: Stamp = Stamp { ms: 0, counter: 0, replica: Replica(0) };

    /// A stamp at `ms`, brought into `0..=MAX_MS`.
    pub fn at(ms: Millis, counter: u16, replica: Replica) -> Stamp {
        Stamp { ms: ms.clamp(0, MAX_MS), counter, replica }
    }

    /// The next stamp of the same replica that is greater than both `self` and `other`.
    pub fn after(self, other: Stamp) -> Stamp {
        let top = self.max(other);
        let (ms, counter) = match top.counter.checked_add(1) {
            Some(counter) => (top.ms, counter),
            None => (top.ms + 1, 0),
        };
        Stamp::at(ms, counter, self.replica)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}-{:04x}-{:016x}", self.ms, self.counter, self.replica.0)
    }
}

/// A text that is not a stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadStamp;

impl fmt::Display for BadStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a stamp: 12, 4 and 16 lower-case hexadecimal digits joined by '-'")
    }
}

impl std::error::Error for BadStamp {}

fn hex(text: &[u8]) -> Result<u64, BadStamp> {
    text.iter().try_fold(0u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(BadStamp),
        };
        Ok(value << 4 | u64::from(digit))
    })
}

impl FromStr for Replica {
    type Err = BadStamp;

    fn from_str(text: &str) -> Result<Replica, BadStamp> {
        if text.len() == 16 { Ok(Replica(hex(text.as_bytes())?)) } else { Err(BadStamp) }
    }
}

impl FromStr for Stamp {
    type Err = BadStamp;

    fn from_str(text: &str) -> Result<Stamp, BadStamp> {
        let bytes = text.as_bytes();
        if bytes.len() != 34 || bytes[12] != b'-' || bytes[17] != b'-' {
            return Err(BadStamp);
        }
        let (ms, counter, replica) = (hex(&bytes[..12])?, hex(&bytes[13..17])?, hex(&bytes[18..])?);
        Ok(Stamp { ms: ms as Millis, counter: counter as u16, replica: Replica(replica) })
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}
as_text!(Stamp);
as_text!(Replica);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_sorts_like_the_triple() {
        let stamps = [
            Stamp::at(9, u16::MAX, Replica(u64::MAX)),
            Stamp::at(10, 0, Replica(7)),
            Stamp::at(10, 1, Replica(0)),
            Stamp::at(255, 0, Replica(0)),
            Stamp::at(4096, 0, Replica(1)),
            Stamp::at(MAX_MS, u16::MAX, Replica(u64::MAX)),
        ];
        for pair in stamps.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_string() < pair[1].to_string());
        }
    }

    #[test]
    fn a_stamp_survives_its_text_form() {
        let stamp = Stamp::at(1_704_067_200_000, 513, Replica(0xdead_beef_0123_4567));
        assert_eq!(stamp.to_string().len(), 34);
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
    }

    #[test]
    fn text_that_is_not_a_stamp_is_refused() {
        let good = Stamp::at(1, 2, Replica(3)).to_string();
        for bad in
            ["", "x", &good[1..], &good.replace('3', "G"), &good.replace('-', "_"), &good.replace('3', "é")]
        {
            assert_eq!(bad.parse::<Stamp>(), Err(BadStamp), "{bad}");
        }
    }
}
