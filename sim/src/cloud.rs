//! The simulated server: the rules of the real one's push and pull over maps in memory, judged by the core's `judge`.
//!
//! A request is one transaction. It never loses a version; what a restore takes away is told to nobody but the oracle.

mod batch;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use keyflow_sync::fault::{Fault, on};
use keyflow_sync::model::{Conflict, Key, Kind, Record, Strategy};
use keyflow_sync::read::FromJson;
use keyflow_sync::seam::{Request, Response};
use keyflow_sync::stamp::{Millis, Stamp};
use keyflow_sync::wire::{Outcome, PullReply, PushReply, PushRequest};
use serde_json::{Value, json};

use self::batch::Batch;
use crate::dice::{Dice, Stream};
use crate::sim::EPOCH;

/// A field that the server refuses while it is strict.
pub const POISON: &str = "poison";

/// An accepted version.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The name it was offered under.
    pub offered: Stamp,
    /// The version as it is kept.
    pub record: Record,
    /// What became of it.
    pub outcome: Outcome,
    /// For a mixture: the version that was mixed into the base.
    pub mixed_with: Option<Stamp>,
}

/// Everything of one user.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The commit clock.
    pub clock: Millis,
    /// Every version ever accepted.
    pub kept: BTreeMap<Key, Vec<Kept>>,
    /// The current versions and their ticks.
    pub heads: BTreeMap<Key, (Record, Millis)>,
    /// The inbox, settled entries included, and their ticks.
    pub inbox: BTreeMap<String, (Conflict, Millis)>,
    /// The random tag of every tick.
    pub tags: BTreeMap<Millis, u64>,
    /// Ticks whose rows other requests do not see yet, and until when; only a broken server has any.
    hidden: BTreeMap<Millis, Millis>,
}

impl User {
    /// The version known under that name: the offered one first, then the kept one.
    pub fn known(&self, key: &Key, version: Stamp) -> Option<&Kept> {
        let kept = self.kept.get(key)?;
        let by = |name: fn(&Kept) -> Stamp| kept.iter().find(|kept| name(kept) == version);
        by(|kept| kept.offered).or_else(|| by(|kept| kept.record.version))
    }

    fn forget(&mut self, gone: impl Fn(&Record, Millis) -> bool) {
        self.heads.retain(|_, (head, tick)| !gone(head, *tick));
        let heads = &self.heads;
        self.kept.retain(|key, _| heads.contains_key(key));
    }

    /// The position behind the commit at `tick`.
    fn cursor(&self, tick: Millis) -> Option<String> {
        let tag = self.tags.get(&tick)?;
        Some(format!("c{tick}-{tag}"))
    }

    /// The position that a cursor of this server names, if its commit is still known.
    pub fn position(&self, cursor: &str) -> Option<Millis> {
        if let Ok(plain) = cursor.parse::<Millis>() {
            return Some(plain);
        }
        let (tick, tag) = cursor.strip_prefix('c')?.split_once('-')?;
        let tick: Millis = tick.parse().ok()?;
        let good = tick == 0 || self.tags.get(&tick).map(u64::to_string).as_deref() == Some(tag);
        good.then_some(tick)
    }
}

#[derive(Clone, Debug)]
struct Principal {
    user: String,
    device: String,
}

/// The server.
pub struct Cloud {
    users: RefCell<BTreeMap<String, User>>,
    tokens: RefCell<BTreeMap<String, Principal>>,
    codes: RefCell<BTreeMap<String, String>>,
    copy: RefCell<Option<BTreeMap<String, User>>>,
    batch: usize,
    /// Whether [`POISON`] is refused.
    pub strict: Cell<bool>,
    /// How often it was restored.
    pub restores: Cell<u64>,
    /// Requests handled.
    pub requests: Cell<u64>,
    dice: Dice,
    seen: RefCell<Vec<&'static str>>,
    broken: RefCell<Vec<String>>,
}

fn problem(status: u16, code: &str) -> Response {
    let body = json!({ "status": status, "code": code, "title": code, "detail": code }).to_string();
    Response { status, retry_after: None, body }
}

fn good(status: u16, body: &Value) -> Response {
    Response { status, retry_after: None, body: body.to_string() }
}

