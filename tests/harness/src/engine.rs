//! The engine as a process: started as an admin starts it, stopped or killed as a bad day does.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::built;
use crate::clock::Clock;
use crate::disk::{Disk, DiskFault};
use crate::mllp::Connection;
use crate::wait::wait_until;

/// A running `transfuse run`, killed when dropped.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    site: PathBuf,
    /// Everything it has said, on both streams.
    said: Arc<Mutex<String>>,
    /// The threads that write it down; they end with the streams.
    listeners: Vec<JoinHandle<()>>,
}

/// An engine that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Everything it said.
    pub said: String,
}

/// Names a file: every engine that a test stops or drops is asked to verify all messages that it has stored, fails the test where
/// one comes out differently, and adds a line with the figures to the file. `make test-verified` says the sums.
const VERIFIED: &str = "TRANSFUSE_VERIFIED";

/// A start compiles plugins, on a machine that may be busy with other tests.
const START_LIMIT: Duration = Duration::from_mins(2);

impl Engine {
    /// Starts the engine on a site and waits until every interface is ready.
    pub fn start(site: &Path) -> Result<Self> {
        Self::start_with(site, &[])
    }

    /// The same with further arguments.
    pub fn start_with(site: &Path, arguments: &[&str]) -> Result<Self> {
        let mut engine = Self::spawn(site, arguments)?;
        engine.wait_until_ready_or_ended()?;
        ensure!(
            !engine.has_ended()?,
            "the engine ended at once; it said:\n{}",
            engine.said()
        );
        Ok(engine)
    }

    fn wait_until_ready_or_ended(&mut self) -> Result<()> {
        wait_until("the engine to be ready", START_LIMIT, || {
            let has_ended = self.child.try_wait().ok().flatten().is_some();
            (has_ended || self.is_ready()).then_some(())
        })
    }

    /// Whether it has said that all interfaces are, in a line of its own: a hint may hold the word too.
    fn is_ready(&self) -> bool {
        self.said().lines().any(|line| line.starts_with("ready: "))
    }

    /// Starts the engine on a disk that may fail, and waits until it is ready or has ended.
    pub fn start_on(disk: &Disk, fault: DiskFault, site: &Path) -> Result<Self> {
        Self::start_in(disk.environment(site, fault)?, site)
    }

    /// Starts the engine with a clock that jumps, and waits until it is ready or has ended.
    pub fn start_by(clock: &Clock, site: &Path) -> Result<Self> {
        Self::start_in(clock.environment(), site)
    }

    fn start_in(environment: Vec<(&'static str, OsString)>, site: &Path) -> Result<Self> {
        let mut command = transfuse()?;
        command.envs(environment);
        let mut engine = Self::spawn_by(command, site, &[])?;
        engine.wait_until_ready_or_ended()?;
        Ok(engine)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Starts the process and waits for nothing: for starts that are meant to fail.
    pub fn spawn(site: &Path, arguments: &[&str]) -> Result<Self> {
        Self::spawn_by(transfuse()?, site, arguments)
    }

    fn spawn_by(mut command: Command, site: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child = command
            .arg("run")
            .arg(site)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the engine")?;
        let said = Arc::new(Mutex::new(String::new()));
        let listeners = [listen(child.stdout.take(), &said), listen(child.stderr.take(), &said)];
        Ok(Self {
            child,
            site: site.to_owned(),
            said,
            listeners: listeners.into_iter().flatten().collect(),
        })
    }

    /// Where an MLLP interface listens.
    pub fn address(&self, interface: &str) -> Result<String> {
        let prefix = format!("{interface}: listening on ");
        let said = self.said();
        let after = said
            .split(&prefix)
            .nth(1)
            .with_context(|| format!("`{interface}` never said where it listens:\n{said}"))?;
        let address = after.split(|sign: char| sign == ',' || sign.is_whitespace()).next();
        Ok(address.unwrap_or_default().to_owned())
    }

    /// A connection to an MLLP interface.
    pub fn connect(&self, interface: &str) -> Result<Connection> {
        Connection::open(&self.address(interface)?)
    }

    /// What it has said so far, on both streams.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The memory that it has now, in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        self.memory_kib("VmRSS:")
    }

    /// The most memory that it ever had, in KiB.
    pub fn peak_kib(&self) -> Result<u64> {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find(|line| line.starts_with(name));
        let figure = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(figure.with_context(|| format!("the kernel tells no {name}"))?.parse()?)
    }

    /// Runs another command of the binary on the same site, and gives what it printed.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        transfuse()?
            .args(arguments)
            .arg(&self.site)
            .output()
            .context("running a command")
    }

    /// The same for commands that print JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let output = self.command(&[arguments, &["--json"]].concat())?;
        ensure!(
            output.status.success(),
            "{arguments:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?} printed no JSON"))
    }

    /// Has every stored message run again as it was run then, and gives what came of it. None may come out differently.
    pub fn verify(&self) -> Result<serde_json::Value> {
        let output = self.command(&["messages", "verify", "--json"])?;
        ensure!(
            output.status.success(),
            "stored messages come out differently: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("`messages verify` printed no JSON")
    }

    /// Has messages verified, and what came of it noted, where somebody wants that of every engine that a test is done with.
    fn verify_where_wanted(&mut self) -> Result<()> {
        let Some(file) = std::env::var_os(VERIFIED) else {
            return Ok(());
        };
        // One that was never ready, has ended, or whose site went before it cannot be asked.
        let can_be_asked = self.is_ready() && self.site.join("data/control.sock").exists();
        if !can_be_asked || self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let verified = self.verify()?;
        let mut file = File::options().create(true).append(true).open(file)?;
        // One write, so that the lines of tests that run at the same time stay whole.
        file.write_all(format!("{verified}\n").as_bytes())?;
        Ok(())
    }

    /// SIGKILL: nothing of the engine runs any more after this.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> Result<Finished> {
        self.verify_where_wanted()?;
        let id = self.child.id().to_string();
        ensure!(
            Command::new("kill").args(["-TERM", &id]).status()?.success(),
            "the engine is gone already"
        );
        self.finish()
    }

    /// Waits until the process ends by itself.
    pub fn finish(&mut self) -> Result<Finished> {
        let child = &mut self.child;
        let status = wait_until("the engine to end", START_LIMIT, || child.try_wait().ok().flatten())?;
        for listener in self.listeners.drain(..) {
            // Its last words are heard only when its streams have been read to their end.
            drop(listener.join());
        }
        Ok(Finished {
            code: status.code(),
            said: self.said(),
        })
    }
}

/// The binary, with the tests' own cache of compiled plugins.
fn transfuse() -> Result<Command> {
    let mut command = Command::new(built::binary()?);
    command.env("NO_COLOR", "1").env("TRANSFUSE_CACHE", built::compiled()?);
    Ok(command)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let verified = self.verify_where_wanted();
            assert!(verified.is_ok(), "{verified:?}");
        }
        // Already ended is what most tests leave behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn listen(stream: Option<impl Read + Send + 'static>, said: &Arc<Mutex<String>>) -> Option<JoinHandle<()>> {
    let stream = stream?;
    let said = Arc::clone(said);
    Some(std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
    }))
}
