use crate::units::ucum;

#[test]
fn spellings_become_ucum() {
    for (spelling, expected) in [
        ("mmol/l", "mmol/L"),
        ("µmol/l", "umol/L"),
        ("μmol/L", "umol/L"),
        ("NE/l", "[IU]/L"),
    ] {
        assert_eq!(ucum(spelling), Some(expected), "{spelling}");
    }
}

#[test]
fn grams_and_giga_stay_apart() {
    assert_eq!(ucum("g/l"), Some("g/L"));
    assert_eq!(ucum("G/l"), Some("10*9/L"));
    assert_eq!(ucum("G/L"), None);
}

#[test]
fn what_is_right_already_or_unknown_stays() {
    for unit in ["mmol/L", "g/L", "%", "10*9/L", "Furlong", ""] {
        assert_eq!(ucum(unit), None, "{unit}");
    }
}
