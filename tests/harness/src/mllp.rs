//! MLLP as a sender sees it: the plainest client that can be written.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];

/// The content of the block by which release 2 says that content is in safe storage.
pub const STORED: &[u8] = b"\x06";

/// The one that says that it is not.
pub const NOT_STORED: &[u8] = b"\x15";

/// Longer than any deadline of the engine, so that a test fails by its assertion and not by this.
const ANSWER_WAIT: Duration = Duration::from_mins(1);

/// Puts a message into its frame.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    [&[START], message, &END].concat()
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to `address`.
    pub fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends one message and waits for its answer.
    pub fn ask(&mut self, message: &[u8]) -> Result<String> {
        self.write(&frame(message))?;
        self.answer()
    }

    /// Writes bytes as they are: frames, parts of frames, or rubbish.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("writing to the engine")
    }

    /// The next answer, without its frame.
    pub fn answer(&mut self) -> Result<String> {
        match self.next_frame()? {
            Some(answer) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            None => bail!("the connection was closed before an answer came"),
        }
    }

    /// Everything that still comes, frame by frame, until the other side closes.
    pub fn rest(&mut self) -> Result<Vec<String>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next_frame()? {
            frames.push(String::from_utf8_lossy(&frame).into_owned());
        }
        Ok(frames)
    }

    /// Whether the other side has closed, with nothing left to read.
    pub fn is_closed(&mut self) -> Result<bool> {
        Ok(self.next_frame()?.is_none())
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) -> Result<()> {
        self.stream
            .shutdown(Shutdown::Write)
            .context("closing the sending half")
    }

    /// Takes hardly anything from now on, however much is answered: nothing is read, and the kernel has next to no room for it.
    pub fn read_nothing(&self) -> Result<()> {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.stream, 1).context("shrinking the receive buffer")?;
        Ok(())
    }

    /// Ends the connection with a reset, once something has come that is left unread.
    pub fn reset(self) -> Result<()> {
        self.stream
            .peek(&mut [0])
            .context("waiting for something to leave unread")?;
        Ok(())
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == END) {
                let rest = self.unread.split_off(end + END.len());
                let framed = std::mem::replace(&mut self.unread, rest);
                let start = framed
                    .iter()
                    .position(|byte| *byte == START)
                    .context("a frame without its start")?;
                return Ok(framed.get(start + 1..end).map(<[u8]>::to_vec));
            }
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(count) => self.unread.extend(bytes.iter().take(count)),
                Err(fault) if fault.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
                Err(fault) => return Err(fault).context("waiting for an answer"),
            }
        }
    }
}
