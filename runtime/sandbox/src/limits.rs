//! What one step may use for one message.

/// What one step may use for one message, all its runs together when an earlier step split the message.
///
/// The defaults fit a mapper of ordinary messages in any language and stop anything that has gone wrong. Each is raised
/// by the line that the fault prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time, in milliseconds; up to four times that where the machine had no processor for the plugin. A net
    /// under `fuel`: it depends on the machine, so that a message may pass one day and not the next. A transform in
    /// Python takes 2 ms; a hundred times that is still a reply in time.
    pub deadline_ms: u64,
    /// Instructions, and what host functions charge on top. The same message always costs the same, so this is the
    /// limit that should stop a loop: it does so after 50 to 100 ms of computing.
    pub fuel: u64,
    /// Linear memory, in bytes, over all memories of the component. Python needs 20 MB before it has read a message.
    pub memory_bytes_max: usize,
    /// Elements of each table of functions. The interpreters of JavaScript and Python use up to twelve thousand.
    pub table_elements_max: usize,
    /// Bytes handed to the host in one call. Room for a scanned document in OBX-5.
    pub transfer_bytes_max: usize,
    /// Encoded size of everything forwarded, in bytes. What came in may go out again several times, and no plugin makes
    /// a hundred large messages of one.
    pub output_bytes_max: usize,
    /// Messages forwarded. A batch is split into tens; hundreds are a loop.
    pub outputs_max: usize,
    /// Calls of host functions. Reading every field of a message of a thousand segments singly takes about twenty
    /// thousand.
    pub host_calls_max: u64,
    /// Log lines kept; further ones are counted and dropped.
    pub log_lines_max: usize,
    /// Text of log lines kept, in bytes; further ones are counted and dropped.
    pub log_bytes_max: usize,
    /// Messages, tables and other handles alive at the same time. Garbage-collected guests drop handles late, and a
    /// fresh instance lives for one message only.
    pub handles_max: usize,
    /// Attributes of one message, and of their text in bytes. They are kept with the message and read by routing.
    pub attribute_bytes_max: usize,
    /// What a plugin keeps between messages, keys and values together, in bytes, for one interface. It is held in memory
    /// and is no archive: room for some ten thousand identifiers.
    pub state_bytes_max: usize,
    /// Keys of it. Each costs about a hundred bytes beside its own and its value's.
    pub state_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_ms: 250,
            fuel: 100_000_000,
            memory_bytes_max: 64 << 20,
            table_elements_max: 20_000,
            transfer_bytes_max: 8 << 20,
            output_bytes_max: 64 << 20,
            outputs_max: 100,
            host_calls_max: 100_000,
            log_lines_max: 100,
            log_bytes_max: 64 << 10,
            handles_max: 1_000,
            attribute_bytes_max: 16 << 10,
            state_bytes_max: 1 << 20,
            state_keys_max: 10_000,
        }
    }
}
