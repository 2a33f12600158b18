//! Practice time: of the sessions, and of what was typed and thrown away.

use serde_json::json;

use crate::world::{Device, ask, fields, run};

async fn save(device: &Device, id: &str, ms: f64) {
    let mut session = crate::world::session(70);
    session.insert("data".into(), json!({"durationMs": ms, "tzOffsetMin": 60, "valid": true}));
    device.driver.save(id, session, false).await.unwrap();
}

#[test]
fn every_device_and_the_server_count_the_same_practice() {
    run(|world| async move {
        let a = world.device().await;
        let b = world.sibling(&a).await;
        save(&a, "x", 60_000.5).await;
        save(&b, "y", 30_000.0).await;
        // One minute before midnight in UTC is the next day for this user.
        let late = 1_704_067_140_000;
        a.driver.give_up("gone", 7_000, late, 60).await.unwrap();
        b.driver.give_up("gone too", 2_000, late, 60).await.unwrap();
        a.driver.give_up("and again", 1_000, late, -60).await.unwrap();
        for _ in 0..2 {
            a.sync().await;
            b.sync().await;
        }
        let totals = a.driver.progress();
        assert_eq!((totals.practice_ms, totals.total_sessions), (100_000, 2));
        assert_eq!(
            totals.practice_by_day,
            [("2024-01-01".to_owned(), 99_000), ("2023-12-31".to_owned(), 1_000)].into()
        );
        assert_eq!(b.driver.progress(), totals);
        let page = ask(&a, "/api/sync/changes?since=0").await;
        assert_eq!(page["progress"]["practiceMs"], 100_000);
        // What was typed in a session goes with it; what left none stays.
        b.driver.remove("x").await.unwrap();
        b.driver.update("y", fields(json!({"excludedFromStats": true}))).await.unwrap();
        b.sync().await;
        let page = ask(&a, "/api/sync/changes?since=0").await;
        assert_eq!(
            (&page["progress"]["practiceMs"], &page["progress"]["totalSessions"]),
            (&json!(40_000), &json!(0))
        );
        assert_eq!(b.driver.progress().practice_ms, 40_000);
    });
}
