//! The disk of a device: the core's memory store, with refusals, crashes at every await, and power cuts.
//!
//! A power cut takes back relaxed commits from the last one on; never a strict one, and none before a strict one.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use futures_util::FutureExt;
use keyflow_sync::error::StoreError;
use keyflow_sync::fault::{Fault, on};
use keyflow_sync::platform::memory::MemoryStore;
use keyflow_sync::seam::{Durability, HEAD, Row, Store, Table, Write};

use crate::device::Device;
use crate::dice::Dice;
use crate::faulty;
use crate::sim::Sim;

/// What a device's processes share and what survives them.
#[derive(Default)]
pub struct Disk {
    rows: MemoryStore,
    /// For each commit that a power cut may take back: the write that restores what was before it.
    undo: RefCell<Vec<Write>>,
    /// The next process that opens the store cannot read it.
    pub unreadable: Cell<bool>,
}

impl Disk {
    /// The values under these keys, at once.
    pub fn read(&self, wanted: &[(Table, String)]) -> Vec<Option<String>> {
        self.rows.read(wanted).now_or_never().and_then(Result::ok).unwrap_or_default()
    }

    /// All rows of a table, at once.
    pub fn scan(&self, table: Table) -> Vec<(String, String)> {
        self.rows
            .scan(table, "", "\u{ffff}", u32::MAX)
            .now_or_never()
            .and_then(Result::ok)
            .unwrap_or_default()
    }

    fn head(&self) -> Option<String> {
        self.read(&[(Table::Meta, HEAD.to_owned())]).pop().flatten()
    }

    /// The rows that `write` replaces, as they are now.
    fn before(&self, write: &Write) -> Vec<Row> {
        let wanted: Vec<_> = write.rows.iter().map(|row| (row.table, row.key.clone())).collect();
        let values = self.read(&wanted);
        wanted.into_iter().zip(values).map(|((table, key), value)| Row { table, key, value }).collect()
    }

    /// Notes how to take a commit back, or that none before it can be.
    fn remember(&self, durability: Durability, before: &[Row]) {
        let mut undo = self.undo.borrow_mut();
        match durability {
            Durability::Strict => undo.clear(),
            Durability::Relaxed => undo.push(Write { expects: None, rows: before.to_vec(), durability }),
        }
    }

    /// Makes the `chosen` row of a table unreadable; `false` when the table is empty.
    pub fn damage(&self, table: Table, chosen: usize) -> bool {
        let rows = self.scan(table);
        let Some((key, text)) = rows.get(chosen % rows.len().max(1)) else { return false };
        let value = Some(text.chars().take(text.len() / 2).collect());
        let row = Row { table, key: key.clone(), value };
        let write = Write { expects: self.head(), rows: vec![row], durability: Durability::Strict };
        self.rows.commit(&write).now_or_never().is_some_and(|done| done.is_ok())
    }

    /// Takes back the last relaxed commits, at most `most`; answers how many.
    pub fn cut_power(&self, most: usize) -> usize {
        let mut undo = self.undo.borrow_mut();
        let count = most.min(undo.len());
        for _ in 0..count {
            let Some(write) = undo.pop() else { break };
            let write = Write { expects: self.head(), ..write };
            // The memory store refuses only a head that is not the one read.
            let _ = self.rows.commit(&write).now_or_never();
        }
        // What is left was on the platters.
        undo.clear();
        count
    }
}

/// One process's handle on the disk.
pub struct SimStore {
    handle: MemoryStore,
    device: Rc<Device>,
    group: u64,
}

impl SimStore {
    /// A handle of the process `group`.
    pub fn new(device: Rc<Device>, group: u64) -> SimStore {
        SimStore { handle: device.disk.rows.clone(), device, group }
    }

    fn sim(&self) -> &Sim {
        &self.device.sim
    }

    fn dice(&self) -> &Dice {
        &self.device.link.faults
    }

    /// Waits as long as a disk takes.
    async fn turn(&self) {
        let wait = self.device.link.delays.within(0, 3);
        self.device.sim.exec.sleep_until(self.device.sim.exec.now() + wait).await;
        self.device.sim.exec.yield_now().await;
    }

    async fn apply(&self, write: &Write) -> Result<(), StoreError> {
        let rows = self.device.disk.before(write);
        self.handle.commit(write).await?;
        self.device.disk.remember(write.durability, &rows);
        self.sim().oracle.committed(self.sim(), &self.device, write, &rows);
        Ok(())
    }

    /// What a store does that has no transactions: parts one after the other, the last ones perhaps after the answer.
    async fn commit_in_parts(&self, write: &Write) -> Result<(), StoreError> {
        let (now, later) = faulty::parts(write);
        for part in now {
            self.apply(&part).await?;
            self.may_crash().await;
        }
        for part in later {
            let later = SimStore::new(self.device.clone(), self.group);
            let wait = self.dice().within(1, 50);
            self.sim().exec.spawn(self.group, async move {
                later.sim().exec.sleep(wait).await;
                later.device.point(later.group).await;
                let _ = later.apply(&Write { expects: later.device.disk.head(), ..part }).await;
            });
        }
        Ok(())
    }

    /// Ends the process here, sometimes.
    async fn may_crash(&self) {
        if self.sim().faults().crash && self.dice().chance(8) {
            self.sim().saw("crash in a commit");
            self.device.crash(self.group);
            pending::<()>().await;
        }
    }
}

impl Store for SimStore {
    async fn load(&self) -> Result<Vec<Row>, StoreError> {
        self.turn().await;
        if self.device.disk.unreadable.take() {
            self.sim().saw("unreadable store");
            // M20: what cannot be read is as nothing.
            if !on(Fault::M20) {
                return Err(StoreError::Failed("simulated".into()));
            }
            let _ = self.handle.commit(&faulty::nothing(&self.handle.load().await?)).await;
        }
        self.handle.load().await
    }

    async fn read(&self, wanted: &[(Table, String)]) -> Result<Vec<Option<String>>, StoreError> {
        self.turn().await;
        self.handle.read(wanted).await
    }

    async fn scan(
        &self,
        table: Table,
        from: &str,
        to: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.turn().await;
        self.handle.scan(table, from, to, limit).await
    }

    async fn commit(&self, write: &Write) -> Result<(), StoreError> {
        self.turn().await;
        if self.sim().faults().disk && self.dice().chance(30) {
            self.sim().saw("refused commit");
            return Err(match self.dice().below(2) {
                0 => StoreError::Full("simulated".into()),
                _ => StoreError::Failed("simulated".into()),
            });
        }
        self.may_crash().await;
        self.device.point(self.group).await;
        let done = if faulty::splits() { self.commit_in_parts(write).await } else { self.apply(write).await };
        match &done {
            Ok(()) => self.may_crash().await,
            Err(StoreError::Stale) => self.sim().saw("stale"),
            Err(_) => {}
        }
        self.device.point(self.group).await;
        self.turn().await;
        done
    }

    fn close(&self) {
        self.handle.close();
    }
}
