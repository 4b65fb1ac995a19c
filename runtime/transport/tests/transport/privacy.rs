//! What senders and receivers write never reaches the logs or the errors.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use transfuse_transport::Answer;
use transfuse_transport::mllp::{Sender, SenderSettings};

use crate::support::{Peer, Wire, handler, listen, payload};

const CANARY: &str = "Kanári";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_and_no_error_shows_what_was_sent() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    let (handler, mut frames) = handler();
    let running = listen(handler, |settings| settings.frame_bytes_max = 100).await;
    let mut wire = Wire::connect(&running.address).await;
    let too_long = CANARY.repeat(50);
    wire.send(format!("{CANARY}\x0B{CANARY}\x0B{CANARY}\x1C\r\x0B{too_long}\x1C\r").as_bytes())
        .await;
    for _ in 0..3 {
        frames
            .recv()
            .await
            .unwrap()
            .1
            .send(Answer::Accepted(payload("Kanári").into()))
            .unwrap();
    }
    frames
        .recv()
        .await
        .unwrap()
        .1
        .send(Answer::Accepted(payload("Kanári\x1C\r").into()))
        .unwrap();
    wire.reads_to_the_end().await;

    let (peer, address) = Peer::bind().await;
    let mut settings = SenderSettings::new(address);
    settings.reply_timeout = Duration::from_secs(5);
    let mut sender = Sender::new(settings);
    let content = payload("Kanári");
    let (sent, mut wire) = tokio::join!(sender.send(&content), async {
        let mut wire = peer.accept().await;
        wire.send("Kanári, not in a frame".as_bytes()).await;
        wire
    });
    let error = sent.unwrap_err();
    wire.reads_to_the_end().await;

    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in ["not a whole frame", "a reply cannot be framed", "connected"] {
        assert!(written.contains(expected), "{expected:?} is missing in {written}");
    }
    assert!(!written.contains(CANARY), "{written}");
    assert!(!format!("{error:?} {error}").contains(CANARY));
}
