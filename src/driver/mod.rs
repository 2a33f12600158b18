//! The loop: it carries the engine's effects out, and runs the user's calls. It decides nothing about data.
//!
//! Every change goes through one lane: plan, commit, and only then apply and tell. When another tab committed first, its
//! changes are read and the plan is made anew.

mod account;
mod queue;
mod records;
mod repair;
mod round;
mod transfer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use futures_util::lock::Mutex;
use futures_util::{StreamExt, pin_mut};
use serde::Serialize;
use serde_json::Value;

use crate::edit::Edit;
use crate::engine::{Effect, Engine, Event, Phase, Report};
use crate::error::{Error, TransportError};
use crate::http;
use crate::model::Key;
use crate::order::{distinct, sorted};
use crate::plan::{Bodies, Plan, Rules};
use crate::queue::counts;
use crate::seam::{HEAD, Heard, Host, Now, Request, Row, Store, Table, Transport};
use crate::settle::Progress;
use crate::stamp::{Millis, Replica};
use crate::state::{Batch, Change, Head, LastError, State};
use crate::wire::Account;

pub use account::{Device, LinkCode};
pub use queue::TimelineLine;
pub use records::{Before, SyncState, Totals};
pub use transfer::ImportReport;

/// What a store is opened with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Numbers and strategy.
    pub rules: Rules,
    /// The token of this device, when the caller keeps it.
    pub token: Option<String>,
    /// How this device is called when it registers.
    pub device_name: Option<String>,
    /// Whether the platform believes there is a network.
    pub online: bool,
}

/// The state of the sync, of all tabs of this store together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `localOnly`, `offline`, `idle`, `waiting`, `syncing`, `stalled`, `authRequired` or `closed`.
    pub phase: &'static str,
    /// What the platform believes.
    pub online: bool,
    /// Unconfirmed operations that are not parked.
    pub pending: usize,
    /// Parked operations.
    pub parked: usize,
    /// Unsettled conflicts.
    pub conflicts: usize,
    /// Rows of this store that could not be read and were set aside.
    pub damaged: usize,
    /// Age of the oldest pending operation, ms.
    pub oldest_pending_ms: Option<Millis>,
    /// End of the last round that went through, epoch ms.
    pub last_synced_at: Option<Millis>,
    /// When the next round is due, epoch ms.
    pub next_attempt_at: Option<Millis>,
    /// The last failure, until a round goes through.
    pub last_error: Option<LastError>,
}

/// What a listener is told after a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The state of the sync now.
    pub status: Status,
    /// Ids of the records that changed.
    pub records: Vec<String>,
}

/// The end of every range of keys: greater than any key of ours.
const END: &str = "\u{ffff}";

type Listener = Rc<dyn Fn(&Notice)>;

