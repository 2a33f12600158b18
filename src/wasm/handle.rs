//! A session being typed: one attempt, the circumstances it is typed in, and the way to its saved record.
//!
//! Nothing of it is lost before it is saved: a failed end leaves the attempt here, to be ended again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Promise;
use serde_json::{Map, Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::convert::{Answer, answer, done, is_absent, object, promise, raise, take, text, to_js};
use super::draft::{About, Draft};
use super::{Core, performance_now, tz_offset_min};
use crate::attempt::Attempt;
use crate::error::{Error, FieldError, StoreError};
use crate::event::{EndReason, Event, Mode, ModeKind, Op};
use crate::metrics::Metrics;
use crate::read::parse;
use crate::session::{Finished, InputKind, TextInfo, session_fields};
use crate::stamp::Millis;

/// Ids of the sessions that have a handle in this tab.
pub type Live = Rc<RefCell<Vec<String>>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Saved,
    Cancelled,
}

/// A session being typed. See `SessionHandle` in the package's types.
#[wasm_bindgen(skip_typescript)]
pub struct SessionHandle(Rc<Typing>);

/// What a handle and the calls that it has made share.
struct Typing {
    core: Rc<Core>,
    live: Live,
    id: String,
    attempt: RefCell<Attempt>,
    about: RefCell<About>,
    fate: Cell<Fate>,
    /// Whether a checkpoint of it may be in the store.
    drafted: Cell<bool>,
    /// Whether its practice is counted.
    given_up: Cell<bool>,
}

impl SessionHandle {
    /// A new session, as `KeyFlow.startSession` was asked for it.
    pub(super) fn start(core: &Rc<Core>, live: &Live, options: &JsValue) -> Result<SessionHandle, Error> {
        let mut fields = object(options, "options")?;
        let text: String = take(&mut fields, "text", "a text")?.unwrap_or_default();
        let mode = Mode::from_json(fields.get("mode").unwrap_or(&Value::Null))?;
        let language: String = take(&mut fields, "language", "a text")?.unwrap_or_default();
        let input_kind = take(&mut fields, "inputKind", "hardware or touch")?;
        let about = About {
            started_at: None,
            tz_offset_min: 0,
            layout: take(&mut fields, "layout", "a text")?.unwrap_or_default(),
            input_kind: input_kind.unwrap_or(InputKind::Hardware),
            source: take(&mut fields, "source", "{kind, sourceId?, textId?, shareCustomText?}")?
                .unwrap_or_else(|| source_of(mode.kind)),
            options: take(&mut fields, "options", "an object")?.unwrap_or_default(),
            tags: take(&mut fields, "tags", "a list of texts")?.unwrap_or_default(),
        };
        let attempt =
            Attempt::new(&text, mode, &language).map_err(|error| renamed(error, "target", "text"))?;
        Ok(SessionHandle::of(core, live, core.new_id(), attempt, about, false))
    }

    /// Goes on with a checkpoint, paused.
    pub(super) fn resume_draft(
        core: &Rc<Core>,
        live: &Live,
        id: String,
        stored: &str,
    ) -> Result<SessionHandle, Error> {
        let draft: Draft = parse(stored)
            .map_err(|error| StoreError::Damaged(format!("the checkpoint of session {id}: {error}")))?;
        let now = performance_now();
        let away = (core.now().wall - draft.saved_at).max(0);
        let mut attempt = draft.attempt.resume_at(now, away as f64)?;
        attempt.input(&Event { t: now, op: Op::Pause })?;
        Ok(SessionHandle::of(core, live, id, attempt, draft.about, true))
    }

    fn of(
        core: &Rc<Core>,
        live: &Live,
        id: String,
        attempt: Attempt,
        about: About,
        drafted: bool,
    ) -> SessionHandle {
        live.borrow_mut().push(id.clone());
        SessionHandle(Rc::new(Typing {
            core: Rc::clone(core),
            live: Rc::clone(live),
            id,
            attempt: RefCell::new(attempt),
            about: RefCell::new(about),
            fate: Cell::new(Fate::Open),
            drafted: Cell::new(drafted),
            given_up: Cell::new(false),
        }))
    }
}

