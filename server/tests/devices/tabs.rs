//! Several tabs on one store are as one device.

use serde_json::json;

use crate::world::run;

#[test]
fn tabs_that_save_at_the_same_time_lose_nothing() {
    run(|world| async move {
        let a = world.device().await;
        let b = a.tab().await;
        // Each tab begins with a round; none follows by itself.
        a.sync().await;
        b.sync().await;
        let save = |device: &crate::world::Device, name: &'static str| {
            let driver = device.driver.clone();
            tokio::task::spawn_local(async move {
                for n in 0..40 {
                    driver.save(&format!("{name}{n:02}"), crate::world::session(70), false).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        };
        let (one, two) = (save(&a, "a"), save(&b, "b"));
        one.await.unwrap();
        two.await.unwrap();
        let fresh = a.tab().await;
        assert_eq!((fresh.ids().len(), fresh.driver.status().pending), (80, 80));
        a.sync().await;
        assert_eq!(world.sibling(&a).await.ids(), fresh.ids());
    });
}

#[test]
fn an_edit_in_one_tab_is_made_on_top_of_what_the_other_wrote() {
    run(|world| async move {
        let a = world.device().await;
        let b = a.tab().await;
        a.save("x", 70).await;
        b.update("x", json!({"note": "from the other tab"})).await;
        a.update("x", json!({"tags": ["t"]})).await;
        for tab in [&a, &b.tab().await] {
            let x = tab.get("x").await;
            assert_eq!((x["note"].clone(), x["tags"].clone()), (json!("from the other tab"), json!(["t"])));
        }
        a.sync().await;
        assert!(a.driver.conflicts().unwrap().is_empty());
    });
}

#[test]
fn an_edit_in_one_tab_during_the_upload_of_another_stays_queued() {
    run(|world| async move {
        let a = world.device().await;
        let b = a.tab().await;
        a.sync().await;
        b.sync().await;
        a.save("x", 70).await;
        a.wire.lose_replies.set(1);
        // The round of one tab ends without an answer; the other tab edits what may have arrived.
        assert!(a.driver.sync().await.is_err());
        b.update("x", json!({"note": "meanwhile"})).await;
        assert_eq!(b.driver.status().pending, 2);
        a.sync().await;
        b.sync().await;
        let fresh = world.sibling(&a).await;
        assert_eq!(fresh.get("x").await["note"], "meanwhile");
        assert!(fresh.driver.conflicts().unwrap().is_empty());
    });
}

#[test]
fn two_rounds_at_once_do_no_harm() {
    run(|world| async move {
        let a = world.device().await;
        let b = a.tab().await;
        for n in 0..30 {
            a.save(&format!("{n:02}"), 70).await;
        }
        // The test's host lets both begin; the one that began first finds itself fenced, and comes back.
        let (one, two) = tokio::join!(a.driver.sync(), b.driver.sync());
        one.unwrap();
        two.unwrap();
        let fresh = world.sibling(&a).await;
        assert_eq!(fresh.ids().len(), 30);
        assert!(fresh.driver.conflicts().unwrap().is_empty());
    });
}
