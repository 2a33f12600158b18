//! What the browser tells the core and gives it: events, clocks, locks between tabs. Runs in real browsers.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may")]

mod tab;

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::{FutureExt as _, StreamExt as _};
use gloo_timers::future::TimeoutFuture;
use js_sys::Array;
use keyflow_sync::platform::host::{BrowserHost, online_hint};
use keyflow_sync::seam::{Heard, Host};
use tab::{awaited, fresh, patched, script};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

fn listening(host: &BrowserHost) -> Rc<RefCell<Vec<Heard>>> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&heard);
    host.listen(Box::new(move |what| ear.borrow_mut().push(what)));
    heard
}

#[wasm_bindgen_test]
fn network_and_page_events_are_heard_until_the_host_is_dropped() {
    let host = BrowserHost::new(&fresh("events"));
    let heard = listening(&host);
    let happen = || {
        script(
            "for (const kind of ['offline', 'online', 'pageshow', 'focus']) dispatchEvent(new Event(kind));",
        );
    };
    happen();
    let expected = [Heard::Offline, Heard::Online, Heard::Visible, Heard::Visible];
    assert_eq!(*heard.borrow(), expected);
    drop(host);
    happen();
    assert_eq!(*heard.borrow(), expected);
}

#[wasm_bindgen_test]
fn only_a_page_that_becomes_visible_is_heard_as_visible() {
    // A worker has no document: then something of the same shape.
    let document = patched(
        "const made = !globalThis.document;
         if (made) globalThis.document = new EventTarget();
         return () => { if (made) delete globalThis.document; };",
    );
    let host = BrowserHost::new(&fresh("visibility"));
    let heard = listening(&host);
    let turn = |state: &str| {
        let patch = patched(&format!(
            "Object.defineProperty(document, 'visibilityState', {{ configurable: true, get: () => '{state}' }});
             return () => {{ delete document.visibilityState; }};"
        ));
        script("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));");
        drop(patch);
    };
    turn("hidden");
    assert_eq!(*heard.borrow(), []);
    turn("visible");
    assert_eq!(*heard.borrow(), [Heard::Visible]);
    drop(host);
    turn("visible");
    assert_eq!(heard.borrow().len(), 1);
    drop(document);
}

#[wasm_bindgen_test]
fn every_listener_hears_and_a_listener_may_add_another() {
    let host = Rc::new(BrowserHost::new(&fresh("listeners")));
    let first = listening(&host);
    let second = Rc::new(RefCell::new(None));
    let (later, again) = (Rc::clone(&second), Rc::downgrade(&host));
    host.listen(Box::new(move |_| {
        let first_call = later.borrow().is_none();
        if first_call && let Some(host) = again.upgrade() {
            later.replace(Some(listening(&host)));
        }
    }));
    script("dispatchEvent(new Event('online')); dispatchEvent(new Event('offline'));");
    assert_eq!(*first.borrow(), [Heard::Online, Heard::Offline]);
    assert_eq!(*second.borrow().as_ref().unwrap().borrow(), [Heard::Offline]);
}

#[wasm_bindgen_test]
async fn other_tabs_of_the_same_store_hear_an_announcement_and_the_announcer_does_not() {
    let name = fresh("announce");
    let (one, two) = (BrowserHost::new(&name), BrowserHost::new(&name));
    let stranger = BrowserHost::new(&fresh("announce"));
    let (own, foreign) = (listening(&one), listening(&stranger));
    let (tell, mut told) = mpsc::unbounded();
    two.listen(Box::new(move |what| tell.unbounded_send(what).unwrap()));
    one.announce();
    one.announce();
    assert_eq!(told.next().await, Some(Heard::OtherTab));
    assert_eq!(told.next().await, Some(Heard::OtherTab));
    assert_eq!(*own.borrow(), []);
    assert_eq!(*foreign.borrow(), []);
}

#[wasm_bindgen_test]
async fn a_round_is_held_by_one_tab_and_given_back_when_dropped() {
    let name = fresh("round");
    let (one, two) = (BrowserHost::new(&name), BrowserHost::new(&name));
    let other = BrowserHost::new(&fresh("round"));
    let held = one.round(false).await.expect("nobody has it");
    assert!(two.round(false).await.is_none());
    assert!(one.round(false).await.is_none());
    assert!(other.round(false).await.is_some(), "another store has its own round");
    drop(held);
    // The lock is given back by a promise: the next turn of the lock manager has it.
    released(&name).await;
    assert!(two.round(false).await.is_some());
}

#[wasm_bindgen_test]
async fn a_round_can_be_stolen_from_a_tab_that_sleeps_which_then_holds_nothing() {
    let name = fresh("steal");
    let (sleeper, thief) = (BrowserHost::new(&name), BrowserHost::new(&name));
    let lost = sleeper.round(false).await.unwrap();
    let stolen = thief.round(true).await.expect("stealing always works");
    drop(lost);
    assert!(sleeper.round(false).await.is_none(), "dropping what was lost frees nothing");
    drop(stolen);
    released(&name).await;
    assert!(sleeper.round(false).await.is_some());
}

