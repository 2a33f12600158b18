//! One run: users at work under faults, then quiet, then the promises that hold at the end.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use keyflow_sync::edit::Choice;
use keyflow_sync::error::Error;
use keyflow_sync::model::{Fields, Key, Kind};
use keyflow_sync::seam::Table;
use keyflow_sync::stamp::Millis;
use serde_json::{Value, json};

use crate::cloud::POISON;
use crate::device::{Device, SimDriver, Tab};
use crate::dice::{Dice, Stream};
use crate::exec::WORLD;
use crate::oracle::{head, holds, token};
use crate::profile::Profile;
use crate::sim::Sim;

/// What a run did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its seed.
    pub seed: u64,
    /// Actions of the users and troubles of the world.
    pub actions: u64,
    /// Events: a process, the server or the world was given a turn.
    pub events: u64,
    /// Virtual time, ms.
    pub virtual_ms: Millis,
    /// Edits acknowledged.
    pub acked: u64,
    /// A number that stands for the whole course of the run.
    pub hash: u64,
    /// What happened, and how often.
    pub counters: BTreeMap<&'static str, u64>,
    /// Broken promises.
    pub violations: Vec<String>,
}

/// Runs `seed`, for as many actions as it says or as told; `loud` prints what happens.
pub fn run(seed: u64, actions: Option<u64>, loud: bool) -> Ran {
    let profile = Profile::of(seed);
    run_profile(Profile { actions: actions.unwrap_or(profile.actions), ..profile }, loud)
}

/// Runs a profile.
pub fn run_profile(profile: Profile, loud: bool) -> Ran {
    let (seed, actions) = (profile.seed, profile.actions);
    let world = World::new(profile, loud);
    let done = world.play(actions).and_then(|()| world.settle());
    let sim = &world.sim;
    match done {
        Ok(()) => world.check_end(),
        Err(what) => sim.violation(what),
    }
    let ran = Ran {
        seed,
        actions,
        events: sim.exec.polls(),
        virtual_ms: sim.exec.now(),
        acked: sim.oracle.acked(),
        hash: sim.exec.hash(),
        counters: sim.counters(),
        violations: sim.violations(),
    };
    for device in &world.devices {
        device.end();
    }
    sim.exec.clear();
    ran
}

struct World {
    sim: Rc<Sim>,
    devices: Vec<Rc<Device>>,
    dice: Rc<Dice>,
    faults: Dice,
    tokens: Rc<Cell<u64>>,
    created: std::cell::RefCell<BTreeSet<(u64, String)>>,
}

fn session(number: u64, dice: &Dice) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in [
        ("text", json!("the quick brown fox")),
        ("wpm", json!(dice.within(20, 140))),
        ("accuracy", json!(97)),
        ("timestamp", json!(1_700_000_000_000_i64 + dice.within(0, 1_000_000))),
    ] {
        fields.insert(name.into(), value);
    }
    fields.insert(token(number), json!(number));
    fields
}

impl World {
    fn new(profile: Profile, loud: bool) -> World {
        let (seed, count) = (profile.seed, profile.devices);
        let sim = Sim::new(profile, loud);
        if loud {
            println!("{:#?}", sim.profile);
        }
        let devices: Vec<_> = (0..count).map(|index| Device::new(&sim, index)).collect();
        for device in &devices {
            device.open();
        }
        World {
            sim,
            devices,
            dice: Rc::new(Dice::new(seed, Stream::Workload, 0)),
            faults: Dice::new(seed, Stream::Faults, u64::MAX - 1),
            tokens: Rc::default(),
            created: Default::default(),
        }
    }

    fn play(&self, actions: u64) -> Result<(), String> {
        for step in 0..actions {
            let device = &self.devices[self.dice.below(self.devices.len() as u64) as usize];
            self.trouble(device);
            self.act(device);
            let pause = self.dice.within(0, self.sim.profile.pause_ms);
            self.sim.exec.run_until(self.sim.exec.now() + pause)?;
            self.check_step();
            if step % 25 == 0 {
                self.sim.oracle.check_cloud(&self.sim);
            }
            if !self.sim.violations().is_empty() {
                return Err(self.sim.violations()[0].clone());
            }
        }
        Ok(())
    }

    fn check_step(&self) {
        self.sim.oracle.check_acked(&self.sim, &self.devices, false);
        for device in &self.devices {
            self.sim.oracle.check_cursor(&self.sim, device);
        }
    }

