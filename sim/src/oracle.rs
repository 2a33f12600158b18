//! The harness's own record of what was promised, and the checks against disks and server.
//!
//! Every edit carries a *token*, a field of its own that every later version of the record keeps. A token that nobody
//! holds any more is a lost edit, whatever the engine believes.

mod versions;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use keyflow_sync::judge::TOLERANCE;
use keyflow_sync::model::{Key, Kind, Record};
use keyflow_sync::queue::{OpStatus, Operation};
use keyflow_sync::read::parse;
use keyflow_sync::seam::{HEAD, Row, Table, Write};
use keyflow_sync::stamp::Stamp;
use keyflow_sync::state::{Entry, Head, from_text, op_body};
use keyflow_sync::wire::Outcome;

use crate::cloud::POISON;
use crate::device::Device;
use crate::sim::{EPOCH, Sim};

/// More than anyone practises in a run, ms.
const MAX_PRACTICE: i64 = 1 << 50;

/// The name of the field of edit `number`.
pub fn token(number: u64) -> String {
    format!("t{number}")
}

fn tokens(record: &Record) -> BTreeSet<&str> {
    let is_token = |name: &&str| {
        name.strip_prefix('t').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    record.fields.keys().map(String::as_str).filter(is_token).collect()
}

/// Promises made, and not seen on the server yet.
#[derive(Default)]
pub struct Oracle {
    open: RefCell<BTreeMap<String, (u64, Key)>>,
    /// Tokens that the user's own choice in a conflict replaced.
    excused: RefCell<BTreeSet<String>>,
    acked: Cell<u64>,
    /// Records of which an operation was given up. One that was offered to another user again stays on its device.
    pub given_up: RefCell<BTreeSet<Key>>,
    /// Whether any device took an export over.
    pub imported: Cell<bool>,
    /// Practice that was begun to be counted, and that was acknowledged, ms.
    practice: Cell<(i64, i64)>,
    /// For each device its replica and the last version it gave to an edit.
    stamps: RefCell<BTreeMap<u64, Stamp>>,
}

fn content(key: &str, text: &str) -> Option<Record> {
    let (_, record) = key.strip_prefix("op/")?.split_once('/')?;
    from_text(Key::parse(record)?.kind, text).ok()
}

/// The head on a disk.
pub fn head(device: &Device) -> Option<Head> {
    parse(device.disk.read(&[(Table::Meta, HEAD.to_owned())]).pop()??.as_str()).ok()
}

fn index(device: &Device) -> BTreeMap<Key, Entry> {
    let rows = device.disk.scan(Table::Index).into_iter();
    rows.filter_map(|(key, text)| Some((Key::parse(&key)?, parse(&text).ok()?))).collect()
}

/// Whether the content of a record is on a disk.
pub fn holds(device: &Device, key: &Key) -> bool {
    let entry = device.disk.read(&[(Table::Index, key.to_string())]).pop().flatten();
    entry.and_then(|text| parse::<Entry>(&text).ok()).is_some_and(|entry| entry.cached)
}

/// Whether the server has a version with that edit.
fn landed(sim: &Sim, token: &str, key: &Key) -> bool {
    sim.cloud.users(|users| {
        let mut kept = users.values().filter_map(|user| user.kept.get(key)).flatten();
        kept.any(|kept| kept.record.fields.contains_key(token))
    })
}

impl Oracle {
    /// How many edits were acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked.get()
    }

    /// An edit with that token was acknowledged on `device`.
    pub fn ack(&self, device: u64, key: &Key, token: String) {
        self.acked.set(self.acked.get() + 1);
        if !self.excused.borrow().contains(&token) {
            self.open.borrow_mut().insert(token, (device, key.clone()));
        }
    }

    /// The user gives up the edits with these tokens.
    fn excuse(&self, tokens: BTreeSet<&str>) {
        for token in tokens {
            self.open.borrow_mut().remove(token);
            self.excused.borrow_mut().insert(token.to_owned());
        }
    }

    /// A device was told to count practice.
    pub fn practice_begun(&self, ms: i64) {
        let (begun, acked) = self.practice.get();
        self.practice.set((begun + ms, acked));
    }

    /// A device said that it had.
    pub fn practice_acked(&self, ms: i64) {
        let (begun, acked) = self.practice.get();
        self.practice.set((begun, acked + ms));
    }

    /// The bounds within which all counters together are, ms.
    pub fn practice(&self) -> std::ops::RangeInclusive<i64> {
        let (begun, acked) = self.practice.get();
        acked..=begun
    }

    /// A commit of `device` is on disk; `before` are the rows it replaced.
    pub fn committed(&self, sim: &Sim, device: &Device, write: &Write, before: &[Row]) {
        for (row, old) in write.rows.iter().zip(before) {
            match row.table {
                Table::Body => self.body_changed(sim, device, write, row, old),
                Table::Op => self.op_changed(sim, device, write, row, old),
                _ => {}
            }
        }
    }

    fn op_changed(&self, sim: &Sim, device: &Device, write: &Write, row: &Row, old: &Row) {
        let read = |row: &Row| parse::<Operation>(row.value.as_deref()?).ok();
        let (old, Some(op)) = (read(old), read(row)) else {
            if let Some(gone) = read(old).filter(|gone| !given_up(write, &gone.id)) {
                dequeued(sim, device, &gone);
            }
            return;
        };
        if op.status == OpStatus::Failed {
            sim.saw("parked");
            let body = device.disk.read(&[(Table::Body, op_body(&op))]).pop().flatten();
            if op.code.as_deref() == Some("invalid") && body.is_some_and(|text| !text.contains(POISON)) {
                sim.violation(format!(
                    "I11: device {} parks {}, which nobody refuses",
                    device.index, op.record
                ));
            }
        } else if op.attempts > 0 {
            sim.saw("retry");
        }
        // I9: the stamps of a device's edits only grow, unless a jump of its clock is taken back.
        // An import brings back an edit of this device that was given up here, under its own stamp.
        let own = !device.imported.get()
            && head(device).is_some_and(|head| head.clock.replica == op.version.replica);
        let edited =
            own && !sim.profile.faults.clock && !op.sent && old.is_none_or(|old| old.version != op.version);
        let last = self.stamps.borrow().get(&device.index).copied();
        if edited && last.is_some_and(|last| last.replica == op.version.replica && op.version <= last) {
            sim.violation(format!("I9: device {} gives {} after {last:?}", device.index, op.version));
        } else if edited && op.version.ms < EPOCH + sim.exec.now() + TOLERANCE / 2 {
            // A clock that ran ahead is brought back.
            self.stamps.borrow_mut().insert(device.index, op.version);
        }
    }

    fn body_changed(&self, sim: &Sim, device: &Device, write: &Write, row: &Row, old: &Row) {
        let Some(text) = &old.value else { return };
        match (content(&row.key, text), row.value.as_deref().map(|text| content(&row.key, text))) {
            (Some(before), Some(Some(after))) => {
                if before.version != after.version {
                    sim.saw("coalesced");
                }
                let Some(op) = row.key.split('/').nth(1) else { return };
                let settles = write.rows.iter().any(|row| {
                    row.table == Table::Op
                        && row.key == op
                        && row.value.as_ref().is_some_and(|value| value.contains("\"resolves\""))
                });
                // Two devices may save one id whole; that replaces what is there, at the user's word.
                let whole = before.key.id.starts_with("shared-") && tokens(&after).len() == 1;
                for lost in tokens(&before).difference(&tokens(&after)) {
                    if settles || whole {
                        self.excused.borrow_mut().insert((*lost).to_owned());
                        self.open.borrow_mut().remove(*lost);
                    } else if self.promised(device, lost) && !landed(sim, lost, &before.key) {
                        sim.violation(format!(
                            "I1: device {} replaced {lost} of {} by an edit without it",
                            device.index, before.key
                        ));
                    }
                }
            }
            (Some(gone), None) => {
                let op = row.key.split('/').nth(1).unwrap_or_default();
                if given_up(write, op) {
                    sim.saw("discard");
                    self.excuse(tokens(&gone));
                    self.given_up.borrow_mut().insert(gone.key.clone());
                    // How much of a counter went is not followed: from then on it has no lower bound.
                    if gone.key.kind == Kind::Progress {
                        self.practice_acked(-MAX_PRACTICE);
                    }
                }
            }
            (None, None) => self.evicted(sim, device, &row.key, text),
            _ => {}
        }
    }

    /// Whether `device` acknowledged that edit, and nobody gave it up. What came from elsewhere is checked there.
    fn promised(&self, device: &Device, token: &str) -> bool {
        self.open.borrow().get(token).is_some_and(|(by, _)| *by == device.index)
    }

    /// I8: a body goes only when the server has it, and nothing of the record waits.
    fn evicted(&self, sim: &Sim, device: &Device, key: &str, text: &str) {
        let Some(key) = Key::parse(key) else { return };
        let Ok(record) = from_text(key.kind, text) else { return };
        sim.saw("eviction");
        let known =
            sim.cloud.users(|users| users.values().any(|user| user.known(&key, record.version).is_some()));
        if !known && sim.cloud.restores.get() == 0 {
            sim.violation(format!("I8: device {} evicted {key}, which the server lacks", device.index));
        }
        let waits = device.disk.scan(Table::Op).iter().any(|(_, op)| op.contains(&format!("\"{key}\"")));
        if waits {
            sim.violation(format!("I8: device {} evicted {key} with an edit pending", device.index));
        }
    }

    /// I1: every acknowledged edit is on the server, or pending on its device's disk.
    pub fn check_acked(&self, sim: &Sim, devices: &[std::rc::Rc<Device>], end: bool) {
        self.open.borrow_mut().retain(|token, (_, key)| !landed(sim, token, key));
        let mut pending: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for (token, (device, key)) in self.open.borrow().iter() {
            let held = pending.entry(*device).or_insert_with(|| {
                let rows = devices[*device as usize].disk.scan(Table::Body);
                let bodies = rows.iter().filter_map(|(key, text)| content(key, text));
                bodies
                    .flat_map(|body| tokens(&body).into_iter().map(str::to_owned).collect::<Vec<_>>())
                    .collect()
            });
            if end {
                sim.violation(format!(
                    "I1: {token} of {key}, saved on device {device}, is not on the server"
                ));
            } else if !held.contains(token) {
                sim.violation(format!("I1: {token} of {key}, saved on device {device}, is nowhere"));
            }
        }
    }

    /// I5: everything up to the cursor on disk is on disk.
    pub fn check_cursor(&self, sim: &Sim, device: &Device) {
        let Some(head) = head(device) else { return };
        let (Some(owner), Some(cursor)) = (&head.owner, &head.cursor) else { return };
        // A device may hold what it pushed after its cursor, and a server that went back does not.
        if sim.cloud.restores.get() > 0 {
            return;
        }
        let entries = index(device);
        // A damaged entry is repaired when the next process opens the store.
        if entries.len() < device.disk.scan(Table::Index).len() {
            return;
        }
        sim.cloud.user(owner, |user| {
            let Some(position) = user.position(cursor) else { return };
            for (key, (record, tick)) in user.heads.iter().filter(|(_, (_, tick))| *tick <= position) {
                let version = entries.get(key).and_then(|entry| entry.version);
                if version != Some(record.version) {
                    sim.violation(format!(
                        "I5: device {} stands at {position} and has {version:?} of {key}, not {} of tick {tick}",
                        device.index, record.version
                    ));
                }
            }
        });
    }

    /// I4, I10, I18 on the server: nothing accepted is out of reach, and no head was moved back.
    pub fn check_cloud(&self, sim: &Sim) {
        sim.cloud.users(|users| {
            for user in users.values() {
                for (key, kept) in &user.kept {
                    versions::check(sim, user, key, kept);
                }
                let faults = sim.profile.faults;
                for (conflict, _) in user.inbox.values() {
                    let own = conflict.local.version.replica == conflict.remote.version.replica;
                    // An export carries some of a device's versions to the server and not those between them.
                    let exempt = faults.restore || faults.poison || faults.power || self.imported.get();
                    // What was sent, and then given up, the server may never have seen.
                    if own && !exempt && !self.given_up.borrow().contains(&conflict.key) {
                        sim.violation(format!("I10: {} is a conflict of a device with itself", conflict.id));
                    }
                }
            }
        });
    }

    /// I8: no more bodies than allowed, once nothing waits.
    pub fn check_cache(&self, sim: &Sim, device: &Device) {
        let cached =
            index(device).into_iter().filter(|(key, entry)| key.kind == Kind::Session && entry.cached);
        let open: BTreeSet<String> = device
            .disk
            .scan(Table::Conflict)
            .into_iter()
            .filter_map(|(id, _)| Some(id.rsplit_once('~')?.0.to_owned()))
            .collect();
        let free = cached.filter(|(key, _)| !open.contains(&key.to_string())).count();
        if free > sim.profile.rules.options.cache_sessions {
            sim.saw("cache over its bound");
        }
    }
}

/// Whether a write gives operation `op` up at the user's word.
fn given_up(write: &Write, op: &str) -> bool {
    let mut log = write.rows.iter().filter(|row| row.table == Table::Log && row.key.ends_with(op));
    log.any(|row| row.value.as_ref().is_some_and(|line| line.contains("\"discarded\"")))
}

/// I10: with a confirmation the device has what it had shown, or something later, as the server's version.
fn dequeued(sim: &Sim, device: &Device, op: &Operation) {
    let (Some(owner), Some(key)) = (head(device).and_then(|head| head.owner), op.key()) else { return };
    let entry = device.disk.read(&[(Table::Index, key.to_string())]).pop().flatten();
    let shown = entry.and_then(|text| parse::<Entry>(&text).ok()?.version);
    let base = sim.cloud.user(&owner, |user| {
        user.known(&key, op.version).filter(|kept| kept.outcome == Outcome::Applied)?.record.base
    });
    if let Some(Some(base)) = base
        && shown == Some(base)
        && sim.cloud.restores.get() == 0
    {
        sim.violation(format!("I10: device {} goes back to {base} of {key}", device.index));
    }
}
