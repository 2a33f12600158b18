//! What the users do.

use std::collections::BTreeMap;
use std::rc::Rc;

use keyflow_sync::edit::Choice;
use keyflow_sync::error::Error;
use keyflow_sync::model::{Fields, Key};
use serde_json::{Value, json};

use super::{World, pick};
use crate::cloud::POISON;
use crate::device::{Device, SimDriver, Tab};
use crate::dice::Dice;
use crate::oracle::token;
use crate::sim::Sim;

pub(super) fn session(number: u64, dice: &Dice) -> Fields {
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
    /// One call of a user.
    pub(super) fn act(&self, device: &Rc<Device>, dice: &Dice) {
        let Some(Tab { group, driver }) = pick(device, dice) else { return };
        let sim = self.sim.clone();
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
            95..98 => self.link(device, dice),
            _ => self.mend(device, dice),
        }
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
pub(super) fn told(sim: &Sim, device: u64, id: &str, number: u64, done: Result<Value, Error>) {
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
