//! HTTP as a sender sees it: the plainest client that can be written.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// Longer than any deadline of the engine, so that a test fails by its assertion and not by this.
const ANSWER_WAIT: Duration = Duration::from_mins(1);

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, with their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Client {
    /// Connects to `address`.
    pub fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends one message to `/hl7`, with further lines of the head, and waits for the response.
    pub fn post(&mut self, head: &[&str], message: &[u8]) -> Result<Response> {
        let kind = ["Content-Type: application/hl7-v2"];
        self.ask("POST /hl7", &[&kind[..], head].concat(), message)
    }

    /// Sends any request and waits for the response.
    pub fn ask(&mut self, request: &str, head: &[&str], body: &[u8]) -> Result<Response> {
        self.write(&requested(request, head, body.len()))?;
        self.write(body)?;
        self.response()
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes).context("writing to the engine")
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) -> Result<()> {
        self.stream
            .get_ref()
            .shutdown(Shutdown::Write)
            .context("closing the sending half")
    }

    /// The next response.
    pub fn response(&mut self) -> Result<Response> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).context("a line without a status")?.parse()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: String::new(),
        };
        let length = response.header("content-length").unwrap_or("0").parse()?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        response.body = String::from_utf8_lossy(&body).into_owned();
        Ok(response)
    }

    /// Whether the other side has closed, with nothing left to read.
    pub fn is_closed(&mut self) -> Result<bool> {
        match self.stream.fill_buf() {
            Ok(bytes) => Ok(bytes.is_empty()),
            Err(fault) if fault.kind() == std::io::ErrorKind::ConnectionReset => Ok(true),
            Err(fault) => Err(fault.into()),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(
            self.stream.read_line(&mut line)? > 0,
            "the connection was closed before a response came"
        );
        Ok(line.trim_end().to_owned())
    }
}

/// The head of a request.
fn requested(request: &str, head: &[&str], length: usize) -> Vec<u8> {
    let length = format!("Content-Length: {length}");
    let request = format!("{request} HTTP/1.1");
    let lines = [&[request.as_str(), "Host: engine"][..], head, &[&length, "", ""]].concat();
    lines.join("\r\n").into_bytes()
}

impl Response {
    /// A header, by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }
}
