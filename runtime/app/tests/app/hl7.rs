//! `transfuse hl7` as a person at a terminal meets it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Folder, binary, tests_folder, told};

/// A plainly fictitious patient: an empty field, a deletion, a local segment, a control sequence, and a line that is no
/// segment.
const MESSAGE: &str = "MSH|^~\\&|LAB|H|||20260102||ORU^R01^ORU_R01|K1|P|2.5\r\
    PID|1||123^^^MRN~456^^^X||PRÓBA^BETEG||\"\"\r\
    OBR|1|||CHEM^Panel^L\r\
    OBX|1|ST|GLU^Glükóz^L||a\x1b[2Jb\rtail of a text\r\
    OBX|2|CE|K^Kálium^L||X&Y^two\r\
    ZPI|local\r";

/// The folder that the files of a test lie in.
struct Files(Folder);

impl std::ops::Deref for Files {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

impl Files {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.0.run(["hl7"].into_iter().chain(arguments.iter().copied()))
    }

    fn told(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.run(arguments))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.run(arguments).stdout).unwrap()
    }
}

fn one() -> Files {
    let files = Files::new();
    files.write("one.hl7", MESSAGE);
    files
}

/// Two messages between batch headers, with the line ends of Windows.
fn batch() -> Files {
    let second = MESSAGE.replace("|K1|", "|K2|").replace("PRÓBA", "MINTA");
    let text = format!("BHS|^~\\&|LAB\r{MESSAGE}{second}BTS|2\r").replace('\r', "\r\n");
    let files = Files::new();
    files.write("day.hl7", text);
    files
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn a_tree_has_names_types_groups_and_decoded_values() {
    let (code, told, _) = one().told(&["parse", "one.hl7"]);
    assert_eq!(code, 0);
    holds(&told, &["one.hl7: ORU^R01, control id K1, version 2.5"]);
    let squeezed: Vec<String> = told
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "PATIENT_RESULT",
        "PID Patient Identification line 2",
        "PID-3[2].1 ID Number ST 456",
        "PID-5.1 Family Name FN PRÓBA",
        "PID-7 Date/Time of Birth TS \"\" (delete)",
        "OBSERVATION[2]",
        "OBX[2]-5 Observation Value CE",
        "OBX[2]-5.1 Identifier ST",
        "OBX[2]-5.1.2 Y",
        "line 5 (not a segment)",
        "ZPI (the sender's own) line 7",
    ] {
        assert!(
            squeezed.iter().any(|found| found == line),
            "`{line}` is missing in\n{told}"
        );
    }
    assert!(!told.contains("PID-2 "), "what is empty is listed without --empty");
}

#[test]
fn absent_empty_and_delete_are_told_apart() {
    let files = one();
    let (_, told, _) = files.told(&["parse", "one.hl7", "--path", "PID", "--empty"]);
    let line = |path: &str| told.lines().find(|line| line.trim_start().starts_with(path)).unwrap();
    assert!(line("PID-2 ").ends_with("(empty)"));
    assert!(line("PID-7 ").ends_with("\"\" (delete)"));
    assert!(line("PID-8 ").ends_with("(absent)"));
    let tree = files.json(&["parse", "one.hl7", "--path", "PID", "--empty", "--json"]);
    let fields = tree["messages"][0]["segments"][0]["fields"].as_array().unwrap();
    let field = |path: &str| fields.iter().find(|field| field["path"] == path).unwrap();
    assert_eq!(field("PID-2")["empty"], true);
    assert_eq!(field("PID-7")["delete"], true);
    assert_eq!(field("PID-8")["absent"], true);
    assert_eq!(field("PID-5")["parts"][0]["value"], "PRÓBA");
}

#[test]
fn what_a_sender_wrote_never_reaches_a_terminal_as_a_control_sequence() {
    let files = one();
    files.write("c1.hl7", MESSAGE.replace('\x1b', "\u{9b}"));
    for arguments in [
        &["parse", "one.hl7"][..],
        &["parse", "one.hl7", "--json"],
        &["parse", "c1.hl7", "--json"],
        &["get", "OBX-5", "one.hl7"],
        &["get", "OBX-5", "c1.hl7", "--json"],
        &["diff", "one.hl7", "c1.hl7"],
        &["validate", "one.hl7", "c1.hl7"],
    ] {
        let (_, told, noted) = files.told(arguments);
        let controls = |text: &str| text.chars().any(|one| one.is_control() && one != '\n' && one != '\t');
        assert!(
            !controls(&told) && !controls(&noted),
            "{arguments:?}\n{told:?}\n{noted:?}"
        );
    }
}

