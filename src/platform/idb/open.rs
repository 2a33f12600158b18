//! Opens the database twice: rexie's connection makes the layout and reads, ours writes.
//!
//! It first looks at what is there, without a version, so that nothing newer, older or unreadable is ever touched by accident.
//! Every wait here has an end, and nothing that rexie does is cut off in the middle.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;

use futures_channel::oneshot;
use rexie::{ObjectStore, Rexie};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, IdbDatabase, IdbFactory, IdbOpenDbRequest};

use super::failed;
use crate::error::StoreError;
use crate::platform::js::{self, Thrown, detach, within};
use crate::seam::Table;

pub(super) const VERSION: u32 = 10;

/// How long one attempt to open may take. Some versions of WebKit never answer the first one.
const PATIENCE_MS: u32 = 5_000;
/// How long an upgrade may wait for other tabs; with the look before it, it stays below 5 s.
const UPGRADE_PATIENCE_MS: u32 = 4_000;

/// What the caller knows of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It may not exist yet.
    New,
    /// It was open before: if it is gone now, somebody removed it.
    Known,
}

/// Both connections to one database.
pub(super) struct Connection {
    writer: Raw,
    reader: Reader,
}

impl Connection {
    /// False once the browser, or another tab's upgrade, has closed it.
    pub(super) fn is_alive(&self) -> bool {
        self.writer.alive.get()
    }

    pub(super) fn writer(&self) -> &IdbDatabase {
        &self.writer.database
    }

    pub(super) fn reader(&self) -> Result<&Rexie, StoreError> {
        self.reader.0.as_ref().ok_or_else(|| failed("the store is closed"))
    }
}

/// rexie's connection, closed when dropped.
struct Reader(Option<Rexie>);

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(rexie) = self.0.take() {
            rexie.close();
        }
    }
}

/// A connection of our own, closed when dropped, or when another tab wants to upgrade or delete.
struct Raw {
    database: IdbDatabase,
    alive: Rc<Cell<bool>>,
    _on_end: Closure<dyn FnMut(Event)>,
}

impl Raw {
    fn new(database: IdbDatabase) -> Raw {
        let alive = Rc::new(Cell::new(true));
        let (flag, ending) = (Rc::clone(&alive), database.clone());
        let on_end = Closure::<dyn FnMut(Event)>::new(move |_| {
            flag.set(false);
            ending.close();
        });
        database.set_onversionchange(Some(on_end.as_ref().unchecked_ref()));
        database.set_onclose(Some(on_end.as_ref().unchecked_ref()));
        Raw { database, alive, _on_end: on_end }
    }

    fn tables(&self) -> Vec<String> {
        let names = self.database.object_store_names();
        (0..names.length()).filter_map(|at| names.get(at)).collect()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }
}

/// Both connections, after one more try when the first goes wrong in a way that may pass.
pub(super) async fn connect(name: &str, age: Age) -> Result<Connection, StoreError> {
    match attempt(name, age).await {
        Err(StoreError::Failed(_) | StoreError::Damaged(_)) => attempt(name, age).await,
        answer => answer,
    }
}

async fn attempt(name: &str, age: Age) -> Result<Connection, StoreError> {
    let found = look(name, age).await?;
    if let Some(writer) = found.as_ref().filter(|raw| raw.database.version() >= f64::from(VERSION)) {
        check(writer)?;
    }
    match found {
        Some(writer) if writer.database.version() == f64::from(VERSION) => {
            let reader = build(name, &[], PATIENCE_MS).await?.ok_or(StoreError::Blocked)?;
            Ok(Connection { writer, reader })
        }
        None if age == Age::Known => {
            Err(StoreError::Damaged("the database was removed while it was in use".to_owned()))
        }
        older => {
            let existing = older.as_ref().map(Raw::tables).unwrap_or_default();
            // Our own look must not be what blocks the upgrade.
            drop(older);
            let reader = build(name, &existing, UPGRADE_PATIENCE_MS).await?.ok_or(StoreError::Blocked)?;
            let writer = look(name, age).await?.ok_or_else(|| failed("the new database is gone"))?;
            check(&writer)?;
            Ok(Connection { writer, reader })
        }
    }
}

