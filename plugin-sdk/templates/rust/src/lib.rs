//! Drops the patient's address, and names the receiver.

use serde::Deserialize;
use transfuse_plugin::prelude::*;

/// What a site may set: `config = { application = "EHR" }` in a step. An unknown key is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The receiving application, MSH-5. Left as it came where not set.
    pub application: Option<String>,
}

/// Drops the patient's address before the message leaves the hospital.
#[transform]
pub fn drop_address(exchange: &Exchange, config: &Config) -> Outcome {
    let mut message = exchange.message()?;
    if message.count("PID")? == 0 {
        reject!(Code::RequiredFieldMissing, at "PID", "a message without a patient");
    }
    message.clear("PID-11")?;
    if let Some(application) = &config.application {
        message.set("MSH-5", application)?;
    }
    exchange.forward(message)
}

#[cfg(test)]
mod tests {
    use transfuse_plugin::testing::Input;

    use super::drop_address;

    #[test]
    fn the_address_goes_and_the_receiver_is_named() {
        let report = Input::hl7("MSH|^~\\&|LAB||OLD\nPID|1||||||||||1 Teszt utca||+36 1 000 0000")
            .config(r#"{"application": "EHR"}"#)
            .run(drop_address);
        assert_eq!(report.forwarded_once(), "MSH|^~\\&|LAB||EHR\nPID|1||||||||||||+36 1 000 0000");
    }
}
