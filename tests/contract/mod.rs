//! What every store promises, as functions that any adapter runs: `all(make)`, where `make(name)` opens a handle.
//!
//! The same name is the same store, another name another one. No function depends on another one's rows.

#![allow(clippy::unwrap_used, reason = "a broken promise fails the test that runs this")]

use futures_util::future::join_all;
use keyflow_sync::error::StoreError;
use keyflow_sync::seam::{Durability, HEAD, Row, Store, Table, Write};

/// Runs every promise on a store of its own.
pub async fn all<S: Store>(make: impl AsyncFn(&str) -> S) {
    a_fresh_store_is_empty(&make("fresh").await).await;
    a_commit_is_found_by_read_load_and_scan(&make("found").await).await;
    both_durabilities_write(&make("durability").await).await;
    a_commit_on_an_old_head_is_stale_and_changes_nothing(&make("stale").await).await;
    a_head_where_none_is_expected_is_stale(&make("unexpected head").await).await;
    a_missing_head_where_one_is_expected_is_stale(&make("missing head").await).await;
    heads_are_compared_byte_by_byte(&make("bytes").await).await;
    a_row_is_replaced_whole(&make("replace").await).await;
    a_deleted_row_is_gone_and_deleting_nothing_is_no_error(&make("delete").await).await;
    the_head_can_be_deleted(&make("headless").await).await;
    a_commit_of_the_head_alone_is_enough(&make("head only").await).await;
    a_commit_without_rows_only_compares(&make("no rows").await).await;
    tables_do_not_mix(&make("tables").await).await;
    scan_sorts_by_key_and_ends_before_to(&make("scan").await).await;
    scan_stops_at_its_limit(&make("limit").await).await;
    a_scan_of_an_empty_or_backward_range_finds_nothing(&make("backward").await).await;
    read_answers_in_the_order_asked_also_twice_and_never(&make("order").await).await;
    load_is_complete_sorted_and_leaves_out_the_other_tables(&make("load").await).await;
    every_text_comes_back_as_it_was(&make("texts").await).await;
    a_value_of_a_mebibyte_comes_back_whole(&make("mebibyte").await).await;
    a_thousand_rows_are_one_write(&make("thousand").await).await;
    of_ten_concurrent_commits_exactly_one_wins_each_head(&make("race").await).await;
    commits_that_are_not_awaited_in_between_run_in_order(&make("burst").await).await;
    two_handles_see_each_others_commits(make("handles").await, make("handles").await).await;
    a_load_during_commits_shows_one_moment(make("moment").await, make("moment").await).await;
    a_closed_store_answers_failed_and_others_go_on(make("close").await, make("close").await).await;
    reopening_finds_everything(&make).await;
}

fn row(table: Table, key: &str, value: &str) -> Row {
    Row { table, key: key.to_owned(), value: Some(value.to_owned()) }
}

fn gone(table: Table, key: &str) -> Row {
    Row { table, key: key.to_owned(), value: None }
}

fn write(expects: Option<&str>, head: &str, rows: Vec<Row>) -> Write {
    let rows = [row(Table::Meta, HEAD, head)].into_iter().chain(rows).collect();
    Write { expects: expects.map(str::to_owned), rows, durability: Durability::Relaxed }
}

async fn commit<S: Store>(store: &S, expects: Option<&str>, head: &str, rows: Vec<Row>) {
    assert_eq!(store.commit(&write(expects, head, rows)).await, Ok(()));
}

async fn get<S: Store>(store: &S, table: Table, key: &str) -> Option<String> {
    store.read(&[(table, key.to_owned())]).await.unwrap().remove(0)
}

async fn head<S: Store>(store: &S) -> Option<String> {
    get(store, Table::Meta, HEAD).await
}

async fn everything<S: Store>(store: &S) -> Vec<(Table, String, String)> {
    let mut rows = Vec::new();
    for table in Table::ALL {
        let found = store.scan(table, "", "\u{7f}", u32::MAX).await.unwrap();
        rows.extend(found.into_iter().map(|(key, value)| (table, key, value)));
    }
    rows
}

