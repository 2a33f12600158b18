//! Every number about time and size on the device, and the arithmetic of waiting. Pure: jitter comes in.

use serde_json::Value;

use crate::error::FieldError;
use crate::stamp::Millis;

/// One day in milliseconds.
pub const DAY: Millis = 24 * 60 * 60 * 1000;

/// The device's limits; the defaults are the specification's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// From an edit to the sync round it starts, ms.
    pub debounce_ms: Millis,
    /// From the platform's `online` to the round it starts, ms.
    pub settle_ms: Millis,
    /// Least time between two round starts, ms.
    pub round_gap_ms: Millis,
    /// Most operations in one request.
    pub batch_size: usize,
    /// Most bytes of records in one request.
    pub batch_bytes: usize,
    /// Back-off after the first failure, ms; doubles each time.
    pub backoff_first_ms: Millis,
    /// Longest back-off, ms; also the rhythm of probes while the platform says "offline".
    pub backoff_max_ms: Millis,
    /// Spread of the back-off: 0.25 is ±25 %.
    pub backoff_spread: f64,
    /// Deadline of one request, ms.
    pub request_timeout_ms: Millis,
    /// From one look for remote changes to the next while idle, ms.
    pub poll_ms: Millis,
    /// How long a pending operation may wait with a reachable server before the status says `stalled`, ms.
    pub stalled_ms: Millis,
    /// Operations in the sending window; the others wait in the store.
    pub queue_max: usize,
    /// An operation that the server failed this long is parked, ms.
    pub failed_expire_ms: Millis,
    /// Newest sessions whose bodies stay on the device once the server has them.
    pub cache_sessions: usize,
    /// Records asked for in one page.
    pub pull_limit: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            debounce_ms: 500,
            settle_ms: 2_000,
            round_gap_ms: 5_000,
            batch_size: 10,
            batch_bytes: 1 << 20,
            backoff_first_ms: 2_000,
            backoff_max_ms: 60_000,
            backoff_spread: 0.25,
            request_timeout_ms: 15_000,
            poll_ms: 60_000,
            stalled_ms: 120_000,
            queue_max: 1_000,
            failed_expire_ms: 30 * DAY,
            cache_sessions: 100,
            pull_limit: 200,
        }
    }
}

impl Options {
    /// Sets the number that JavaScript calls `name`. `false` when there is none or `value` does not fit.
    pub fn set(&mut self, name: &str, value: &Value) -> bool {
        let span = match name {
            "debounceMs" => &mut self.debounce_ms,
            "settleMs" => &mut self.settle_ms,
            "roundGapMs" => &mut self.round_gap_ms,
            "backoffFirstMs" => &mut self.backoff_first_ms,
            "backoffMaxMs" => &mut self.backoff_max_ms,
            "requestTimeoutMs" => &mut self.request_timeout_ms,
            "pollMs" => &mut self.poll_ms,
            "stalledMs" => &mut self.stalled_ms,
            "failedExpireMs" => &mut self.failed_expire_ms,
            "backoffSpread" => return value.as_f64().map(|spread| self.backoff_spread = spread).is_some(),
            _ => return self.set_count(name, value),
        };
        value.as_i64().map(|ms| *span = ms).is_some()
    }

    fn set_count(&mut self, name: &str, value: &Value) -> bool {
        let Some(count) = value.as_u64().and_then(|count| u32::try_from(count).ok()) else { return false };
        match name {
            "batchSize" => self.batch_size = count as usize,
            "batchBytes" => self.batch_bytes = count as usize,
            "queueMax" => self.queue_max = count as usize,
            "cacheSessions" => self.cache_sessions = count as usize,
            "pullLimit" => self.pull_limit = count,
            _ => return false,
        }
        true
    }

