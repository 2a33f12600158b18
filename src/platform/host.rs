//! The browser around the core: clocks, sleep, randomness, network and visibility events, and the other tabs.
//!
//! What is heard is a hint and never a fact. What is missing (no document in a worker, no locks in an old browser, neither in
//! Node) is left out without an error.

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Date, Function, Object, Promise};
use uuid::Uuid;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, Performance};

use super::js::{self, get, global};
use crate::seam::{Heard, Host, Now};
use crate::stamp::Millis;

/// The longest wait a timer of the platform takes; it runs off at once beyond.
const MAX_TIMER_MS: Millis = i32::MAX as Millis;

/// False only when the platform says that there is no network; true when it says nothing. A hint.
pub fn online_hint() -> bool {
    global("navigator").and_then(|navigator| get(&navigator, "onLine")).is_none_or(|online| online != false)
}

type Listeners = Rc<RefCell<Vec<Rc<dyn Fn(Heard)>>>>;

/// The browser, for the store of one name. Its event listeners go when it is dropped.
pub struct BrowserHost {
    lock: JsValue,
    performance: Option<Performance>,
    channel: Option<JsValue>,
    listeners: Listeners,
    heard: Vec<(JsValue, &'static str)>,
    on_event: Closure<dyn FnMut(Event)>,
}

impl BrowserHost {
    /// Begins to listen. `name` is the store's: tabs with the same name hear each other and share one round.
    pub fn new(name: &str) -> BrowserHost {
        let listeners = Listeners::default();
        let told = Rc::clone(&listeners);
        let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            let heard = match event.type_().as_str() {
                "online" => Heard::Online,
                "offline" => Heard::Offline,
                "message" => Heard::OtherTab,
                "visibilitychange" if !is_visible() => return,
                _ => Heard::Visible,
            };
            // A listener may add another one.
            let listeners = told.borrow().clone();
            for listener in listeners {
                listener(heard);
            }
        });
        let channel = js::construct("BroadcastChannel", &[&JsValue::from_str(&["kf:", name].concat())]);
        if let Some(channel) = &channel {
            // In Node an open channel would keep the process alive; browsers have no such call.
            let _ = js::call(channel, "unref", &[]);
        }
        let window = JsValue::from(js_sys::global());
        let sources = ["online", "offline", "pageshow", "focus"].map(|kind| (Some(window.clone()), kind));
        let document = (global("document"), "visibilitychange");
        let heard: Vec<_> = sources
            .into_iter()
            .chain([document, (channel.clone(), "message")])
            .filter_map(|(source, kind)| Some((source?, kind)))
            .collect();
        for (source, kind) in &heard {
            let _ = js::call(source, "addEventListener", &[&JsValue::from_str(kind), on_event.as_ref()]);
        }
        BrowserHost {
            lock: JsValue::from_str(&["kf-sync:", name].concat()),
            performance: global("performance").map(JsCast::unchecked_into),
            channel,
            listeners,
            heard,
            on_event,
        }
    }
}

impl Drop for BrowserHost {
    fn drop(&mut self) {
        for (source, kind) in &self.heard {
            let arguments = [&JsValue::from_str(kind), self.on_event.as_ref()];
            let _ = js::call(source, "removeEventListener", &arguments);
        }
        if let Some(channel) = &self.channel {
            let _ = js::call(channel, "close", &[]);
        }
    }
}

impl Host for BrowserHost {
    type Guard = Round;

    fn now(&self) -> Now {
        let wall = Date::now();
        let mono = self.performance.as_ref().map_or(wall, Performance::now);
        Now { wall: wall as Millis, mono: mono as Millis }
    }

    async fn sleep_until(&self, mono: Millis) {
        let wait = mono.saturating_sub(self.now().mono).clamp(0, MAX_TIMER_MS);
        TimeoutFuture::new(u32::try_from(wait).unwrap_or(0)).await;
    }

    fn random(&self) -> u128 {
        // Six bits of each are fixed, in different places once one is turned by half.
        Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64)
    }

    async fn round(&self, steal: bool) -> Option<Round> {
        let Some(locks) = global("navigator").and_then(|navigator| get(&navigator, "locks")) else {
            return Some(Round(None));
        };
        let options = Object::new();
        js::set(&options, if steal { "steal" } else { "ifAvailable" }, &JsValue::TRUE);
        let (answer, answered) = oneshot::channel();
        let on_answer = Closure::once(move |lock: JsValue| -> JsValue {
            if lock.is_null() {
                let _ = answer.send(None);
                return JsValue::UNDEFINED;
            }
            // The lock is held until this promise resolves. Nobody waits for the round any more: it resolves at once.
            let mut release = None;
            let held = Promise::new(&mut |resolve, _| release = Some(resolve));
            let _ = answer.send(Some(Round(release)));
            held.into()
        });
        let request = js::call(&locks, "request", &[&self.lock, &options, on_answer.as_ref()]);
        wasm_bindgen_futures::spawn_local(async move {
            if let Ok(request) = request {
                // A stolen lock rejects here; the round goes on, and its commits are told apart by the head.
                let _ = JsFuture::from(Promise::resolve(&request)).await;
            }
            drop(on_answer);
        });
        // Where locks are refused, as on an opaque origin, it is as if there were none.
        answered.await.unwrap_or(Some(Round(None)))
    }

    fn listen(&self, listener: Box<dyn Fn(Heard)>) {
        self.listeners.borrow_mut().push(Rc::from(listener));
    }

    fn announce(&self) {
        if let Some(channel) = &self.channel {
            let _ = js::call(channel, "postMessage", &[&JsValue::from_str("changed")]);
        }
    }
}

/// The right to run a sync round, given back when dropped.
pub struct Round(Option<Function>);

impl Drop for Round {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

fn is_visible() -> bool {
    let state = global("document").and_then(|document| get(&document, "visibilityState"));
    state.is_some_and(|state| state == "visible")
}
