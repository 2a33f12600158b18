//! The loop: it carries the engine's effects out, and runs the user's calls. It decides nothing about data.
//!
//! Every change goes through one lane: plan, commit, and only then apply and tell. When another tab committed first, its
//! changes are read and the plan is made anew.

mod account;
mod lane;
mod queue;
mod records;
mod repair;
mod round;
mod tell;
mod transfer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use futures_util::lock::Mutex;
use futures_util::{StreamExt, pin_mut};
use serde_json::Value;

use crate::engine::{Effect, Engine, Event, Report};
use crate::error::{Error, TransportError};
use crate::http;
use crate::plan::Rules;
use crate::seam::{Heard, Host, Now, Request, Row, Store, Transport};
use crate::settle::Progress;
use crate::stamp::Replica;
use crate::state::{Batch, Change, Head, State};
use crate::wire::Account;

pub use account::{Device, LinkCode};
use lane::Intent;
pub use queue::TimelineLine;
pub use records::{Before, SyncState, Totals};
pub use tell::{Notice, Status};
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

/// The end of every range of keys: greater than any key of ours.
const END: &str = "\u{ffff}";

type Listener = Rc<dyn Fn(&Notice)>;

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
