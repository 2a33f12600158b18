//! What can be set: every flag with its environment variable and default. Nothing here opens or starts anything.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use keyflow_sync::model::MAX_RECORD_BYTES;
use keyflow_sync::stamp::Millis;

/// The settings of one server process.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Address and port to listen on.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_LISTEN",
        default_value = "127.0.0.1:8787",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,

    /// Where the data is: sqlite:FILE.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_DATABASE_URL",
        default_value = "sqlite:keyflow.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: String,

    /// Most records in one push.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_MAX_BATCH_RECORDS",
        default_value_t = 500,
        value_name = "COUNT"
    )]
    pub max_batch_records: usize,

    /// Largest request body after decompression, in bytes.
    #[arg(long, global = true, env = "KEYFLOW_MAX_BODY_BYTES", default_value_t = 4 << 20, value_name = "BYTES")]
    pub max_body_bytes: usize,

    /// Largest request body as it travels, in bytes.
    #[arg(long, global = true, env = "KEYFLOW_MAX_WIRE_BYTES", default_value_t = 4 << 20, value_name = "BYTES")]
    pub max_wire_bytes: usize,

    /// Largest record, in bytes of JSON; at most 65536.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_MAX_RECORD_BYTES",
        default_value_t = MAX_RECORD_BYTES as u64,
        value_parser = clap::value_parser!(u64).range(1..=MAX_RECORD_BYTES as u64),
        value_name = "BYTES"
    )]
    pub max_record_bytes: u64,

    /// Longest time for one request, in seconds.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_REQUEST_SECONDS",
        default_value_t = 10,
        value_name = "SECONDS"
    )]
    pub request_seconds: u64,

    /// Longest time for the header of a request, and for an idle connection, in seconds.
    #[arg(long, global = true, env = "KEYFLOW_HEADER_SECONDS", default_value_t = 10, value_name = "SECONDS")]
    pub header_seconds: u64,

    /// Requests per device, as COUNT/SECONDS; `off` switches every rate limit off.
    #[arg(long, global = true, env = "KEYFLOW_RATE_LIMIT", default_value = "60/10", value_name = "RATE")]
    pub rate_limit: Rate,

    /// Registrations, link codes tried and wrong tokens per address, as COUNT/SECONDS or `off`.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_SIGN_IN_RATE_LIMIT",
        default_value = "30/60",
        value_name = "RATE"
    )]
    pub sign_in_rate_limit: Rate,

    /// Most connections at a time; more wait to be accepted.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_MAX_CONNECTIONS",
        default_value_t = 4096,
        value_name = "COUNT"
    )]
    pub max_connections: usize,

    /// Database connections for reading.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_READ_CONNECTIONS",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=256),
        value_name = "COUNT"
    )]
    pub read_connections: u32,

    /// Pages of other origins that may call the API, separated by commas.
    #[arg(
        long,
        global = true,
        env = "KEYFLOW_CORS_ORIGINS",
        default_value = "tauri://localhost,http://tauri.localhost",
        value_delimiter = ',',
        value_name = "ORIGINS"
    )]
    pub cors_origins: Vec<String>,

    /// Take a client's address from the last entry of X-Forwarded-For. Only behind a proxy that sets it.
    #[arg(long, global = true, env = "KEYFLOW_TRUST_FORWARDED_FOR")]
    pub trust_forwarded_for: bool,

    /// The wall clock; a test may bring its own.
    #[arg(skip)]
    pub clock: Clock,
}

impl Default for Config {
    /// The defaults of the command line; the environment is not read.
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            database: "sqlite:keyflow.db".into(),
            max_batch_records: 500,
            max_body_bytes: 4 << 20,
            max_wire_bytes: 4 << 20,
            max_record_bytes: MAX_RECORD_BYTES as u64,
            request_seconds: 10,
            header_seconds: 10,
            rate_limit: Rate::Per { count: 60, seconds: 10 },
            sign_in_rate_limit: Rate::Per { count: 30, seconds: 60 },
            max_connections: 4096,
            read_connections: 4,
            cors_origins: vec!["tauri://localhost".into(), "http://tauri.localhost".into()],
            trust_forwarded_for: false,
            clock: Clock::default(),
        }
    }
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As often as it likes.
    Off,
    /// `count` times in `seconds`.
    Per {
        /// How many, also at once.
        count: u32,
        /// In how long.
        seconds: u32,
    },
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        if text == "off" {
            return Ok(Rate::Off);
        }
        let parts = text.split_once('/').and_then(|(count, seconds)| {
            Some((count.parse().ok().filter(|n| *n > 0)?, seconds.parse().ok().filter(|n| *n > 0)?))
        });
        let (count, seconds) = parts.ok_or("must be `off` or COUNT/SECONDS, such as 60/10")?;
        Ok(Rate::Per { count, seconds })
    }
}

/// Where the server reads the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Millis + Send + Sync>);

impl Clock {
    /// A clock that reads whatever `now` gives, in epoch ms.
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// Epoch milliseconds.
    pub fn now(&self) -> Millis {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place where the server reads its wall clock"
            )]
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(0, |since| Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX))
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn the_command_line_and_the_code_agree_on_the_defaults() {
        let parsed = <Line as clap::Parser>::parse_from(["keyflow-server"]).config;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_rate_is_off_or_a_count_per_seconds() {
        assert_eq!("off".parse(), Ok(Rate::Off));
        assert_eq!("60/10".parse(), Ok(Rate::Per { count: 60, seconds: 10 }));
        for bad in ["", "60", "0/10", "60/0", "x/1", "-1/5"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
