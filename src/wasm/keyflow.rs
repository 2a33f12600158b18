//! The store as JavaScript sees it: each method reads its arguments, calls the driver, and turns the answer.
//!
//! Takes no part in deciding anything. What each call promises is told in the package's types.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Function, Promise};
use serde_json::Value;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::convert::{
    Answer, answer, done, is_absent, json, object, optional_object, optional_text, promise, raise, report,
    take, text, to_js,
};
use super::draft;
use super::handle::{Live, SessionHandle};
use super::setup::Opening;
use super::store::AnyStore;
use super::{Core, json_blob};
use crate::driver::{Before, Driver, Notice};
use crate::edit::Choice;
use crate::error::{Error, FieldError};
use crate::model::{Fields, RESERVED, fields_of};
use crate::order::sorted;
use crate::platform::fetch::FetchTransport;
use crate::platform::host::{BrowserHost, online_hint};
use crate::read::read_names;
use crate::stamp::Millis;

/// What only the surface adds to a session; never part of its content.
const SYNC: &str = "sync";
/// Entries of a list, unless the caller says otherwise, and at most.
const LIST: (usize, usize) = (100, 1000);

enum Pending {
    Keep,
    Export,
    Discard,
}

read_names!(Pending { Keep: "keep", Export: "export", Discard: "discard" });

/// A store of typing sessions and its sync. See `KeyFlow` in the package's types.
#[wasm_bindgen(skip_typescript)]
pub struct KeyFlow {
    core: Rc<Core>,
    live: Live,
}

#[wasm_bindgen]
impl KeyFlow {
    /// Opens a store and starts its sync.
    pub fn open(options: JsValue) -> Promise {
        promise(async move {
            let opening = Opening::parse(&options, online_hint())?;
            let store = AnyStore::open(opening.storage, &opening.name).await?;
            let transport = opening.server.as_deref().map(FetchTransport::new);
            let host = BrowserHost::new(&opening.name);
            let core = Driver::open(store, transport, host, opening.setup).await?;
            spawn_local(Rc::clone(&core).run());
            Ok(KeyFlow { core, live: Live::default() }.into())
        })
    }

    // ---------------------------------------------------------------------------------------------------- typing

    /// Starts a session.
    #[wasm_bindgen(js_name = startSession)]
    pub fn start_session(&self, options: &JsValue) -> Answer<SessionHandle> {
        ensure_open(&self.core)
            .and_then(|()| SessionHandle::start(&self.core, &self.live, options))
            .map_err(raise)
    }

    /// Checkpoints of sessions that run in no handle of this tab, newest first.
    pub fn resumable(&self) -> Promise {
        let live = Rc::clone(&self.live);
        self.call(async move |core| {
            let drafts = core.drafts().await?;
            let left = drafts.iter().filter(|(id, _)| !live.borrow().contains(id));
            let shown = left.filter_map(|(id, stored)| draft::describe(id, stored)).collect();
            let shown = sorted(shown, &|(saved_at, _): &(Millis, Value), (other, _)| other.cmp(saved_at));
            to_js(&shown.into_iter().map(|(_, draft)| draft).collect::<Vec<_>>())
        })
    }

    /// Goes on with a checkpoint.
    #[wasm_bindgen(js_name = resumeSession)]
    pub fn resume_session(&self, id: JsValue) -> Promise {
        let live = Rc::clone(&self.live);
        self.call(async move |core| {
            let id = text(&id, "id")?;
            let drafts = core.drafts().await?;
            if live.borrow().contains(&id) {
                let why = format!("session {id} already runs in this tab");
                return Err(Error::State("sessionRunning", why));
            }
            let draft = drafts.into_iter().find(|(other, _)| *other == id);
            let (_, stored) = draft.ok_or_else(|| Error::NotFound(format!("checkpoint of session {id}")))?;
            Ok(SessionHandle::resume_draft(&core, &live, id, &stored)?.into())
        })
    }

    // --------------------------------------------------------------------------------------------------- records

    /// Saves a session.
    pub fn save(&self, session: JsValue) -> Promise {
        self.call(async move |core| {
            let (id, fields) = session_of(&session)?;
            answer(core.save(&id.unwrap_or_else(|| core.new_id()), fields, false).await)
        })
    }

    /// Changes fields of a session.
    pub fn update(&self, id: JsValue, patch: JsValue) -> Promise {
        self.call(async move |core| {
            let (id, patch) = (text(&id, "id")?, object(&patch, "patch")?);
            if patch.contains_key(SYNC) {
                return Err(FieldError::new(SYNC, "cannot be set by an update").into());
            }
            answer(core.update(&id, patch).await)
        })
    }

    /// Removes a session.
    pub fn remove(&self, id: JsValue) -> Promise {
        self.call(async move |core| done(core.remove(&text(&id, "id")?).await))
    }