    /// Faults that come from outside of any call.
    fn trouble(&self, device: &Rc<Device>) {
        let (sim, dice, faults) = (&self.sim, &self.faults, self.sim.faults());
        let tab = self.tab(device);
        if faults.network && dice.chance(15) {
            device.link.cut_until.set(sim.exec.now() + dice.within(1_000, 600_000));
            sim.saw("cut off");
        }
        if faults.crash
            && dice.chance(15)
            && let Some(tab) = &tab
        {
            sim.saw("crash");
            device.crash(tab.group);
        }
        if faults.crash && dice.chance(30) {
            device.disk.unreadable.set(true);
        }
        if faults.power && dice.chance(20) {
            device.cut_power();
        }
        if faults.clock && dice.chance(15) {
            let jump =
                [-3_600_000, 3_600_000, 86_400_000, -60_000, 2_000_000_000_000][dice.below(5) as usize];
            device.skew.set(if dice.chance(300) { 0 } else { jump });
            sim.saw("clock jump");
        }
        if faults.freeze
            && dice.chance(20)
            && let Some(tab) = &tab
        {
            sim.exec.freeze(tab.group, sim.exec.now() + dice.within(1_000, 300_000));
            sim.saw("freeze");
        }
        if faults.poison && dice.chance(40) {
            sim.cloud.strict.set(!sim.cloud.strict.get());
        }
        if faults.restore && dice.chance(20) {
            sim.cloud.back_up();
        }
        if faults.restore && dice.chance(8) {
            self.check_step();
            if sim.cloud.restore() {
                sim.note("the server goes back");
                sim.saw("restore");
            }
        }
        if self.dice.chance(20) && device.processes() < sim.profile.tabs {
            device.open();
        }
        if self.dice.chance(10)
            && device.tabs.borrow().len() > 1
            && let Some(tab) = tab
        {
            device.close(tab.group);
        }
    }

    fn tab(&self, device: &Device) -> Option<Tab> {
        let tabs = device.tabs.borrow();
        tabs.get(self.dice.below(tabs.len() as u64) as usize).cloned()
    }

    /// One call of a user.
    fn act(&self, device: &Rc<Device>) {
        let Some(Tab { group, driver }) = self.tab(device) else { return };
        let (sim, dice) = (self.sim.clone(), &self.dice);
        let number = self.tokens.get() + 1;
        self.tokens.set(number);
        let own = dice.chance(800);
        let name = dice.below(self.sim.profile.records);
        let id = if own { format!("d{}-{name}", device.index) } else { format!("shared-{name}") };
        let chosen = dice.below(100);
        let known: Vec<String> = driver.list(1_000, None).map(ids).unwrap_or_default();
        let other = known.get(dice.below(known.len() as u64) as usize).cloned().unwrap_or_else(|| id.clone());
        let poisoned = self.sim.profile.faults.poison && dice.chance(100);
        let index = device.index;
        match chosen {
            0..30 => {
                if !self.created.borrow_mut().insert((index, id.clone())) {
                    return;
                }
                let mut fields = session(number, dice);
                if poisoned {
                    fields.insert(POISON.into(), json!(true));
                }
                self.sim.exec.spawn(group, async move {
                    let done = driver.save(&id, fields, false).await;
                    told(&sim, index, &id, number, done);
                });
            }
            30..65 => {
                let mut patch = Fields::new();
                patch.insert(token(number), json!(number));
                match dice.below(4) {
                    0 => drop(patch.insert("note".into(), json!(format!("note {number}")))),
                    1 => drop(patch.insert("wpm".into(), json!(number % 200))),
                    2 => drop(patch.insert("tags".into(), json!([number.to_string()]))),
                    _ => drop(patch.insert(POISON.into(), Value::Null)),
                }
                if poisoned {
                    patch.insert(POISON.into(), json!(true));
                }
                self.sim.exec.spawn(group, async move {
                    let done = driver.update(&other, patch).await;
                    told(&sim, index, &other, number, done);
                });
            }
            65..72 => self.sim.exec.spawn(group, async move {
                if driver.remove(&other).await.is_ok() {
                    sim.saw("remove");
                }
            }),
            72..78 => {
                let mut patch = Fields::new();
                patch.insert("deleted".into(), json!(false));
                patch.insert(token(number), json!(number));
                self.sim.exec.spawn(group, async move {
                    let done = driver.update(&id, patch).await;
                    told(&sim, index, &id, number, done);
                });
            }
            78..84 => {
                let choice = [Choice::Local, Choice::Remote, Choice::Merge][dice.below(3) as usize];
                let open = driver.conflicts().unwrap_or_default();
                let Some(conflict) = open.get(dice.below(open.len() as u64) as usize) else { return };
                let Some(id) = conflict["id"].as_str().map(str::to_owned) else { return };
                self.sim.exec.spawn(group, async move {
                    match driver.resolve(&id, choice, BTreeMap::new()).await {
                        Ok(()) => sim.saw("resolve"),
                        Err(error) => sim.note(&format!("resolve: {error}")),
                    }
                });
            }
            84..88 => {
                let mut patch = Fields::new();
                patch.insert(token(number), json!(number));
                patch.insert("theme".into(), json!(number));
                self.sim.exec.spawn(group, async move {
                    if driver.set_settings(patch).await.is_ok() {
                        sim.oracle.ack(index, &Key::settings(), token(number));
                    }
                });
            }
            88..95 => self.sim.exec.spawn(group, async move { sync(&sim, &driver).await }),
            95..98 => self.link(device),
            _ => self.mend(device),
        }
    }

