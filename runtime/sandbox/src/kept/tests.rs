//! What a chain sees of its plugins' state, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn plugin() -> Arc<str> {
    "test/counter".into()
}

fn payload(text: &str) -> Payload {
    Payload::from(text.to_owned())
}

fn state(values: &[(&str, &str)]) -> State {
    let mut state = State::default();
    state.apply(&[StateWrites {
        plugin: plugin(),
        schema_version: 3,
        values: values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Some(payload(value))))
            .collect(),
    }]);
    state
}

fn set(overlay: &mut Overlay, key: &str, value: &str) -> Result<(), Unkept> {
    overlay.set(&plugin(), 4, key.to_owned(), payload(value), &Limits::default())
}

fn keys(overlay: &Overlay, prefix: &str, after: &str, limit: usize) -> Vec<String> {
    overlay.keys(&plugin(), prefix, after, limit).keys
}

#[test]
fn a_chain_sees_what_it_wrote_and_the_state_changes_when_that_is_applied() {
    let before = state(&[("a", "1"), ("b", "2")]);
    let mut overlay = Overlay::over(before.clone());
    assert_eq!(overlay.schema_version(&plugin()), 3);
    set(&mut overlay, "a", "9").unwrap();
    set(&mut overlay, "c", "3").unwrap();
    overlay.remove(&plugin(), 4, "b".to_owned());
    assert_eq!(overlay.get(&plugin(), "a"), Some(&payload("9")));
    assert_eq!(overlay.get(&plugin(), "b"), None);
    assert_eq!(overlay.schema_version(&plugin()), 4);
    assert_eq!(overlay.get("test/other", "a"), None);

    let mut after = before.clone();
    after.apply(&overlay.into_writes());
    let values: Vec<_> = after
        .values(&plugin())
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    assert_eq!(values, [("a".to_owned(), payload("9")), ("c".to_owned(), payload("3"))]);
    assert_eq!(after.schema_version(&plugin()), 4);
    assert_eq!(before, state(&[("a", "1"), ("b", "2")]), "a snapshot stays as it is");
}

#[test]
fn keys_are_those_of_before_and_of_now_in_order_and_page_by_page() {
    let mut overlay = Overlay::over(state(&[("a/1", ""), ("a/3", ""), ("a/5", ""), ("b/1", "")]));
    for key in ["a/2", "a/6", "a/", "0"] {
        set(&mut overlay, key, "").unwrap();
    }
    overlay.remove(&plugin(), 4, "a/3".to_owned());
    set(&mut overlay, "a/5", "x").unwrap();
    assert_eq!(keys(&overlay, "a/", "", 99), ["a/", "a/1", "a/2", "a/5", "a/6"]);
    assert_eq!(keys(&overlay, "a/", "", 2), ["a/", "a/1"]);
    assert_eq!(keys(&overlay, "a/", "a/1", 2), ["a/2", "a/5"]);
    assert_eq!(keys(&overlay, "a/", "a/4", 99), ["a/5", "a/6"]);
    assert_eq!(keys(&overlay, "a/", "b", 99), [""; 0]);
    assert_eq!(keys(&overlay, "", "", 99).len(), 7);
    assert_eq!(keys(&overlay, "", "", 0), [""; 0]);
}

#[test]
fn what_is_beyond_the_quota_is_refused_and_nothing_is_kept_of_it() {
    let limits = Limits {
        state_bytes_max: 10,
        state_keys_max: 2,
        ..Limits::default()
    };
    let mut overlay = Overlay::over(state(&[("a", "1234")]));
    let mut set = |key: &str, value: &str| overlay.set(&plugin(), 4, key.to_owned(), payload(value), &limits);
    assert_eq!(set("", "x"), Err(Unkept::BadKey));
    assert_eq!(set(&"k".repeat(STATE_KEY_BYTES_MAX + 1), ""), Err(Unkept::BadKey));
    assert_eq!(
        set("v", &"v".repeat(STATE_VALUE_BYTES_MAX + 1)),
        Err(Unkept::ValueTooLarge)
    );
    assert_eq!(set("b", "12345"), Err(Unkept::TooManyBytes));
    assert_eq!(set("b", "1234"), Ok(()));
    assert_eq!(set("c", ""), Err(Unkept::TooManyBytes));
    assert_eq!(set("a", "123"), Ok(()));
    assert_eq!(set("c", ""), Err(Unkept::TooManyKeys));
    assert_eq!(set("b", ""), Ok(()));
    let writes = overlay.into_writes();
    assert_eq!(writes.iter().map(|write| write.values.len()).sum::<usize>(), 2);
}

#[test]
fn a_state_that_is_over_a_lowered_quota_may_shrink_and_not_grow() {
    let limits = Limits {
        state_bytes_max: 2,
        state_keys_max: 1,
        ..Limits::default()
    };
    let mut overlay = Overlay::over(state(&[("a", "12345"), ("b", "12345")]));
    let mut set = |key: &str, value: &str| overlay.set(&plugin(), 4, key.to_owned(), payload(value), &limits);
    assert_eq!(set("a", "123456"), Err(Unkept::TooManyBytes));
    assert_eq!(set("a", "1234"), Ok(()));
    assert_eq!(set("c", ""), Err(Unkept::TooManyBytes));
}

#[test]
fn a_chain_that_wrote_nothing_leaves_nothing() {
    let mut overlay = Overlay::over(state(&[("a", "1")]));
    overlay.remove(&plugin(), 4, "b".to_owned());
    assert_eq!(set(&mut overlay, "", "x"), Err(Unkept::BadKey));
    assert_eq!(overlay.schema_version(&plugin()), 3);
    assert!(overlay.into_writes().is_empty());
}

#[test]
fn printing_shows_neither_keys_nor_values() {
    let mut overlay = Overlay::over(State::default());
    set(&mut overlay, "PROBABETEG", "GOZO").unwrap();
    let writes = overlay.into_writes();
    let mut state = State::default();
    state.apply(&writes);
    let printed = format!("{state:?}{writes:?}");
    assert_eq!(
        printed,
        "{\"test/counter\": \"1 keys, 14 bytes\"}[StateWrites(test/counter, 1 keys)]"
    );
}
