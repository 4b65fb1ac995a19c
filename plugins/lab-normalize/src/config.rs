//! What a site may set: `config = { facility = "SZENT_IMRE", name_case = "title" }` in a step.

use serde::Deserialize;

/// The configuration of a step. Every key may be left out; an unknown one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The receiving application, MSH-5. Left as it came where not set.
    pub application: Option<String>,
    /// The receiving facility, MSH-6. Left as it came where not set.
    pub facility: Option<String>,
    /// The code table; see [`codes`](crate::codes). `lab-codes` where not set.
    pub table: String,
    /// What becomes of a code that the table does not have. Kept where not set.
    pub on_unknown_code: OnUnknownCode,
    /// How names in PID-5 are written. Kept where not set.
    pub name_case: NameCase,
    /// Whether messages other than ORU^R01 are passed on as they came, instead of being rejected. False where not set.
    pub pass_others: bool,
}

/// What becomes of a code that the table does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknownCode {
    /// The observation keeps its local code, and a warning is logged with the message.
    #[default]
    Keep,
    /// The message is rejected with code 103 (table value not found).
    Reject,
}

/// How names are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameCase {
    /// As they came.
    #[default]
    Keep,
    /// `SZABÓ-NAGY` becomes `Szabó-Nagy`; see [`names::title`](crate::names::title).
    Title,
    /// `Szabó-Nagy` becomes `SZABÓ-NAGY`.
    Upper,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            application: None,
            facility: None,
            table: "lab-codes".to_owned(),
            on_unknown_code: OnUnknownCode::default(),
            name_case: NameCase::default(),
            pass_others: false,
        }
    }
}