    /// Joins a device to the user of the first one.
    fn link(&self, device: &Rc<Device>) {
        let owner = |device: &Device| head(device).and_then(|head| head.owner);
        if device.index == 0 || (owner(device).is_some() && owner(device) == owner(&self.devices[0])) {
            return;
        }
        let (Some(first), Some(tab)) = (self.tab(&self.devices[0]), self.tab(device)) else { return };
        let (sim, group) = (self.sim.clone(), tab.group);
        self.sim.exec.spawn(WORLD, async move {
            let Ok(code) = first.driver.link_code().await else { return };
            drop(first);
            let exec = sim.exec.clone();
            exec.spawn(group, async move {
                match tab.driver.link(&code.code).await {
                    Ok(()) => sim.saw("link"),
                    Err(error) => sim.note(&format!("link: {error}")),
                }
            });
        });
    }

    /// What a user does about a refused token and parked edits.
    fn mend(&self, device: &Rc<Device>) {
        let Some(Tab { group, driver }) = self.tab(device) else { return };
        let sim = self.sim.clone();
        self.sim.exec.spawn(group, async move {
            let status = driver.status();
            if let ("authRequired", Some(account)) = (status.phase, driver.account())
                && driver.set_token(account.token).await.is_ok()
            {
                sim.saw("new token");
            }
            if status.parked > 0 && driver.retry(None).await.is_ok() {
                sim.saw("parked edit retried");
            }
        });
    }

    /// Faults end; everything comes to rest within a bound.
    fn settle(&self) -> Result<(), String> {
        let sim = &self.sim;
        sim.note("the faults end");
        sim.faulty.set(false);
        sim.cloud.strict.set(false);
        sim.exec.thaw();
        sim.exec.run_until(sim.exec.now() + 120_000)?;
        for device in &self.devices {
            if device.processes() == 0 {
                device.open();
            }
        }
        sim.exec.run_until(sim.exec.now() + 5_000)?;
        for device in &self.devices {
            self.mend(device);
        }
        self.rest()?;
        for device in &self.devices {
            self.link(device);
        }
        sim.exec.run_until(sim.exec.now() + 60_000)?;
        self.rest()
    }

    fn rest(&self) -> Result<(), String> {
        let sim = &self.sim;
        let bound = 20 * 60_000;
        let until = sim.exec.now() + bound;
        let before = sim.cloud.requests.get();
        let begun = sim.exec.now();
        while sim.exec.now() < until {
            sim.exec.run_until(sim.exec.now() + 20_000)?;
            let waiting = self.devices.iter().filter(|device| !self.rested(device)).count();
            if waiting == 0 {
                let (requests, span) = (sim.cloud.requests.get() - before, sim.exec.now() - begun);
                let most = self.devices.len() as u64 * (2_000 + span as u64 / 50);
                if requests > most {
                    return Err(format!("I12: {requests} requests in {span} ms to come to rest"));
                }
                return Ok(());
            }
        }
        let stuck = self.devices.iter().find(|device| !self.rested(device));
        let what = stuck.map(|device| {
            let status = device.tabs.borrow().first().map(|tab| tab.driver.status());
            format!("device {} with {status:?}", device.index)
        });
        Err(format!("I12: not at rest after {bound} ms: {}", what.unwrap_or_default()))
    }

    fn rested(&self, device: &Device) -> bool {
        let Some(head) = head(device) else { return false };
        let (Some(owner), Some(cursor)) = (&head.owner, &head.cursor) else { return false };
        let at_end = self.sim.cloud.user(owner, |user| user.position(cursor) == Some(user.clock));
        at_end == Some(true) && device.disk.scan(Table::Op).is_empty()
    }

    /// The promises that hold once everything rests.
    fn check_end(&self) {
        let sim = &self.sim;
        self.check_step();
        sim.oracle.check_acked(sim, &self.devices, true);
        sim.oracle.check_cloud(sim);
        let Some(owner) = head(&self.devices[0]).and_then(|head| head.owner) else {
            return sim.violation("I12: the first device never registered".into());
        };
        for device in &self.devices {
            if head(device).and_then(|head| head.owner).as_ref() != Some(&owner) {
                sim.violation(format!("I12: device {} was not linked", device.index));
            }
            sim.oracle.check_cache(sim, device);
            for tab in device.tabs.borrow().iter() {
                self.compare(device.index, tab, owner.clone());
            }
        }
        if let Err(what) = sim.exec.run_until(sim.exec.now() + 60_000) {
            sim.violation(what);
        }
    }

