//! What the room `model` promises.

use super::*;
use serde_json::json;

fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}

fn refused(value: Value) -> String {
    check_fields(Kind::Session, &mut fields(value)).unwrap_err().to_string()
}

fn stamp(ms: Millis) -> Stamp {
    Stamp::at(ms, 0, Replica(1))
}

#[test]
fn a_flat_session_of_the_spec_is_valid() {
    let mut session =
        fields(json!({"text": "The quick", "wpm": 85, "accuracy": 96.5, "timestamp": 1704067200000i64}));
    assert_eq!(check_fields(Kind::Session, &mut session), Ok(()));
}

#[test]
fn a_bad_field_is_refused_by_its_name() {
    assert_eq!(refused(json!({})), "timestamp: is missing");
    assert_eq!(refused(json!({"timestamp": 12.5})), "timestamp: must be whole milliseconds, 0 or more");
    assert_eq!(refused(json!({"timestamp": 1, "accuracy": 101})), "accuracy: must be a number from 0 to 100");
    assert_eq!(refused(json!({"timestamp": 1, "wpm": -1})), "wpm: must be a number, 0 or more");
    assert_eq!(refused(json!({"timestamp": 1, "tags": [1]})), "tags: must be a list of texts");
    assert_eq!(
        refused(json!({"timestamp": 1, "data": {"a": ["\0"]}})),
        "data.a[0]: must not contain a NUL character"
    );
    assert_eq!(refused(json!({"timestamp": 1, "x": 1e300})), "x: must be a number below 2^53");
}

#[test]
fn a_record_over_the_limit_is_refused_with_its_size() {
    let text = "x".repeat(MAX_RECORD_BYTES);
    assert!(refused(json!({"timestamp": 1, "text": text})).contains("over the limit of 65536"));
}

#[test]
fn nesting_is_bounded() {
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    assert!(refused(json!({"timestamp": 1, "data": deep})).contains("nested deeper"));
}

#[test]
fn a_whole_number_has_one_form() {
    let mut session = fields(json!({"timestamp": 5.0, "wpm": -0.0, "data": {"n": [60.0, 60.5]}}));
    check_fields(Kind::Session, &mut session).unwrap();
    assert_eq!(serde_json::to_string(&session).unwrap(), r#"{"data":{"n":[60,60.5]},"timestamp":5,"wpm":0}"#);
}

#[test]
fn an_edit_stamps_what_it_touched_and_nothing_else() {
    let first =
        Record::new(Key::session("a"), stamp(1), fields(json!({"wpm": 80, "note": "x", "timestamp": 1})));
    let next = first.edit(stamp(2), &fields(json!({"note": "y", "wpm": 80})), false);
    assert_eq!(next.base, Some(stamp(1)));
    assert_eq!(next.edited("note"), stamp(2));
    assert_eq!(next.edited(RESULT), stamp(1));
    let last = next.edit(stamp(3), &fields(json!({"note": null})), true);
    assert!(!last.fields.contains_key("note"));
    assert_eq!((last.edited("note"), last.edited(DELETED)), (stamp(3), stamp(3)));
}

#[test]
fn a_key_survives_its_text_form() {
    for key in [Key::session("a/b"), Key::settings(), Key::progress(Replica(5), "2024-01-01")] {
        assert_eq!(Key::parse(&key.to_string()), Some(key));
    }
    assert_eq!(Key::parse("nothing/a"), None);
}
