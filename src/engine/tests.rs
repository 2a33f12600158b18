//! What the room `engine` promises, one walk through the machine per test.

use super::*;
use crate::desk::{Desk, session};
use crate::error::TransportError;
use crate::wire::{Account, OpResult, Outcome, PullReply, PushReply};

struct Bench {
    desk: Desk,
    engine: Engine,
    now: Now,
}

impl Bench {
    fn new() -> Bench {
        let mut desk = Desk::new(1);
        let account = Account { user_id: "u".into(), device_id: "d".into(), token: "t".into() };
        desk.round(Progress::Join(account)).unwrap();
        let engine = Engine::new(desk.rules.clone(), true, true);
        Bench { desk, engine, now: Now { wall: 1_000_000, mono: 0 } }
    }

    fn feed(&mut self, event: Event) -> Vec<Effect> {
        self.engine.step(&self.desk.state, self.now, u64::MAX / 2, event)
    }

    fn at(&mut self, mono: Millis) -> &mut Bench {
        self.now = Now { wall: 1_000_000 + mono, mono };
        self.desk.wall = self.now.wall;
        self
    }

    /// Saves what the last effect asks for and answers it.
    fn save(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let Some(Effect::Commit(progress)) = effects.into_iter().last() else { panic!("nothing to save") };
        self.desk.round(progress).unwrap();
        self.feed(Event::Committed)
    }

    /// A round up to its first request.
    fn begin(&mut self) -> Vec<Effect> {
        let effects = self.feed(Event::SyncNow);
        assert!(matches!(effects.last(), Some(Effect::Lock { .. })), "{effects:?}");
        let effects = self.feed(Event::Locked(true));
        let effects = self.save(effects);
        if matches!(effects.last(), Some(Effect::Commit(Progress::Sending(_)))) {
            self.save(effects)
        } else {
            effects
        }
    }

    fn pulled(&mut self) -> Vec<Effect> {
        let effects = self.feed(Event::Pulled(Ok((Box::default(), 0))));
        self.save(effects)
    }

    /// The end of a round that had nothing to do.
    fn whole_round(&mut self) -> Vec<Effect> {
        let effects = self.begin();
        assert_eq!(effects, [Effect::Pull]);
        let effects = self.pulled();
        self.save(effects)
    }

    fn answer(&mut self, ops: &[String], outcome: Outcome) -> Event {
        let sent = ops.iter().map(|id| (id.clone(), self.desk.content(&self.desk.state.queue[id]))).collect();
        let result = |op: &String| OpResult {
            op: Some(op.clone()),
            id: "a".into(),
            outcome,
            first: None,
            version: None,
            code: None,
            error: None,
            clock_skew_ms: None,
        };
        let reply = PushReply { results: ops.iter().map(result).collect(), ..PushReply::default() };
        Event::Pushed(Ok(Progress::Pushed { sent, reply: Box::new(reply), sent_at: 0 }))
    }
}

fn wake(effects: &[Effect]) -> Option<Millis> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::WakeAt(at) => Some(*at),
        _ => None,
    })?
}

fn unreachable(status: Option<u16>, retry_after: Option<Millis>) -> TransportError {
    TransportError::Unreachable { why: "broken".into(), retry_after, status }
}

fn pushing(effects: &[Effect]) -> Vec<String> {
    match effects.last() {
        Some(Effect::Push(ops)) => ops.clone(),
        other => panic!("not a push: {other:?}"),
    }
}

#[test]
fn a_store_without_a_server_never_tries() {
    let desk = Desk::new(1);
    let mut engine = Engine::new(desk.rules.clone(), false, true);
    assert_eq!(engine.step(&desk.state, Now::default(), 0, Event::Saved), [Effect::WakeAt(None)]);
    assert_eq!(engine.phase(), Phase::LocalOnly);
}

#[test]
fn an_edit_is_sent_after_the_debounce() {
    let mut bench = Bench::new();
    bench.whole_round();
    bench.at(20_000).desk.put("a", session(80)).unwrap();
    assert_eq!(wake(&bench.feed(Event::Saved)), Some(20_500));
    assert!(matches!(bench.at(20_500).feed(Event::Woke).last(), Some(Effect::Lock { .. })));
}

#[test]
fn rounds_start_at_least_five_seconds_apart() {
    let mut bench = Bench::new();
    bench.whole_round();
    bench.at(100).desk.put("a", session(80)).unwrap();
    assert_eq!(wake(&bench.feed(Event::Saved)), Some(5_000));
}

#[test]
fn a_network_that_comes_back_must_hold_for_two_seconds() {
    let mut bench = Bench::new();
    bench.whole_round();
    bench.at(10_000).feed(Event::Offline);
    assert_eq!(wake(&bench.at(11_000).feed(Event::Online)), Some(13_000));
}

#[test]
fn offline_is_a_hint_and_is_probed_every_minute() {
    let mut bench = Bench::new();
    bench.whole_round();
    bench.at(10_000).feed(Event::Offline);
    bench.desk.put("a", session(80)).unwrap();
    assert_eq!(wake(&bench.feed(Event::Saved)), Some(60_000));
    assert!(matches!(bench.at(60_000).feed(Event::Woke).last(), Some(Effect::Lock { .. })));
}

