//! What a plugin can do, and how each way of ending arrives at the host.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use transfuse_plugin::log::Level;
use transfuse_plugin::prelude::*;
use transfuse_plugin::testing::{End, Input, Report};
use transfuse_plugin::{Fault, PathError, TableError};

const MESSAGE: &str = r"
    MSH|^~\&|LAB|SYNLAB|EHR|SZENT_IMRE|20260105090000||ORU^R01|42|P|2.5.1
    PID|1||4711^^^MRN~815^^^TAJ||Szabó^Őrs
    OBX|1|NM|GLU^Glükóz||5.4|mmol/l
    OBX|2|ST|ABO||A\T\B|";

fn run(plugin: fn(&Exchange) -> Outcome) -> Report {
    Input::hl7(MESSAGE).run(plugin)
}

/// The fault of a plugin that does one thing.
fn fault(plugin: fn(&Exchange) -> Outcome) -> Fault {
    match run(plugin).end {
        End::Faulted(fault) => fault,
        other => panic!("a fault is expected, this happened: {other:?}"),
    }
}

#[test]
fn values_are_read_one_by_one_and_many_at_a_time() {
    let report = run(|exchange| {
        let message = exchange.message()?;
        assert_eq!(message.get("PID-5.1")?.as_deref(), Some("Szabó"));
        assert_eq!(message.get("OBX[2]-5")?.as_deref(), Some("A&B"));
        assert_eq!(message.get("OBX[2]-6")?.as_deref(), Some(""));
        assert_eq!(message.get("ZZZ-1")?, None);
        let [second, given] = message.get_many(["PID-3[2].1", "PID-5.2"])?;
        assert_eq!((second.as_deref(), given.as_deref()), (Some("815"), Some("Őrs")));
        let each = message.get_each(&["OBX[1]-3.1".to_owned(), "OBX[3]-3.1".to_owned()])?;
        assert_eq!(each, [Some("GLU".to_owned()), None]);
        let codes: Vec<_> = message
            .rows("OBX", ["3.1.1"])?
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        assert_eq!(codes, ["GLU", "ABO"]);
        assert_eq!(message.get_raw("OBX[2]-5")?.unwrap(), br"A\T\B");
        assert_eq!(
            (message.count("OBX")?, message.count("PID-3")?, message.count("ZZZ")?),
            (2, 2, 0)
        );
        exchange.filter("read")
    });
    assert!(matches!(report.end, End::Filtered(reason) if reason == "read"));
}

#[test]
fn groups_are_walked_and_the_standard_is_asked() {
    let report = run(|exchange| {
        let mut message = exchange.message()?;
        let path = message.insert("OBR", "PID")?;
        message.set(format!("{path}-4"), "first")?;
        let path = message.insert("OBR", "OBX[1]")?;
        message.set(format!("{path}-4"), "second")?;
        let orders = message.groups("ORDER_OBSERVATION")?;
        let mut found = Vec::new();
        for order in &orders {
            let name = message.get(format!("{order}OBR-4"))?.unwrap_or_default();
            let values = message.rows(&format!("{order}OBX"), ["5"])?;
            assert_eq!(message.groups(format!("{order}OBSERVATION"))?.len(), 1);
            found.push(format!(
                "{name}: {}",
                values.into_iter().flatten().flatten().collect::<String>()
            ));
        }
        assert_eq!(found, ["first: 5.4", "second: A&B"]);
        assert_eq!(message.groups("ORDER").unwrap_err().code(), "no-such-group");
        assert_eq!(message.name_of("PID-3")?.as_deref(), Some("Patient Identifier List"));
        assert_eq!(message.datatype_of("OBX[2]-5")?.as_deref(), Some("ST"));
        assert_eq!(message.datatype_of("PID-3.4")?.as_deref(), Some("HD"));
        assert_eq!(message.table_of("PID-8")?.as_deref(), Some("0001"));
        assert_eq!((message.name_of("ZZZ-1")?, message.table_of("PID-3")?), (None, None));
        exchange.filter("read")
    });
    assert!(matches!(report.end, End::Filtered(_)), "{report:?}");
}

