//! What users do seldom, and what seldom happens to a device: drafts, practice that leaves no session, giving an edit
//! up, exports taken over, signing out and in, a device shut out, hints of the platform, damaged rows.

use std::rc::Rc;

use keyflow_sync::model::Key;
use keyflow_sync::seam::{Heard, Table};
use serde_json::{Value, json};

use super::{World, pick};
use crate::device::{Device, Tab};
use crate::dice::Dice;
use crate::exec::WORLD;
use crate::oracle::{head, token};
use crate::sim::EPOCH;

const HINTS: [Heard; 4] = [Heard::Online, Heard::Offline, Heard::Visible, Heard::OtherTab];
const DAMAGE: [Table; 3] = [Table::Index, Table::Op, Table::Conflict];

impl World {
    /// One call of a kind that is seldom made.
    pub(super) fn seldom(&self, device: &Rc<Device>, dice: &Dice) {
        let Some(tab) = pick(device, dice) else { return };
        match dice.below(12) {
            0..3 => self.give_up(device, &tab, dice),
            3..6 => self.draft(device, &tab, dice),
            6 => self.discard(&tab, dice),
            7..9 => self.export(&tab, dice),
            9 => self.sign_out(device, &tab),
            10 => self.sign_in(device, dice),
            _ if self.sim.faults().revoke => self.shut_out(device, dice),
            _ => {}
        }
    }

    /// Practice that leaves no session.
    pub(super) fn give_up(&self, device: &Device, tab: &Tab, dice: &Dice) {
        let (sim, driver, index) = (self.sim.clone(), tab.driver.clone(), device.index);
        let (ms, day) = (dice.within(1, 60_000), dice.within(0, 3));
        sim.oracle.practice_begun(ms);
        self.sim.exec.spawn(tab.group, async move {
            if driver.give_up("gone", ms, EPOCH + day * 86_400_000, 0).await.is_ok() {
                sim.saw("practice without a session");
                sim.oracle.practice_acked(ms);
                sim.note(&format!("device {index} practised {ms} ms"));
            }
        });
    }

    /// A checkpoint, and the session that ends it.
    fn draft(&self, device: &Device, tab: &Tab, dice: &Dice) {
        let (sim, driver, index) = (self.sim.clone(), tab.driver.clone(), device.index);
        let number = self.tokens.get() + 1;
        self.tokens.set(number);
        let (id, ends) = (format!("typed-{index}-{number}"), dice.chance(700));
        let mut fields = super::act::session(number, dice);
        fields.insert("data".into(), json!({ "durationMs": dice.within(0, 1_000), "valid": true }));
        self.sim.exec.spawn(tab.group, async move {
            if driver.set_draft(&id, Some(id.clone())).await.is_err() || !ends {
                return;
            }
            if driver.save(&id, fields, true).await.is_err() {
                return;
            }
            sim.oracle.ack(index, &Key::session(id.clone()), token(number));
            sim.saw("draft ended");
            if driver.drafts().await.is_ok_and(|drafts| drafts.iter().any(|(draft, _)| *draft == id)) {
                sim.violation(format!("I6: device {index} keeps the checkpoint of {id}, which is saved"));
            }
        });
    }

    /// A user gives an edit up.
    fn discard(&self, tab: &Tab, dice: &Dice) {
        let (sim, driver) = (self.sim.clone(), tab.driver.clone());
        let (chosen, any) = (dice.next() as usize, dice.chance(300));
        self.sim.exec.spawn(tab.group, async move {
            let parked = |op: &Value| any || op["status"] == "failed";
            let ops = driver.operations().await.unwrap_or_default();
            let ops: Vec<_> = ops.into_iter().filter(parked).collect();
            let Some(op) = ops.get(chosen % ops.len().max(1)) else { return };
            let Some(id) = op["id"].as_str() else { return };
            if driver.discard(id.to_owned()).await.is_ok() {
                sim.note(&format!("{id} is given up"));
            }
        });
    }

    /// A user carries everything from one device to another.
    fn export(&self, tab: &Tab, dice: &Dice) {
        let device = self.devices[dice.below(self.devices.len() as u64) as usize].clone();
        let Some(other) = pick(&device, dice) else { return };
        self.carry(tab, device, other);
    }

    /// Takes an export of `tab` over on `other`, a tab of `device`.
    pub(super) fn carry(&self, tab: &Tab, device: Rc<Device>, other: Tab) {
        let (sim, driver) = (self.sim.clone(), tab.driver.clone());
        self.sim.exec.spawn(WORLD, async move {
            let Ok(export) = driver.export_all().await else { return };
            drop(driver);
            let done = sim.clone();
            sim.exec.spawn(other.group, async move {
                device.imported.set(true);
                done.oracle.imported.set(true);
                match other.driver.import_all(export).await {
                    Ok(_) => done.saw("import"),
                    Err(error) => done.note(&format!("import: {error}")),
                }
            });
        });
    }

    pub(super) fn sign_out(&self, device: &Rc<Device>, tab: &Tab) {
        let (sim, driver, device) = (self.sim.clone(), tab.driver.clone(), device.clone());
        let Some(account) = driver.account() else { return };
        self.sim.exec.spawn(tab.group, async move {
            device.last_token.replace(Some(account.token));
            if driver.sign_out().await.is_ok() {
                sim.saw("sign out");
                sim.note(&format!("device {} signs out", device.index));
            }
        });
    }

    /// Signs a device in again that was signed out or shut out: with its token while that is good, else with a code.
    pub(super) fn sign_in(&self, device: &Rc<Device>, dice: &Dice) {
        let Some(head) = head(device) else { return };
        let held = head.account.as_ref().map(|account| account.token.clone());
        if held.as_ref().is_some_and(|token| self.sim.cloud.knows(token)) {
            return;
        }
        let last = device.last_token.borrow().clone().filter(|token| self.sim.cloud.knows(token));
        match (last, pick(device, dice)) {
            (Some(token), Some(tab)) if held.is_none() => {
                let sim = self.sim.clone();
                self.sim.exec.spawn(tab.group, async move {
                    if tab.driver.set_token(token).await.is_ok() {
                        sim.saw("sign in");
                    }
                });
            }
            _ if held.is_some() || head.signed_out => self.join_first(device, dice),
            _ => {}
        }
    }

    /// The first device's user shuts another one out.
    pub(super) fn shut_out(&self, device: &Rc<Device>, dice: &Dice) {
        if device.index == 0 {
            return;
        }
        let (Some(head), Some(first)) = (head(device), pick(&self.devices[0], dice)) else { return };
        let Some(account) = head.account else { return };
        let (sim, group) = (self.sim.clone(), first.group);
        self.sim.exec.spawn(group, async move {
            if first.driver.revoke(&account.device_id).await.is_ok() && !sim.cloud.knows(&account.token) {
                sim.saw("device shut out");
                sim.note(&format!("{} is shut out", account.device_id));
            }
        });
    }

    /// The platform tells something, true or not.
    pub(super) fn hint(&self, device: &Device, dice: &Dice) {
        device.hear(HINTS[dice.below(4) as usize]);
        self.sim.saw("hint");
    }

    /// A row becomes unreadable while no process runs.
    pub(super) fn damage(&self, device: &Rc<Device>, dice: &Dice) {
        device.stop();
        if device.disk.damage(DAMAGE[dice.below(3) as usize], dice.next() as usize) {
            self.sim.saw("damaged row");
            self.sim.note(&format!("a row of device {} is damaged", device.index));
        }
        device.open();
    }
}
