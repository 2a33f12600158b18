//! Many writers and a reader for one user: the reader, following its cursor, misses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyflow_server::config::Clock;
use keyflow_sync::stamp::Stamp;

use crate::clients::{edit, read, session, stamp};
use crate::cloud::{Cloud, START};

const WRITERS: u64 = 8;
const ROUNDS: i64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_beside_eight_writers_misses_nothing() {
    // A real clock, so that several commits fall into one millisecond.
    let cloud = Cloud::with(|config| config.clock = Clock::default()).await;
    let device = cloud.device().await;
    let busy = Arc::new(AtomicUsize::new(WRITERS as usize));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (device, busy) = (device.clone(), busy.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for round in 0..ROUNDS {
                    // One record of its own and one that all writers fight over.
                    let own = session(&format!("w{writer}-{round}"), stamp(START, writer));
                    let shared = session("shared", stamp(START + round, writer));
                    let shared = edit(
                        &shared,
                        stamp(START + round, writer),
                        serde_json::json!({"note": writer.to_string()}),
                    );
                    let reply = device.push(&[own, shared]).await;
                    acknowledged.extend(reply.results.iter().map(|r| (r.id.clone(), r.version.unwrap())));
                }
                busy.fetch_sub(1, Ordering::SeqCst);
                acknowledged
            })
        })
        .collect();

    let (mut cursor, mut reached) = ("0".to_owned(), 0);
    let mut view: BTreeMap<String, Stamp> = BTreeMap::new();
    let mut inbox = 0;
    loop {
        let all_written = busy.load(Ordering::SeqCst) == 0;
        let page = device.pull(&cursor, 7).await;
        assert!(page.server_timestamp >= reached && !page.resync);
        for record in page.sessions.iter().map(read) {
            view.insert(record.key.id.clone(), record.version);
        }
        inbox += page.conflicts.len();
        (cursor, reached) = (page.cursor.unwrap(), page.server_timestamp);
        if all_written && !page.has_more {
            break;
        }
    }

    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert_eq!(acknowledged.len(), (WRITERS * ROUNDS as u64 * 2) as usize);
    for (id, version) in acknowledged.iter().filter(|(id, _)| id != "shared") {
        assert_eq!(view.get(id), Some(version), "{id}");
    }
    let newest = acknowledged.iter().filter(|(id, _)| id == "shared").map(|(_, version)| *version).max();
    assert_eq!(view.get("shared").copied(), newest);
    assert!(inbox > 0, "writers never met");
    let whole = device.pull("0", 500).await;
    assert_eq!(view.len(), (WRITERS * ROUNDS as u64) as usize + 1);
    assert_eq!(whole.conflicts.len(), inbox);
    cloud.check().await;
}
