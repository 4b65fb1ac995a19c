use transfuse_plugin::testing::Input;

use super::redact;

#[test]
fn the_address_goes_and_everything_else_stays() {
    let report = Input::hl7(
        r"MSH|^~\&|LAB|SYNLAB|EHR|SZENT_IMRE|20260105090000||ORU^R01|1|P|2.5.1
          PID|1||4711||Szabó^Őrs||19800101|M|||Fő utca 1.^^Budapest^^1011~Tó u. 2.||06-1-555-0100
          ZPI|1|Z\T\Z||~",
    )
    .run(redact);
    insta::assert_snapshot!(report.forwarded_once(), @r"
    MSH|^~\&|LAB|SYNLAB|EHR|SZENT_IMRE|20260105090000||ORU^R01|1|P|2.5.1
    PID|1||4711||Szabó^Őrs||19800101|M|||||06-1-555-0100
    ZPI|1|Z\T\Z||~
    ");
    assert!(report.log.is_empty());
}

#[test]
fn a_message_without_a_patient_passes_as_it_came() {
    let report = Input::hl7("MSH|^~\\&|LAB").run(redact);
    assert_eq!(report.forwarded_once(), "MSH|^~\\&|LAB");
}

#[test]
fn a_configuration_is_refused_because_nobody_would_read_it() {
    let report = Input::hl7("MSH|^~\\&|LAB")
        .config(r#"{"keep": "PID-11.5"}"#)
        .run(redact);
    insta::assert_debug_snapshot!(report.end, @r#"
    Misconfigured(
        "this plugin takes no configuration: remove `config` from the step",
    )
    "#);
}
