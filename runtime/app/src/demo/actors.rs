//! Processes of this binary.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long an actor may take to be ready. A first start compiles plugins on a machine that may be busy.
const READY_WAIT: Duration = Duration::from_mins(1);

/// How long an actor may take to leave.
const LEAVE_WAIT: Duration = Duration::from_secs(30);

/// Between two looks at an actor.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// How much of what an actor said is kept for telling why it failed.
const SAID_BYTES_MAX: usize = 64 << 10;

/// A running process, killed when dropped.
#[derive(Debug)]
pub(super) struct Actor {
    name: &'static str,
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Actor {
    /// Starts this binary with arguments, and waits until it says that it is ready.
    pub(super) fn start(name: &'static str, arguments: &[&str], ready: &str) -> Result<Self> {
        let binary = std::env::current_exe().context("the binary does not know where it is")?;
        let mut child = Command::new(binary)
            .args(["--color", "never"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let said = Arc::new(Mutex::new(String::new()));
        listen(child.stdout.take(), &said);
        listen(child.stderr.take(), &said);
        let mut actor = Self { name, child, said };
        actor.wait_until_ready(ready)?;
        Ok(actor)
    }

    /// SIGKILL: nothing of it runs any more after this.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("cannot kill the {}", self.name))?;
        Ok(())
    }

    /// Waits for a process that has been asked to stop, and wants it to end well.
    pub(super) fn leave(mut self) -> Result<()> {
        let deadline = Instant::now() + LEAVE_WAIT;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the {} ended badly ({status}); it said:\n{}", self.name, self.said()),
                None if Instant::now() > deadline => bail!("the {} does not end; it said:\n{}", self.name, self.said()),
                None => thread::sleep(LOOK_PAUSE),
            }
        }
    }

    fn wait_until_ready(&mut self, ready: &str) -> Result<()> {
        let deadline = Instant::now() + READY_WAIT;
        while !self.said().contains(ready) {
            let ended: Option<ExitStatus> = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                // The last words may still be on their way through the pipe.
                thread::sleep(LOOK_PAUSE);
                bail!("the {} did not get ready; it said:\n{}", self.name, self.said());
            }
            thread::sleep(LOOK_PAUSE);
        }
        Ok(())
    }

    fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Most have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: Option<impl Read + Send + 'static>, said: &Arc<Mutex<String>>) {
    let Some(stream) = stream else { return };
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() < SAID_BYTES_MAX {
                said.push_str(&line);
                said.push('\n');
            }
        }
    });
}