#[test]
fn a_round_drains_the_queue_in_tens_and_then_pulls() {
    let mut bench = Bench::new();
    for id in 0..25 {
        bench.desk.put(&format!("{id:02}"), session(80)).unwrap();
    }
    let mut effects = bench.begin();
    let mut sizes = Vec::new();
    while let Some(Effect::Push(_)) = effects.last() {
        let ops = pushing(&effects);
        sizes.push(ops.len());
        assert_eq!(bench.engine.in_flight(), ops);
        let answer = bench.answer(&ops, Outcome::Applied);
        let settle = bench.feed(answer);
        effects = bench.save(settle);
        if matches!(effects.last(), Some(Effect::Commit(Progress::Sending(_)))) {
            effects = bench.save(effects);
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(effects, [Effect::Pull]);
    let effects = bench.pulled();
    let effects = bench.save(effects);
    let Some(Effect::Report(report)) = effects.iter().find(|effect| matches!(effect, Effect::Report(_)))
    else {
        panic!("no report")
    };
    assert_eq!((report.pushed, report.failed, &report.error), (25, 0, &None));
    assert!(bench.desk.state.head.last_synced_at.is_some());
}

#[test]
fn what_is_sent_is_marked_on_disk_before() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    let effects = bench.begin();
    let ops = pushing(&effects);
    assert!(bench.desk.state.queue[&ops[0]].sent);
}

#[test]
fn a_failure_backs_off_and_the_wait_survives_a_restart() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    let effects = bench.begin();
    let ops = pushing(&effects);
    let effects = bench.feed(Event::Pushed(Err(unreachable(None, None))));
    let effects = bench.save(effects);
    assert_eq!(wake(&effects), Some(5_000), "the throttle is longer than the first back-off");
    let mut waits = Vec::new();
    for _ in 0..6 {
        let mut fresh = Engine::new(bench.desk.rules.clone(), true, true);
        let retry_at = bench.desk.state.head.retry_at.unwrap();
        bench.desk.wall = retry_at;
        waits.push(retry_at - bench.now.wall);
        let at = wake(&fresh.step(&bench.desk.state, bench.now, 0, Event::Ready)).unwrap();
        assert_eq!(at - bench.now.mono, retry_at - bench.now.wall);
        bench.now = Now { wall: retry_at, mono: bench.now.mono + 100_000 };
        bench.engine = fresh;
        let effects = bench.begin();
        assert_eq!(pushing(&effects), ops);
        let effects = bench.feed(Event::Pushed(Err(unreachable(None, None))));
        bench.save(effects);
    }
    assert_eq!(waits, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    assert_eq!(bench.desk.state.queue[&ops[0]].attempts, 7);
}

#[test]
fn the_servers_wish_to_wait_is_kept() {
    let mut bench = Bench::new();
    bench.begin();
    let effects = bench.feed(Event::Pulled(Err(unreachable(Some(429), Some(90_000)))));
    let effects = bench.save(effects);
    assert_eq!(wake(&effects), Some(90_000));
}

#[test]
fn a_refused_token_stops_the_sync_until_there_is_a_new_one() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    bench.begin();
    let effects = bench.feed(Event::Pushed(Err(TransportError::NotSignedIn)));
    let effects = bench.save(effects);
    assert_eq!((bench.engine.phase(), wake(&effects)), (Phase::AuthRequired, None));
    assert_eq!(bench.desk.ops()[0].attempts, 0);
    bench.desk.state.head.auth_required = false;
    assert!(matches!(bench.at(9_000).feed(Event::Ready).last(), Some(Effect::Lock { .. })));
}

#[test]
fn a_batch_the_server_refuses_is_halved_until_one_is_parked() {
    for error in [
        TransportError::TooLarge("big".into()),
        TransportError::Refused { code: "invalid".into(), why: "bad".into(), status: 422 },
    ] {
        let mut bench = Bench::new();
        for id in ["a", "b", "c", "d"] {
            bench.desk.put(id, session(80)).unwrap();
        }
        let mut effects = bench.begin();
        let mut sizes = Vec::new();
        while let Some(Effect::Push(_)) = effects.last() {
            sizes.push(pushing(&effects).len());
            effects = bench.feed(Event::Pushed(Err(error.clone())));
        }
        assert_eq!(sizes, [4, 2, 1]);
        effects = bench.save(effects);
        assert_eq!(pushing(&effects).len(), 3, "the others go on");
        assert_eq!(bench.desk.ops().iter().filter(|op| op.parked()).count(), 1);
    }
}

#[test]
fn a_reply_that_settles_nothing_is_a_failure_not_a_loop() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    bench.begin();
    let answer = bench.answer(&[], Outcome::Applied);
    let effects = bench.feed(answer);
    assert!(matches!(effects.last(), Some(Effect::Commit(Progress::Failed { .. }))));
}