async fn a_fresh_store_is_empty<S: Store>(store: &S) {
    assert_eq!(store.load().await, Ok(Vec::new()));
    assert_eq!(head(store).await, None);
    assert_eq!(everything(store).await, []);
    assert_eq!(store.read(&[]).await, Ok(Vec::new()));
}

async fn a_commit_is_found_by_read_load_and_scan<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Index, "session/a", "x")]).await;
    assert_eq!(get(store, Table::Index, "session/a").await.as_deref(), Some("x"));
    assert_eq!(
        store.load().await.unwrap(),
        [row(Table::Meta, HEAD, "1"), row(Table::Index, "session/a", "x")]
    );
    assert_eq!(
        store.scan(Table::Index, "session/", "session0", 10).await.unwrap(),
        [("session/a".to_owned(), "x".to_owned())]
    );
}

async fn both_durabilities_write<S: Store>(store: &S) {
    let mut strict = write(None, "1", vec![row(Table::Op, "a", "strict")]);
    strict.durability = Durability::Strict;
    assert_eq!(store.commit(&strict).await, Ok(()));
    let relaxed = write(Some("1"), "2", vec![row(Table::Op, "b", "relaxed")]);
    assert_eq!(store.commit(&relaxed).await, Ok(()));
    assert_eq!(get(store, Table::Op, "a").await.as_deref(), Some("strict"));
    assert_eq!(get(store, Table::Op, "b").await.as_deref(), Some("relaxed"));
}

async fn a_commit_on_an_old_head_is_stale_and_changes_nothing<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Body, "kept", "old"), row(Table::Body, "stays", "here")]).await;
    commit(store, Some("1"), "2", vec![]).await;
    let before = everything(store).await;
    let late = vec![row(Table::Body, "kept", "new"), gone(Table::Body, "stays"), row(Table::Op, "o", "x")];
    assert_eq!(store.commit(&write(Some("1"), "3", late)).await, Err(StoreError::Stale));
    assert_eq!(everything(store).await, before);
}

async fn a_head_where_none_is_expected_is_stale<S: Store>(store: &S) {
    commit(store, None, "1", vec![]).await;
    assert_eq!(store.commit(&write(None, "2", vec![])).await, Err(StoreError::Stale));
    assert_eq!(head(store).await.as_deref(), Some("1"));
}

async fn a_missing_head_where_one_is_expected_is_stale<S: Store>(store: &S) {
    assert_eq!(store.commit(&write(Some("1"), "2", vec![])).await, Err(StoreError::Stale));
    assert_eq!(everything(store).await, []);
}

async fn heads_are_compared_byte_by_byte<S: Store>(store: &S) {
    // The same letter, composed and decomposed: equal to a reader, not to a store.
    commit(store, None, "\u{e9}", vec![]).await;
    assert_eq!(store.commit(&write(Some("e\u{301}"), "2", vec![])).await, Err(StoreError::Stale));
    assert_eq!(store.commit(&write(Some("\u{e9} "), "2", vec![])).await, Err(StoreError::Stale));
    assert_eq!(store.commit(&write(Some(""), "2", vec![])).await, Err(StoreError::Stale));
    commit(store, Some("\u{e9}"), "", vec![]).await;
    assert_eq!(store.commit(&write(None, "2", vec![])).await, Err(StoreError::Stale));
    commit(store, Some(""), "2", vec![]).await;
}

async fn a_row_is_replaced_whole<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Draft, "d", "a long first value")]).await;
    commit(store, Some("1"), "2", vec![row(Table::Draft, "d", "short")]).await;
    assert_eq!(get(store, Table::Draft, "d").await.as_deref(), Some("short"));
}

