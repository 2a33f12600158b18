//! Which bodies stay on the device. Rules only.
//!
//! Promise kept here: a body goes only when the server has that very version, nothing of the record is pending or in
//! conflict, and a hundred newer sessions are here. What a list shows of it stays for ever.

use crate::fault::{Fault, on};
use crate::model::{Key, Kind};
use crate::order::sorted;
use crate::state::State;

/// The sessions whose bodies may go, so that the newest `keep` stay. Nothing goes without a server.
pub fn surplus(state: &State, keep: usize) -> Vec<Key> {
    if state.head.account.is_none() || state.head.signed_out {
        return Vec::new();
    }
    let cached: Vec<_> =
        state.index.iter().filter(|(key, entry)| key.kind == Kind::Session && entry.cached).collect();
    if cached.len() <= keep {
        return Vec::new();
    }
    let cached = sorted(cached, &|(key, entry), (other_key, other)| {
        other.timestamp().cmp(&entry.timestamp()).then_with(|| key.cmp(other_key))
    });
    let contested = |key: &Key| state.conflicts.values().any(|conflict| conflict.key == *key);
    let free = |key: &Key| {
        // M08: what waits goes, too.
        on(Fault::M08) || (state.ops_of(key).next().is_none() && !contested(key))
    };
    cached.into_iter().skip(keep).map(|(key, _)| key).filter(|key| free(key)).cloned().collect()
}