#[test]
fn nothing_is_sent_when_the_device_cannot_save() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    bench.feed(Event::SyncNow);
    bench.feed(Event::Locked(true));
    let error = LastError { code: "storageFull".into(), message: "full".into(), at: 0 };
    let effects = bench.feed(Event::StoreFailed(error.clone()));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Report(report) if report.error.as_ref() == Some(&error)))
    );
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Push(_))));
    assert!(wake(&effects).is_some_and(|at| at > 0));
}

#[test]
fn a_round_fenced_by_another_tab_ends_and_comes_back() {
    let mut bench = Bench::new();
    bench.begin();
    let effects = bench.feed(Event::Fenced);
    assert!(effects.contains(&Effect::Unlock) && wake(&effects).is_some());
    assert!(bench.feed(Event::Pulled(Ok((Box::default(), 0)))).is_empty(), "a late reply is ignored");
}

#[test]
fn a_tab_that_does_not_get_the_right_asks_again_soon() {
    let mut bench = Bench::new();
    bench.feed(Event::SyncNow);
    assert_eq!(wake(&bench.feed(Event::Locked(false))), Some(1_000));
}

#[test]
fn the_right_is_taken_from_a_tab_whose_lease_lapsed_a_minute_ago() {
    let mut bench = Bench::new();
    bench.desk.state.head.lease_until = 1_000_000;
    let steals = |effects: &[Effect]| effects.contains(&Effect::Lock { steal: true });
    assert!(!steals(&bench.at(60_000).feed(Event::SyncNow)));
    let mut bench = Bench::new();
    bench.desk.state.head.lease_until = 1_000_000;
    assert!(steals(&bench.at(60_001).feed(Event::SyncNow)));
}

#[test]
fn an_unknown_device_registers_before_it_pushes() {
    let mut bench = Bench::new();
    bench.desk = Desk::new(1);
    bench.desk.put("a", session(80)).unwrap();
    assert_eq!(bench.begin(), [Effect::Register]);
    let account = Account { user_id: "u".into(), device_id: "d".into(), token: "t".into() };
    let effects = bench.feed(Event::Registered(Ok(account)));
    let effects = bench.save(effects);
    let effects = bench.save(effects);
    assert_eq!(pushing(&effects).len(), 1);
}

#[test]
fn pages_are_pulled_until_the_last() {
    let mut bench = Bench::new();
    bench.begin();
    let page = PullReply { has_more: true, ..PullReply::default() };
    let effects = bench.feed(Event::Pulled(Ok((Box::new(page), 0))));
    assert_eq!(bench.save(effects), [Effect::Pull]);
    let effects = bench.pulled();
    assert_eq!(effects, [Effect::Commit(Progress::Done)]);
}

#[test]
fn an_edit_made_during_a_pull_goes_with_the_same_round() {
    let mut bench = Bench::new();
    bench.begin();
    bench.desk.put("a", session(80)).unwrap();
    let effects = bench.pulled();
    assert!(matches!(effects.last(), Some(Effect::Commit(Progress::Sending(_)))));
}

#[test]
fn an_operation_that_cannot_be_read_is_parked_and_blocks_nothing() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    bench.desk.put("b", session(80)).unwrap();
    let effects = bench.begin();
    let op = pushing(&effects)[0].clone();
    let effects = bench.feed(Event::Unreadable { op: op.clone(), message: "damaged".into() });
    let effects = bench.save(effects);
    assert_eq!(pushing(&effects).len(), 1);
    assert!(bench.desk.state.queue[&op].parked());
}

#[test]
fn a_closed_engine_does_nothing_any_more() {
    let mut bench = Bench::new();
    bench.feed(Event::Closed);
    assert_eq!(bench.engine.phase(), Phase::Closed);
    for event in [Event::SyncNow, Event::Saved, Event::Woke] {
        assert!(bench.feed(event).is_empty());
    }
}

#[test]
fn a_device_without_a_token_that_is_refused_tries_again() {
    let mut bench = Bench::new();
    bench.desk.state.head.account = None;
    let effects = bench.feed(Event::Ready);
    assert!(matches!(effects.last(), Some(Effect::Lock { .. })));
    let effects = bench.feed(Event::Locked(true));
    bench.save(effects);
    let effects = bench.feed(Event::Registered(Err(TransportError::NotSignedIn)));
    let effects = bench.save(effects);
    assert!(wake(&effects).is_some());
    assert!(!bench.desk.state.head.auth_required);
}

#[test]
fn a_clock_that_went_back_behind_the_failure_does_not_put_off_the_retry() {
    let mut bench = Bench::new();
    bench.desk.put("a", session(80)).unwrap();
    bench.begin();
    let effects = bench.feed(Event::Pushed(Err(unreachable(None, Some(60_000)))));
    bench.save(effects);
    let failed_at = bench.now.wall;
    bench.at(10_000).now.wall = failed_at - 1;
    assert!(matches!(bench.feed(Event::Woke).last(), Some(Effect::Lock { .. })));
}
