//! What goes wrong outside, and what must be true all the same.

use keyflow_sync::seam::{Row, Store, Table};
use serde_json::json;

use crate::world::{ask, run};

#[test]
fn every_lost_reply_is_made_good_and_nothing_is_there_twice() {
    run(|world| async move {
        let device = world.device().await;
        device.sync().await;
        for round in 0..10 {
            for n in 0..3 {
                device.save(&format!("{round}-{n}"), 60 + n).await;
            }
            device.wire.lose_replies.set(1 + round % 2);
            let _ = device.driver.sync().await;
        }
        device.wire.lose_replies.set(0);
        device.sync().await;
        let fresh = world.sibling(&device).await;
        assert_eq!((device.driver.status().pending, fresh.ids().len()), (0, 30));
        assert_eq!(fresh.ids(), device.ids());
        assert!(fresh.driver.conflicts().unwrap().is_empty());
    });
}

#[test]
fn a_restart_at_any_point_of_a_push_loses_nothing() {
    run(|world| async move {
        let mut device = world.device().await;
        for n in 0..25 {
            device.save(&format!("{n:02}"), 70).await;
            if n % 5 == 0 {
                let pushing = device.driver.clone();
                let round = tokio::task::spawn_local(async move { pushing.sync().await.map(|_| ()) });
                tokio::task::yield_now().await;
                device.restart().await;
                round.abort();
            }
        }
        device.sync().await;
        let fresh = world.sibling(&device).await;
        assert_eq!(fresh.ids().len(), 25);
        assert!(fresh.driver.conflicts().unwrap().is_empty());
    });
}

#[test]
fn a_server_that_was_away_finds_everything_when_it_is_back() {
    run(|world| async move {
        let device = world.device().await;
        device.save("a", 70).await;
        device.sync().await;
        world.stop().await;
        device.save("b", 80).await;
        assert_eq!(device.driver.sync().await.unwrap_err().code(), "unreachable");
        assert_eq!(device.get("b").await["sync"], "queued");
        world.start().await;
        device.sync().await;
        assert_eq!(device.get("b").await["sync"], "synced");
    });
}

#[test]
fn a_device_from_the_year_2099_cannot_win_for_ever() {
    run(|world| async move {
        let broken = world.device().await;
        broken.skew.set(73 * 365 * 24 * 3_600_000);
        broken.save("x", 70).await;
        broken.sync().await;
        let good = world.sibling(&broken).await;
        good.update("x", json!({"note": "made later, by a good clock"})).await;
        good.sync().await;
        broken.sync().await;
        assert_eq!(broken.get("x").await["note"], "made later, by a good clock");
        broken.update("x", json!({"note": "and this on top of it"})).await;
        broken.sync().await;
        good.sync().await;
        assert_eq!(good.get("x").await["note"], "and this on top of it");
        for device in [&broken, &good] {
            assert!(device.driver.conflicts().unwrap().is_empty());
        }
    });
}

#[test]
fn a_session_the_server_refuses_is_parked_and_the_others_go_on() {
    run(|world| async move {
        let device = world.device().await;
        device.save("good", 70).await;
        // What a version with other rules might have stored: the record itself is not valid any more.
        device.save("bad", 70).await;
        let head = device.store.read(&[(Table::Meta, "head".into())]).await.unwrap().remove(0);
        let bodies = device.store.scan(Table::Body, "", "~", 100).await.unwrap();
        let (key, text) = bodies.into_iter().find(|(key, _)| key.ends_with("/bad")).unwrap();
        let mut body: serde_json::Value = serde_json::from_str(&text).unwrap();
        body["accuracy"] = json!(400);
        let rows = vec![
            Row { table: Table::Body, key, value: Some(body.to_string()) },
            Row { table: Table::Meta, key: "head".into(), value: head.clone() },
        ];
        let durability = keyflow_sync::seam::Durability::Strict;
        device.store.commit(&keyflow_sync::seam::Write { expects: head, rows, durability }).await.unwrap();

        let report = device.sync().await;
        assert_eq!((report.pushed, report.failed), (1, 1));
        let parked = device.driver.operations().await.unwrap();
        assert_eq!((parked.len(), parked[0]["status"].clone()), (1, json!("failed")));
        assert!(parked[0]["error"].as_str().unwrap().contains("accuracy"));
        assert_eq!(device.get("bad").await["sync"], "parked");
        assert_eq!(device.get("good").await["sync"], "synced");
    });
}

