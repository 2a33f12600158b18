//! What holds once everything rests.

use std::collections::{BTreeMap, BTreeSet};

use keyflow_sync::model::{Key, Kind, Record};
use serde_json::Value;

use super::World;
use crate::device::Tab;
use crate::exec::WORLD;
use crate::oracle::{head, holds};

impl World {
    /// The promises that hold once everything rests.
    pub(super) fn check_end(&self) {
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
                let kept = |id: &str| sim.oracle.given_up.borrow().contains(&Key::session(id));
                if missing.is_empty() && extra.iter().all(|(id, _)| lost(id) || kept(id)) {
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
            let counted = heads.iter().filter(|(key, _)| key.kind == Kind::Progress);
            let counted: i64 = counted.filter_map(|(_, head)| head.fields.get("practiceMs")?.as_i64()).sum();
            if !sim.oracle.practice().contains(&counted) {
                sim.violation(format!("I1: {counted} ms of practice, not {:?}", sim.oracle.practice()));
            }
            let of_sessions = |(_, head): (&Key, &Record)| head.fields.get("data")?["durationMs"].as_i64();
            let typed = heads.iter().filter(|(key, head)| key.kind == Kind::Session && !head.deleted);
            let practised = counted + typed.filter_map(of_sessions).sum::<i64>();
            let alone = !sim.oracle.given_up.borrow().is_empty() || sim.cloud.restores.get() > 0;
            if driver.progress().practice_ms != practised && !alone {
                sim.violation(format!(
                    "I3: device {index} shows {} ms of practice, not {practised}",
                    driver.progress().practice_ms
                ));
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
            // A device brings the open entries of the account it came from, and those in which an export differed from
            // what it has; nobody else knows them.
            let imported = devices[index as usize].imported.get();
            let brought = |id: &String| {
                imported
                    || sim.cloud.users(|users| {
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