#[test]
fn times_are_read_as_moments_and_written_as_precise_as_asked() {
    let report = run(|exchange| {
        let mut message = exchange.message()?;
        // 09:00 in Budapest, where the interface says that its timestamps are.
        let sent = message.get_time("MSH-7", "", AmbiguousTime::Before)?;
        let nine = Moment {
            unix_ms: 1_767_600_000_000,
            precision: Precision::Second,
        };
        assert_eq!(sent, Some(nine));
        let in_utc = message
            .get_time("MSH-7", "UTC", AmbiguousTime::Before)?
            .map(|moment| moment.unix_ms);
        assert_eq!(in_utc, Some(1_767_603_600_000));
        assert_eq!(message.get_time("PID-7", "", AmbiguousTime::Reject)?, None);
        message.set_time(
            "OBX[1]-14",
            Moment {
                precision: Precision::Minute,
                ..nine
            },
            "",
        )?;
        message.set_time(
            "OBX[2]-14",
            Moment {
                precision: Precision::Day,
                ..nine
            },
            "Asia/Tokyo",
        )?;
        assert_eq!(message.get("OBX[1]-14")?.as_deref(), Some("202601050900+0100"));
        assert_eq!(message.get("OBX[2]-14")?.as_deref(), Some("20260105"));
        message.set("OBX[2]-14", "202610250230")?;
        let twice = message.get_time("OBX[2]-14", "", AmbiguousTime::Reject).unwrap_err();
        assert_eq!((twice.code(), twice.is_fault_of_message()), ("ambiguous-time", true));
        let no_zone = message
            .get_time("OBX[2]-14", "Europe/Buda", AmbiguousTime::Before)
            .unwrap_err();
        assert_eq!((no_zone.code(), no_zone.is_fault_of_message()), ("unsupported", false));
        exchange.filter("read")
    });
    assert!(matches!(report.end, End::Filtered(_)), "{:?}", report.end);
}

#[test]
fn a_text_that_is_no_time_rejects_the_message() {
    let report = run(|exchange| {
        exchange.message()?.get_time("OBX[1]-5", "", AmbiguousTime::Before)?;
        exchange.filter("read")
    });
    let End::Rejected(rejection) = report.end else {
        panic!("a rejection is expected, this happened: {:?}", report.end)
    };
    let shown = format!("{rejection:?}");
    assert!(shown.contains("DataTypeError") && shown.contains("OBX[1]-5"), "{shown}");
}