async fn a_deleted_row_is_gone_and_deleting_nothing_is_no_error<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Op, "a", "1"), row(Table::Op, "b", "2")]).await;
    commit(store, Some("1"), "2", vec![gone(Table::Op, "a"), gone(Table::Op, "never there")]).await;
    assert_eq!(get(store, Table::Op, "a").await, None);
    assert_eq!(store.load().await.unwrap(), [row(Table::Meta, HEAD, "2"), row(Table::Op, "b", "2")]);
}

async fn the_head_can_be_deleted<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Log, "l", "x")]).await;
    let wipe = Write {
        expects: Some("1".to_owned()),
        rows: vec![gone(Table::Meta, HEAD), gone(Table::Log, "l")],
        durability: Durability::Strict,
    };
    assert_eq!(store.commit(&wipe).await, Ok(()));
    assert_eq!(everything(store).await, []);
    commit(store, None, "2", vec![]).await;
}

async fn a_commit_of_the_head_alone_is_enough<S: Store>(store: &S) {
    commit(store, None, "1", vec![]).await;
    assert_eq!(head(store).await.as_deref(), Some("1"));
}

async fn a_commit_without_rows_only_compares<S: Store>(store: &S) {
    let mut nothing = Write { expects: None, rows: vec![], durability: Durability::Relaxed };
    assert_eq!(store.commit(&nothing).await, Ok(()));
    assert_eq!(everything(store).await, []);
    nothing.expects = Some("1".to_owned());
    assert_eq!(store.commit(&nothing).await, Err(StoreError::Stale));
}

async fn tables_do_not_mix<S: Store>(store: &S) {
    let rows = Table::ALL.into_iter().map(|table| row(table, "same key", table.name())).collect();
    commit(store, None, "1", rows).await;
    for table in Table::ALL {
        assert_eq!(get(store, table, "same key").await.as_deref(), Some(table.name()));
    }
    commit(store, Some("1"), "2", vec![gone(Table::Body, "same key")]).await;
    for table in Table::ALL {
        assert_eq!(get(store, table, "same key").await.is_some(), table != Table::Body);
    }
}

async fn scan_sorts_by_key_and_ends_before_to<S: Store>(store: &S) {
    let keys = ["b", "a/2", "a/10", "a", "a/1", "a0", "A"];
    commit(store, None, "1", keys.iter().map(|key| row(Table::Log, key, key)).collect()).await;
    let found = store.scan(Table::Log, "a", "b", 100).await.unwrap();
    let pairs = ["a", "a/1", "a/10", "a/2", "a0"].map(|key| (key.to_owned(), key.to_owned()));
    assert_eq!(found, pairs);
    let prefix = store.scan(Table::Log, "a/", "a0", 100).await.unwrap();
    assert_eq!(prefix, pairs[1..4]);
}

async fn scan_stops_at_its_limit<S: Store>(store: &S) {
    let keys = ["1", "2", "3", "4"];
    commit(store, None, "1", keys.iter().map(|key| row(Table::Body, key, key)).collect()).await;
    for limit in 0..6_u32 {
        let found = store.scan(Table::Body, "", "9", limit).await.unwrap();
        assert_eq!(found.len() as u32, limit.min(4), "limit {limit}");
        assert!(found.iter().zip(keys).all(|((found, _), key)| found == key), "limit {limit}");
    }
}

async fn a_scan_of_an_empty_or_backward_range_finds_nothing<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Op, "b", "x")]).await;
    assert_eq!(store.scan(Table::Op, "b", "b", 9).await, Ok(vec![]));
    assert_eq!(store.scan(Table::Op, "c", "a", 9).await, Ok(vec![]));
    assert_eq!(store.scan(Table::Op, "c", "d", 9).await, Ok(vec![]));
    assert_eq!(store.scan(Table::Op, "", "", 9).await, Ok(vec![]));
}

