use crate::flags::standard;

#[test]
fn local_flags_become_those_of_table_0078() {
    let cases = [
        ("h", Some("H")),
        ("hh", Some("HH")),
        ("n", Some("N")),
        (" H ", Some("H")),
        ("HH", Some("HH")),
        ("NULL", Some("null")),
        ("norm", Some("N")),
        ("Normál", Some("N")),
        ("MAGAS", Some("H")),
        ("KÓROS", Some("A")),
        ("pos", Some("POS")),
        ("?", None),
        ("*", None),
    ];
    for (flag, expected) in cases {
        assert_eq!(standard(flag, true), expected, "{flag}");
        assert_eq!(standard(flag, false), expected, "{flag}");
    }
}

#[test]
fn signs_mean_high_and_low_beside_numbers_only() {
    for (sign, expected) in [("+", "H"), ("++", "HH"), ("+++", "HH"), ("-", "L"), ("--", "LL")] {
        assert_eq!(standard(sign, true), Some(expected), "{sign}");
        assert_eq!(standard(sign, false), None, "{sign}");
    }
}