/// One change of the store, of whatever origin.
enum Intent<'a> {
    Edits(&'a [Edit]),
    Round(&'a Progress, u64),
    Head(&'a dyn Fn(&mut Head)),
    Rows(&'a [Row]),
    Wipe(&'a [Row]),
}

/// An open store and its sync. Lives on one thread; every call may run while others wait.
pub struct Driver<S, T, H: Host> {
    store: S,
    transport: Option<T>,
    host: H,
    setup: Setup,
    state: RefCell<State>,
    engine: RefCell<Engine>,
    lane: Mutex<()>,
    events: UnboundedSender<Event>,
    inbox: RefCell<Option<UnboundedReceiver<Event>>>,
    guard: RefCell<Option<H::Guard>>,
    /// Who waits for a round to begin, and who waits for the running one to end.
    asked: RefCell<Vec<oneshot::Sender<Report>>>,
    joined: RefCell<Vec<oneshot::Sender<Report>>>,
    in_round: Cell<bool>,
    listeners: RefCell<Vec<(u32, Listener)>>,
    next_listener: Cell<u32>,
    waiters: RefCell<Vec<oneshot::Sender<()>>>,
    /// The number of the round that runs in this tab.
    round: Cell<u64>,
    closed: Cell<bool>,
    /// A link is under way: bodies stay.
    gathering: Cell<bool>,
}

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// Opens a store. Rows that cannot be read are set aside and counted, the rest is used; nothing is sent yet.
    ///
    /// [`Driver::run`] makes it sync.
    pub async fn open(store: S, transport: Option<T>, host: H, setup: Setup) -> Result<Rc<Self>, Error> {
        setup.rules.options.check()?;
        let replica = Replica((host.random() >> 64) as u64);
        let (state, damaged) = State::from_rows(store.load().await?, replica)?;
        let engine = Engine::new(setup.rules.clone(), transport.is_some(), setup.online);
        let (events, inbox) = unbounded();
        let driver = Rc::new(Driver {
            store,
            transport,
            host,
            setup,
            state: RefCell::new(state),
            engine: RefCell::new(engine),
            lane: Mutex::new(()),
            events,
            inbox: RefCell::new(Some(inbox)),
            guard: RefCell::new(None),
            asked: RefCell::default(),
            joined: RefCell::default(),
            in_round: Cell::new(false),
            listeners: RefCell::default(),
            next_listener: Cell::new(0),
            waiters: RefCell::default(),
            round: Cell::new(0),
            closed: Cell::new(false),
            gathering: Cell::new(false),
        });
        if !damaged.is_empty() {
            driver.repair(damaged).await?;
        }
        if let Some(token) = driver.setup.token.clone()
            && driver.state.borrow().head.account.as_ref().map(|account| &account.token) != Some(&token)
        {
            driver.use_token(token).await?;
        }
        let events = driver.events.clone();
        driver.host.listen(Box::new(move |heard| {
            let event = match heard {
                Heard::Online => Event::Online,
                Heard::Offline => Event::Offline,
                Heard::Visible => Event::Visible,
                Heard::OtherTab => Event::OtherTab,
            };
            // A closed driver hears nothing any more.
            let _ = events.unbounded_send(event);
        }));
        Ok(driver)
    }

    /// Syncs until the store is closed. To be run once, beside the calls.
    pub async fn run(self: Rc<Self>) {
        let Some(mut inbox) = self.inbox.borrow_mut().take() else { return };
        self.handle(Event::Ready).await;
        while !self.closed.get() {
            let wake = self.engine.borrow().wake();
            let next = inbox.next();
            pin_mut!(next);
            let event = match wake {
                None => next.await,
                Some(at) => {
                    let sleep = self.host.sleep_until(at);
                    pin_mut!(sleep);
                    match select(next, sleep).await {
                        Either::Left((event, _)) => event,
                        Either::Right(_) => Some(Event::Woke),
                    }
                }
            };
            match event {
                Some(event) => self.handle(event).await,
                None => break,
            }
        }
    }

    fn post(&self, event: Event) {
        // The loop may have ended; then there is nobody to tell.
        let _ = self.events.unbounded_send(event);
    }

    /// Fails once the store is closed.
    fn check_open(&self) -> Result<(), Error> {
        if self.closed.get() { Err(Error::State("closed", "this store was closed".into())) } else { Ok(()) }
    }

    /// Lets go of the storage and stops the sync. What is queued stays queued.
    pub fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        let (state, now) = (self.state.borrow(), self.host.now());
        self.engine.borrow_mut().step(&state, now, 0, Event::Closed);
        drop(state);
        self.guard.borrow_mut().take();
        self.asked.borrow_mut().clear();
        self.joined.borrow_mut().clear();
        self.tell(Vec::new());
        self.listeners.borrow_mut().clear();
        self.waiters.borrow_mut().clear();
        self.post(Event::Closed);
        self.store.close();
    }

    // ------------------------------------------------------------------------------------------------ changes

    /// Commits the user's edits as one change. `None` when there was nothing to change.
    async fn edit(&self, edits: &[Edit]) -> Result<Option<Batch>, Error> {
        let changed = self.commit(Intent::Edits(edits)).await?;
        if changed.is_some() {
            self.post(Event::Saved);
        }
        Ok(changed)
    }

    /// Makes a change durable and answers it; `None` when there was nothing to change.
    async fn commit(&self, intent: Intent<'_>) -> Result<Option<Batch>, Error> {
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
                Err(crate::error::StoreError::Stale) => self.refresh().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn wants(&self, intent: &Intent<'_>) -> Vec<(Table, String)> {
        let state = self.state.borrow();
        let wanted = match intent {
            Intent::Edits(edits) => edits.iter().flat_map(|edit| edit.wants(&state)).collect(),
            Intent::Round(progress, _) => progress.wants(&state),
            Intent::Head(_) | Intent::Rows(_) | Intent::Wipe(_) => Vec::new(),
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
            Intent::Round(progress, round) => progress.plan(&mut plan, *round)?,
            Intent::Head(change) => change(&mut plan.batch.head),
            Intent::Rows(rows) => {
                plan.batch.durability = crate::seam::Durability::Strict;
                plan.batch.changes.extend(rows.iter().cloned().map(Change::Raw));
            }
            Intent::Wipe(rows) => {
                let replica = Replica((self.host.random() >> 64) as u64);
                plan.batch.durability = crate::seam::Durability::Strict;
                let round = plan.state.head.round + 1;
                plan.batch.head = Head { signed_out: true, round, ..Head::new(replica) };
                plan.batch.changes.extend(rows.iter().cloned().map(Change::Raw));
            }
        }
        Ok(Some(plan.batch))
    }

    /// Whether another tab committed something this one has not read.
    async fn is_stale(&self) -> Result<bool, Error> {
        let head = self.store.read(&[(Table::Meta, HEAD.to_owned())]).await?.pop().flatten();
        Ok(!self.state.borrow().stands_on(head.as_deref()))
    }

    /// Reads what another tab committed.
    async fn refresh(&self) -> Result<(), Error> {
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
                return Err(crate::error::StoreError::Damaged(
                    "rows written by another tab cannot be read".into(),
                )
                .into());
            }
        }
        self.tell(records);
        Ok(())
    }

    // ------------------------------------------------------------------------------------------------ telling

    /// Calls `listener` after every change, until [`Driver::unsubscribe`] with the number returned.
    pub fn subscribe(&self, listener: Listener) -> u32 {
        let id = self.next_listener.get();
        self.next_listener.set(id.wrapping_add(1));
        self.listeners.borrow_mut().push((id, listener));
        id
    }

    /// Stops calling that listener.
    pub fn unsubscribe(&self, id: u32) {
        self.listeners.borrow_mut().retain(|(other, _)| *other != id);
    }

    fn tell(&self, records: Vec<String>) {
        let records = distinct(records);
        for waiter in self.waiters.borrow_mut().drain(..) {
            // Whoever waited may have given up.
            let _ = waiter.send(());
        }
        let listeners: Vec<Listener> =
            self.listeners.borrow().iter().map(|(_, listener)| listener.clone()).collect();
        if listeners.is_empty() {
            return;
        }
        let notice = Notice { status: self.status(), records };
        for listener in listeners {
            listener(&notice);
        }
    }

    /// Resolves at the next change, or when the store is closed.
    async fn next_change(&self) {
        let (sender, receiver) = oneshot::channel();
        self.waiters.borrow_mut().push(sender);
        // A dropped sender means closed; the caller looks for itself.
        let _ = receiver.await;
    }

    /// The state of the sync, at once.
    pub fn status(&self) -> Status {
        let (state, engine, now) = (self.state.borrow(), self.engine.borrow(), self.host.now());
        let (pending, parked, oldest) = counts(&state.queue);
        let head = &state.head;
        let oldest_pending_ms = oldest.map(|oldest| (now.wall - oldest).max(0));
        let stalled = pending > 0
            && head.last_error.is_some()
            && oldest_pending_ms.is_some_and(|age| age > self.setup.rules.options.stalled_ms);
        let phase = match engine.phase() {
            Phase::LocalOnly => "localOnly",
            Phase::Closed => "closed",
            Phase::AuthRequired => "authRequired",
            Phase::Syncing => "syncing",
            _ if !engine.online() => "offline",
            _ if stalled => "stalled",
            Phase::Idle if pending > 0 => "waiting",
            Phase::Idle => "idle",
            Phase::Waiting => "waiting",
        };
        let next_attempt_at = engine.wake().map(|at| now.wall + (at - now.mono).max(0));
        Status {
            phase,
            online: engine.online(),
            pending,
            parked,
            conflicts: state.conflicts.len(),
            damaged: head.damaged,
            oldest_pending_ms,
            last_synced_at: head.last_synced_at,
            next_attempt_at,
            last_error: head.last_error.clone(),
        }
    }

    // ------------------------------------------------------------------------------------------------ the server

    /// Sends a request with this device's token, and the deadline of the options.
    async fn ask(&self, request: Request) -> Result<Value, TransportError> {
        let token = self.state.borrow().head.account.as_ref().map(|account| account.token.clone());
        let Some(transport) = &self.transport else {
            let why = "there is no server to talk to".to_owned();
            return Err(TransportError::Unreachable { why, retry_after: None, status: None });
        };
        let deadline = self.setup.rules.options.request_timeout_ms;
        let answer = transport.send(&Request { token, deadline, ..request }).await;
        http::read(answer, self.host.now().wall)
    }

    fn ask_for_round(&self) -> oneshot::Receiver<Report> {
        let (sender, receiver) = oneshot::channel();
        self.asked.borrow_mut().push(sender);
        self.post(Event::SyncNow);
        receiver
    }

    /// One round that begins after this call. Resolves with what it did; a round that did not go through is an error.
    pub async fn sync(&self) -> Result<Report, Error> {
        self.check_open()?;
        if self.transport.is_none() {
            return Err(Error::State("localOnly", "this store was opened without a server".into()));
        }
        let closed = || Error::State("closed", "this store was closed".into());
        let report = self.ask_for_round().await.map_err(|_| closed())?;
        match report.error {
            None => Ok(report),
            Some(error) => Err(Error::Server(error.code, error.message)),
        }
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