async fn read_answers_in_the_order_asked_also_twice_and_never<S: Store>(store: &S) {
    commit(store, None, "1", vec![row(Table::Body, "a", "A"), row(Table::Op, "b", "B")]).await;
    let wanted = [(Table::Op, "b"), (Table::Body, "none"), (Table::Body, "a"), (Table::Op, "b")]
        .map(|(table, key)| (table, key.to_owned()));
    let found = store.read(&wanted).await.unwrap();
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, [Some("B"), None, Some("A"), Some("B")]);
}

async fn load_is_complete_sorted_and_leaves_out_the_other_tables<S: Store>(store: &S) {
    let rows = Table::ALL.into_iter().flat_map(|table| {
        ["z", "b", "a"].into_iter().map(move |key| row(table, key, &format!("{} {key}", table.name())))
    });
    commit(store, None, "1", rows.collect()).await;
    let loaded = store.load().await.unwrap();
    let expected: Vec<Row> = Table::LOADED
        .into_iter()
        .flat_map(|table| {
            let keys: &[&str] = if table == Table::Meta { &["a", "b", HEAD, "z"] } else { &["a", "b", "z"] };
            keys.iter().map(move |key| match *key {
                HEAD => row(table, key, "1"),
                _ => row(table, key, &format!("{} {key}", table.name())),
            })
        })
        .collect();
    assert_eq!(loaded, expected);
}

async fn every_text_comes_back_as_it_was<S: Store>(store: &S) {
    let texts = [
        "",
        "plain",
        "\u{1f469}\u{200d}\u{1f4bb} \u{1f1e9}\u{1f1ea}",
        "e\u{301} \u{e9}",
        "\0\u{1}\u{feff}\u{fffd}",
        "日本語 עברית العربية",
        "\u{10ffff}\u{d7ff}\u{e000}",
        "line\r\nbreak\u{2028}",
    ];
    let rows = texts.iter().enumerate().map(|(at, text)| row(Table::Body, &at.to_string(), text));
    commit(store, None, "1", rows.collect()).await;
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(get(store, Table::Body, &at.to_string()).await.as_deref(), Some(*text));
    }
    let keys = texts.iter().map(|text| row(Table::Damaged, text, "key"));
    commit(store, Some("1"), "2", keys.collect()).await;
    for text in texts {
        assert_eq!(get(store, Table::Damaged, text).await.as_deref(), Some("key"), "key {text:?}");
    }
}

async fn a_value_of_a_mebibyte_comes_back_whole<S: Store>(store: &S) {
    let big: String = ('a'..='z').cycle().take(1 << 20).collect();
    commit(store, None, "1", vec![row(Table::Body, "big", &big)]).await;
    assert!(get(store, Table::Body, "big").await == Some(big), "the value changed");
}

async fn a_thousand_rows_are_one_write<S: Store>(store: &S) {
    let rows =
        |value: &str| (0..1000).map(|at| row(Table::Op, &format!("{at:04}"), value)).collect::<Vec<_>>();
    commit(store, None, "1", rows("first")).await;
    assert_eq!(store.commit(&write(None, "2", rows("second"))).await, Err(StoreError::Stale));
    let found = store.scan(Table::Op, "", "9999", 2000).await.unwrap();
    assert_eq!(found.len(), 1000);
    assert!(
        found.iter().enumerate().all(|(at, (key, value))| *key == format!("{at:04}") && value == "first")
    );
    let wanted: Vec<_> = found.into_iter().map(|(key, _)| (Table::Op, key)).collect();
    assert_eq!(store.read(&wanted).await.unwrap().iter().flatten().count(), 1000);
}