    /// Checks that every number can be worked with; the error names the first that cannot.
    pub fn check(&self) -> Result<(), FieldError> {
        let spans = [
            ("debounceMs", self.debounce_ms),
            ("settleMs", self.settle_ms),
            ("roundGapMs", self.round_gap_ms),
            ("backoffFirstMs", self.backoff_first_ms),
            ("backoffMaxMs", self.backoff_max_ms),
            ("requestTimeoutMs", self.request_timeout_ms - 1),
            ("pollMs", self.poll_ms - 1),
            ("stalledMs", self.stalled_ms),
            ("failedExpireMs", self.failed_expire_ms),
        ];
        let counts = [
            ("batchSize", self.batch_size),
            ("batchBytes", self.batch_bytes),
            ("queueMax", self.queue_max),
            ("pullLimit", self.pull_limit as usize),
        ];
        let bad = |name: &str| FieldError::new(format!("options.{name}"), "is out of range");
        match spans.iter().find(|(_, span)| !(0..=400 * DAY).contains(span)) {
            Some((name, _)) => return Err(bad(name)),
            None if !(0.0..=1.0).contains(&self.backoff_spread) => return Err(bad("backoffSpread")),
            None => {}
        }
        counts.iter().find(|(_, count)| *count == 0).map_or(Ok(()), |(name, _)| Err(bad(name)))
    }

    /// Wait before retry `attempt` (the first is 1): base, twice that … at most the maximum, spread by ± the spread.
    ///
    /// `random` is uniform over all 64-bit values; it keeps devices from coming back together. Result in ms.
    pub fn backoff(&self, attempt: u32, random: u64) -> Millis {
        let doubled = self.backoff_first_ms.saturating_mul(1 << attempt.saturating_sub(1).min(30));
        let wait = doubled.min(self.backoff_max_ms) as f64;
        let spread = (random as f64 / u64::MAX as f64 * 2.0 - 1.0) * self.backoff_spread;
        (wait * (1.0 + spread)) as Millis
    }
}

/// Reads a `Retry-After` header: seconds, or an HTTP date. `None` when it is neither or lies in the past.
pub fn retry_after(header: &str, wall: Millis) -> Option<Millis> {
    let header = header.trim();
    let wait = match header.parse::<u32>() {
        Ok(seconds) => Millis::from(seconds) * 1000,
        Err(_) => http_date(header)? - wall,
    };
    (wait > 0).then_some(wait.min(DAY))
}

/// Epoch ms of `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that RFC 9110 section 5.6.7 lets senders write.
fn http_date(text: &str) -> Option<Millis> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let sane =
        (1..=31).contains(&day) && (1970..=9999).contains(&year) && hour < 24 && minute < 60 && second < 61;
    if !sane || parts.next() != Some("GMT") {
        return None;
    }
    // Days since 1970 in the proleptic Gregorian calendar, counting years from March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// The date of a day counted from 1970-01-01, as `YYYY-MM-DD` (proleptic Gregorian calendar).
pub fn date(days: i64) -> String {
    // Counts from 0000-03-01, so that the leap day ends a year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) =
        (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_the_maximum() {
        let options = Options { backoff_spread: 0.0, ..Options::default() };
        let waits: Vec<_> = (1..=7).map(|attempt| options.backoff(attempt, 0)).collect();
        assert_eq!(waits, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(options.backoff(u32::MAX, 0), 60_000);
    }

    #[test]
    fn backoff_is_spread_by_a_quarter_both_ways() {
        let options = Options::default();
        assert_eq!(options.backoff(1, 0), 1_500);
        assert_eq!(options.backoff(1, u64::MAX), 2_500);
        assert_eq!(options.backoff(1, u64::MAX / 2), 2_000);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        assert_eq!(retry_after("3600", 0), Some(3_600_000));
        assert_eq!(retry_after(" 2 ", 0), Some(2_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_770_000), Some(7_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_780_000), None);
    }

    #[test]
    fn a_retry_after_that_is_neither_is_ignored() {
        for header in ["", "soon", "-5", "0", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT"] {
            assert_eq!(retry_after(header, 0), None, "{header}");
        }
    }

    #[test]
    fn a_day_has_its_date() {
        let dates = [0, 59, 11_016, 19_782, -1].map(date);
        assert_eq!(dates, ["1970-01-01", "1970-03-01", "2000-02-29", "2024-02-29", "1969-12-31"]);
    }

    #[test]
    fn an_option_out_of_range_is_named() {
        assert_eq!(Options::default().check(), Ok(()));
        let zero = Options { batch_size: 0, ..Options::default() };
        assert_eq!(zero.check().unwrap_err().field, "options.batchSize");
        let negative = Options { round_gap_ms: -1, ..Options::default() };
        assert_eq!(negative.check().unwrap_err().field, "options.roundGapMs");
    }
}
