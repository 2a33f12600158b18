//! The store as JavaScript sees it: each method reads its arguments, calls the driver, and turns the answer.
//!
//! Takes no part in deciding anything. What each call promises is told in the package's types.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::Function;
use serde::Deserialize;
use serde_json::{Map, Value};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::convert::{
    Answer, answer, is_absent, json, object, optional_object, optional_text, raise, report, take, text, to_js,
};
use super::handle::{Live, SessionHandle};
use super::setup::Opening;
use super::store::AnyStore;
use super::{Core, json_blob};
use crate::driver::{Before, Driver, Notice};
use crate::edit::Choice;
use crate::error::{Error, FieldError};
use crate::model::{Fields, RESERVED};
use crate::platform::fetch::FetchTransport;
use crate::platform::host::{BrowserHost, online_hint};
use crate::stamp::Millis;

/// What only the surface adds to a session; never part of its content.
const SYNC: &str = "sync";
/// Entries of a list, unless the caller says otherwise, and at most.
const LIST: (usize, usize) = (100, 1000);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pending {
    Keep,
    Export,
    Discard,
}

/// A store of typing sessions and its sync. See `KeyFlow` in the package's types.
#[wasm_bindgen(skip_typescript)]
pub struct KeyFlow {
    core: Rc<Core>,
    live: Live,
}

#[wasm_bindgen]
impl KeyFlow {
    /// Opens a store and starts its sync.
    pub async fn open(options: JsValue) -> Answer<KeyFlow> {
        let opening = Opening::parse(&options, online_hint()).map_err(raise)?;
        let store = AnyStore::open(opening.storage, &opening.name).await.map_err(raise)?;
        let transport = opening.server.as_deref().map(FetchTransport::new);
        let host = BrowserHost::new(&opening.name);
        let core = Driver::open(store, transport, host, opening.setup).await.map_err(raise)?;
        spawn_local(Rc::clone(&core).run());
        Ok(KeyFlow { core, live: Live::default() })
    }

    // ---------------------------------------------------------------------------------------------------- typing

    /// Starts a session.
    #[wasm_bindgen(js_name = startSession)]
    pub fn start_session(&self, options: &JsValue) -> Answer<SessionHandle> {
        self.ensure_open().map_err(raise)?;
        SessionHandle::start(&self.core, &self.live, options).map_err(raise)
    }

    /// Checkpoints of sessions that run in no handle of this tab, newest first.
    pub async fn resumable(&self) -> Answer {
        let drafts = self.core.drafts().await.map_err(raise)?;
        let live = self.live.borrow();
        let left = drafts.iter().filter(|(id, _)| !live.contains(id));
        let mut shown: Vec<_> =
            left.filter_map(|(id, stored)| SessionHandle::describe_draft(id, stored)).collect();
        shown.sort_by_key(|(saved_at, _)| std::cmp::Reverse(*saved_at));
        to_js(&shown.into_iter().map(|(_, draft)| draft).collect::<Vec<_>>())
    }

    /// Goes on with a checkpoint.
    #[wasm_bindgen(js_name = resumeSession)]
    pub async fn resume_session(&self, id: JsValue) -> Answer<SessionHandle> {
        let id = text(&id, "id").map_err(raise)?;
        let drafts = self.core.drafts().await.map_err(raise)?;
        if self.live.borrow().contains(&id) {
            let why = format!("session {id} already runs in this tab");
            return Err(raise(Error::State("sessionRunning", why)));
        }
        let Some((_, stored)) = drafts.into_iter().find(|(other, _)| *other == id) else {
            return Err(raise(Error::NotFound(format!("checkpoint of session {id}"))));
        };
        SessionHandle::resume_draft(&self.core, &self.live, id, &stored).map_err(raise)
    }

    // --------------------------------------------------------------------------------------------------- records

    /// Saves a session.
    pub async fn save(&self, session: JsValue) -> Answer {
        let (id, fields) = session_of(&session).map_err(raise)?;
        let id = id.unwrap_or_else(|| self.core.new_id());
        answer(self.core.save(&id, fields, false).await)
    }

    /// Changes fields of a session.
    pub async fn update(&self, id: JsValue, patch: JsValue) -> Answer {
        let id = text(&id, "id").map_err(raise)?;
        let patch = object(&patch, "patch").map_err(raise)?;
        if patch.contains_key(SYNC) {
            return Err(raise(FieldError::new(SYNC, "cannot be set by an update")));
        }
        answer(self.core.update(&id, patch).await)
    }

    /// Removes a session.
    pub async fn remove(&self, id: JsValue) -> Answer<()> {
        self.core.remove(&text(&id, "id").map_err(raise)?).await.map_err(raise)
    }

    /// One session, or `null`.
    pub async fn get(&self, id: JsValue) -> Answer {
        answer(self.core.get(&text(&id, "id").map_err(raise)?).await)
    }

    /// A page of the history.
    pub async fn list(&self, options: JsValue) -> Answer {
        let (limit, before) = page_of(&options).map_err(raise)?;
        answer(self.core.list(limit, before.as_ref()))
    }

    /// Waits for the server to confirm a session.
    #[wasm_bindgen(js_name = whenSynced)]
    pub async fn when_synced(&self, id: JsValue, options: JsValue) -> Answer<()> {
        let id = text(&id, "id").map_err(raise)?;
        let mut options = optional_object(&options, "options").map_err(raise)?;
        let timeout: Option<u32> = take(&mut options, "timeoutMs", "whole ms, 0 or more").map_err(raise)?;
        self.core.when_synced(&id, timeout.map(Millis::from)).await.map_err(raise)
    }

    // ------------------------------------------------------------------------------------------------------ sync