#[test]
fn a_revoked_device_keeps_its_data_and_sends_it_once_it_is_linked_again() {
    run(|world| async move {
        let first = world.device().await;
        first.save("a", 70).await;
        first.sync().await;
        let second = world.sibling(&first).await;
        let id = second.driver.account().unwrap().device_id;
        first.driver.revoke(&id).await.unwrap();
        second.save("b", 80).await;
        assert_eq!(second.driver.sync().await.unwrap_err().code(), "authRequired");
        assert_eq!((second.driver.status().phase, second.driver.status().parked), ("authRequired", 0));
        assert_eq!(second.ids(), ["a", "b"]);
        second.driver.link(&first.driver.link_code().await.unwrap().code).await.unwrap();
        second.sync().await;
        first.sync().await;
        assert_eq!(first.ids(), ["a", "b"]);
    });
}

#[test]
fn a_device_shut_out_joins_again_though_bodies_are_only_in_the_cloud() {
    run(|world| async move {
        let a = world.device().await;
        let mut b = world.sibling(&a).await;
        b.rules.options.cache_sessions = 0;
        b.restart().await;
        b.save("old", 70).await;
        b.sync().await;
        a.sync().await;
        // Bodies go with the next change a round makes.
        b.sync().await;
        assert!(b.store.scan(Table::Body, "", "~", 10).await.unwrap().is_empty());
        a.driver.revoke(&b.driver.account().unwrap().device_id).await.unwrap();
        b.save("new", 70).await;
        assert_eq!(b.driver.sync().await.unwrap_err().code(), "authRequired");
        b.driver.link(&a.driver.link_code().await.unwrap().code).await.unwrap();
        b.sync().await;
        a.sync().await;
        assert_eq!((a.ids(), b.ids()), (vec!["new".to_owned(), "old".to_owned()], a.ids()));
        assert_eq!(b.get("old").await["wpm"], 70);
    });
}

#[test]
fn a_device_that_joins_another_user_brings_all_its_sessions() {
    run(|world| async move {
        let (ours, theirs) = (world.device().await, world.device().await);
        ours.save("ours", 70).await;
        ours.sync().await;
        theirs.save("theirs", 80).await;
        theirs.sync().await;
        theirs.save("not sent yet", 90).await;
        theirs.driver.link(&ours.driver.link_code().await.unwrap().code).await.unwrap();
        theirs.sync().await;
        ours.sync().await;
        assert_eq!(ours.ids(), ["not sent yet", "ours", "theirs"]);
        assert_eq!(theirs.ids(), ours.ids());
    });
}

#[test]
fn an_old_session_is_fetched_when_its_body_is_only_in_the_cloud() {
    run(|world| async move {
        let device = world.device().await;
        for n in 0..120 {
            let mut fields = crate::world::session(70);
            fields.insert("timestamp".into(), json!(1_000 + n));
            device.driver.save(&format!("{n:03}"), fields, false).await.unwrap();
        }
        device.sync().await;
        // Bodies go with the next change a round makes.
        device.save("one more", 70).await;
        device.sync().await;
        assert_eq!(device.ids().len(), 121);
        let bodies = device.store.scan(Table::Body, "", "~", 1_000).await.unwrap().len();
        assert!(bodies < 121, "{bodies} bodies are here");
        assert_eq!(device.get("000").await["text"], "The quick brown fox");
        device.update("001", json!({"note": "an old one"})).await;
        device.sync().await;
        assert_eq!(device.get("001").await["note"], "an old one");
    });
}