#[test]
fn a_tree_can_be_restricted_and_long_values_are_cut_with_their_size() {
    let files = Files::new();
    files.write("long.hl7", MESSAGE.replace("X&Y^two", &"A".repeat(100_000)));
    let (_, told, _) = files.told(&[
        "parse",
        "long.hl7",
        "--path",
        "OBSERVATION[2]/OBX-5",
        "--path",
        "MSH-9.2",
    ]);
    holds(&told, &["R01", "(100000 bytes)"]);
    assert!(
        !told.contains("PID-5") && !told.contains("OBX-5 ") && told.len() < 1_500,
        "{told}"
    );
    let (_, told, _) = files.told(&["parse", "long.hl7", "--path", "OBX[2]-5", "--full"]);
    holds(&told, &[&"A".repeat(100_000)]);
}

#[test]
fn a_message_that_cannot_be_read_keeps_no_other_from_being_shown() {
    let files = Files::new();
    files.write("two.hl7", format!("MSH|AAAA|LAB\r{MESSAGE}"));
    let (code, told, noted) = files.told(&["parse", "two.hl7"]);
    assert_eq!(code, 1);
    holds(&told, &["two.hl7, message 2 (line 2): ORU^R01"]);
    holds(&noted, &["error: two.hl7, message 1 (line 1): "]);
}

#[test]
fn values_are_printed_alone_or_with_where_they_are_from() {
    let files = one();
    assert_eq!(files.told(&["get", "PID-5.1", "one.hl7"]).1, "PRÓBA\n");
    assert_eq!(files.told(&["get", "PID-5", "one.hl7", "--raw"]).1, "PRÓBA^BETEG\n");
    assert_eq!(files.told(&["get", "OBSERVATION[2]/OBX-3.1", "one.hl7"]).1, "K\n");
    let (code, told, _) = files.told(&["get", "PID-5.1", "PID-3.1", "PID-2", "one.hl7"]);
    assert_eq!((code, told.as_str()), (0, "PID-5.1\tPRÓBA\nPID-3.1\t123\nPID-2\t\n"));
    let (_, told, _) = files.told(&["get", "PID-3", "one.hl7", "--all"]);
    assert_eq!(
        told,
        "PID-3[1].1\t123\nPID-3[1].4\tMRN\nPID-3[2].1\t456\nPID-3[2].4\tX\n"
    );
    let files = batch();
    let (_, told, _) = files.told(&["get", "PID-5.1", "day.hl7"]);
    assert_eq!(told, "day.hl7:1\tPRÓBA\nday.hl7:2\tMINTA\n");
    assert_eq!(
        files.told(&["get", "PID-5.1", "day.hl7", "--message", "2"]).1,
        "MINTA\n"
    );
}

#[test]
fn what_is_absent_everywhere_makes_the_exit_code_1() {
    let files = one();
    let (code, told, noted) = files.told(&["get", "PID-5.1", "PID-40", "one.hl7"]);
    assert_eq!(
        (code, told.as_str(), noted.as_str()),
        (1, "PID-5.1\tPRÓBA\n", "PID-40 is absent\n")
    );
    let values = files.json(&["get", "PID-40", "PID-2", "PID-7", "one.hl7", "--json"]);
    let value = |index: usize| values["values"][index]["value"].clone();
    assert_eq!((value(0), value(1), value(2)), (Value::Null, "".into(), "\"\"".into()));
}

