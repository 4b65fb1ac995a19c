//! The crate's rules, one sentence a test.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[expect(clippy::disallowed_methods, reason = "the acceptance itself is what is tested")]
mod acknowledging;
#[expect(clippy::disallowed_methods, reason = "the answer itself is what is tested")]
mod batches;
mod changing;
mod charsets;
mod comparing;
mod editing;
mod escaping;
mod grouping;
mod long;
mod odd_messages;
mod parsing;
mod paths;
mod properties;
mod reading;
mod recoding;
mod schema;
mod times;
mod validating;
mod wide_charsets;

use transfuse_message::{Message, ParseOptions, Path};

/// A fictitious laboratory result.
const RESULT: &str = "MSH|^~\\&|LABOR|PRÓBA_KÓRHÁZ|HIS|MINTA|20261123143700+0100||ORU^R01^ORU_R01|K0001|P|2.5.1||||||UNICODE UTF-8\r\
    PID|1||12345^^^MRN~67890^^^TAJ||PRÓBA^BETEG&ÖRÖKŐS||19800101|F|||Fő utca 1.^^Mintaváros^^1234||||||\r\
    OBR|1|R1|L1|2345-7^Glucose^LN\r\
    OBX|1|NM|GLU^Glükóz^L||5.4|mmol/L|3.9-6.1||||F\r\
    OBX|2|ST|MEGJ^Megjegyzés^L||\"\"||||||F\r\
    OBX|3|TX|SZÖV^Szöveg^L||első sor\\.br\\második \\T\\ utolsó||||||F\r\
    ZPI|saját^adat\r";

fn message(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec(), &ParseOptions::default()).unwrap()
}

fn result() -> Message {
    message(RESULT)
}

/// A message whose second segment is given, to look at one rule.
fn with_segment(segment: &str) -> Message {
    message(&format!("MSH|^~\\&|A\r{segment}\r"))
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// A leaf's value as a plugin gets it, or the code of the error.
fn get(message: &Message, text: &str) -> Result<Option<String>, &'static str> {
    let value = message.get(&path(text)).map_err(|error| error.code())?;
    Ok(value.as_option().map(str::to_owned))
}

/// What `get` gives for a value.
#[expect(clippy::unnecessary_wraps, reason = "it is compared with what `get` gives")]
fn value(text: &str) -> Result<Option<String>, &'static str> {
    Ok(Some(text.to_owned()))
}

/// The segment after the header, as bytes.
fn second_segment(message: &Message) -> String {
    let segment = message.segments().nth(1).unwrap();
    String::from_utf8(segment.raw().to_vec()).unwrap()
}
