//! Acknowledgements: what is answered to whom, and how answers are read.

use transfuse_message::acknowledgement::{Condition, Wanted, accept, commit, read, refuse, refuse_unreadable};
use transfuse_message::{
    AcknowledgementCode, AcknowledgementContext, AnswerError, Finding, Message, ParseOptions, Severity,
};

use super::{message, result};

fn with_context<T>(use_it: impl FnOnce(&AcknowledgementContext<'_>) -> T) -> T {
    let at: jiff::ZonedDateTime = "2026-11-23T14:37:05.25+01:00[+01:00]".parse().unwrap();
    use_it(&AcknowledgementContext {
        control_id: "A1",
        at: &at,
        asks: None,
    })
}

fn finding(text: &str) -> Finding {
    let text = text.to_owned().into();
    Finding {
        path: Some("OBX[2]-5[3].1".to_owned()),
        code: "102".to_owned(),
        severity: Severity::Error,
        text,
    }
}

fn accepted(request: &str) -> String {
    let bytes = with_context(|context| accept(&message(request), context));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn refused(request: &str, findings: &[Finding]) -> String {
    let bytes = with_context(|context| refuse(&message(request), AcknowledgementCode::AE, findings, context));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn request(version: &str) -> String {
    format!("MSH|^~\\&|LAB^1.2^ISO|L|HIS|H|20261123||ORU^R01^ORU_R01|K1|T|{version}\r")
}

#[test]
fn an_acceptance_answers_with_the_request_s_own_header() {
    assert_eq!(
        accepted(super::RESULT),
        "MSH|^~\\&|HIS|MINTA|LABOR|PRÓBA_KÓRHÁZ|20261123143705+0100||ACK^R01^ACK|A1|P|2.5.1||||||UNICODE UTF-8\rMSA|AA|K0001\r"
    );
    assert_eq!(
        accepted(&request("2.4")),
        "MSH|^~\\&|HIS|H|LAB^1.2^ISO|L|20261123143705+0100||ACK^R01^ACK|A1|T|2.4\rMSA|AA|K1\r"
    );
}

#[test]
fn the_type_of_an_acknowledgement_depends_on_the_version() {
    for (version, expected) in [
        ("2.1", "|ACK|"),
        ("2.2", "|ACK^R01|"),
        ("2.3.1", "|ACK^R01|"),
        ("2.4", "|ACK^R01^ACK|"),
        ("2.10", "|ACK^R01^ACK|"),
        ("2.5^HUN", "|ACK^R01^ACK|"),
        ("", "|ACK^R01^ACK|"),
        ("nonsense", "|ACK^R01^ACK|"),
    ] {
        assert!(accepted(&request(version)).contains(expected), "{version}");
    }
    assert!(accepted("MSH|^~\\&|A||||||QRY|K1|P|2.5\r").contains("||ACK|A1|"));
}

#[test]
fn from_2_5_on_each_finding_is_an_error_segment_of_fields() {
    let second = Finding {
        path: None,
        code: "ZZ|1".to_owned(),
        severity: Severity::Warning,
        text: "b".into(),
    };
    let answer = refused(&request("2.5.1"), &[finding("rossz érték | itt"), second]);
    let segments: Vec<_> = answer.split('\r').skip(1).collect();
    assert_eq!(
        segments,
        [
            "MSA|AE|K1|rossz érték \\F\\ itt; b",
            "ERR||OBX^2^5^3^1|102^Data type error^HL70357|E||||rossz érték \\F\\ itt",
            "ERR|||ZZ\\F\\1|W||||b",
            "",
        ]
    );
}

#[test]
fn a_path_through_groups_gives_a_location_without_an_occurrence_because_err_counts_over_the_message() {
    let at = |path: &str| Finding {
        path: Some(path.to_owned()),
        ..finding("a")
    };
    let findings = ["ORDER[2]/OBX[3]-5.1", "ORDER[2]/OBR", "ORDER[2]/"].map(at);
    let answer = refused(&request("2.5.1"), &findings);
    let locations: Vec<_> = answer
        .split("ERR|")
        .skip(1)
        .map(|line| line.split('|').nth(1).unwrap())
        .collect();
    assert_eq!(locations, ["OBX^^5^1^1", "OBR", ""]);
}

#[test]
fn before_2_5_findings_are_repetitions_of_the_first_error_field() {
    let second = Finding {
        path: Some("PID".to_owned()),
        code: "7".to_owned(),
        severity: Severity::Error,
        text: "b".into(),
    };
    let third = Finding {
        path: Some("not a path".to_owned()),
        ..second.clone()
    };
    let answer = refused(&request("2.3"), &[finding("a"), second, third]);
    let segments: Vec<_> = answer.split('\r').skip(1).collect();
    assert_eq!(
        segments,
        [
            "MSA|AE|K1|a; b; b",
            "ERR|OBX^2^5^102&Data type error&HL70357~PID^1^^7~^^^7",
            ""
        ]
    );
}

#[test]
fn the_text_of_msa_is_withdrawn_from_2_7_on_and_cut_at_its_length_before() {
    assert!(refused(&request("2.7"), &[finding("a")]).contains("\rMSA|AE|K1\rERR|"));
    let answer = refused(&request("2.6"), &[finding(&"ő".repeat(200))]);
    assert!(answer.contains(&format!("\rMSA|AE|K1|{}\r", "ő".repeat(80))));
}

#[test]
fn nothing_can_be_accepted_by_a_refusal() {
    for (code, expected) in [
        ("AA", "AE"),
        ("AE", "AE"),
        ("AR", "AR"),
        ("CA", "CE"),
        ("CE", "CE"),
        ("CR", "CR"),
    ] {
        let all = [
            AcknowledgementCode::AA,
            AcknowledgementCode::AE,
            AcknowledgementCode::AR,
            AcknowledgementCode::CA,
            AcknowledgementCode::CE,
            AcknowledgementCode::CR,
        ];
        let code = *all.iter().find(|known| known.as_str() == code).unwrap();
        let answer = with_context(|context| refuse(&result(), code, &[], context));
        assert!(String::from_utf8_lossy(&answer).contains(&format!("\rMSA|{expected}|K0001\r")));
    }
}

#[test]
fn the_request_s_delimiters_and_character_set_are_used() {
    let request = b"MSH$%*!@$LAB%1$L$HIS$H$$$ORU%R01$K!S!1$P$2.3$$$$$$8859/2*ASCII\r".to_vec();
    let request = Message::parse(request, &ParseOptions::default()).unwrap();
    let finding = finding("ő € $ | !");
    let answer = with_context(|context| refuse(&request, AcknowledgementCode::AR, &[finding], context));
    let expected: &[u8] = b"MSH$%*!@$HIS$H$LAB%1$L$20261123143705+0100$$ACK%R01$A1$P$2.3$$$$$$8859/2*ASCII\r\
        MSA$AR$K!S!1$\xf5 [U+20AC] !F! | !E!\rERR$OBX%2%5%102@Data type error@HL70357\r";
    assert_eq!(answer.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn words_reach_a_sender_that_has_no_escape_character() {
    let answer = refused("MSH|^|A||||||ORU^R01|K1|P|2.3\r", &[finding("a|b^c~d\re")]);
    let segments: Vec<_> = answer.split('\r').skip(1).collect();
    assert_eq!(segments, ["MSA|AE|K1|a b c~d e", "ERR|OBX^2^5^102", ""]);
}

#[test]
fn an_acknowledgement_is_framed_and_read_whatever_the_request_s_header_holds() {
    let raw = "MSH|^~\\&|A\u{1c}|\u{b}B|C\nD||||ORU^R01|K\u{1c}|P|2.5\rPID|1\r";
    let answer = with_context(|context| accept(&message(raw), context));
    assert!(!answer.iter().any(|byte| matches!(byte, 0x0b | 0x1c | b'\n')));
    let answer = Message::parse(answer, &ParseOptions::default()).unwrap();
    assert_eq!(answer.segment_count(), 2);
    assert_eq!(answer.header().receiving_application(), "A ");
}

#[test]
fn at_most_fifty_findings_are_listed() {
    let answer = refused(&request("2.5"), &vec![finding("a"); 60]);
    assert_eq!(answer.matches("\rERR|").count(), 50);
}

#[test]
fn bytes_that_could_not_be_parsed_are_refused_with_what_their_header_tells() {
    let fields = "|HIS|H|LAB|L|20261123143705+0100||";
    for (raw, header, acknowledged) in [
        (
            "MSH|^~\\&|LAB|L|HIS|H|||ORU^R01|K1|P|2.5\rMSH|^~\\&|B\r",
            format!("^~\\&{fields}ACK^R01^ACK|A1|P|2.5"),
            "K1",
        ),
        (
            "MSH|^~\\\\&|LAB|L|HIS|H|||ORU^R01|K1|P|2.5\r",
            format!("^~\\&{fields}ACK^R01^ACK|A1|P|2.5"),
            "K1",
        ),
        (
            "garbage \u{b}MSH|^~\\&|LAB|L|HIS|H|||ORU^R01|K1|P|2.5\rPID",
            format!("^~\\&{fields}ACK^R01^ACK|A1|P|2.5"),
            "K1",
        ),
        ("MSH|", "^~\\&|||||20261123143705+0100||ACK|A1".to_owned(), ""),
        ("nothing", "^~\\&|||||20261123143705+0100||ACK|A1|P|2.5".to_owned(), ""),
        ("", "^~\\&|||||20261123143705+0100||ACK|A1|P|2.5".to_owned(), ""),
        ("MSH~", "^~\\&|||||20261123143705+0100||ACK|A1|P|2.5".to_owned(), ""),
    ] {
        let finding = Finding {
            path: None,
            code: "199".to_owned(),
            severity: Severity::Error,
            text: "no".into(),
        };
        let answer = with_context(|context| {
            refuse_unreadable(
                raw.as_bytes(),
                AcknowledgementCode::AR,
                std::slice::from_ref(&finding),
                context,
            )
        });
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let msa = if acknowledged.is_empty() {
            "MSA|AR".to_owned()
        } else {
            format!("MSA|AR|{acknowledged}")
        };
        assert!(
            answer.starts_with(&format!("MSH|{header}\r{msa}")),
            "{raw:?}: {answer:?}"
        );
        assert!(
            answer.contains("\rERR|||199^Other HL7 error^HL70357|E||||no\r"),
            "{answer:?}"
        );
    }
}

#[test]
fn an_answer_is_read_with_the_texts_of_either_error_form() {
    for (body, code, control_id, text) in [
        ("MSA|AA|K1", AcknowledgementCode::AA, "K1", ""),
        ("MSA| ae |K\\F\\1|rossz", AcknowledgementCode::AE, "K|1", "rossz"),
        ("MSA|AR", AcknowledgementCode::AR, "", ""),
        (
            "MSA|CE|K1||\rERR|PID^1^5^102&Data type error",
            AcknowledgementCode::CE,
            "K1",
            "102 Data type error",
        ),
        (
            "MSA|AE|K1|rossz\rERR||PID^1^5|101^Required field missing^HL70357|E|||PID-5|hiányzik a név\rERR|||207",
            AcknowledgementCode::AE,
            "K1",
            "rossz\n101 Required field missing PID-5 hiányzik a név\n207",
        ),
    ] {
        let answer = read(&message(&format!("MSH|^~\\&|HIS\r{body}\r"))).unwrap();
        assert_eq!((answer.code, answer.control_id.as_str()), (code, control_id), "{body}");
        assert_eq!(answer.text.lossy_text(), text);
        assert!(!format!("{answer:?}").contains("rossz"));
    }
}

#[test]
fn the_codes_of_errors_are_read_in_either_form() {
    let errors =
        "ERR|PID^1^5^102&Data type error\rERR||PID^1^5|101^Required field missing\rERR|^^^103|MSH|207\rERR||PID";
    let answer = read(&message(&format!("MSH|^~\\&|HIS\rMSA|AE|K1\r{errors}\r"))).unwrap();
    assert_eq!(answer.errors, ["102", "101", "207"]);
}

#[test]
fn at_most_fifty_errors_of_an_answer_are_read() {
    let answer = format!("MSH|^~\\&|HIS\rMSA|AE|K1\r{}", "ERR|||101\r".repeat(60));
    let answer = read(&message(&answer)).unwrap();
    assert_eq!(
        (answer.text.lossy_text().lines().count(), answer.errors.len()),
        (50, 50)
    );
}

#[test]
fn what_is_not_an_answer_is_told_apart() {
    assert_eq!(read(&result()), Err(AnswerError::NoAcknowledgement));
    assert_eq!(
        read(&message("MSH|^~\\&|A\rMSA|OK|K1\r")),
        Err(AnswerError::UnknownCode)
    );
    assert_eq!(read(&message("MSH|^~\\&|A\rMSA\r")), Err(AnswerError::UnknownCode));
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = with_context(|context| refuse(&result(), AcknowledgementCode::AR, &[finding("őszi | tél")], context));
    let answer = read(&Message::parse(bytes, &ParseOptions::default()).unwrap()).unwrap();
    assert_eq!(
        (answer.code, answer.control_id.as_str()),
        (AcknowledgementCode::AR, "K0001")
    );
    assert_eq!(answer.text.lossy_text(), "őszi | tél\n102 Data type error őszi | tél");
}

#[test]
fn debug_output_of_a_finding_holds_no_content() {
    assert!(!format!("{:?}", finding("PRÓBA BETEG")).contains("BETEG"));
}

fn wanted_by(message: &Message) -> Wanted {
    Wanted::of(message, &message.header())
}

fn wanted(fields: &str) -> (&'static str, &'static str) {
    let wanted = wanted_by(&message(&format!(
        "MSH|^~\\&|A|B|C|D|||ADT^A01|K1|P|2.5|||{fields}\rEVN|A01\r"
    )));
    (wanted.accept.as_str(), wanted.application.as_str())
}

#[test]
fn a_message_asks_for_what_its_header_says_and_for_the_original_mode_where_it_says_nothing() {
    for codes in ["AL", "NE", "ER", "SU"] {
        for other in ["AL", "NE", "ER", "SU"] {
            assert_eq!(wanted(&format!("{codes}|{other}")), (codes, other));
        }
    }
    for (fields, expected) in [
        ("", ("NE", "AL")),
        ("|", ("NE", "AL")),
        ("\"\"|\"\"", ("NE", "AL")),
        ("AL", ("AL", "NE")),
        ("|SU", ("NE", "SU")),
        ("\"\"|ER", ("NE", "ER")),
        ("al| ne ", ("AL", "NE")),
        ("YES|", ("AL", "NE")),
    ] {
        assert_eq!(wanted(fields), expected, "{fields}");
    }
    assert_eq!(wanted("|"), {
        let Wanted { accept, application } = Wanted::ORIGINAL;
        (accept.as_str(), application.as_str())
    });
}

#[test]
fn an_acknowledgement_asks_for_no_application_acknowledgement_and_an_accept_acknowledgement_for_nothing() {
    for (message_type, code, expected) in [
        ("ACK^A01^ACK", "AA", ("AL", "NE")),
        ("ACK", "AE", ("AL", "NE")),
        ("MCF^A01", "AA", ("AL", "NE")),
        ("", "AR", ("AL", "NE")),
        ("ACK^A01^ACK", "CA", ("NE", "NE")),
        ("ACK^A01^ACK", "CE", ("NE", "NE")),
        ("ACK^A01^ACK", "??", ("AL", "NE")),
        ("RSP^K22^RSP_K22", "AA", ("AL", "AL")),
        ("ORR^O02", "AA", ("AL", "AL")),
    ] {
        let raw = format!("MSH|^~\\&|A|B|C|D|||{message_type}|K1|P|2.5|||AL|AL\rMSA|{code}|K0\r");
        let Wanted { accept, application } = wanted_by(&message(&raw));
        assert_eq!(
            (accept.as_str(), application.as_str()),
            expected,
            "{message_type} {code}"
        );
        assert_eq!(message(&raw).is_acknowledgement(), expected.1 == "NE", "{message_type}");
    }
    let original = message("MSH|^~\\&|A|B|C|D|||ACK|K1|P|2.5\rMSA|AA|K0\r");
    assert_eq!(wanted_by(&original), Wanted::NOTHING);
}

#[test]
fn bytes_that_cannot_be_read_ask_for_what_can_be_told_of_their_header() {
    let unreadable = b"MSH|^^^^|A|B|C|D|||ADT^A01|K1|P|2.5|||ER|NE\r";
    assert_eq!(Wanted::of_unreadable(unreadable).accept, Condition::OnError);
    assert_eq!(Wanted::of_unreadable(b"GET / HTTP/1.1"), Wanted::ORIGINAL);
    assert_eq!(Wanted::of_unreadable(b""), Wanted::ORIGINAL);
}

#[test]
fn an_accept_acknowledgement_names_its_message_and_asks_for_nothing() {
    let at: jiff::ZonedDateTime = "2026-11-23T14:37:05.25+01:00[+01:00]".parse().unwrap();
    let context = AcknowledgementContext {
        control_id: "A1",
        at: &at,
        asks: Some(Wanted::NOTHING),
    };
    let committed = commit(&message(super::RESULT), &context);
    assert_eq!(
        std::str::from_utf8(&committed).unwrap(),
        "MSH|^~\\&|HIS|MINTA|LABOR|PRÓBA_KÓRHÁZ|20261123143705+0100||ACK^R01^ACK|A1|P|2.5.1|||NE|NE||UNICODE UTF-8\rMSA|CA|K0001\r"
    );
    let answer = read(&message(std::str::from_utf8(&committed).unwrap())).unwrap();
    assert!(answer.code.is_commit() && answer.code.is_accept());
}