/// Accepts a database of exactly our layout.
fn check(raw: &Raw) -> Result<(), StoreError> {
    let version = raw.database.version();
    if version > f64::from(VERSION) {
        // Versions are whole numbers; one beyond u32 is cut to its end.
        return Err(StoreError::Newer(version as u32));
    }
    let tables = raw.tables();
    match Table::ALL.iter().find(|table| !tables.iter().any(|name| name == table.name())) {
        Some(missing) => Err(StoreError::Damaged(["the table is missing: ", missing.name()].concat())),
        None => Ok(()),
    }
}

/// rexie's connection, with every table made; `None` when that takes longer than `ms`.
///
/// rexie deletes what is not listed, so the tables that exist are listed too. When rexie comes through after all, later,
/// its connection is closed.
async fn build(name: &str, existing: &[String], ms: u32) -> Result<Option<Reader>, StoreError> {
    let names = existing.iter().map(String::as_str).chain(Table::ALL.map(Table::name));
    let builder = names.fold(Rexie::builder(name).version(VERSION), |builder, table| {
        builder.add_object_store(ObjectStore::new(table))
    });
    let rexie =
        within(ms, detach(async move { builder.build().await.map(|rexie| Reader(Some(rexie))) })).await;
    rexie.transpose().map_err(|error| refused(&error))
}

/// Opens what is there, in whatever version; `None` when there is no database, and none is made.
///
/// A browser that does not answer is asked once more. It may be broken, but mostly somebody's upgrade or deletion waits for
/// a third tab, and everybody else behind it.
async fn look(name: &str, age: Age) -> Result<Option<Raw>, StoreError> {
    for _ in 0..2 {
        let name = name.to_owned();
        let looked = within(PATIENCE_MS, detach(async move { open_existing(&name).await })).await;
        let Some(found) = looked else { continue };
        return found.map_err(|thrown| match thrown.name.as_str() {
            "QuotaExceededError" => StoreError::Full(thrown.to_string()),
            // A database that opened before is there; then it is the browser's database process that is gone.
            "UnknownError" if age == Age::New => StoreError::Damaged(thrown.to_string()),
            _ => StoreError::Failed(thrown.to_string()),
        });
    }
    Err(StoreError::Blocked)
}

async fn open_existing(name: &str) -> Result<Option<Raw>, Thrown> {
    let factory: IdbFactory = js::global("indexedDB")
        .ok_or_else(|| JsValue::from_str("there is no IndexedDB here"))?
        .unchecked_into();
    let request = factory.open(name)?;
    let (done, ended) = oneshot::channel();
    let mut done = Some(done);
    let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        if event.type_() != "upgradeneeded" {
            if let Some(done) = done.take() {
                let _ = done.send(false);
            }
            return;
        }
        // Without a version only a database that does not exist asks for an upgrade: take it back.
        let request = event.target().map(|target| target.unchecked_into::<IdbOpenDbRequest>());
        if let Some(transaction) = request.and_then(|request| request.transaction())
            && transaction.abort().is_ok()
            && let Some(done) = done.take()
        {
            let _ = done.send(true);
        }
    });
    let handler = Some(on_event.as_ref().unchecked_ref());
    request.set_onsuccess(handler);
    request.set_onerror(handler);
    request.set_onupgradeneeded(handler);
    let missing = ended.await.unwrap_or(false);
    if missing {
        request.set_onsuccess(None);
        request.set_onerror(None);
        return Ok(None);
    }
    if let Ok(Some(error)) = request.error() {
        return Err(Thrown::from(JsValue::from(error)));
    }
    Ok(Some(Raw::new(request.result()?.unchecked_into())))
}

/// What rexie says, with the browser's reason inside. rexie keeps the reason as text only.
pub(super) fn refused(error: &rexie::Error) -> StoreError {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    if why.contains("QuotaExceededError") { StoreError::Full(why) } else { StoreError::Failed(why) }
}