#[test]
fn everything_comes_back_from_an_export() {
    run(|world| async move {
        let device = world.device().await;
        device.save("sent", 70).await;
        device.sync().await;
        device.save("not sent", 80).await;
        let export = device.driver.export_all().await.unwrap();
        let other = world.device().await;
        let report = other.driver.import_all(export.clone()).await.unwrap();
        assert_eq!((report.imported, report.operations, report.unchanged), (1, 1, 0));
        let again = other.driver.import_all(export).await.unwrap();
        assert_eq!((again.imported, again.operations), (0, 0));
        other.sync().await;
        assert_eq!(other.ids(), ["not sent", "sent"]);
        device.driver.clear().await.unwrap();
        assert!(device.ids().is_empty());
    });
}

#[test]
fn signing_out_keeps_what_was_not_sent_for_the_next_sign_in() {
    run(|world| async move {
        let device = world.device().await;
        device.sync().await;
        let token = device.driver.account().unwrap().token;
        device.save("a", 70).await;
        device.driver.sign_out().await.unwrap();
        assert_eq!(device.driver.sync().await.unwrap_err().code(), "localOnly");
        assert_eq!(device.get("a").await["sync"], "local");
        device.driver.set_token(token).await.unwrap();
        device.driver.when_synced("a", Some(20_000)).await.unwrap();
        assert_eq!(device.get("a").await["sync"], "synced");
    });
}

#[test]
fn the_timeline_joins_what_device_and_server_know_of_an_operation() {
    run(|world| async move {
        let device = world.device().await;
        device.save("a", 70).await;
        device.sync().await;
        let lines = device.driver.timeline("a").await.unwrap();
        let told: Vec<_> = lines.iter().map(|line| (line.source, line.outcome.as_str())).collect();
        for expected in [("device", "queued"), ("device", "applied"), ("server", "applied")] {
            assert!(told.contains(&expected), "{expected:?} is missing in {told:?}");
        }
        let ops: std::collections::BTreeSet<_> = lines.iter().map(|line| line.op.clone()).collect();
        assert_eq!(ops.len(), 1, "all lines are about the one operation");
    });
}

#[test]
fn rows_that_cannot_be_read_are_set_aside_and_nothing_is_lost() {
    run(|world| async move {
        let mut device = world.device().await;
        device.save("sent", 70).await;
        device.sync().await;
        device.save("not sent", 80).await;
        let head = device.store.read(&[(Table::Meta, "head".into())]).await.unwrap().remove(0);
        let op = device.store.scan(Table::Op, "", "~", 10).await.unwrap().remove(0).0;
        let torn = |table, key: &str| Row { table, key: key.into(), value: Some("{\"torn".into()) };
        let rows = vec![
            torn(Table::Index, "session/sent"),
            torn(Table::Index, "session/not sent"),
            torn(Table::Op, &op),
            torn(Table::Meta, "head"),
        ];
        let durability = keyflow_sync::seam::Durability::Strict;
        device.driver.close();
        device.store = device.store.clone();
        device.store.commit(&keyflow_sync::seam::Write { expects: head, rows, durability }).await.unwrap();
        device.restart().await;
        assert_eq!((device.driver.damaged().await.unwrap().len(), device.driver.status().damaged), (4, 4));
        assert_eq!(device.get("sent").await["wpm"], 70);
        assert_eq!(device.get("not sent").await["wpm"], 80);
        assert_eq!(device.driver.operations().await.unwrap().len(), 1);
    });
}

#[test]
fn the_server_log_names_every_operation_once() {
    run(|world| async move {
        let device = world.device().await;
        for n in 0..12 {
            device.save(&format!("{n}"), 70).await;
        }
        device.sync().await;
        let log = ask(&device, "/api/sync/log?limit=500").await;
        let applied = |line: &&serde_json::Value| line["outcome"] == "applied";
        assert_eq!(log["entries"].as_array().unwrap().iter().filter(applied).count(), 12);
    });
}