impl Typing {
    fn state(&self) -> &'static str {
        let attempt = self.attempt.borrow();
        let paused = || attempt.live(0.0).is_ok_and(|live| live.paused);
        match self.fate.get() {
            Fate::Saved => "ended",
            Fate::Cancelled => "cancelled",
            Fate::Open if attempt.end_reason().is_some() => "finished",
            Fate::Open if paused() => "paused",
            Fate::Open if self.about.borrow().started_at.is_some() => "running",
            Fate::Open => "ready",
        }
    }

    fn clock(&self, t: &JsValue, op: Op) -> Result<(), Error> {
        self.take_event(&Event { t: time(t)?, op }).map(|_| ())
    }

    fn append(&self, words: &JsValue) -> Result<(), Error> {
        self.ensure_open()?;
        Ok(self.attempt.borrow_mut().append(&text(words, "text")?)?)
    }

    fn ensure_open(&self) -> Result<(), Error> {
        match self.fate.get() {
            Fate::Open => Ok(()),
            Fate::Saved => Err(Error::State("sessionEnded", "this session is over and saved".into())),
            Fate::Cancelled => Err(Error::State("sessionEnded", "this session was cancelled".into())),
        }
    }

    fn settle(&self, fate: Fate) {
        self.fate.set(fate);
        self.forget();
    }

    /// Takes its id off the list. It is there once: no second handle is made of a session that has one.
    fn forget(&self) {
        self.live.borrow_mut().retain(|id| *id != self.id);
    }

    fn take_event(&self, event: &Event) -> Result<crate::attempt::Step, Error> {
        self.ensure_open()?;
        let step = self.attempt.borrow_mut().input(event)?;
        let mut about = self.about.borrow_mut();
        if about.started_at.is_none() && (step.accepted > 0 || event.op == Op::ComposeStart) {
            let since = (performance_now() - event.t).clamp(0.0, 60_000.0);
            let wall = self.core.now().wall - since as Millis;
            about.started_at = Some(wall);
            about.tz_offset_min = tz_offset_min(wall as f64);
        }
        Ok(step)
    }

    /// The flat record of the attempt, which is over.
    fn fields(&self) -> Map<String, Value> {
        let (attempt, about) = (self.attempt.borrow(), self.about.borrow());
        let device = self.core.device_id();
        let started_at = about.started_at.unwrap_or_else(|| self.core.now().wall) as f64;
        let mut fields = session_fields(&Finished {
            attempt: &attempt,
            metrics: &Metrics::of(&attempt),
            started_at_ms: started_at,
            tz_offset_min: about.tz_offset_min,
            layout: &about.layout,
            input_kind: about.input_kind,
            text_info: &about.source,
            options: &about.options,
            device_id: device.as_deref(),
        });
        if !about.tags.is_empty() {
            fields.insert("tags".into(), json!(about.tags));
        }
        fields
    }

    async fn finish(&self, t: &JsValue) -> Result<Value, Error> {
        if self.fate.get() == Fate::Saved {
            let saved = self.core.get(&self.id).await?;
            return saved.ok_or_else(|| Error::NotFound(format!("session {}", self.id)));
        }
        self.ensure_open()?;
        if self.attempt.borrow().end_reason().is_none() {
            self.take_event(&Event { t: time(t)?, op: Op::End { reason: EndReason::User } })?;
        }
        // A session that nobody typed in began when it was given up; that moment must not move when this is tried again.
        self.about.borrow_mut().started_at.get_or_insert(self.core.now().wall);
        let saved = self.core.save(&self.id, self.fields(), true).await?;
        self.settle(Fate::Saved);
        Ok(saved)
    }

    async fn save_draft(&self) -> Result<(), Error> {
        if self.fate.get() != Fate::Open {
            return Ok(());
        }
        let draft = json!({
            "savedAt": self.core.now().wall,
            "about": &*self.about.borrow(),
            "attempt": &*self.attempt.borrow(),
        });
        self.drafted.set(true);
        self.core.set_draft(&self.id, Some(draft.to_string())).await?;
        // It may have been saved or cancelled meanwhile, and then its checkpoint must not be left behind.
        if self.fate.get() == Fate::Open { Ok(()) } else { self.core.set_draft(&self.id, None).await }
    }

    async fn give_up(&self) -> Result<(), Error> {
        if self.fate.get() == Fate::Saved {
            return Ok(());
        }
        self.settle(Fate::Cancelled);
        let practised = self.attempt.borrow().practised_ms().ceil() as Millis;
        let (at, tz) = {
            let about = self.about.borrow();
            (about.started_at.unwrap_or_else(|| self.core.now().wall), about.tz_offset_min)
        };
        if (practised == 0 && !self.drafted.get()) || self.given_up.replace(true) {
            return Ok(());
        }
        let given_up = self.core.give_up(&self.id, practised, at, tz.into()).await;
        // A failed one is to be tried again.
        self.given_up.set(given_up.is_ok());
        given_up
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        if self.fate.get() == Fate::Open {
            self.forget();
        }
    }
}