    /// One round now.
    pub async fn sync(&self) -> Answer {
        answer(self.core.sync().await)
    }

    /// The state of the sync.
    pub fn status(&self) -> Answer {
        to_js(&self.core.status())
    }

    /// Calls `listener` after every change until the function returned is called.
    pub fn subscribe(&self, listener: &JsValue) -> Answer {
        let problem = || raise(FieldError::new("listener", "must be a function"));
        let listener: Function = listener.clone().dyn_into().map_err(|_| problem())?;
        let tell = move |notice: &Notice| {
            let told = to_js(notice).and_then(|change| listener.call1(&JsValue::UNDEFINED, &change));
            if let Err(thrown) = told {
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
    pub async fn operations(&self) -> Answer {
        answer(self.core.operations().await)
    }

    /// Queues parked operations again.
    pub async fn retry(&self, op: JsValue) -> Answer {
        answer(self.core.retry(optional_text(&op, "opId").map_err(raise)?).await)
    }

    /// Gives an edit up.
    pub async fn discard(&self, op: JsValue) -> Answer<()> {
        self.core.discard(text(&op, "opId").map_err(raise)?).await.map_err(raise)
    }

    /// The inbox.
    pub async fn conflicts(&self) -> Answer {
        answer(self.core.conflicts())
    }

    /// Settles a conflict.
    pub async fn resolve(&self, id: JsValue, choice: JsValue, fields: JsValue) -> Answer<()> {
        let id = text(&id, "conflictId").map_err(raise)?;
        let (choice, fields) = choice_of(&choice, &fields).map_err(raise)?;
        self.core.resolve(&id, choice, fields).await.map_err(raise)
    }

    /// What happened to a session.
    pub async fn timeline(&self, id: JsValue) -> Answer {
        answer(self.core.timeline(&text(&id, "id").map_err(raise)?).await)
    }

    // --------------------------------------------------------------------------------------- totals and settings

    /// Totals over the sessions.
    pub async fn progress(&self) -> Answer {
        self.ensure_open().map_err(raise)?;
        to_js(&self.core.progress())
    }

    /// The settings.
    pub async fn settings(&self) -> Answer {
        answer(self.core.settings().await)
    }

    /// Changes settings.
    #[wasm_bindgen(js_name = setSettings)]
    pub async fn set_settings(&self, patch: JsValue) -> Answer {
        answer(self.core.set_settings(object(&patch, "patch").map_err(raise)?).await)
    }

    // --------------------------------------------------------------------------------------------------- account

    /// Invites another device.
    #[wasm_bindgen(js_name = linkCode)]
    pub async fn link_code(&self) -> Answer {
        answer(self.core.link_code().await)
    }

    /// Joins another user.
    pub async fn link(&self, code: JsValue) -> Answer<()> {
        self.core.link(&text(&code, "code").map_err(raise)?).await.map_err(raise)
    }

    /// The user's devices.
    pub async fn devices(&self) -> Answer {
        answer(self.core.devices().await)
    }

    /// Shuts a device out.
    pub async fn revoke(&self, device: JsValue) -> Answer<()> {
        self.core.revoke(&text(&device, "deviceId").map_err(raise)?).await.map_err(raise)
    }

    /// Uses another token.
    #[wasm_bindgen(js_name = setToken)]
    pub async fn set_token(&self, token: JsValue) -> Answer<()> {
        self.core.set_token(text(&token, "token").map_err(raise)?).await.map_err(raise)
    }

    /// Forgets the token and, when asked to, everything stored here.
    #[wasm_bindgen(js_name = signOut)]
    pub async fn sign_out(&self, options: JsValue) -> Answer {
        let mut options = optional_object(&options, "options").map_err(raise)?;
        let wanted = "keep, export or discard";
        let pending = take(&mut options, "pending", wanted).map_err(raise)?;
        match pending.ok_or_else(|| raise(FieldError::new("pending", format!("must be {wanted}"))))? {
            Pending::Keep => self.core.sign_out().await.map_err(raise)?,
            Pending::Discard => self.core.clear().await.map_err(raise)?,
            Pending::Export => {
                let export = json_blob(&self.core.export_all().await.map_err(raise)?)?;
                self.core.clear().await.map_err(raise)?;
                return Ok(export);
            }
        }
        Ok(JsValue::NULL)
    }

    /// Everything of this store, as a Blob.
    #[wasm_bindgen(js_name = exportAll)]
    pub async fn export_all(&self) -> Answer {
        json_blob(&self.core.export_all().await.map_err(raise)?)
    }

    /// Takes over an export: a Blob or its text.
    #[wasm_bindgen(js_name = importAll)]
    pub async fn import_all(&self, blob: JsValue) -> Answer {
        let problem = |why: &str| raise(FieldError::new("blob", why));
        let text = match blob.dyn_ref::<web_sys::Blob>() {
            Some(blob) => JsFuture::from(blob.text()).await.map_err(|_| problem("cannot be read"))?,
            None => blob,
        };
        let text = text.as_string().ok_or_else(|| problem("must be a Blob or a text"))?;
        let export = serde_json::from_str(&text).map_err(|_| problem("must be an export of KeyFlow"))?;
        answer(self.core.import_all(export).await)
    }

    /// Stops the sync and lets go of the storage.
    pub async fn close(&self) -> Answer<()> {
        self.core.close();
        Ok(())
    }

    fn ensure_open(&self) -> Result<(), Error> {
        match self.core.status().phase {
            "closed" => Err(Error::State("closed", "this store was closed".into())),
            _ => Ok(()),
        }
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
    let choice =
        take(&mut Map::from_iter([("choice".to_owned(), json(choice, "choice")?)]), "choice", CHOICES)?
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