#[test]
fn values_are_changed() {
    let report = run(|exchange| {
        let original = exchange.message()?;
        let mut message = original.clone();
        message.set("PID-5.1", "Tóth & Társa")?;
        message.set_many(&[("OBX[1]-6", "mmol/L"), ("OBX[1]-8", "N")])?;
        message.set_raw("PID-3", b"1^^^A~2^^^B")?;
        message.clear("MSH-5")?;
        message.copy_from(&original, "OBX[2]-5", "OBX[1]-3")?;
        message.copy_within("PID-5.2", "PID-5.3")?;
        let path = message.insert("NTE", "OBX[1]")?;
        message.set(format!("{path}-3"), "a note")?;
        message.remove("OBX[2]")?;
        assert_eq!(
            original.get("PID-5.1")?.as_deref(),
            Some("Szabó"),
            "a clone is a message of its own"
        );
        exchange.forward(message)
    });
    insta::assert_snapshot!(report.forwarded_once(), @r"
    MSH|^~\&|LAB|SYNLAB||SZENT_IMRE|20260105090000||ORU^R01|42|P|2.5.1
    PID|1||1^^^A~2^^^B||Tóth \T\ Társa^Őrs^Őrs
    OBX|1|NM|A\T\B||5.4|mmol/L||N
    NTE|||a note
    ");
}

#[test]
fn a_message_can_be_forwarded_several_times_to_named_destinations() {
    let report = run(|exchange| {
        let mut message = exchange.message()?;
        exchange.forward(&message)?;
        message.set("MSH-5", "RESEARCH")?;
        exchange.forward_to(message, &["research"])
    });
    let End::Forwarded(messages) = report.end else {
        panic!("{report:?}")
    };
    let [first, second] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(first.text(), MESSAGE.trim().replace("    ", ""));
    assert!(first.to.is_empty());
    assert!(second.text().contains("|RESEARCH|"));
    assert_eq!(second.to, ["research"]);
}

#[test]
fn a_message_that_the_plugin_makes_itself_is_parsed() {
    let report = run(|exchange| exchange.forward(Message::parse("MSH|^~\\&|OWN")?));
    assert_eq!(report.forwarded_once(), "MSH|^~\\&|OWN");
    let fault = fault(|exchange| exchange.forward(Message::parse("PID|1")?));
    assert_eq!(fault.kind, "parse-error");
    assert!(fault.location.file().ends_with("behaviour.rs"));
}

#[test]
fn a_path_that_is_wrong_is_the_plugins_fault_and_tells_the_line() {
    let line = line!() + 2;
    let fault = fault(|exchange| {
        exchange.message()?.get("PID-5")?;
        exchange.filter("not reached")
    });
    assert_eq!(fault.kind, "path-error");
    assert_eq!((fault.location.file(), fault.location.line()), (file!(), line));
    assert!(
        fault.text.contains("PID-5") && fault.text.contains("not-a-leaf"),
        "{}",
        fault.text
    );
}

#[test]
fn bytes_that_are_not_text_are_the_messages_fault_and_reject_it() {
    let raw = &b"MSH|^~\\&|||||||ORU^R01|1|P|2.5|||||||UNICODE UTF-8\rPID|1||||Szab\xf3"[..];
    let plugin: fn(&Exchange) -> Outcome = |exchange| {
        exchange.message()?.get("PID-5.1")?;
        exchange.filter("not reached")
    };
    let report = Input::bytes(raw).run(plugin);
    assert_eq!(report.rejected().code(), &Code::DataTypeError);
    assert_eq!(report.rejected().path(), Some("PID-5.1"));
}

#[test]
fn a_plugin_may_look_at_an_error_and_go_on() {
    let report = run(|exchange| {
        let message = exchange.message()?;
        let error: PathError = message.get("PID-5").unwrap_err();
        assert_eq!(
            (error.code(), error.path(), error.is_fault_of_message()),
            ("not-a-leaf", "PID-5", false)
        );
        let error: TableError = Table::open("codes").unwrap_err();
        assert_eq!(error.code(), "no-such-table");
        exchange.forward(message)
    });
    assert!(matches!(report.end, End::Forwarded(_)));
}

#[test]
fn a_rejection_comes_from_the_macro_a_builder_or_a_helper_of_the_plugin() {
    fn helper(message: &Message) -> Result<(), Reject> {
        if message.count("OBX").unwrap() < 3 {
            reject!(Code::Other("900".to_owned()), "{} are too few", 2);
        }
        Ok(())
    }
    let report = run(|exchange| {
        helper(&exchange.message()?)?;
        exchange.filter("not reached")
    });
    let reject = report.rejected();
    assert_eq!(
        (reject.code().as_str(), reject.path(), reject.reason()),
        ("900", None, "2 are too few")
    );

    let report = run(|_| reject!(Code::TableValueNotFound, at format!("OBX[{}]-3", 2), "not known"));
    assert_eq!(
        report.rejected(),
        &Reject::new(Code::TableValueNotFound, "not known").at("OBX[2]-3")
    );
    assert_eq!(report.rejected().code().to_string(), "103");
}

#[test]
fn a_plugin_may_fault_by_itself() {
    let line = line!() + 1;
    let fault = fault(|_| Err(Stop::fault("no-such-ward", "4EAST")));
    assert_eq!((fault.kind, fault.text.as_str()), ("no-such-ward", "4EAST"));
    assert_eq!(fault.location.line(), line);
}

#[test]
fn filtering_and_forwarding_the_same_message_is_a_fault() {
    let fault = fault(|exchange| {
        exchange.forward(exchange.message()?)?;
        exchange.filter("twice")
    });
    assert_eq!(fault.kind, "two-outcomes");
}

#[test]
fn the_exchange_tells_what_it_knows() {
    let plugin: fn(&Exchange) -> Outcome = |exchange| {
        assert_eq!((exchange.interface(), exchange.attempt()), ("lab".to_owned(), 2));
        assert_eq!(
            (exchange.received_at_ms(), exchange.time_zone().as_str()),
            (1_000, "Europe/Vienna")
        );
        assert!(!exchange.id().is_empty());
        assert_eq!(exchange.attribute("ward").as_deref(), Some("4EAST"));
        assert_eq!(exchange.attribute("none"), None);
        exchange.set_attribute("ward", "5WEST");
        exchange.set_attribute("bed", "12");
        exchange.filter("told")
    };
    let input = Input::hl7(MESSAGE)
        .interface("lab")
        .attempt(2)
        .received_at_ms(1_000)
        .time_zone("Europe/Vienna");
    let report = input.attribute("ward", "4EAST").run(plugin);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(report.attributes, [pair("ward", "5WEST"), pair("bed", "12")]);
}

#[test]
fn tables_are_read_by_column() {
    let plugin: fn(&Exchange) -> Outcome = |exchange| {
        let table = Table::open("codes")?;
        assert_eq!(table.columns(), ["local", "loinc"]);
        let row = table.find("local", "GLU")?.unwrap();
        assert_eq!((row.get("loinc")?, row.cells().len()), ("14749-6", 2));
        let rows = table.find_many("loinc", &["2823-3", "0-0"])?;
        let found: Vec<_> = rows
            .iter()
            .map(|row| row.as_ref().map(|row| row.get("local").unwrap()))
            .collect();
        assert_eq!(found, [Some("K"), None]);
        row.get("display")?;
        exchange.filter("not reached")
    };
    let input = Input::hl7(MESSAGE).table("codes", ["local", "loinc"], &[["GLU", "14749-6"], ["K", "2823-3"]]);
    let End::Faulted(fault) = input.run(plugin).end else {
        panic!("a fault is expected")
    };
    assert_eq!(fault.kind, "table-error");
    assert!(
        fault.text.contains("`display`") && fault.text.contains("local, loinc"),
        "{}",
        fault.text
    );
}

#[test]
fn lines_of_the_log_are_kept_in_order() {
    let report = run(|exchange| {
        log::debug!("one {}", 1);
        log::error!("two");
        log::write(Level::Warn, "three");
        log::info!("{four}", four = 4);
        exchange.filter("logged")
    });
    let line = |level, text: &str| (level, text.to_owned());
    let expected = [
        line(Level::Debug, "one 1"),
        line(Level::Error, "two"),
        line(Level::Warn, "three"),
        line(Level::Info, "4"),
    ];
    assert_eq!(report.log, expected);
}

#[derive(Deserialize)]
struct Config {
    facility: String,
}

#[transform]
fn with_config(exchange: &Exchange, config: &Config) -> Outcome {
    let mut message = exchange.message()?;
    message.set("MSH-6", &config.facility)?;
    exchange.forward(message)
}

#[test]
fn a_configuration_arrives_as_its_type_or_is_refused() {
    let report = Input::hl7("MSH|^~\\&|LAB")
        .config(r#"{"facility": "SZENT_IMRE"}"#)
        .run(with_config);
    assert_eq!(report.forwarded_once(), "MSH|^~\\&|LAB|||SZENT_IMRE");
    let report = Input::hl7("MSH|^~\\&|LAB").run(with_config);
    assert!(matches!(report.end, End::Misconfigured(text) if text == "config: missing field `facility`"));
}
