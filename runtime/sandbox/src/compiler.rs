//! Compiling in a process of its own, so that a component which is made to break or to outlast the compiler breaks that
//! process and no engine.
//!
//! The engine starts a program, most likely itself, and writes an order and the component to its input. The program takes
//! its limits from the order before it reads the component ([`serve_compilation`]), and answers with compiled code on
//! its output or with words on its error stream.

mod child;
mod order;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

pub use child::{CompilationError, serve_compilation};
pub(crate) use order::Order;

use crate::plugin::Init;
use order::InitOrder;

/// Twenty times what the largest interpreter takes.
const PROCESSOR_S_MAX: u64 = 120;

/// The same on a machine where every processor has something else to do as well.
const WALL_MAX: Duration = Duration::from_mins(5);

/// The compiler has 400 MiB resident for an interpreter of 19 MB; the largest component that is taken has three times
/// that, and address space is taken more freely than memory.
const ADDRESS_SPACE_BYTES_MAX: u64 = 4 << 30;

/// Compiled code is three to ten times its component.
pub(crate) const COMPILED_BYTES_MAX: u64 = 1 << 30;

/// The words of a compiler that failed. The first line is what matters.
const WORDS_BYTES_MAX: u64 = 16 << 10;

/// A program that compiles components, and what it may use for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The program. With `arguments` it must do nothing but [`serve_compilation`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Address space, in bytes.
    pub address_space_bytes_max: u64,
    /// Time of all processors together, in seconds.
    pub processor_s_max: u64,
    /// Time on the wall.
    pub wall_max: Duration,
}

/// Why there is no compiled code.
pub(crate) enum Failed {
    /// The component is at fault, in the compiler's words.
    Invalid(String),
    /// A limit was reached.
    Stopped(String),
    /// The compiler is at fault, or the machine.
    Broken(String),
}

impl Compiler {
    /// A program that compiles within the usual limits.
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self {
            program,
            arguments,
            address_space_bytes_max: ADDRESS_SPACE_BYTES_MAX,
            processor_s_max: PROCESSOR_S_MAX,
            wall_max: WALL_MAX,
        }
    }

    /// Compiles a component in a process of its own; with `init`, the component as that leaves it.
    pub(crate) fn compile(
        &self,
        component: &[u8],
        init: Option<&Init<'_>>,
        stack_bytes_max: usize,
    ) -> Result<Vec<u8>, Failed> {
        let order = Order {
            address_space_bytes_max: self.address_space_bytes_max,
            processor_s_max: self.processor_s_max,
            stack_bytes_max: stack_bytes_max as u64,
            component_bytes: component.len() as u64,
            init: init.map(|init| InitOrder {
                config_bytes: init.config.len() as u64,
                tables_bytes: init.tables.len() as u64,
                fuel: init.fuel.max(1),
                memory_bytes_max: init.memory_bytes_max as u64,
            }),
        };
        let [config, tables] = init.map_or([&[][..]; 2], |init| [init.config, init.tables]);
        let child = self.start().map_err(|error| {
            let program = self.program.display();
            Failed::Broken(format!("`{program}` cannot be started: {error}"))
        })?;
        let ended = converse(child, &order, [config, tables, component], self.wall_max)
            .map_err(|error| Failed::Broken(error.to_string()))?;
        self.judge(ended)
    }

    fn start(&self) -> io::Result<Conversation> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a stream of the compiler is missing");
        Ok(Conversation {
            input: child.stdin.take().ok_or_else(missing)?,
            output: child.stdout.take().ok_or_else(missing)?,
            errors: child.stderr.take().ok_or_else(missing)?,
            child,
        })
    }

    fn judge(&self, ended: Ended) -> Result<Vec<u8>, Failed> {
        let Some(status) = ended.status else {
            return Err(Failed::Stopped(format!(
                "it took longer than {} s",
                self.wall_max.as_secs()
            )));
        };
        if ended.compiled.len() as u64 > COMPILED_BYTES_MAX {
            return Err(Failed::Stopped(format!(
                "it made more than {COMPILED_BYTES_MAX} bytes of code"
            )));
        }
        if status.success() && !ended.compiled.is_empty() {
            return Ok(ended.compiled);
        }
        if is_short_of_memory(&ended.words) {
            let mebibytes = self.address_space_bytes_max >> 20;
            return Err(Failed::Stopped(format!(
                "it asked for more than {mebibytes} MiB of memory"
            )));
        }
        let signal = status.signal();
        let is_over = |ending: Signal| signal == Some(ending.as_raw());
        if is_over(Signal::XCPU) || is_over(Signal::KILL) {
            let seconds = self.processor_s_max;
            return Err(Failed::Stopped(format!(
                "it used more than {seconds} s of the processor"
            )));
        }
        let words = ended.words.trim();
        match words.strip_prefix(child::INVALID) {
            Some(words) => Err(Failed::Invalid(words.to_owned())),
            None => Err(Failed::Broken(format!("{status}: {words}"))),
        }
    }
}

/// A compiler at work, and the ends of its streams.
struct Conversation {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
}

/// What it left.
struct Ended {
    /// `None` where its time was up.
    status: Option<ExitStatus>,
    compiled: Vec<u8>,
    words: String,
}

/// Feeds and hears the child out, and ends it when its time is up. Each stream has a thread, so that no full pipe holds up
/// another; all of them end with the child.
fn converse(child: Conversation, order: &Order, parts: [&[u8]; 3], wall_max: Duration) -> io::Result<Ended> {
    let Conversation {
        mut child,
        mut input,
        output,
        errors,
    } = child;
    thread::scope(|scope| {
        // A child that has ended reads no more; why it has is what its exit tells.
        scope.spawn(move || {
            order.write_to(&mut input)?;
            parts.iter().try_for_each(|part| input.write_all(part))
        });
        let words = scope.spawn(move || read_within(errors, WORDS_BYTES_MAX));
        let (sender, compiled) = channel();
        scope.spawn(move || sender.send(read_within(output, COMPILED_BYTES_MAX + 1)));
        let compiled = compiled.recv_timeout(wall_max);
        let is_late = compiled.is_err();
        let is_too_much = matches!(&compiled, Ok(Ok(compiled)) if compiled.len() as u64 > COMPILED_BYTES_MAX);
        if is_late || is_too_much {
            child.kill()?;
        }
        let status = child.wait()?;
        let words = words.join().unwrap_or_else(|_| Ok(Vec::new()))?;
        Ok(Ended {
            status: (!is_late).then_some(status),
            compiled: compiled.unwrap_or_else(|_| Ok(Vec::new()))?,
            words: String::from_utf8_lossy(&words).into_owned(),
        })
    })
}

fn read_within(stream: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How Rust's allocator and the operating system say it.
fn is_short_of_memory(words: &str) -> bool {
    ["memory allocation of", "Cannot allocate memory", "os error 12"]
        .iter()
        .any(|sign| words.contains(sign))
}