impl Cloud {
    /// A server without users that takes `batch` records in one request.
    pub fn new(seed: u64, batch: usize) -> Cloud {
        Cloud {
            users: RefCell::default(),
            tokens: RefCell::default(),
            codes: RefCell::default(),
            copy: RefCell::default(),
            batch,
            strict: Cell::new(false),
            restores: Cell::new(0),
            requests: Cell::new(0),
            dice: Dice::new(seed, Stream::Platform, u64::MAX - 1),
            seen: RefCell::default(),
            broken: RefCell::default(),
        }
    }

    /// What happened since the last call, for the counters.
    pub fn seen(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.seen.borrow_mut())
    }

    /// Promises that broke inside a request since the last call.
    pub fn broken(&self) -> Vec<String> {
        std::mem::take(&mut *self.broken.borrow_mut())
    }

    fn breaks(&self, what: String) {
        self.broken.borrow_mut().push(what);
    }

    /// Looks at the users.
    pub fn users<T>(&self, look: impl FnOnce(&BTreeMap<String, User>) -> T) -> T {
        look(&self.users.borrow())
    }

    /// Looks at one user.
    pub fn user<T>(&self, id: &str, look: impl FnOnce(&User) -> T) -> Option<T> {
        self.users.borrow().get(id).map(look)
    }

    /// Copies everything, for a later restore.
    pub fn back_up(&self) {
        *self.copy.borrow_mut() = Some(self.users.borrow().clone());
    }

    /// Goes back to the copy; `false` without one. Accounts stay.
    pub fn restore(&self) -> bool {
        let Some(mut copy) = self.copy.borrow().clone() else { return false };
        for id in self.users.borrow().keys() {
            copy.entry(id.clone()).or_default();
        }
        *self.users.borrow_mut() = copy;
        self.restores.set(self.restores.get() + 1);
        true
    }

    /// Whether a token is good.
    pub fn knows(&self, token: &str) -> bool {
        self.tokens.borrow().contains_key(token)
    }

    fn account(&self, user: &str) -> Value {
        let (device, token) = (format!("{:016x}", self.dice.next()), format!("t{:016x}", self.dice.next()));
        let principal = Principal { user: user.to_owned(), device: device.clone() };
        self.tokens.borrow_mut().insert(token.clone(), principal);
        json!({ "userId": user, "deviceId": device, "token": token })
    }

    /// Answers a request that arrives at virtual time `now`.
    pub fn handle(&self, now: Millis, request: &Request) -> Response {
        self.requests.set(self.requests.get() + 1);
        let now = EPOCH + now;
        let body = request.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok());
        let body = body.unwrap_or_default();
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match (request.method, path) {
            ("POST", "/api/devices") => {
                let user = format!("u{:016x}", self.dice.next());
                self.users.borrow_mut().insert(user.clone(), User::default());
                return good(201, &self.account(&user));
            }
            ("POST", "/api/devices/link") => {
                let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
                let user = self.codes.borrow_mut().remove(code);
                return user.map_or(problem(422, "linkCodeInvalid"), |user| good(201, &self.account(&user)));
            }
            _ => {}
        }
        let who = request.token.as_ref().and_then(|token| self.tokens.borrow().get(token).cloned());
        let Some(who) = who else { return problem(401, "unauthorized") };
        match (request.method, path) {
            ("GET", "/api/devices") => {
                let mine = json!({ "current": true, "id": who.device, "name": null, "createdAt": 0 });
                good(200, &json!({ "userId": who.user, "devices": [mine] }))
            }
            ("POST", "/api/devices/link-codes") => {
                let code = format!("{:08x}", self.dice.next() as u32);
                self.codes.borrow_mut().insert(code.clone(), who.user);
                good(201, &json!({ "code": code, "expiresAt": now + 600_000 }))
            }
            ("GET", "/api/sync/changes") => self.changes(now, &who.user, query),
            ("POST", "/api/sync/sessions") => self.push(now, &who.user, Kind::Session, body),
            ("POST", "/api/sync/progress") => self.push(now, &who.user, Kind::Progress, body),
            ("POST", "/api/sync/settings") => self.push(now, &who.user, Kind::Settings, body),
            ("DELETE", path) => {
                let id = path.strip_prefix("/api/devices/").unwrap_or_default();
                self.tokens.borrow_mut().retain(|_, other| other.user != who.user || other.device != id);
                good(200, &json!({}))
            }
            ("GET", path) => match path.strip_prefix("/api/sync/sessions/") {
                Some(id) => self.session(&who.user, id),
                None => problem(404, "notFound"),
            },
            _ => problem(404, "notFound"),
        }
    }

    fn session(&self, user: &str, segment: &str) -> Response {
        let id = percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let key = Key::session(id);
        let users = self.users.borrow();
        let mut owners = users.iter().filter(|(name, _)| *name == user || on(Fault::M24));
        // M24: any user's record of that id.
        let Some((head, _)) = owners.find_map(|(_, owner)| owner.heads.get(&key)) else {
            return problem(404, "notFound");
        };
        let mine = users.get(user).and_then(|user| user.known(&key, head.version));
        if mine.is_none_or(|kept| kept.record != *head) {
            self.breaks(format!("I7: {user} was given {key} of another user"));
        }
        good(200, &Value::Object(head.to_wire()))
    }

    fn changes(&self, now: Millis, user: &str, query: &str) -> Response {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let value = pairs.find(|(key, _)| *key == name)?.1;
            Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        let since = value("since").unwrap_or_else(|| "0".into());
        let limit = value("limit").and_then(|limit| limit.parse().ok()).unwrap_or(200_usize).min(500);
        let users = self.users.borrow();
        let Some(user) = users.get(user) else { return problem(401, "unauthorized") };
        let mut reply = PullReply { server_now: Some(now), ..PullReply::default() };
        let witness = value("known").is_none_or(|known| user.position(&known).is_some());
        let Some(since) = user.position(&since).filter(|_| witness) else {
            self.seen.borrow_mut().push("resync");
            (reply.resync, reply.has_more, reply.cursor) = (true, true, Some("c0-".into()));
            return good(200, &serde_json::to_value(reply).unwrap_or_default());
        };
        let mut rows: BTreeMap<Millis, Result<&Record, &Conflict>> = BTreeMap::new();
        rows.extend(user.heads.values().map(|(head, tick)| (*tick, Ok(head))));
        rows.extend(user.inbox.values().map(|(conflict, tick)| (*tick, Err(conflict))));
        // M11: a commit that others cannot see yet; M18: what was edited before the cursor, whenever it arrived.
        let visible = |(tick, row): &(&Millis, &Result<&Record, &Conflict>)| {
            let late = row.is_ok_and(|head| on(Fault::M18) && EPOCH < since && head.version.ms <= since);
            user.hidden.get(tick).is_none_or(|until| *until <= now) && !late
        };
        let rows: Vec<_> = rows.range(since + 1..).filter(visible).collect();
        reply.has_more = rows.len() > limit;
        let mut reached = user.clock;
        for (tick, row) in rows.into_iter().take(limit) {
            if reply.has_more {
                reached = *tick;
            }
            match row {
                Ok(head) => {
                    let list = match head.key.kind {
                        Kind::Session => &mut reply.sessions,
                        Kind::Progress => &mut reply.progress.records,
                        Kind::Settings => &mut reply.settings,
                    };
                    list.push(Value::Object(head.to_wire()));
                }
                Err(conflict) => reply.conflicts.push(conflict.to_wire()),
            }
        }
        reply.server_timestamp = reached;
        reply.cursor = user.cursor(reached).or_else(|| Some("c0-0".into()));
        if since > reached {
            (reply.resync, reply.cursor) = (true, Some("c0-".into()));
        }
        good(200, &serde_json::to_value(reply).unwrap_or_default())
    }

    fn push(&self, now: Millis, user: &str, kind: Kind, mut body: Value) -> Response {
        let records = body.get_mut(PushRequest::list_name(kind)).map(Value::take);
        let Some(Value::Array(records)) = records else { return problem(422, "invalid") };
        if records.len() > self.batch {
            self.seen.borrow_mut().push("too large");
            return problem(413, "tooLarge");
        }
        let strategy = body.get("strategy").cloned().map(Strategy::from_json);
        let Some(Ok(strategy)) = strategy else { return problem(422, "invalid") };
        let mut users = self.users.borrow_mut();
        let Some(user) = users.get_mut(user) else { return problem(401, "unauthorized") };
        let witness = body.get("known").and_then(Value::as_str);
        let attests = witness.is_none_or(|known| user.position(known).is_some());
        let mut batch = Batch { cloud: self, user, strategy, now, reply: PushReply::default() };
        for record in records {
            batch.take(kind, record);
        }
        let clock = batch.user.clock;
        // M27: a tombstone lives for a minute.
        if on(Fault::M27) {
            batch.user.forget(|head, tick| head.deleted && tick + 60_000 < clock);
        }
        let mut reply = batch.finish();
        reply.cursor = reply.cursor.filter(|_| attests);
        good(200, &serde_json::to_value(reply).unwrap_or_default())
    }
}