    /// One session, or `null`.
    pub fn get(&self, id: JsValue) -> Promise {
        self.call(async move |core| answer(core.get(&text(&id, "id")?).await))
    }

    /// A page of the history.
    pub fn list(&self, options: JsValue) -> Promise {
        self.call(async move |core| {
            let (limit, before) = page_of(&options)?;
            answer(core.list(limit, before.as_ref()))
        })
    }

    /// Waits for the server to confirm a session.
    #[wasm_bindgen(js_name = whenSynced)]
    pub fn when_synced(&self, id: JsValue, options: JsValue) -> Promise {
        self.call(async move |core| {
            let id = text(&id, "id")?;
            let mut options = optional_object(&options, "options")?;
            let timeout: Option<u32> = take(&mut options, "timeoutMs", "whole ms, 0 or more")?;
            done(core.when_synced(&id, timeout.map(Millis::from)).await)
        })
    }

    // ------------------------------------------------------------------------------------------------------ sync

    /// One round now.
    pub fn sync(&self) -> Promise {
        self.call(async |core| answer(core.sync().await))
    }

    /// The state of the sync.
    pub fn status(&self) -> Answer {
        to_js(&self.core.status()).map_err(raise)
    }

    /// Calls `listener` after every change until the function returned is called.
    pub fn subscribe(&self, listener: &JsValue) -> Answer {
        let problem = |_| raise(FieldError::new("listener", "must be a function").into());
        let listener: Function = listener.clone().dyn_into().map_err(problem)?;
        let tell = move |notice: &Notice| {
            let change = to_js(notice).map_err(raise);
            if let Err(thrown) = change.and_then(|change| listener.call1(&JsValue::UNDEFINED, &change)) {
                report(&thrown);
            }
        };
        let number = Cell::new(Some(self.core.subscribe(Rc::new(tell))));
        let core = Rc::downgrade(&self.core);
        let stop = Closure::<dyn Fn()>::new(move || {
            if let (Some(core), Some(number)) = (core.upgrade(), number.take()) {
                core.unsubscribe(number);
            }
        });
        Ok(stop.into_js_value())
    }

    /// The queue.
    pub fn operations(&self) -> Promise {
        self.call(async |core| answer(core.operations().await))
    }

    /// Queues parked operations again.
    pub fn retry(&self, op: JsValue) -> Promise {
        self.call(async move |core| answer(core.retry(optional_text(&op, "opId")?).await))
    }

    /// Gives an edit up.
    pub fn discard(&self, op: JsValue) -> Promise {
        self.call(async move |core| done(core.discard(text(&op, "opId")?).await))
    }

    /// The inbox.
    pub fn conflicts(&self) -> Promise {
        self.call(async |core| answer(core.conflicts()))
    }

    /// Settles a conflict.
    pub fn resolve(&self, id: JsValue, choice: JsValue, fields: JsValue) -> Promise {
        self.call(async move |core| {
            let id = text(&id, "conflictId")?;
            let (choice, fields) = choice_of(&choice, &fields)?;
            done(core.resolve(&id, choice, fields).await)
        })
    }

    /// What happened to a session.
    pub fn timeline(&self, id: JsValue) -> Promise {
        self.call(async move |core| answer(core.timeline(&text(&id, "id")?).await))
    }

    // --------------------------------------------------------------------------------------- totals and settings

    /// Totals over the sessions.
    pub fn progress(&self) -> Promise {
        self.call(async |core| {
            ensure_open(&core)?;
            to_js(&core.progress())
        })
    }

    /// The settings.
    pub fn settings(&self) -> Promise {
        self.call(async |core| answer(core.settings().await))
    }

    /// Changes settings.
    #[wasm_bindgen(js_name = setSettings)]
    pub fn set_settings(&self, patch: JsValue) -> Promise {
        self.call(async move |core| answer(core.set_settings(object(&patch, "patch")?).await))
    }

    // --------------------------------------------------------------------------------------------------- account

    /// Invites another device.
    #[wasm_bindgen(js_name = linkCode)]
    pub fn link_code(&self) -> Promise {
        self.call(async |core| answer(core.link_code().await))
    }

    /// Joins another user.
    pub fn link(&self, code: JsValue) -> Promise {
        self.call(async move |core| done(core.link(&text(&code, "code")?).await))
    }

    /// The user's devices.
    pub fn devices(&self) -> Promise {
        self.call(async |core| answer(core.devices().await))
    }

    /// Shuts a device out.
    pub fn revoke(&self, device: JsValue) -> Promise {
        self.call(async move |core| done(core.revoke(&text(&device, "deviceId")?).await))
    }

    /// Uses another token.
    #[wasm_bindgen(js_name = setToken)]
    pub fn set_token(&self, token: JsValue) -> Promise {
        self.call(async move |core| done(core.set_token(text(&token, "token")?).await))
    }