#[wasm_bindgen]
impl SessionHandle {
    /// The id the saved session will have.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.0.id.clone()
    }

    /// How far the session is.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.0.state().to_owned()
    }

    /// The text with everything appended so far.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> String {
        self.0.attempt.borrow().target().text().to_owned()
    }

    /// Takes one event.
    pub fn input(&self, event: &JsValue) -> Answer {
        let event = object(event, "event").and_then(|fields| Event::from_json(&fields.into()));
        let step = event.map_err(Error::from).and_then(|event| self.0.take_event(&event));
        answer(step).map_err(raise)
    }

    /// Stops the clock.
    pub fn pause(&self, t: &JsValue) -> Answer<()> {
        self.0.clock(t, Op::Pause).map_err(raise)
    }

    /// Lets the clock go on.
    pub fn resume(&self, t: &JsValue) -> Answer<()> {
        self.0.clock(t, Op::Resume).map_err(raise)
    }

    /// The numbers shown while typing.
    pub fn live(&self, t: &JsValue) -> Answer {
        let live = |now| self.0.attempt.borrow().live(now).map_err(|error| renamed(error, "now", "t"));
        answer(time(t).and_then(live).map_err(Error::from)).map_err(raise)
    }

    /// Words as they should be and as they were typed.
    pub fn words(&self, from: u32, to: u32) -> Answer {
        let attempt = self.0.attempt.borrow();
        let words = (from..to).map_while(|index| attempt.word(index as usize)).map(|word| {
            let typed = word.typed.map(|typed| &typed.letters);
            json!({
                "target": word.target.letters,
                "typed": typed.map(|letters| letters.iter().map(|letter| &letter.text).collect::<Vec<_>>()),
                "correct": typed.into_iter().flatten().map(|letter| letter.correct).collect::<Vec<_>>(),
            })
        });
        to_js(&words.collect::<Vec<_>>()).map_err(raise)
    }

    /// Adds words to a running time test.
    pub fn append(&self, words: &JsValue) -> Answer<()> {
        self.0.append(words).map_err(raise)
    }

    /// Every number so far.
    pub fn metrics(&self) -> Answer {
        to_js(&Metrics::of(&self.0.attempt.borrow())).map_err(raise)
    }

    /// Everything typed so far.
    pub fn events(&self) -> Answer {
        to_js(&self.0.attempt.borrow().events()).map_err(raise)
    }

    /// Saves the session so far.
    pub fn checkpoint(&self) -> Promise {
        let typing = Rc::clone(&self.0);
        promise(async move { done(typing.save_draft().await) })
    }

    /// Ends the session and saves it.
    pub fn end(&self, t: JsValue) -> Promise {
        let typing = Rc::clone(&self.0);
        promise(async move { answer(typing.finish(&t).await) })
    }

    /// Throws the session away.
    pub fn cancel(&self) -> Promise {
        let typing = Rc::clone(&self.0);
        promise(async move { done(typing.give_up().await) })
    }
}

/// A time that may be left out: then it is now.
fn time(t: &JsValue) -> Result<f64, FieldError> {
    if is_absent(t) {
        return Ok(performance_now());
    }
    t.as_f64().ok_or_else(|| FieldError::new("t", "must be a number of milliseconds"))
}

/// `error` with the field's name as the caller knows it.
fn renamed(error: FieldError, core: &str, caller: &str) -> FieldError {
    if error.field == core { FieldError::new(caller, error.problem) } else { error }
}

fn source_of(kind: ModeKind) -> TextInfo {
    let kind = match kind {
        ModeKind::Time | ModeKind::Words => "words",
        ModeKind::Text => "text",
        ModeKind::Custom => "custom",
    };
    TextInfo { kind: kind.into(), source_id: None, text_id: None, share_custom_text: false }
}