#[test]
fn obvious_mistakes_are_answered_with_what_to_do() {
    let files = one();
    files.write("empty.hl7", "").write("text.txt", "no message\n");
    fs::create_dir(files.path("folder")).unwrap();
    for (arguments, parts) in [
        (&["parse", "none.hl7"][..], &["cannot read `none.hl7`"][..]),
        (
            &["parse", "folder"],
            &["`folder` is a folder", "hint: name its files: `folder/*.hl7`"],
        ),
        (&["parse", "empty.hl7"], &["`empty.hl7` is empty"]),
        (
            &["parse", "text.txt"],
            &["holds no HL7 v2 message", "hint: a message begins with its header"],
        ),
        (
            &["get", "PID.5", "one.hl7"],
            &["`PID.5` is neither a path nor a file", "hint: did you mean `PID-5`?"],
        ),
        (&["get", "pid-5.1", "one.hl7"], &["hint: did you mean `PID-5.1`?"]),
        (&["get", "one.hl7"], &["no path is given"]),
        (&["get", "PID-5", "one.hl7"], &["PID-5 has parts", "hint: `--raw`"]),
        (
            &["get", "PATIENTS/PID-5", "one.hl7"],
            &["no group PATIENTS", "PATIENT_RESULT"],
        ),
        (
            &["get", "PID-1", "one.hl7", "--message", "7"],
            &["has no message 7", "it has 1 message"],
        ),
        (
            &["set", "PID-5", "one.hl7"],
            &["`PID-5` is neither a change nor a file", "`PID-5=VALUE`"],
        ),
        (&["set", "PID.5=x", "one.hl7"], &["hint: did you mean `PID-5=x`?"]),
        (&["set", "NK1-2=x", "one.hl7"], &["one.hl7: NK1-2 cannot be set"]),
        (&["set", "PID-2=x", "--in-place", "-"], &["standard input"]),
        (&["diff", "one.hl7", "none.hl7"], &["cannot read `none.hl7`"]),
    ] {
        let (code, told, noted) = files.told(arguments);
        assert_eq!((code, told.as_str()), (1, ""), "{arguments:?}\n{noted}");
        holds(&noted, parts);
    }
    for (arguments, part) in [
        (&["parse", "one.hl7", "--path", "PID.5"][..], "did you mean `PID-5`?"),
        (
            &["parse", "one.hl7", "--charset", "windows-125"],
            "did you mean `windows-125",
        ),
        (&["encode", "one.hl7"], "--charset <SET>"),
    ] {
        let (code, _, noted) = files.told(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        holds(&noted, &[part]);
    }
}

#[test]
fn setting_changes_its_node_and_no_other_byte() {
    let files = batch();
    let before = files.read("day.hl7");
    let output = files.run(&["set", "PID-5.1=A&B", "PID-7=", "day.hl7", "--message", "2"]);
    let after = String::from_utf8(output.stdout).unwrap();
    let expected = String::from_utf8(before.clone()).unwrap();
    let expected = expected.replace("MINTA^BETEG||\"\"", "A\\T\\B^BETEG||");
    assert_eq!(after, expected);
    assert_eq!(files.read("day.hl7"), before, "the file itself stays");
}

#[test]
fn changing_in_place_is_all_or_nothing_and_keeps_permissions() {
    let files = batch();
    let path = files.path("day.hl7");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = files.read("day.hl7");
    // The second change has no segment to stand in, so the first one is not made either.
    assert_eq!(
        files.told(&["set", "PID-5.1=X", "NK1-2=Y", "day.hl7", "--in-place"]).0,
        1
    );
    assert_eq!(files.read("day.hl7"), before);
    assert_eq!(files.told(&["set", "PID-5.1=X", "day.hl7", "--in-place"]).0, 0);
    assert_eq!(files.told(&["get", "PID-5.1", "day.hl7", "--message", "2"]).1, "X\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(
        fs::read_dir(files.path("")).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn differences_are_told_field_by_field_with_names_and_exit_codes_as_diff_has_them() {
    let files = batch();
    let text = String::from_utf8(files.read("day.hl7")).unwrap();
    // The same messages the other way round: they are paired by their control id.
    let second = text
        .find("MSH|")
        .and_then(|first| Some(first + 3 + text[first + 3..].find("MSH|")?))
        .unwrap();
    let first = text.find("MSH|").unwrap();
    let end = text.find("BTS|").unwrap();
    let turned = format!("{}{}", &text[second..end], &text[first..second])
        .replace("PRÓBA", "MÁS")
        .replace("20260102", "20260103");
    files.write("turned.hl7", turned);
    let (code, told, noted) = files.told(&["diff", "day.hl7", "turned.hl7", "--ignore", "MSH-7"]);
    assert_eq!(code, 1);
    holds(
        &told,
        &[
            "message 1 and 2, control id K1",
            "PID-5.1  Patient Name, Family Name  PRÓBA → MÁS",
        ],
    );
    assert!(!told.contains("K2") && !told.contains("MSH-7"), "{told}");
    holds(&noted, &["1 difference in 1 of 2 messages"]);
    let (code, told, _) = files.told(&[
        "diff",
        "day.hl7",
        "turned.hl7",
        "--ignore",
        "MSH-7",
        "--ignore",
        "PID-5",
    ]);
    assert_eq!((code, told.as_str()), (0, ""));
    let report = files.json(&["diff", "day.hl7", "turned.hl7", "--json"]);
    assert_eq!(report["same"], false);
    assert_eq!(report["messages"][0]["differences"][0]["path"], "MSH-7");
}

#[test]
fn a_message_is_written_in_another_set_or_not_at_all() {
    let files = one();
    let output = files.run(&["encode", "--charset", "windows-1250", "one.hl7"]);
    assert!(output.stdout.windows(5).any(|bytes| bytes == b"PR\xD3BA"));
    files.write("1250.hl7", &output.stdout);
    assert_eq!(
        files.told(&["get", "MSH-18", "PID-5.1", "1250.hl7"]).1,
        "MSH-18\twindows-1250\nPID-5.1\tPRÓBA\n"
    );
    let (code, told, noted) = files.told(&["encode", "--charset", "ascii", "one.hl7"]);
    assert_eq!((code, told.as_str()), (1, ""));
    holds(&noted, &["one.hl7: PID-5", "hint: `--unmappable escape`"]);
    let (code, told, _) = files.told(&[
        "encode",
        "--charset",
        "ascii",
        "--unmappable",
        "escape",
        "--line-end",
        "lf",
        "one.hl7",
    ]);
    assert_eq!(code, 0);
    holds(&told, &["PR\\X000000D3\\BA", "|ASCII\nPID|1|"]);
}

#[test]
fn line_ends_change_between_messages_too_and_line_feeds_of_values_are_escaped() {
    let files = Files::new();
    files.write(
        "cr.hl7",
        format!("BHS|^~\\&|LAB\r{}BTS|1\r", MESSAGE.replace("Panel", "Pa\nnel")),
    );
    let (code, told, _) = files.told(&["encode", "--line-end", "crlf", "cr.hl7"]);
    assert_eq!(code, 0);
    holds(
        &told,
        &["BHS|^~\\&|LAB\r\nMSH|", "Pa\\X0A\\nel^L\r\n", "ZPI|local\r\nBTS|1\r\n"],
    );
    assert_eq!(told.matches('\n').count(), told.matches("\r\n").count());
}

#[test]
fn findings_have_their_path_and_code_and_errors_make_the_exit_code_1() {
    let files = one();
    files.write(
        "sound.hl7",
        "MSH|^~\\&|LAB|H|||20260102||ADT^A01^ADT_A01|K1|P|2.5\rEVN||20260102\rPID|1||1||A^B\rPV1|1|I\r",
    );
    let (code, told, noted) = files.told(&["validate", "sound.hl7"]);
    assert_eq!((code, told.as_str()), (0, ""), "{noted}");
    let (code, told, _) = files.told(&["validate", "one.hl7"]);
    assert_eq!(code, 1);
    holds(&told, &["one.hl7, control id K1", "error"]);
    fs::create_dir_all(files.path("site/profiles")).unwrap();
    fs::create_dir_all(files.path("site/tables")).unwrap();
    files.write("site/tables/names.csv", "family\nA\n");
    files.write("site/profiles/p.toml", "[[rules]]\npath = \"PID-5.1\"\ntable = \"names\"\ncolumn = \"family\"\n[[rules]]\npath = \"PID-8\"\nrequired = true\n");
    let report = files.json(&["validate", "sound.hl7", "--profile", "site/profiles/p.toml", "--json"]);
    assert_eq!(
        (report["errors"].as_u64(), report["warnings"].as_u64()),
        (Some(1), Some(0)),
        "{report}"
    );
    let finding = &report["messages"][0]["findings"][0];
    assert_eq!(
        (finding["path"].as_str(), finding["code"].as_str()),
        (Some("PID-8"), Some("101"))
    );
    files.write("site/profiles/p.toml", "[[rules]]\npth = \"PID-8\"\n");
    assert_eq!(
        files
            .told(&["validate", "sound.hl7", "--profile", "site/profiles/p.toml"])
            .0,
        64
    );
}

#[test]
fn standard_input_is_read_and_a_closed_output_is_nobodys_fault() {
    let mut child = Command::new(binary())
        .args(["hl7", "get", "PID-5.1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(MESSAGE.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, "PRÓBA\n".as_bytes());
    let files = Files::new();
    files.write("many.hl7", MESSAGE.repeat(2_000));
    let script = format!("set -o pipefail; {} hl7 parse many.hl7 | head -1", binary());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(files.path(""))
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_file_of_the_example_is_shown_without_a_finding_of_its_text() {
    let folder = tests_folder().join("../../../examples/lab-results/messages/lab");
    let mut paths: Vec<String> = fs::read_dir(Path::new(&folder))
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    paths.sort();
    let files = Files::new();
    let arguments: Vec<&str> = ["parse"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let (code, told, noted) = files.told(&arguments);
    assert_eq!((code, noted.as_str()), (0, ""));
    assert!(!told.contains("not text in this character set"), "{told}");
}
