//! The real program, killed in the middle of its work: what it acknowledged is there when it comes back.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::clients::{Device, offer, session, stamp};
use crate::cloud::START;

fn program(database: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyflow-server"));
    command.args(["--listen", "127.0.0.1:0", "--database"]).arg(format!("sqlite:{}", database.display()));
    command.env("KEYFLOW_RATE_LIMIT", "off");
    command
}

/// Starts the program and waits for the one line that says where it listens.
fn start(database: &Path) -> (Child, String) {
    let mut child = program(database).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("keyflow-server listening on ").unwrap_or_else(|| panic!("{line:?}"));
    (child, url.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("keyflow.db");
    let (mut child, mut url) = start(&database);
    let device = Device::register(&url).await;
    let mut acknowledged = Vec::new();
    for life in 0..4 {
        let pushed = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (device, pushed) = (device.at(&url), pushed.clone());
                tokio::spawn(async move {
                    let mut taken = Vec::new();
                    for round in 0.. {
                        let ids = (0..5).map(|n| format!("{life}-{writer}-{round}-{n}"));
                        let offers: Vec<_> =
                            ids.map(|id| offer(&session(&id, stamp(START, 1)), &[])).collect();
                        let request = device.request(reqwest::Method::POST, "/api/sync/sessions");
                        let Ok(reply) = request.json(&json!({"sessions": offers})).send().await else {
                            break;
                        };
                        let Ok(reply) = reply.json::<serde_json::Value>().await else { break };
                        taken.extend(reply["synced"].as_array().unwrap().clone());
                        pushed.fetch_add(1, Ordering::SeqCst);
                    }
                    taken
                })
            })
            .collect();
        while pushed.load(Ordering::SeqCst) < 10 + 3 * life {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        (child, url) = start(&database);
    }
    assert!(acknowledged.len() >= 4 * 10 * 5);
    let device = device.at(&url);
    let (mut since, mut stored) = ("0".to_owned(), std::collections::BTreeSet::new());
    loop {
        let page = device.pull(&since, 500).await;
        stored.extend(page.sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        since = page.cursor.unwrap();
        if !page.has_more {
            break;
        }
    }
    for id in &acknowledged {
        assert!(stored.contains(id.as_str().unwrap()), "{id} was acknowledged and is gone");
    }
    // A batch is whole or not there.
    assert_eq!(stored.len() % 5, 0);

    let check = program(&database).arg("check").output().unwrap();
    let report = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success() && report.contains("violations 0"), "{report}");

    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(child.wait().unwrap().success(), "a polite stop is a success");
}

#[test]
fn check_fails_on_a_database_with_a_broken_promise() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("keyflow.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut child, url) = start(&database);
    runtime.block_on(async {
        let device = Device::register(&url).await;
        device.push(&[session("s", stamp(START, 1)), session("t", stamp(START, 1))]).await;
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let breakages = [
        ("delete from versions where record_id = 's'", "I1 every current version is kept"),
        ("update records set tick = tick + 1000000 where record_id = 't'", "I5 no tick is ahead"),
        ("delete from sync_log where record_id = 't'", "I14 a row and its line"),
        ("update users set sessions = 7", "I3 the totals"),
    ];
    let pristine = std::fs::read(copy(&database)).unwrap();
    for (statement, promise) in breakages {
        let broken = folder.path().join("broken.db");
        std::fs::write(&broken, &pristine).unwrap();
        runtime.block_on(async {
            use sqlx::Connection;
            let url = format!("sqlite:{}", broken.display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
        let check = program(&broken).arg("check").output().unwrap();
        let report = String::from_utf8(check.stdout).unwrap();
        assert!(!check.status.success() && report.contains(promise), "{statement}: {report}");
        std::fs::remove_file(&broken).unwrap();
    }
}

/// A backup made by the program itself.
fn copy(database: &Path) -> std::path::PathBuf {
    let file = database.with_file_name("backup.db");
    let done = program(database).arg("backup").arg(&file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = program(database).arg("backup").arg(&file).output().unwrap();
    assert!(!again.status.success(), "an existing file must not be overwritten");
    file
}

#[test]
fn checking_a_file_that_is_not_there_fails_and_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("typo.db");
    for command in [vec!["check"], vec!["backup", "copy.db"]] {
        let output = program(&database).args(command).output().unwrap();
        assert!(!output.status.success());
    }
    assert!(!database.exists());
    let migrated = program(&database).arg("migrate").output().unwrap();
    assert!(migrated.status.success() && database.exists());
}

#[test]
fn a_database_that_is_not_built_in_is_named_clearly() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyflow-server"));
    let output = command.args(["--database", "postgres://localhost/keyflow"]).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("PostgreSQL is not built in yet"));
}
