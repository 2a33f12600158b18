//! One commit: compare the head, issue every put and delete in the same tick, and wait for the disk.
//!
//! A request's success is not durability: only the transaction's `complete` counts, and whatever ends in `abort` has
//! written nothing. `commit()` is called when the last request has succeeded and never before: Firefox completes a
//! transaction that was told to commit early although one of its requests fails later, without that row.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Array, Object};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction};

use super::failed;
use crate::error::StoreError;
use crate::platform::js::{self, Thrown};
use crate::seam::{Durability, HEAD, Table, Write};

/// A write in the form that JavaScript takes.
pub(super) struct Plan {
    tables: Array,
    options: Object,
    expects: JsValue,
    head: JsValue,
    rows: Vec<(Table, JsValue, Option<JsValue>)>,
    /// Set when a transaction of this plan may have come through without our hearing of it.
    tried: Cell<bool>,
}

impl Plan {
    pub(super) fn new(write: &Write) -> Plan {
        let touched = |table: Table| table == Table::Meta || write.rows.iter().any(|row| row.table == table);
        let tables = Table::ALL.into_iter().filter(|table| touched(*table));
        let options = Object::new();
        let durability = match write.durability {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
        };
        js::set(&options, "durability", &JsValue::from_str(durability));
        let text = |value: &Option<String>| value.as_deref().map_or(JsValue::UNDEFINED, JsValue::from_str);
        let head = write.rows.iter().find(|row| row.table == Table::Meta && row.key == HEAD);
        let rows = write
            .rows
            .iter()
            .map(|row| (row.table, JsValue::from_str(&row.key), row.value.as_deref().map(JsValue::from_str)));
        Plan {
            tables: tables.map(|table| JsValue::from_str(table.name())).collect(),
            options,
            expects: text(&write.expects),
            head: head.map_or(JsValue::UNDEFINED, |row| text(&row.value)),
            rows: rows.collect(),
            tried: Cell::new(false),
        }
    }

    /// Issues every request, now, and gives the last one. The first that throws ends it.
    fn issue(&self, transaction: &IdbTransaction) -> Result<Option<IdbRequest>, JsValue> {
        let mut current: Option<(Table, IdbObjectStore)> = None;
        let mut last = None;
        for (table, key, value) in &self.rows {
            let store = match current.take().filter(|(open, _)| open == table) {
                Some((_, store)) => store,
                None => transaction.object_store(table.name())?,
            };
            last = Some(match value {
                Some(value) => store.put_with_key(value, key)?,
                None => store.delete(key)?,
            });
            current = Some((*table, store));
        }
        Ok(last)
    }

    /// Compares the head that was read, and issues the requests when it fits.
    fn apply(
        &self,
        head: &IdbRequest,
        transaction: &IdbTransaction,
        retried: bool,
    ) -> Result<Option<IdbRequest>, StoreError> {
        let found = head.result().map_err(|thrown| refused(&thrown.into()))?;
        // Comparing two JavaScript strings compares their code units, which is byte by byte.
        if found == self.expects {
            self.issue(transaction).map_err(|thrown| refused(&thrown.into()))
        } else if retried && found == self.head {
            // The first try had come through, only its answer was lost.
            Ok(None)
        } else {
            Err(StoreError::Stale)
        }
    }
}

/// Writes the plan, or nothing.
pub(super) async fn commit(database: &IdbDatabase, plan: Rc<Plan>) -> Result<(), StoreError> {
    let transaction = begin(database, &plan).map_err(|thrown| refused(&thrown))?;
    let head =
        transaction.object_store(Table::Meta.name()).and_then(|meta| meta.get(&JsValue::from_str(HEAD)));
    let head: IdbRequest = head.map_err(|thrown| refused(&Thrown::from(thrown)))?;
    let retried = plan.tried.replace(true);

    let (done, ended) = oneshot::channel();
    let mut done = Some(done);
    let mut issued = false;
    let mut own_reason = None;
    let (request, running) = (head.clone(), transaction.clone());
    let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let answer = match event.type_().as_str() {
            "success" if !issued => {
                issued = true;
                match plan.apply(&request, &running, retried) {
                    Ok(Some(last)) => return last.set_onsuccess(request.onsuccess().as_ref()),
                    Ok(None) => return end(&running, "commit"),
                    Err(reason) => own_reason = Some(reason),
                }
                return end(&running, "abort");
            }
            "success" => return end(&running, "commit"),
            "complete" => Ok(()),
            _ => Err(own_reason.take().unwrap_or_else(|| aborted(&running))),
        };
        if let Some(done) = done.take() {
            let _ = done.send(answer);
        }
    });
    let handler = Some(on_event.as_ref().unchecked_ref());
    head.set_onsuccess(handler);
    transaction.set_oncomplete(handler);
    transaction.set_onabort(handler);
    let answer = ended.await;
    transaction.set_oncomplete(None);
    transaction.set_onabort(None);
    head.set_onsuccess(None);
    answer.unwrap_or_else(|_| Err(failed("the transaction's end was not heard")))
}

/// Opens the transaction with its durability, which older browsers ignore.
fn begin(database: &IdbDatabase, plan: &Plan) -> Result<IdbTransaction, Thrown> {
    let mode = JsValue::from_str("readwrite");
    let transaction = js::call(database, "transaction", &[&plan.tables, &mode, &plan.options])?;
    Ok(transaction.unchecked_into())
}

/// Ends the transaction. Either way of ending fails only when it has ended already, and then its event is on the way; a
/// browser without `commit` commits by itself.
fn end(transaction: &IdbTransaction, how: &str) {
    let _ = js::call(transaction, how, &[]);
}

fn aborted(transaction: &IdbTransaction) -> StoreError {
    match transaction.error() {
        Some(error) => refused(&Thrown::from(JsValue::from(error))),
        None => failed("the browser took the transaction back"),
    }
}

fn refused(thrown: &Thrown) -> StoreError {
    match thrown.name.as_str() {
        "QuotaExceededError" => StoreError::Full(thrown.to_string()),
        _ => StoreError::Failed(thrown.to_string()),
    }
}
