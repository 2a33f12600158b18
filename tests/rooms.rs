//! The rooms of the core lie on top of each other: a room uses rooms below it, never beside or above.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up; rooms of one line do not use each other.
const FLOORS: [&[&str]; 14] = [
    &["stamp", "rate", "order", "fault"],
    &["error"],
    &["read"],
    &["model", "clock", "event", "schedule", "seam", "text"],
    &["wire", "merge", "attempt", "http", "platform"],
    &["queue", "metrics", "head", "entry", "judge"],
    &["state", "session"],
    &["cache", "plan"],
    &["edit"],
    &["settle"],
    &["engine"],
    &["desk"],
    &["driver"],
    &["wasm"],
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms named behind `crate::` in code that is not a test.
fn uses(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap().split(',').map(str::trim).collect(),
            None => vec![rest],
        };
        for name in names {
            rooms.push(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms
}

#[test]
fn no_room_uses_a_room_beside_or_above_it() {
    let floor: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor)))
        .collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut seen = 0;
    for path in files {
        let inside = path.strip_prefix(&source).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let test = inside.iter().any(|part| part.to_str().unwrap().trim_end_matches(".rs") == "tests");
        if room == "lib" || test || room == "desk" {
            continue;
        }
        let mine =
            *floor.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no floor: put it into FLOORS"));
        for used in uses(&fs::read_to_string(&path).unwrap()) {
            if used == room || used == "desk" {
                continue;
            }
            let Some(other) = floor.get(used.as_str()) else {
                panic!("{room} uses {used}, which has no floor")
            };
            assert!(other < &mine, "{room} uses {used}, which is not below it");
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} uses were found: the test reads the wrong files");
}
