//! A receiver over HTTP that does what a script says, and remembers everything. Its reading is written again on purpose, as the
//! framing of MLLP is.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::sample::control_id_of;
use crate::wait::wait_until;

/// A receiver on a port of its own, until the test ends.
#[derive(Debug, Clone)]
pub struct HttpSink {
    address: String,
    received: Arc<Mutex<Vec<Posted>>>,
}

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Method and target, `POST /hl7`.
    pub line: String,
    /// The headers, with their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// MSH-10 of the body.
    pub control_id: String,
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    /// When it was there.
    pub at: Instant,
}

/// What the receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    status: u16,
    headers: Vec<String>,
    body: String,
    /// Announced and not sent; the connection is closed instead.
    missing: usize,
    closes: bool,
}

impl Told {
    /// A status with nothing behind it.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            missing: 0,
            closes: false,
        }
    }

    /// The same with a body.
    #[must_use]
    pub fn body(self, body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// The same with a line of the head.
    #[must_use]
    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    /// The same, of which so many bytes never come.
    #[must_use]
    pub fn missing(self, missing: usize) -> Self {
        Self { missing, ..self }
    }

    /// The same, after which the connection is closed without a word about it.
    #[must_use]
    pub fn closing(self) -> Self {
        Self { closes: true, ..self }
    }
}

impl Posted {
    /// A header, by its name in small letters; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl HttpSink {
    /// A receiver whose answers `script` decides, from how many requests came before and from the request.
    pub fn scripted(script: impl Fn(usize, &Posted) -> Told + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("binding a sink")?;
        let sink = Self {
            address: listener.local_addr()?.to_string(),
            received: Arc::default(),
        };
        let (serving, script) = (sink.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let (sink, script) = (serving.clone(), Arc::clone(&script));
                // What a client breaks off is the test's to find out.
                std::thread::spawn(move || drop(serve(stream, number, &sink, &*script)));
            }
        });
        Ok(sink)
    }

    /// A URL at which it listens.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that has arrived, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Posted> {
        lock(&self.received).clone()
    }

    /// The control ids of what has arrived, in order.
    #[must_use]
    pub fn control_ids(&self) -> Vec<String> {
        lock(&self.received).iter().map(|one| one.control_id.clone()).collect()
    }

    /// Waits until so many requests have arrived.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Result<Vec<Posted>> {
        let waited = wait_until(&format!("{count} requests at the receiver"), limit, || {
            Some(self.received()).filter(|received| received.len() >= count)
        });
        waited.with_context(|| format!("{} have arrived", lock(&self.received).len()))
    }
}

fn lock(received: &Mutex<Vec<Posted>>) -> MutexGuard<'_, Vec<Posted>> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, connection: usize, sink: &HttpSink, script: &dyn Fn(usize, &Posted) -> Told) -> Result<()> {
    let mut writing = stream.try_clone()?;
    stream.set_nodelay(true)?;
    let mut reading = BufReader::new(stream);
    while let Some(posted) = next(&mut reading, connection)? {
        let told = {
            let mut received = lock(&sink.received);
            let told = script(received.len(), &posted);
            received.push(posted);
            told
        };
        let mut head = format!("HTTP/1.1 {} Said\r\n", told.status);
        for line in &told.headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        if told.status != 204 {
            let bytes = told.body.len() + told.missing;
            head = head + "Content-Length: " + &bytes.to_string() + "\r\n";
        }
        writing.write_all((head + "\r\n" + &told.body).as_bytes())?;
        if told.missing > 0 || told.closes {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request; none where the client has closed.
fn next(reading: &mut BufReader<TcpStream>, connection: usize) -> Result<Option<Posted>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reading.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let line = lines.next().context("a request without a line")?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let length = headers.get("content-length").map_or("0", String::as_str).parse()?;
    let mut body = vec![0; length];
    reading.read_exact(&mut body)?;
    Ok(Some(Posted {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        control_id: control_id_of(&body),
        body,
        connection,
        at: Instant::now(),
    }))
}
