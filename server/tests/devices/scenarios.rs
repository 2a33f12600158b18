//! The three scenarios of the specification, word for word.

use serde_json::json;

use crate::world::{ask, run};

/// Scenario 1: two sessions are completed offline; back online both are pushed; no conflicts; the queue is empty.
#[test]
fn scenario_1_normal_sync_without_conflicts() {
    run(|world| async move {
        let desktop = world.device().await;
        desktop.wire.cut.set(true);
        desktop.save("session-1", 80).await;
        desktop.save("session-2", 90).await;
        assert_eq!(desktop.driver.status().pending, 2);

        desktop.wire.cut.set(false);
        let report = desktop.sync().await;
        assert_eq!((report.pushed, report.conflicts, report.failed), (2, 0, 0));

        let stored = ask(&desktop, "/api/sync/changes?since=0").await;
        assert_eq!(stored["sessions"].as_array().unwrap().len(), 2);
        assert!(desktop.driver.operations().await.unwrap().is_empty());
        assert_eq!(desktop.get("session-1").await["sync"], "synced");
        assert_eq!(desktop.driver.status().phase, "idle");
    });
}

/// Scenario 2: the same session is changed on two offline devices; the newer change wins, the older one is kept.
#[test]
fn scenario_2_conflict_on_the_same_session() {
    run(|world| async move {
        let a = world.device().await;
        a.save("session-x", 70).await;
        a.sync().await;
        let b = world.sibling(&a).await;
        assert_eq!(b.get("session-x").await["wpm"], 70);

        a.wire.cut.set(true);
        b.wire.cut.set(true);
        let older = a.update("session-x", json!({"wpm": 71})).await;
        // The next edit has a later stamp than the one before, whatever the clocks say.
        b.skew.set(1_000);
        let newer = b.update("session-x", json!({"wpm": 72})).await;
        assert!(newer["lastModified"].as_i64() > older["lastModified"].as_i64());

        a.wire.cut.set(false);
        assert_eq!(a.sync().await.conflicts, 0);
        b.wire.cut.set(false);
        let report = b.sync().await;
        assert_eq!((report.pushed, report.conflicts), (1, 1));
        assert_eq!(b.get("session-x").await["wpm"], 72);

        a.sync().await;
        assert_eq!(a.get("session-x").await["wpm"], 72);
        for device in [&a, &b] {
            let conflicts = device.driver.conflicts().unwrap();
            assert_eq!(conflicts.len(), 1);
            assert_eq!(conflicts[0]["remote"]["wpm"], 71);
            assert_eq!(conflicts[0]["local"]["wpm"], 72);
            assert_eq!(conflicts[0]["winner"], "local");
        }
    });
}

/// Scenario 3: the network fails in the middle of a request; the operation is marked, waits, and goes through.
#[test]
fn scenario_3_network_failure_during_sync() {
    run(|world| async move {
        let desktop = world.device().await;
        desktop.sync().await;
        desktop.save("session-1", 80).await;

        desktop.wire.lose_replies.set(1);
        let error = desktop.driver.sync().await.unwrap_err();
        assert_eq!(error.code(), "unreachable");
        let operations = desktop.driver.operations().await.unwrap();
        assert_eq!((operations.len(), operations[0]["attempts"].clone()), (1, json!(1)));
        assert!(operations[0]["error"].as_str().unwrap().contains("the answer was lost"));
        assert!(desktop.driver.status().next_attempt_at.is_some());

        let report = desktop.sync().await;
        assert_eq!((report.pushed, report.conflicts), (1, 0));
        assert!(desktop.driver.operations().await.unwrap().is_empty());
        let versions = ask(&desktop, "/api/sync/sessions/session-1/versions").await;
        let versions = versions["versions"].as_array().or(versions.as_array()).unwrap().clone();
        assert_eq!(versions.len(), 1, "the server has it once");
    });
}