    /// I3: a tab shows what the server has.
    fn compare(&self, index: u64, tab: &Tab, owner: String) {
        let (sim, driver, devices) = (self.sim.clone(), tab.driver.clone(), self.devices.clone());
        self.sim.exec.spawn(WORLD, async move {
            let heads: BTreeMap<Key, _> = sim
                .cloud
                .user(&owner, |user| {
                    user.heads.iter().map(|(key, (head, _))| (key.clone(), head.clone())).collect()
                })
                .unwrap_or_default();
            let live = heads.iter().filter(|(key, head)| key.kind == Kind::Session && !head.deleted);
            let mut expected: Vec<(String, String)> =
                live.map(|(key, head)| (key.id.clone(), head.version.to_string())).collect();
            let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let listed = driver.list(10_000, None).unwrap_or_default();
            let mut listed: Vec<(String, String)> =
                listed.iter().map(|entry| (text(entry, "id"), text(entry, "version"))).collect();
            // What was only in a cloud that went back is nowhere.
            let lost = |id: &str| {
                let key = Key::session(id);
                let held = devices.iter().any(|device| holds(device, &key));
                sim.cloud.restores.get() > 0 && !heads.contains_key(&key) && !held
            };
            expected.sort();
            listed.sort();
            if expected != listed {
                let missing: Vec<_> = expected.iter().filter(|entry| !listed.contains(entry)).collect();
                let extra: Vec<_> = listed.iter().filter(|entry| !expected.contains(entry)).collect();
                if missing.is_empty() && extra.iter().all(|(id, _)| lost(id)) {
                    sim.saw("lost by the restore");
                } else {
                    sim.violation(format!("I3: device {index} lists {extra:?} instead of {missing:?}"));
                }
            }
            for (key, head) in &heads {
                match driver.record(key).await {
                    Ok(Some(record)) if record.version == head.version && record.same_content(head) => {}
                    other => {
                        let shown = other.map(|record| record.map(|record| record.version.to_string()));
                        sim.violation(format!(
                            "I3: device {index} shows {shown:?} of {key}, not {}",
                            head.version
                        ));
                    }
                }
            }
            let open: BTreeSet<String> = sim
                .cloud
                .user(&owner, |user| {
                    let open = user.inbox.values().filter(|(conflict, _)| conflict.resolved_by.is_none());
                    open.map(|(conflict, _)| conflict.id.clone()).collect()
                })
                .unwrap_or_default();
            let shown: BTreeSet<String> =
                driver.conflicts().unwrap_or_default().iter().map(|conflict| text(conflict, "id")).collect();
            // A device brings the open entries of the account it came from; nobody else knows them.
            let brought = |id: &String| {
                sim.cloud.users(|users| {
                    users.iter().any(|(name, user)| *name != owner && user.inbox.contains_key(id))
                })
            };
            let missing: Vec<_> = open.difference(&shown).collect();
            let extra: Vec<_> = shown.difference(&open).filter(|id| !brought(id)).collect();
            if (!missing.is_empty() || !extra.is_empty()) && sim.cloud.restores.get() == 0 {
                sim.violation(format!("I3: the inbox of device {index} lacks {missing:?} and has {extra:?}"));
            }
        });
    }
}

fn ids(list: Vec<Value>) -> Vec<String> {
    list.iter().filter_map(|entry| entry["id"].as_str().map(str::to_owned)).collect()
}

async fn sync(sim: &Sim, driver: &SimDriver) {
    match driver.sync().await {
        Ok(_) => sim.saw("round"),
        Err(Error::Server(code, _)) if code == "unreachable" => sim.saw("failed round"),
        Err(error) => sim.note(&format!("sync: {}", error.code())),
    }
}

/// An edit was acknowledged or refused.
fn told(sim: &Sim, device: u64, id: &str, number: u64, done: Result<Value, Error>) {
    match done {
        Ok(seen) => {
            sim.oracle.ack(device, &Key::session(id), token(number));
            sim.note(&format!("device {device} saved t{number} of {id}"));
            if seen.get(token(number)).is_none() {
                sim.saw("edit not shown at once");
            }
        }
        Err(Error::Store(_)) => sim.saw("edit refused by the disk"),
        Err(error) => sim.note(&format!("device {device} {id}: {error}")),
    }
}
