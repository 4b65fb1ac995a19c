//! Messages end to end: many senders, one engine, one receiver, all on this machine, everything durable.
//!
//! Sender and receiver share the machine's cores with the engine, so they are as cheap as they can be: one thread, whole
//! frames written at once, answers found by their end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use transfuse_harness::{Engine, InterfaceFile, Site, control_id_of, frame, observation};

/// What one run came to.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Messages sent and acknowledged.
    pub(crate) messages: usize,
    /// From the first frame written to the last acknowledgement read.
    pub(crate) acknowledged_in: Duration,
    /// From the first frame written to the last message at the receiver.
    pub(crate) delivered_in: Duration,
    /// How long each sender waited for each acknowledgement, sorted.
    pub(crate) waits: Vec<Duration>,
}

/// How the interface of a run is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Whether messages keep their order; without it a destination may have several connections.
    pub(crate) ordered: bool,
    /// Connections to the receiver.
    pub(crate) connections: usize,
    /// Whether each message passes `lab-normalize`.
    pub(crate) normalizing: bool,
}

const FRAME_END: u8 = 0x1c;

/// Runs `messages` messages over `senders` connections.
pub(crate) fn run(shape: Shape, senders: usize, messages: usize) -> Result<Flow> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let receiver = TcpListener::bind("127.0.0.1:0").await?;
        let site = site(shape, &receiver.local_addr()?.to_string())?;
        let engine = Engine::start(&site.path())?;
        let (arrived, arrivals) = mpsc::unbounded_channel();
        tokio::spawn(receive(receiver, arrived));
        // Connections, threads and caches warm up before the clock runs.
        drive(&engine, senders, senders * 20, "W").await?;
        let arrivals = wait_for(arrivals, senders * 20).await?;
        let started = Instant::now();
        let waits = drive(&engine, senders, messages, "M").await?;
        let acknowledged_in = started.elapsed();
        wait_for(arrivals, messages).await?;
        let delivered_in = started.elapsed();
        engine.stop()?;
        Ok(Flow {
            messages,
            acknowledged_in,
            delivered_in,
            waits,
        })
    })
}

fn site(shape: Shape, receiver: &str) -> Result<Site> {
    let mut interface = InterfaceFile::listening("lab");
    if !shape.ordered {
        interface = interface.head("order = \"none\"");
    }
    if shape.normalizing {
        interface = interface.normalizing();
    }
    let connections = shape.connections;
    let destination = format!("[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{receiver}\"\n");
    let parallel = if shape.ordered {
        String::new()
    } else {
        format!("connections = {connections}\n")
    };
    Site::with(&interface.section(&(destination + &parallel)))
}

/// Sends from every connection at once, each its share, stop-and-wait; gives the waits, sorted.
async fn drive(engine: &Engine, senders: usize, messages: usize, prefix: &str) -> Result<Vec<Duration>> {
    let address = engine.address("lab")?;
    let mut tasks = Vec::new();
    for sender in 0..senders {
        let share = (messages + senders - 1 - sender) / senders;
        let frames: Vec<Vec<u8>> = (0..share)
            .map(|number| frame(observation(&format!("{prefix}{sender}N{number}")).as_bytes()))
            .collect();
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        tasks.push(tokio::spawn(send(stream, frames)));
    }
    let mut waits = Vec::with_capacity(messages);
    for task in tasks {
        waits.extend(task.await??);
    }
    waits.sort_unstable();
    Ok(waits)
}

async fn send(mut stream: TcpStream, frames: Vec<Vec<u8>>) -> Result<Vec<Duration>> {
    let mut waits = Vec::with_capacity(frames.len());
    let mut answer = Vec::with_capacity(1024);
    for frame in frames {
        let started = Instant::now();
        stream.write_all(&frame).await?;
        answer.clear();
        while !answer.contains(&FRAME_END) {
            ensure!(
                stream.read_buf(&mut answer).await? > 0,
                "the engine closed a connection"
            );
        }
        ensure!(
            contains(&answer, b"MSA|AA|"),
            "the engine refused: {}",
            String::from_utf8_lossy(&answer)
        );
        waits.push(started.elapsed());
    }
    Ok(waits)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn receive(listener: TcpListener, arrived: mpsc::UnboundedSender<String>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(answer_all(stream, arrived.clone()));
    }
}

async fn answer_all(mut stream: TcpStream, arrived: mpsc::UnboundedSender<String>) -> Result<()> {
    let mut unread = Vec::with_capacity(16 * 1024);
    loop {
        if stream.read_buf(&mut unread).await? == 0 {
            return Ok(());
        }
        let mut answers = Vec::new();
        while let Some(end) = unread.windows(2).position(|pair| pair == [FRAME_END, b'\r']) {
            let control_id = control_id_of(unread.get(1..end).unwrap_or_default());
            answers.extend(frame(
                format!("MSH|^~\\&|||||||ACK|A|P|2.5.1\rMSA|AA|{control_id}\r").as_bytes(),
            ));
            drop(arrived.send(control_id));
            unread.drain(..end + 2);
        }
        stream.write_all(&answers).await?;
    }
}

/// Waits until so many distinct messages have arrived.
async fn wait_for(
    mut arrivals: mpsc::UnboundedReceiver<String>,
    count: usize,
) -> Result<mpsc::UnboundedReceiver<String>> {
    let mut seen = std::collections::HashSet::with_capacity(count);
    while seen.len() < count {
        let next = tokio::time::timeout(Duration::from_mins(1), arrivals.recv()).await;
        seen.insert(
            next.context("the receiver waited a minute in vain")?
                .context("the receiver is gone")?,
        );
    }
    Ok(arrivals)
}
