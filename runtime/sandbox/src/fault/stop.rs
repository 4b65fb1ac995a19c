//! How host functions and meters end a run: an error of one type, which wasmtime carries through the guest's frames.

use thiserror::Error;
use transfuse_message::Payload;

use crate::Limits;
use crate::grants::Denial;

/// Why the host ended a run.
#[derive(Debug, Error)]
pub(crate) enum Stop {
    /// A limit is reached.
    #[error("the limit {0:?} is reached")]
    Over(Limit),
    /// No grant allows it.
    #[error("the plugin {}, which no grant allows", .0.deed)]
    Denied(Denial),
    /// The plugin raised a fault itself.
    #[error("the plugin raised a fault")]
    Raised {
        /// What it calls it; printable and short.
        kind: String,
        /// Where it says it was; printable and short.
        location: String,
        /// The rest.
        text: Payload,
    },
    /// It forwarded a document, and there are steps behind it that could not read one.
    #[error("the plugin forwarded a document to another step")]
    DocumentBeforeLastStep,
    /// A traced run has come to the edit in question.
    #[error("the run was ended to see where it stands")]
    Halted,
    /// The host failed.
    #[error("{0}")]
    HostBroken(&'static str),
}

impl From<Denial> for Stop {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

/// A limit of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Deadline,
    Fuel,
    Memory,
    TableElements,
    Transfer,
    OutputBytes,
    Outputs,
    HostCalls,
    Handles,
    Attributes,
}

impl Limit {
    /// What was used up, in the words of the limits' documentation.
    pub(crate) fn describe(self, limits: &Limits) -> String {
        match self {
            Self::Deadline => format!("it ran longer than {} ms", limits.deadline_ms),
            Self::Fuel => format!("it used up its fuel of {}", limits.fuel),
            Self::Memory => format!("it asked for more than {} of memory", size(limits.memory_bytes_max)),
            Self::TableElements => format!(
                "it asked for a table of more than {} elements",
                limits.table_elements_max
            ),
            Self::Transfer => format!(
                "it handed the host more than {} in one call",
                size(limits.transfer_bytes_max)
            ),
            Self::OutputBytes => format!("it forwarded more than {}", size(limits.output_bytes_max)),
            Self::Outputs => format!("it forwarded more than {} messages", limits.outputs_max),
            Self::HostCalls => format!("it called the host more than {} times", limits.host_calls_max),
            Self::Handles => format!("it kept more than {} handles", limits.handles_max),
            Self::Attributes => format!("its attributes take more than {}", size(limits.attribute_bytes_max)),
        }
    }

    /// The line that would double it.
    pub(crate) fn hint(self, limits: &Limits) -> String {
        let (key, value) = match self {
            Self::Deadline => ("deadline", format!("\"{}ms\"", limits.deadline_ms.saturating_mul(2))),
            Self::Fuel => ("fuel", (limits.fuel.saturating_mul(2)).to_string()),
            Self::Memory => (
                "memory",
                format!("\"{}\"", size(limits.memory_bytes_max.saturating_mul(2))),
            ),
            Self::TableElements => (
                "table_elements",
                (limits.table_elements_max.saturating_mul(2)).to_string(),
            ),
            Self::Transfer => (
                "transfer",
                format!("\"{}\"", size(limits.transfer_bytes_max.saturating_mul(2))),
            ),
            Self::OutputBytes => (
                "output",
                format!("\"{}\"", size(limits.output_bytes_max.saturating_mul(2))),
            ),
            Self::Outputs => ("outputs", (limits.outputs_max.saturating_mul(2)).to_string()),
            Self::HostCalls => ("host_calls", (limits.host_calls_max.saturating_mul(2)).to_string()),
            Self::Handles => ("handles", (limits.handles_max.saturating_mul(2)).to_string()),
            Self::Attributes => (
                "attributes",
                format!("\"{}\"", size(limits.attribute_bytes_max.saturating_mul(2))),
            ),
        };
        format!("limits = {{ {key} = {value} }}")
    }
}

/// A size as configuration writes it.
fn size(bytes: usize) -> String {
    match bytes {
        0 => "0".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_the_line_that_would_double_the_limit() {
        let limits = Limits {
            deadline_ms: 100,
            output_bytes_max: 3 << 10,
            handles_max: 7,
            ..Limits::default()
        };
        assert_eq!(Limit::Deadline.hint(&limits), "limits = { deadline = \"200ms\" }");
        assert_eq!(Limit::Memory.hint(&limits), "limits = { memory = \"128MiB\" }");
        assert_eq!(Limit::OutputBytes.hint(&limits), "limits = { output = \"6KiB\" }");
        assert_eq!(Limit::Handles.hint(&limits), "limits = { handles = 14 }");
    }
}