    /// Forgets the token and, when asked to, everything stored here.
    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self, options: JsValue) -> Promise {
        self.call(async move |core| {
            let wanted = "keep, export or discard";
            let pending = take(&mut optional_object(&options, "options")?, "pending", wanted)?;
            match pending.ok_or_else(|| FieldError::new("pending", format!("must be {wanted}")))? {
                Pending::Keep => core.sign_out().await?,
                Pending::Discard => core.clear().await?,
                Pending::Export => {
                    let export = json_blob(&core.export_all().await?)?;
                    core.clear().await?;
                    return Ok(export);
                }
            }
            Ok(JsValue::NULL)
        })
    }

    /// Everything of this store, as a Blob.
    #[wasm_bindgen(js_name = exportAll)]
    pub fn export_all(&self) -> Promise {
        self.call(async |core| json_blob(&core.export_all().await?))
    }

    /// Takes over an export: a Blob or its text.
    #[wasm_bindgen(js_name = importAll)]
    pub fn import_all(&self, blob: JsValue) -> Promise {
        self.call(async move |core| {
            let problem = |why: &str| FieldError::new("blob", why);
            let text = match blob.dyn_ref::<web_sys::Blob>() {
                Some(blob) => JsFuture::from(blob.text()).await.map_err(|_| problem("cannot be read"))?,
                None => blob,
            };
            let text = text.as_string().ok_or_else(|| problem("must be a Blob or a text"))?;
            let export = serde_json::from_str(&text).map_err(|_| problem("must be an export of KeyFlow"))?;
            answer(core.import_all(export).await)
        })
    }

    /// Stops the sync and lets go of the storage.
    pub fn close(&self) -> Promise {
        self.call(async |core| {
            core.close();
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Runs a call beside all others; it outlives this object if need be.
    fn call(&self, work: impl AsyncFnOnce(Rc<Core>) -> Result<JsValue, Error> + 'static) -> Promise {
        let core = Rc::clone(&self.core);
        promise(async move { work(core).await })
    }
}

fn ensure_open(core: &Core) -> Result<(), Error> {
    match core.status().phase {
        "closed" => Err(Error::State("closed", "this store was closed".into())),
        _ => Ok(()),
    }
}

/// The id, if there is one, and the content of a session to save. A session that was read may be saved as it is.
fn session_of(session: &JsValue) -> Result<(Option<String>, Fields), FieldError> {
    let mut fields = object(session, "session")?;
    let id = take(&mut fields, "id", "a text")?;
    fields.retain(|name, value| name != SYNC && !RESERVED.contains(&name.as_str()) && !value.is_null());
    Ok((id, fields))
}

fn page_of(options: &JsValue) -> Result<(usize, Option<Before>), FieldError> {
    let mut fields = optional_object(options, "options")?;
    let limit = take(&mut fields, "limit", "a whole number from 1 to 1000")?.unwrap_or(LIST.0);
    if !(1..=LIST.1).contains(&limit) {
        return Err(FieldError::new("limit", "must be a whole number from 1 to 1000"));
    }
    let problem = || FieldError::new("before", "must be epoch ms or an entry of a list");
    let before = match fields.remove("before") {
        None | Some(Value::Null) => return Ok((limit, None)),
        Some(Value::Object(entry)) => {
            let id = entry.get("id").and_then(Value::as_str).ok_or_else(problem)?;
            Before { timestamp: millis(entry.get("timestamp")).ok_or_else(problem)?, id: Some(id.to_owned()) }
        }
        Some(value) => Before { timestamp: millis(Some(&value)).ok_or_else(problem)?, id: None },
    };
    Ok((limit, Some(before)))
}

fn millis(value: Option<&Value>) -> Option<Millis> {
    // A time with a fraction is after the whole one.
    value?.as_f64().map(|ms| ms.ceil() as Millis)
}

fn choice_of(choice: &JsValue, fields: &JsValue) -> Result<(Choice, BTreeMap<String, Choice>), FieldError> {
    let choice = take(&mut fields_of([("choice".to_owned(), json(choice, "choice")?)]), "choice", CHOICES)?
        .ok_or_else(|| FieldError::new("choice", format!("must be {CHOICES}")))?;
    let mut sides = BTreeMap::new();
    if !is_absent(fields) {
        let mut named = object(fields, "fields")?;
        let names: Vec<String> = named.keys().cloned().collect();
        for name in names {
            let problem = || FieldError::new(format!("fields.{name}"), "must be local or remote");
            let side = take(&mut named, &name, "").map_err(|_| problem())?;
            sides.insert(name.clone(), side.filter(|side| *side != Choice::Merge).ok_or_else(problem)?);
        }
    }
    Ok((choice, sides))
}

/// What a user may choose in a conflict.
const CHOICES: &str = "local, remote or merge";
