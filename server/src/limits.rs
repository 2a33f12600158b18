//! How often a device or an address may ask. Kept in memory: each process counts for itself.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::config::{Config, Rate};
use crate::error::Problem;

/// After this many checks, those who have been quiet are forgotten.
const SWEEP: u32 = 4096;

/// One limit for each of many keys.
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn of(rate: Rate) -> Limit<K> {
        let quota = match rate {
            Rate::Off => None,
            Rate::Per { count, seconds } => NonZeroU32::new(count).and_then(|count| {
                let each = Duration::from_secs(seconds.into()) / count.get();
                Some(Quota::with_period(each)?.allow_burst(count))
            }),
        };
        Limit { limiter: quota.map(DefaultKeyedRateLimiter::keyed), checks: AtomicU32::new(0) }
    }

    /// Counts one request of `key`, or answers 429 with the seconds to wait.
    pub fn check(&self, key: &K) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Problem::too_many(wait.as_secs() + 1)
        })
    }
}

/// All limits of this process.
pub struct Limits {
    /// Requests with a token, by device.
    pub device: Limit<String>,
    /// Registrations, tries of a link code and wrong tokens, by address.
    pub sign_in: Limit<IpAddr>,
}

impl Limits {
    /// The limits of a configuration. Switching the limit per device off switches both off.
    pub fn new(config: &Config) -> Limits {
        let sign_in = if config.rate_limit == Rate::Off { Rate::Off } else { config.sign_in_rate_limit };
        Limits { device: Limit::of(config.rate_limit), sign_in: Limit::of(sign_in) }
    }
}
