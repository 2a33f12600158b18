//! What a seed decides before the run begins: the numbers of the devices, and which faults exist at all.

use keyflow_sync::model::Strategy;
use keyflow_sync::plan::Rules;
use keyflow_sync::schedule::Options;
use serde::{Deserialize, Serialize};

use crate::dice::{Dice, Stream};

/// The fault classes of a run. An absent one never happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Requests, answers lost; delays beyond the deadline; devices cut off.
    pub network: bool,
    /// Requests that arrive twice.
    pub duplicates: bool,
    /// 500, 503, 429, pages of a captive portal.
    pub server: bool,
    /// 401 to a good token.
    pub sign_in: bool,
    /// Commits refused by the disk.
    pub disk: bool,
    /// Processes that end at an await.
    pub crash: bool,
    /// Devices that lose their last relaxed commits.
    pub power: bool,
    /// Wall clocks that jump.
    pub clock: bool,
    /// Tabs that sleep while others run.
    pub freeze: bool,
    /// A server restored from an older copy.
    pub restore: bool,
    /// Records that the server refuses for a while.
    pub poison: bool,
    /// The platform tells of networks that come and go, rightly or not.
    pub hints: bool,
    /// Rows that become unreadable.
    pub damage: bool,
    /// Devices that their user shuts out.
    pub revoke: bool,
}

impl Faults {
    /// For each class, what takes it away.
    pub const EACH: [fn(&mut Faults); 14] = [
        |faults| faults.network = false,
        |faults| faults.duplicates = false,
        |faults| faults.server = false,
        |faults| faults.sign_in = false,
        |faults| faults.disk = false,
        |faults| faults.crash = false,
        |faults| faults.power = false,
        |faults| faults.clock = false,
        |faults| faults.freeze = false,
        |faults| faults.restore = false,
        |faults| faults.poison = false,
        |faults| faults.hints = false,
        |faults| faults.damage = false,
        |faults| faults.revoke = false,
    ];
}

/// A run's numbers.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Everything follows from it.
    pub seed: u64,
    /// Which faults exist.
    pub faults: Faults,
    /// Devices of the user.
    pub devices: u64,
    /// Most tabs of one device.
    pub tabs: u64,
    /// Records that the users work on.
    pub records: u64,
    /// The rules of every device.
    pub rules: Rules,
    /// Most records the server takes in one request.
    pub server_batch: usize,
    /// Actions of the users and troubles of the world before the quiet end.
    pub actions: u64,
    /// Longest pause between two actions, ms.
    pub pause_ms: i64,
    /// Greatest error of a device's wall clock at the start, ms.
    pub skew_ms: i64,
    /// How fine a wall clock is, ms.
    pub grain_ms: i64,
}

impl Profile {
    /// The profile of `seed`.
    pub fn of(seed: u64) -> Profile {
        let dice = Dice::new(seed, Stream::Profile, 0);
        let calm = dice.chance(250);
        let class = |per_mille: u64| !dice.chance(1_000 - per_mille) && !calm;
        let faults = Faults {
            network: class(600),
            duplicates: class(400),
            server: class(400),
            sign_in: class(150),
            disk: class(300),
            crash: class(400),
            power: class(200),
            clock: class(250),
            freeze: class(250),
            restore: class(120),
            poison: class(120),
            hints: class(300),
            damage: class(100),
            revoke: class(250),
        };
        let options = Options {
            batch_size: dice.within(1, 10) as usize,
            pull_limit: dice.within(1, 5) as u32,
            cache_sessions: dice.within(2, 20) as usize,
            queue_max: dice.within(2, 50) as usize,
            debounce_ms: dice.within(0, 1_000),
            round_gap_ms: dice.within(0, 5_000),
            backoff_max_ms: dice.within(4_000, 60_000),
            poll_ms: dice.within(5_000, 60_000),
            ..Options::default()
        };
        let strategy = match dice.below(4) {
            0 => Strategy::FieldLevel,
            1 => Strategy::Manual,
            _ => Strategy::LastWriteWins,
        };
        Profile {
            seed,
            faults,
            devices: dice.within(1, 4) as u64,
            tabs: dice.within(1, 2) as u64,
            records: dice.within(2, 30) as u64,
            rules: Rules { options, strategy },
            server_batch: if faults.server { dice.within(1, 10) as usize } else { 500 },
            // Many short lives find more than few long ones; limits are only hit in long ones.
            actions: if dice.chance(900) { dice.within(5, 50) as u64 } else { dice.within(100, 400) as u64 },
            pause_ms: [200, 2_000, 20_000][dice.below(3) as usize],
            skew_ms: if faults.clock { 600_000 } else { [0, 500, 50_000][dice.below(3) as usize] },
            grain_ms: if dice.chance(200) { 1_000 } else { 1 },
        }
    }
}