#[wasm_bindgen_test]
async fn a_round_nobody_waits_for_any_more_is_not_kept() {
    let name = fresh("dropped");
    let host = BrowserHost::new(&name);
    assert!(host.round(false).now_or_never().is_none(), "asked, and given up");
    released(&name).await;
    assert!(host.round(false).await.is_some());
}

/// Resolves when the lock of that store is free.
async fn released(name: &str) {
    let name = JsValue::from_str(&format!("kf-sync:{name}"));
    awaited("return navigator.locks.request(a[0], () => {});", Array::of1(&name)).await;
}

#[wasm_bindgen_test]
async fn without_locks_every_tab_gets_its_round() {
    let name = fresh("no locks");
    let (one, two) = (BrowserHost::new(&name), BrowserHost::new(&name));
    let patch = patched(
        "Object.defineProperty(navigator, 'locks', { configurable: true, value: undefined });
         return () => { delete navigator.locks; };",
    );
    let rounds = (one.round(false).await, two.round(false).await);
    drop(patch);
    assert!(rounds.0.is_some() && rounds.1.is_some());
    let patch = patched(
        "const original = LockManager.prototype.request;
         LockManager.prototype.request = async () => { throw new DOMException('opaque origin', 'SecurityError'); };
         return () => { LockManager.prototype.request = original; };",
    );
    let round = one.round(false).await;
    drop(patch);
    assert!(round.is_some());
}

#[wasm_bindgen_test]
async fn a_host_works_without_channels_and_documents() {
    let patch = patched(
        "const original = globalThis.BroadcastChannel;
         globalThis.BroadcastChannel = undefined;
         return () => { globalThis.BroadcastChannel = original; };",
    );
    let host = BrowserHost::new(&fresh("bare"));
    drop(patch);
    let heard = listening(&host);
    host.announce();
    script("dispatchEvent(new Event('online'));");
    assert_eq!(*heard.borrow(), [Heard::Online]);
}

#[wasm_bindgen_test]
fn both_clocks_are_the_platforms_in_milliseconds() {
    let host = BrowserHost::new("clocks");
    let before = script("return [Date.now(), performance.now()]");
    let now = host.now();
    let after = script("return [Date.now(), performance.now()]");
    let (before, after) = (Array::from(&before), Array::from(&after));
    let within = |at: u32, value: i64| {
        let limit = |array: &Array| array.get(at).as_f64().unwrap() as i64;
        assert!((limit(&before)..=limit(&after)).contains(&value), "{value}");
    };
    within(0, now.wall);
    within(1, now.mono);
}

#[wasm_bindgen_test]
async fn sleep_ends_at_its_time_and_at_once_when_that_has_passed() {
    let host = BrowserHost::new("sleep");
    let start = host.now().mono;
    host.sleep_until(start - 1_000).await;
    host.sleep_until(i64::MIN).await;
    host.sleep_until(start + 30).await;
    // A timer may end within the millisecond before its time.
    assert!(host.now().mono >= start + 29);
}

#[wasm_bindgen_test]
async fn a_sleep_beyond_what_timers_take_does_not_end_at_once() {
    let host = BrowserHost::new("long sleep");
    for wait in [i64::from(i32::MAX) + 1, i64::from(u32::MAX) + 1, i64::MAX / 2] {
        let sleep = std::pin::pin!(host.sleep_until(wait));
        let either = futures_util::future::select(sleep, TimeoutFuture::new(20)).await;
        assert!(matches!(either, futures_util::future::Either::Right(_)), "{wait}");
    }
}

#[wasm_bindgen_test]
fn all_128_bits_are_random() {
    let host = BrowserHost::new("random");
    let draws: Vec<u128> = (0..64).map(|_| host.random()).collect();
    // A bit that is the same 64 times running is no random bit, with all but 2^-57 certainty for all of them.
    assert_eq!(draws.iter().fold(0, |seen, draw| seen | draw), u128::MAX);
    assert_eq!(draws.iter().fold(u128::MAX, |seen, draw| seen & draw), 0);
}

#[wasm_bindgen_test]
fn the_hint_is_offline_only_when_the_platform_says_so() {
    let hint_when = |value: &str| {
        let patch = patched(&format!(
            "Object.defineProperty(navigator, 'onLine', {{ configurable: true, get: () => {value} }});
             return () => {{ delete navigator.onLine; }};"
        ));
        let hint = online_hint();
        drop(patch);
        hint
    };
    assert!(hint_when("true"));
    assert!(!hint_when("false"));
    assert!(hint_when("undefined"));
}