async fn of_ten_concurrent_commits_exactly_one_wins_each_head<S: Store>(store: &S) {
    let mut expects = None::<String>;
    for round in 0..5 {
        let writes: Vec<Write> = (0..10)
            .map(|tab| {
                let name = format!("{round} {tab}");
                write(expects.as_deref(), &name, vec![row(Table::Op, &name, "mine")])
            })
            .collect();
        let answers = join_all(writes.iter().map(|write| store.commit(write))).await;
        let won: Vec<_> = (0..10).filter(|tab| answers[*tab] == Ok(())).collect();
        assert_eq!(won.len(), 1, "round {round}: {answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == Err(StoreError::Stale)).count(), 9);
        expects = Some(format!("{round} {}", won[0]));
        assert_eq!(head(store).await, expects);
        let (from, to) = (format!("{round} "), format!("{round}!"));
        let left = store.scan(Table::Op, &from, &to, 99).await.unwrap();
        assert_eq!(left.iter().map(|(key, _)| Some(key)).collect::<Vec<_>>(), [expects.as_ref()]);
    }
}

async fn commits_that_are_not_awaited_in_between_run_in_order<S: Store>(store: &S) {
    let writes = [write(None, "1", vec![]), write(Some("1"), "2", vec![]), write(Some("2"), "3", vec![])];
    assert_eq!(join_all(writes.iter().map(|write| store.commit(write))).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(head(store).await.as_deref(), Some("3"));
}

async fn two_handles_see_each_others_commits<S: Store>(one: S, two: S) {
    commit(&one, None, "1", vec![row(Table::Index, "from one", "1")]).await;
    assert_eq!(get(&two, Table::Index, "from one").await.as_deref(), Some("1"));
    commit(&two, Some("1"), "2", vec![row(Table::Index, "from two", "2")]).await;
    assert_eq!(one.load().await, two.load().await);
    assert_eq!(one.commit(&write(Some("1"), "3", vec![])).await, Err(StoreError::Stale));
}

async fn a_load_during_commits_shows_one_moment<S: Store>(writer: S, reader: S) {
    // Every commit writes its number to all four tables; a load that mixes two moments mixes two numbers.
    let numbered = |at: u32| {
        let text = format!("{at:03}");
        let rows = Table::LOADED.into_iter().map(|table| row(table, "n", &text)).collect();
        write((at > 0).then(|| format!("{:03}", at - 1)).as_deref(), &text, rows)
    };
    commit_all(&writer, &[numbered(0)]).await;
    let writes: Vec<Write> = (1..30).map(numbered).collect();
    let loads = join_all((0..10).map(|_| reader.load()));
    let (_, loads) = futures_util::future::join(commit_all(&writer, &writes), loads).await;
    for rows in loads {
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|row| row.value == rows[0].value), "mixed: {rows:?}");
    }
}

async fn commit_all<S: Store>(store: &S, writes: &[Write]) {
    for write in writes {
        assert_eq!(store.commit(write).await, Ok(()));
    }
}

async fn a_closed_store_answers_failed_and_others_go_on<S: Store>(one: S, two: S) {
    commit(&one, None, "1", vec![]).await;
    one.close();
    one.close();
    assert!(matches!(one.load().await, Err(StoreError::Failed(_))));
    assert!(matches!(one.read(&[]).await, Err(StoreError::Failed(_))));
    assert!(matches!(one.scan(Table::Op, "", "z", 1).await, Err(StoreError::Failed(_))));
    assert!(matches!(one.scan(Table::Op, "z", "", 0).await, Err(StoreError::Failed(_))));
    assert!(matches!(one.commit(&write(Some("1"), "2", vec![])).await, Err(StoreError::Failed(_))));
    assert_eq!(head(&two).await.as_deref(), Some("1"));
    commit(&two, Some("1"), "2", vec![]).await;
}

async fn reopening_finds_everything<S: Store>(make: &impl AsyncFn(&str) -> S) {
    let store = make("reopen").await;
    let rows: Vec<Row> = Table::ALL.into_iter().map(|table| row(table, "k", table.name())).collect();
    commit(&store, None, "1", rows).await;
    let before = everything(&store).await;
    store.close();
    drop(store);
    assert_eq!(before.len(), Table::ALL.len() + 1);
    let store = make("reopen").await;
    assert_eq!(everything(&store).await, before);
    commit(&store, Some("1"), "2", vec![]).await;
}
