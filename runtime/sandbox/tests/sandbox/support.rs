//! A sandbox, plugins and messages for tests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use transfuse_message::Message;
use transfuse_sandbox::{
    Chain, Context, Fault, FieldPatterns, Grants, Input, Instances, Limits, Outcome, Plugin, PluginIdentity, Report,
    Sandbox, SandboxSettings, State, Step,
};

/// A result with a name that must appear in no log.
pub(crate) const MESSAGE: &str = "MSH|^~\\&|LAB|SZENT_IMRE|EHR|SZENT_IMRE|20261123080000||ORU^R01^ORU_R01|42|P|2.5.1\r\
    PID|1||123456^^^SZENT_IMRE^MR~987^^^OTHER^MR||PROBABETEG^JANOS||19700101|M|||FO UTCA 1^^BUDAPEST\r\
    OBR|1|||GLU\r\
    OBX|1|NM|GLU||5.4|mmol/l\r\
    OBX|2|NM|K||4.1|mmol/l\r\
    ZPI|1|SECRET\r";

/// The name in [`MESSAGE`], and in the words of guests that try to have it logged.
pub(crate) const CANARY: &str = "PROBABETEG";

/// The attempt on which the guests of `tests/guests` misbehave; on the first one they forward.
pub(crate) const MISBEHAVE: u32 = 2;

/// One sandbox for most tests, since each reserves address space.
pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        Sandbox::start(SandboxSettings {
            threads: 2,
            threads_max: 12,
            ..settings()
        })
        .unwrap()
    })
}

pub(crate) fn settings() -> SandboxSettings {
    SandboxSettings {
        calls_per_chain_max: 2,
        ..SandboxSettings::default()
    }
}

pub(crate) fn identity(component: &[u8]) -> PluginIdentity {
    let digest = Sha256::digest(component)
        .iter()
        .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"));
    PluginIdentity {
        name: "test/guest".into(),
        version: "1.2.3".into(),
        // Known by another digest than the component's, as a package is.
        digest: format!("sha256:{}", "9".repeat(64)).into(),
        component_digest: digest.into(),
    }
}

/// A plugin of the fields of a core module.
pub(crate) fn plugin(fields: &str) -> Plugin {
    let component = transfuse_guests::component(fields).unwrap();
    sandbox().load(identity(&component), &component).unwrap()
}

/// A plugin of `tests/guests`.
pub(crate) fn guest(name: &str) -> Plugin {
    plugin(transfuse_guests::guest(name).unwrap().text)
}

/// A step that may touch every field, and whose deadline is so long that fuel decides on a busy machine as well.
pub(crate) fn step(plugin: Plugin) -> Step {
    let all = FieldPatterns::parse(&["*"]).unwrap();
    let grants = Grants {
        read: all.clone(),
        write: all,
        ..Grants::default()
    };
    Step {
        plugin,
        config: Vec::new(),
        grants,
        limits: Limits {
            deadline_ms: 20_000,
            ..Limits::default()
        },
        instances: Instances::Fresh,
        tables: Vec::new(),
        has_secrets: false,
        state_schema: 1,
    }
}

/// A chain of one step.
pub(crate) fn chain(step: Step) -> Chain {
    sandbox().chain(vec![step]).unwrap()
}

pub(crate) fn input(attempt: u32) -> Input {
    input_of(MESSAGE, attempt)
}

/// Another message than [`MESSAGE`].
pub(crate) fn input_of(message: &str, attempt: u32) -> Input {
    let message = Message::parse(message.to_owned(), &transfuse_message::ParseOptions::default()).unwrap();
    let context = Context {
        id: "20261123-000042".to_owned(),
        interface: Arc::from("lab"),
        received_at_ms: 1_795_507_200_000,
        time_zone: Arc::from("Europe/Budapest"),
        attempt,
        attributes: Vec::new(),
    };
    Input {
        message,
        context,
        state: State::default(),
    }
}

/// The messages that a chain forwarded, as text.
pub(crate) fn forwarded(report: Report) -> Vec<String> {
    match report.outcome {
        Outcome::Forwarded(outputs) => outputs
            .into_iter()
            .map(|output| text(output.message().unwrap()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8(message.encode().to_vec()).unwrap()
}

/// Memory of this process that is resident, in bytes.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

pub(crate) fn fault(report: Report) -> Fault {
    match report.outcome {
        Outcome::Faulted(fault) => fault,
        other => panic!("{other:?}"),
    }
}
