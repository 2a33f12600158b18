//! One run: users at work under faults, then quiet, then the promises that hold at the end.

mod act;
mod end;
pub mod script;
mod seldom;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use keyflow_sync::seam::Table;
use keyflow_sync::stamp::Millis;

use crate::device::{Device, Tab};
use crate::dice::{Dice, Stream};
use crate::exec::WORLD;
use crate::oracle::head;
use crate::profile::Profile;
use crate::sim::Sim;
use crate::tape::Tape;

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
    replay(&Tape::whole(Profile { actions: actions.unwrap_or(profile.actions), ..profile }), loud)
}

/// Runs a tape.
pub fn replay(tape: &Tape, loud: bool) -> Ran {
    let actions = tape.steps.len() as u64;
    let world = World::new(tape.profile(), loud);
    let done = world.play(&tape.steps).and_then(|()| world.settle());
    world.finish(done, actions)
}

struct World {
    sim: Rc<Sim>,
    devices: Vec<Rc<Device>>,
    /// The number of the last edit.
    tokens: Cell<u64>,
    created: RefCell<BTreeSet<(u64, String)>>,
}

/// One of a device's tabs.
fn pick(device: &Device, dice: &Dice) -> Option<Tab> {
    let tabs = device.tabs.borrow();
    tabs.get(dice.below(tabs.len() as u64) as usize).cloned()
}

impl World {
    fn new(profile: Profile, loud: bool) -> World {
        let count = profile.devices;
        let sim = Sim::new(profile, loud);
        if loud {
            println!("{:#?}", sim.profile);
        }
        let devices: Vec<_> = (0..count).map(|index| Device::new(&sim, index)).collect();
        for device in &devices {
            device.open();
        }
        World { sim, devices, tokens: Cell::default(), created: RefCell::default() }
    }

    /// Checks what holds at the end, and lets go of everything.
    fn finish(&self, done: Result<(), String>, actions: u64) -> Ran {
        let sim = &self.sim;
        match done {
            Ok(()) => self.check_end(),
            Err(what) => sim.violation(what),
        }
        let ran = Ran {
            seed: sim.profile.seed,
            actions,
            events: sim.exec.polls(),
            virtual_ms: sim.exec.now(),
            acked: sim.oracle.acked(),
            hash: sim.exec.hash(),
            counters: sim.counters(),
            violations: sim.violations(),
        };
        for device in &self.devices {
            device.end();
        }
        sim.exec.clear();
        ran
    }

    /// Plays these steps. Each has dice of its own, so that one left out changes no other.
    fn play(&self, steps: &[u64]) -> Result<(), String> {
        for (index, step) in steps.iter().enumerate() {
            let seed = self.sim.profile.seed;
            let dice = Dice::new(seed, Stream::Workload, *step);
            let device = &self.devices[dice.below(self.devices.len() as u64) as usize];
            self.trouble(device, &Dice::new(seed, Stream::Trouble, *step));
            self.come_and_go(device, &dice);
            if dice.chance(100) {
                self.seldom(device, &Dice::new(seed, Stream::Seldom, *step));
            } else {
                self.act(device, &dice);
            }
            let pause = dice.within(0, self.sim.profile.pause_ms);
            self.sim.exec.run_until(self.sim.exec.now() + pause)?;
            self.check_step();
            if index % 25 == 0 {
                self.sim.oracle.check_cloud(&self.sim);
            }
            if let Some(first) = self.sim.violations().into_iter().next() {
                return Err(first);
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
    fn trouble(&self, device: &Rc<Device>, dice: &Dice) {
        let (sim, faults) = (&self.sim, self.sim.faults());
        let tab = pick(device, dice);
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
        if faults.hints && dice.chance(40) {
            self.hint(device, dice);
        }
        if faults.damage && dice.chance(15) {
            self.damage(device, dice);
        }
        if faults.poison && dice.chance(40) {
            sim.cloud.strict.set(!sim.cloud.strict.get());
        }
        if faults.restore && dice.chance(40) {
            sim.cloud.back_up();
        }
        if faults.restore && dice.chance(20) {
            self.check_step();
            if sim.cloud.restore() {
                sim.note("the server goes back");
                sim.saw("restore");
            }
        }
    }

    /// Users open and close tabs.
    fn come_and_go(&self, device: &Rc<Device>, dice: &Dice) {
        if dice.chance(20) && device.processes() < self.sim.profile.tabs {
            device.open();
        }
        if dice.chance(10)
            && device.tabs.borrow().len() > 1
            && let Some(tab) = pick(device, dice)
        {
            device.close(tab.group);
        }
    }

    /// Joins a device to the user of the first one.
    fn link(&self, device: &Rc<Device>, dice: &Dice) {
        let owner = |device: &Device| head(device).and_then(|head| head.owner);
        if owner(device).is_none() || owner(device) != owner(&self.devices[0]) {
            self.join_first(device, dice);
        }
    }

    fn join_first(&self, device: &Rc<Device>, dice: &Dice) {
        if device.index == 0 {
            return;
        }
        let tabs = (pick(&self.devices[0], dice), pick(device, dice));
        let (Some(first), Some(tab)) = tabs else { return };
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
    fn mend(&self, device: &Rc<Device>, dice: &Dice) {
        let Some(Tab { group, driver }) = pick(device, dice) else { return };
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
        let dice = Dice::new(sim.profile.seed, Stream::Workload, u64::MAX - 1);
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
        // The first device comes back first: it gives the others their codes.
        for device in &self.devices {
            self.mend(device, &dice);
            self.sign_in(device, &dice);
            sim.exec.run_until(sim.exec.now() + 20_000)?;
        }
        self.rest()?;
        for device in &self.devices {
            self.link(device, &dice);
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
}
