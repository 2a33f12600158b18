//! The one lane that every change goes through: plan, commit, and only then apply and tell. When another tab committed
//! first, its changes are read and the plan is made anew.

use super::Driver;
use crate::edit::Edit;
use crate::engine::Event;
use crate::error::{Error, StoreError};
use crate::model::Key;
use crate::order::sorted;
use crate::plan::{Bodies, Plan};
use crate::seam::{Durability, HEAD, Host, Row, Store, Table, Transport};
use crate::settle::Progress;
use crate::stamp::Replica;
use crate::state::{Batch, Change, Head, State};

/// One change of the store, of whatever origin.
pub(super) enum Intent<'a> {
    Edits(&'a [Edit]),
    /// An edit of a record whose body must be on this device; else [`EVICTED`], and nothing is changed.
    Known(&'a Edit, &'a Key),
    Round(&'a Progress, u64),
    Head(&'a dyn Fn(&mut Head)),
    Repair(&'a [Row], &'a dyn Fn(&mut Head)),
    Wipe(&'a [Row]),
}

/// The code of the refusal of [`Intent::Known`].
const EVICTED: &str = "evicted";

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// Commits an edit of `key`, whose body is fetched where only the cloud has it. Should another tab or a round drop
    /// it again before the edit is planned, it is fetched again.
    pub(super) async fn edit_known(&self, key: &Key, edit: Edit) -> Result<Option<Batch>, Error> {
        loop {
            let changed = match self.bring(key).await? {
                // Without a server, or lost there: the edit itself says what that means.
                None if self.is_bare(key) => return self.edit(&[edit]).await,
                _ => self.commit(Intent::Known(&edit, key)).await,
            };
            match changed {
                Err(Error::State(EVICTED, _)) => {}
                changed => return self.saved(changed?),
            }
        }
    }

    /// Commits the user's edits as one change. `None` when there was nothing to change.
    pub(super) async fn edit(&self, edits: &[Edit]) -> Result<Option<Batch>, Error> {
        let changed = self.commit(Intent::Edits(edits)).await?;
        self.saved(changed)
    }

    fn saved(&self, changed: Option<Batch>) -> Result<Option<Batch>, Error> {
        if changed.is_some() {
            self.post(Event::Saved);
        }
        Ok(changed)
    }

    /// Makes a change durable and answers it; `None` when there was nothing to change.
    pub(super) async fn commit(&self, intent: Intent<'_>) -> Result<Option<Batch>, Error> {
        self.check_open()?;
        let _lane = self.lane.lock().await;
        loop {
            self.check_open()?;
            let wanted = self.wants(&intent);
            let found = if wanted.is_empty() { Vec::new() } else { self.store.read(&wanted).await? };
            let bodies = Bodies::new(&wanted, found);
            let mut batch = match self.planned(&intent, bodies) {
                Ok(Some(batch)) => batch,
                // "Not there" or "nothing to change" is only true of what is in the store now.
                _ if self.is_stale().await? => {
                    self.refresh().await?;
                    continue;
                }
                Ok(None) => return Ok(None),
                Err(error) => return Err(error),
            };
            let write = self.state.borrow().write(&mut batch);
            match self.store.commit(&write).await {
                Ok(()) => {
                    let records = records_of(&batch);
                    if matches!(intent, Intent::Wipe(_)) {
                        *self.state.borrow_mut() = State::empty(batch.head.clock.replica);
                    }
                    self.state.borrow_mut().apply(batch.clone(), &write);
                    self.host.announce();
                    self.tell(records);
                    return Ok(Some(batch));
                }
                Err(StoreError::Stale) => self.refresh().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn wants(&self, intent: &Intent<'_>) -> Vec<(Table, String)> {
        let state = self.state.borrow();
        let wanted = match intent {
            Intent::Edits(edits) => edits.iter().flat_map(|edit| edit.wants(&state)).collect(),
            Intent::Known(edit, _) => edit.wants(&state),
            Intent::Round(progress, _) => progress.wants(&state),
            Intent::Head(_) | Intent::Repair(..) | Intent::Wipe(_) => Vec::new(),
        };
        let mut wanted = sorted(wanted, &|a: &(Table, String), b| a.cmp(b));
        wanted.dedup();
        wanted
    }

    fn planned(&self, intent: &Intent<'_>, bodies: Bodies) -> Result<Option<Batch>, Error> {
        let state = self.state.borrow();
        let random = || self.host.random();
        let mut rules = self.setup.rules.clone();
        if self.gathering.get() {
            rules.options.cache_sessions = usize::MAX;
        }
        let mut plan = Plan::new(&state, &rules, self.host.now(), bodies, &random);
        match intent {
            Intent::Edits(edits) => {
                let mut changed = false;
                for edit in *edits {
                    changed |= edit.plan(&mut plan)?;
                }
                if !changed {
                    return Ok(None);
                }
            }
            Intent::Known(_, key) if state.is_bare(key) => {
                return Err(Error::State(EVICTED, format!("the body of {key} is only in the cloud")));
            }
            Intent::Known(edit, _) => {
                if !edit.plan(&mut plan)? {
                    return Ok(None);
                }
            }
            Intent::Round(progress, round) => progress.plan(&mut plan, *round)?,
            Intent::Head(change) => change(&mut plan.batch.head),
            Intent::Repair(rows, change) => {
                change(&mut plan.batch.head);
                plan.batch.durability = Durability::Strict;
                plan.batch.changes.extend(rows.iter().cloned().map(Change::Raw));
            }
            Intent::Wipe(rows) => {
                let replica = Replica((self.host.random() >> 64) as u64);
                plan.batch.durability = Durability::Strict;
                let round = plan.state.head.round + 1;
                plan.batch.head = Head { signed_out: true, round, ..Head::new(replica) };
                plan.batch.changes.extend(rows.iter().cloned().map(Change::Raw));
            }
        }
        Ok(Some(plan.batch))
    }

    /// Waits for the change that is being made here, and reads what another tab committed.
    pub(super) async fn catch_up(&self) -> Result<(), Error> {
        let _lane = self.lane.lock().await;
        self.check_open()?;
        if self.is_stale().await? { self.refresh().await } else { Ok(()) }
    }

    /// Whether another tab committed something this one has not read.
    async fn is_stale(&self) -> Result<bool, Error> {
        let head = self.store.read(&[(Table::Meta, HEAD.to_owned())]).await?.pop().flatten();
        Ok(!self.state.borrow().stands_on(head.as_deref()))
    }

    /// Reads what another tab committed.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        let mut head = self.store.read(&[(Table::Meta, HEAD.to_owned())]).await?.pop().flatten();
        let mut records = Vec::new();
        let mut good = false;
        loop {
            let Some(wanted) = self.state.borrow().missed(head.as_deref()) else { break };
            let values = self.store.read(&wanted).await?;
            // A commit between the two reads changed rows that the first head does not name.
            let read = wanted.iter().position(|(table, _)| *table == Table::Meta);
            let newer = read.and_then(|at| values.get(at)).cloned().flatten();
            if newer != head {
                head = newer;
                continue;
            }
            let rows: Vec<Row> = wanted
                .into_iter()
                .zip(values)
                .map(|((table, key), value)| Row { table, key, value })
                .collect();
            records = rows.iter().filter_map(record_of).collect();
            good = self.state.borrow_mut().take_rows(&rows)?;
            break;
        }
        if !good {
            let replica = self.state.borrow().head.clock.replica;
            let (state, damaged) = State::from_rows(self.store.load().await?, replica)?;
            records.extend(state.index.keys().map(|key| key.id.clone()));
            *self.state.borrow_mut() = state;
            if !damaged.is_empty() {
                return Err(StoreError::Damaged("rows written by another tab cannot be read".into()).into());
            }
        }
        self.tell(records);
        Ok(())
    }
}

/// The record that a stored row is about.
fn record_of(row: &Row) -> Option<String> {
    let of_text = |text: &str| Key::parse(text).map(|key| key.id);
    match row.table {
        Table::Index => of_text(&row.key),
        Table::Conflict => of_text(row.key.rsplit_once('~')?.0),
        _ => None,
    }
}

/// The records that a batch changes.
fn records_of(batch: &Batch) -> Vec<String> {
    let of = |change: &Change| match change {
        Change::Index(key, _) => Some(key.id.clone()),
        Change::Queue(op, _) | Change::Dequeue(op) => op.key().map(|key| key.id),
        Change::Conflict(id, _) => Key::parse(id.rsplit_once('~')?.0).map(|key| key.id),
        Change::Shadow(..) | Change::Log(..) | Change::Draft(..) | Change::Raw(_) => None,
    };
    batch.changes.iter().filter_map(of).collect()
}
