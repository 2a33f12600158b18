//! What the room `wire` promises.

use super::*;
use serde_json::json;

fn plain() -> Value {
    json!({"id": "uuid-1", "userId": "user-123", "text": "The quick", "wpm": 85, "accuracy": 96.5,
           "timestamp": 1704067200000i64, "lastModified": 1704067250000i64})
}

#[test]
fn a_plain_session_gets_a_version_from_its_time_and_content() {
    let first = Offer::parse(Kind::Session, plain()).unwrap();
    assert!(first.plain);
    assert_eq!(first.record.version.ms, 1704067250000);
    assert_eq!(Offer::parse(Kind::Session, plain()).unwrap().record.version, first.record.version);
    let mut other = plain();
    other["wpm"] = json!(86);
    assert_ne!(Offer::parse(Kind::Session, other).unwrap().record.version, first.record.version);
}

#[test]
fn the_user_id_of_a_body_is_ignored() {
    assert!(!Offer::parse(Kind::Session, plain()).unwrap().record.fields.contains_key("userId"));
}

#[test]
fn a_record_survives_the_wire_with_fields_nobody_knows() {
    let mut record = Offer::parse(Kind::Session, plain()).unwrap().record;
    record.fields.insert("fromTheFuture".into(), json!({"a": [1, null]}));
    record.base = Some(Stamp::at(5, 1, Replica(2)));
    record.created = Stamp::at(4, 1, Replica(2));
    record.modified.insert("note".into(), Stamp::at(6, 0, Replica(3)));
    record.deleted = true;
    record.settle_deletion();
    let back = Record::from_wire(Kind::Session, Value::Object(record.to_wire())).unwrap();
    assert_eq!(back, record);
}

#[test]
fn a_register_is_never_newer_than_its_version() {
    let mut wire = plain();
    wire["version"] = json!(Stamp::at(10, 0, Replica(1)));
    wire["modified"] = json!({"note": Stamp::at(99, 0, Replica(1)), "wpm": Stamp::at(3, 0, Replica(1))});
    let record = Offer::parse(Kind::Session, wire).unwrap().record;
    assert_eq!(record.edited("note").ms, 10);
    assert_eq!(record.edited(crate::model::RESULT).ms, 3);
}

#[test]
fn a_bad_wire_field_is_named() {
    for (name, value) in [
        ("id", json!(7)),
        ("version", json!("x")),
        ("base", json!(1)),
        ("deleted", json!("yes")),
        ("modified", json!([1])),
        ("resolves", json!("a")),
        ("op", json!(5)),
        ("lastModified", json!(1.5)),
    ] {
        let mut wire = plain();
        wire[name] = value;
        assert_eq!(Offer::parse(Kind::Session, wire).unwrap_err().field, name);
    }
    assert_eq!(Offer::parse(Kind::Session, json!([])).unwrap_err().field, "record");
}
