//! Conflicts as people meet them: the same inbox everywhere, one entry a pair, one call to settle it.

use std::collections::BTreeMap;

use keyflow_sync::edit::Choice;
use keyflow_sync::model::Strategy;
use serde_json::{Value, json};

use crate::world::{Device, World, run};

/// Two devices of one user that both changed the note of the same session; `b` later, and pushed second.
async fn pair(world: &World, strategy: Strategy) -> (Device, Device) {
    let a = world.device_with(strategy).await;
    a.save("x", 70).await;
    a.sync().await;
    let b = world.sibling(&a).await;
    a.update("x", json!({"note": "from a"})).await;
    b.skew.set(1_000);
    b.update("x", json!({"note": "from b", "tags": ["b"]})).await;
    a.sync().await;
    b.sync().await;
    a.sync().await;
    (a, b)
}

fn only_conflict(device: &Device) -> Value {
    let conflicts = device.driver.conflicts().unwrap();
    assert_eq!(conflicts.len(), 1);
    conflicts[0].clone()
}

async fn settle(a: &Device, b: &Device, choice: Choice) {
    let id = only_conflict(a)["id"].as_str().unwrap().to_owned();
    a.driver.resolve(&id, choice, BTreeMap::new()).await.unwrap();
    a.sync().await;
    b.sync().await;
    for device in [a, b] {
        assert!(device.driver.conflicts().unwrap().is_empty());
        assert_eq!(device.get("x").await["sync"], "synced");
    }
    assert_eq!(a.get("x").await["version"], b.get("x").await["version"]);
}

#[test]
fn the_loser_is_restored_with_one_call() {
    run(|world| async move {
        let (a, b) = pair(&world, Strategy::LastWriteWins).await;
        assert_eq!(
            (a.get("x").await["note"].clone(), only_conflict(&a)),
            (json!("from b"), only_conflict(&b))
        );
        settle(&a, &b, Choice::Remote).await;
        assert_eq!(b.get("x").await["note"], "from a");
    });
}

#[test]
fn the_winner_is_confirmed_with_one_call() {
    run(|world| async move {
        let (a, b) = pair(&world, Strategy::LastWriteWins).await;
        settle(&a, &b, Choice::Local).await;
        assert_eq!(b.get("x").await["note"], "from b");
    });
}

#[test]
fn with_the_manual_strategy_nothing_changes_before_the_choice() {
    run(|world| async move {
        let (a, b) = pair(&world, Strategy::Manual).await;
        for device in [&a, &b] {
            assert_eq!(device.get("x").await["note"], "from a");
            assert_eq!(device.get("x").await["sync"], "conflict");
        }
        settle(&a, &b, Choice::Merge).await;
        let merged = b.get("x").await;
        assert_eq!((merged["note"].clone(), merged["tags"].clone()), (json!("from b"), json!(["b"])));
    });
}

#[test]
fn field_by_field_only_what_both_touched_is_a_conflict() {
    run(|world| async move {
        let (a, b) = pair(&world, Strategy::FieldLevel).await;
        assert_eq!(only_conflict(&a), only_conflict(&b));
        let a_only = world.device_with(Strategy::FieldLevel).await;
        a_only.save("y", 70).await;
        a_only.sync().await;
        let b_only = world.sibling(&a_only).await;
        a_only.update("y", json!({"note": "n"})).await;
        b_only.update("y", json!({"tags": ["t"]})).await;
        a_only.sync().await;
        b_only.sync().await;
        a_only.sync().await;
        for device in [&a_only, &b_only] {
            let y = device.get("y").await;
            assert_eq!((y["note"].clone(), y["tags"].clone()), (json!("n"), json!(["t"])));
            assert!(device.driver.conflicts().unwrap().is_empty());
        }
    });
}

#[test]
fn a_deletion_against_an_edit_is_a_conflict() {
    run(|world| async move {
        let a = world.device().await;
        a.save("x", 70).await;
        a.sync().await;
        let b = world.sibling(&a).await;
        a.update("x", json!({"note": "worth keeping"})).await;
        b.skew.set(1_000);
        b.driver.remove("x").await.unwrap();
        a.sync().await;
        b.sync().await;
        a.sync().await;
        assert!(a.ids().is_empty());
        settle_deleted(&a, &b).await;
    });
}

async fn settle_deleted(a: &Device, b: &Device) {
    let conflict = only_conflict(a);
    assert!(conflict["conflictFields"].as_array().unwrap().contains(&json!("deleted")));
    let id = conflict["id"].as_str().unwrap();
    a.driver.resolve(id, Choice::Remote, BTreeMap::new()).await.unwrap();
    a.sync().await;
    b.sync().await;
    for device in [a, b] {
        assert_eq!(device.get("x").await["note"], "worth keeping");
        assert_eq!(device.ids(), ["x"]);
    }
}

#[test]
fn settings_of_two_devices_merge_key_by_key() {
    run(|world| async move {
        let a = world.device().await;
        a.driver.set_settings(crate::world::fields(json!({"theme": "dark"}))).await.unwrap();
        a.sync().await;
        let b = world.sibling(&a).await;
        a.driver.set_settings(crate::world::fields(json!({"sound": true}))).await.unwrap();
        b.driver.set_settings(crate::world::fields(json!({"font": 18}))).await.unwrap();
        a.sync().await;
        b.sync().await;
        a.sync().await;
        for device in [&a, &b] {
            let settings = device.driver.settings().await.unwrap();
            assert_eq!(
                serde_json::Value::Object(settings),
                json!({"theme": "dark", "sound": true, "font": 18})
            );
            assert!(device.driver.conflicts().unwrap().is_empty());
        }
    });
}
