//! A run by script: named actions one after the other, and processes that end exactly where they are told to.

use std::collections::BTreeMap;
use std::rc::Rc;

use keyflow_sync::edit::Choice;
use keyflow_sync::model::{Fields, Key};
use serde_json::{Value, json};

use super::{Ran, World, act};
use crate::cloud::POISON;
use crate::device::{Device, Tab};
use crate::dice::{Dice, Stream};
use crate::oracle::token;
use crate::profile::Profile;

/// One action; the first number is the device's.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Saves a session whole.
    Save(usize, &'static str),
    /// The same, with a field that the server refuses while it is strict.
    SavePoisoned(usize, &'static str),
    /// Changes a session.
    Update(usize, &'static str),
    /// Removes a session.
    Remove(usize, &'static str),
    /// Brings a removed session back.
    Restore(usize, &'static str),
    /// Settles the newest conflict.
    Resolve(usize, Choice),
    /// Changes the settings.
    Settings(usize),
    /// Practises and saves nothing.
    Practise(usize),
    /// Sets a checkpoint, and saves the session that ends it.
    Draft(usize, &'static str),
    /// Asks for a round.
    Sync(usize),
    /// Joins the user of the first device.
    Link(usize),
    /// Signs out.
    SignOut(usize),
    /// Signs in with the token from before, or with a code.
    SignIn(usize),
    /// The first device's user shuts it out.
    ShutOut(usize),
    /// Makes parked edits pending again.
    Retry(usize),
    /// Gives the oldest edit up.
    Discard(usize),
    /// Carries an export to the second device.
    Export(usize, usize),
    /// Reads a session, which fetches what is only in the cloud.
    Get(usize, &'static str),
    /// Opens another tab.
    Open(usize),
    /// Cuts the network off for so many seconds.
    Cut(usize, i64),
    /// Sets the wall clock so many seconds ahead of true time.
    Clock(usize, i64),
    /// The server refuses poison, or takes it again.
    Strict(bool),
    /// The server is copied.
    BackUp,
    /// The server goes back to its copy.
    GoBack,
    /// Nothing is done for so many seconds.
    Wait(i64),
}

/// Where processes end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Numbers of the points: each commit has one before and one after it, each request too.
    pub at: Vec<u64>,
    /// The device loses power there; else only the process ends.
    pub power: bool,
}

/// Runs a script; answers also how many points it passed.
pub fn play(profile: Profile, script: &[Act], ends: &Ends, loud: bool) -> (Ran, u64) {
    let world = World::new(profile, loud);
    let sim = &world.sim;
    sim.ends.replace(ends.clone());
    let mut done = sim.exec.run_until(sim.exec.now() + 2_000);
    for (number, act) in script.iter().enumerate() {
        if done.is_err() {
            break;
        }
        let pause = world.perform(act, number as u64 + 1);
        done = sim.exec.run_until(sim.exec.now() + pause);
        world.check_step();
        sim.oracle.check_cloud(sim);
    }
    let points = sim.points.get();
    sim.ends.replace(Ends::default());
    let done = done.and_then(|()| world.settle());
    (world.finish(done, script.len() as u64), points)
}

impl World {
    /// Begins one action; answers how long it is given, ms.
    fn perform(&self, act: &Act, number: u64) -> i64 {
        let sim = &self.sim;
        let dice = Dice::new(sim.profile.seed, Stream::Workload, number);
        sim.note(&format!("{act:?}"));
        match *act {
            Act::Save(at, id) => self.save(at, id, number, false),
            Act::SavePoisoned(at, id) => self.save(at, id, number, true),
            Act::Update(at, id) => {
                self.patch(at, id, number, json!({ "note": format!("note {number}"), "wpm": number + 60 }))
            }
            Act::Restore(at, id) => self.patch(at, id, number, json!({ "deleted": false })),
            Act::Remove(at, id) => self.with(at, move |_, tab| async move {
                // What is not there cannot be removed.
                let _ = tab.driver.remove(id).await;
            }),
            Act::Resolve(at, choice) => self.with(at, move |_, tab| async move {
                let open = tab.driver.conflicts().unwrap_or_default();
                if let Some(id) = open.first().and_then(|conflict| conflict["id"].as_str()) {
                    let _ = tab.driver.resolve(id, choice, BTreeMap::new()).await;
                }
            }),
            Act::Settings(at) => self.with(at, move |device, tab| async move {
                let patch = fields(json!({ token(number): number, "theme": number }));
                if tab.driver.set_settings(patch).await.is_ok() {
                    device.sim.oracle.ack(device.index, &Key::settings(), token(number));
                }
            }),
            Act::Practise(at) => {
                if let Some((device, tab)) = self.at(at) {
                    self.give_up(&device, &tab, &dice);
                }
            }
            Act::Draft(at, id) => self.with(at, move |device, tab| async move {
                let _ = tab.driver.set_draft(id, Some("half".into())).await;
                let whole = act::session(number, &Dice::new(1, Stream::Workload, number));
                if tab.driver.save(id, whole, true).await.is_ok() {
                    device.sim.oracle.ack(device.index, &Key::session(id), token(number));
                }
            }),
            Act::Sync(at) => self.with(at, |_, tab| async move { drop(tab.driver.sync().await) }),
            Act::Link(at) => self.join_first(&self.devices[at], &dice),
            Act::SignOut(at) => {
                if let Some((device, tab)) = self.at(at) {
                    self.sign_out(&device, &tab);
                }
            }
            Act::SignIn(at) => self.sign_in(&self.devices[at], &dice),
            Act::ShutOut(at) => self.shut_out(&self.devices[at], &dice),
            Act::Retry(at) => self.with(at, |_, tab| async move { drop(tab.driver.retry(None).await) }),
            Act::Discard(at) => self.with(at, |_, tab| async move {
                let ops = tab.driver.operations().await.unwrap_or_default();
                if let Some(id) = ops.first().and_then(|op| op["id"].as_str()) {
                    let _ = tab.driver.discard(id.to_owned()).await;
                }
            }),
            Act::Export(from, to) => {
                if let (Some((_, tab)), Some((device, other))) = (self.at(from), self.at(to)) {
                    self.carry(&tab, device, other);
                }
            }
            Act::Get(at, id) => self.with(at, move |_, tab| async move { drop(tab.driver.get(id).await) }),
            Act::Open(at) => self.devices[at].open(),
            Act::Cut(at, seconds) => {
                self.devices[at].link.cut_until.set(sim.exec.now() + 1_000 * seconds);
                return 0;
            }
            Act::Clock(at, seconds) => self.devices[at].skew.set(1_000 * seconds),
            Act::Strict(strict) => sim.cloud.strict.set(strict),
            Act::BackUp => sim.cloud.back_up(),
            Act::GoBack => {
                self.check_step();
                sim.cloud.restore();
            }
            Act::Wait(seconds) => return 1_000 * seconds,
        }
        1_500
    }

    /// The first open tab of a device; none while its process is being started again.
    fn at(&self, device: usize) -> Option<(Rc<Device>, Tab)> {
        let device = self.devices[device].clone();
        let tab = device.tabs.borrow().first().cloned()?;
        Some((device, tab))
    }

    fn with<F: Future<Output = ()> + 'static>(&self, at: usize, call: impl FnOnce(Rc<Device>, Tab) -> F) {
        if let Some((device, tab)) = self.at(at) {
            let group = tab.group;
            self.sim.exec.spawn(group, call(device, tab));
        }
    }

    fn save(&self, at: usize, id: &'static str, number: u64, poisoned: bool) {
        let mut whole = act::session(number, &Dice::new(self.sim.profile.seed, Stream::Seldom, number));
        if poisoned {
            whole.insert(POISON.into(), json!(true));
        }
        self.with(at, move |device, tab| async move {
            let done = tab.driver.save(id, whole, false).await;
            act::told(&device.sim, device.index, id, number, done);
        });
    }

    fn patch(&self, at: usize, id: &'static str, number: u64, patch: Value) {
        let mut patch = fields(patch);
        patch.insert(token(number), json!(number));
        self.with(at, move |device, tab| async move {
            let done = tab.driver.update(id, patch).await;
            act::told(&device.sim, device.index, id, number, done);
        });
    }
}

fn fields(value: Value) -> Fields {
    value.as_object().cloned().unwrap_or_default()
}
