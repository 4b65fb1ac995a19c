//! Building the answer to a batch from the answers to its messages.

use super::{Flaw, Header, Level};
use crate::acknowledgement::AcknowledgementContext;
use crate::{Charset, Delimiters, escape};

/// The most flaws that a trailer's comment names: it is read by a person.
const FLAWS_MAX: usize = 5;

/// The answer to a batch, in the form of what came: where there was an FHS or a BHS, the answers stand between headers
/// and trailers that refer to it, in its delimiters; messages that came without are answered without.
///
/// It holds the answers that it is given and accepts nothing by itself, but for this: a batch whose answer holds no
/// refusal was accepted (HL7 v2 2.10.3.3). So every message has to be decided before it is made.
#[derive(Debug)]
pub struct Reply<'a> {
    context: AcknowledgementContext<'a>,
    out: Vec<u8>,
    file: Option<Envelope>,
    batch: Option<Envelope>,
    /// Batches that were begun.
    batches: u32,
}

/// A header that was written, and whose trailer is owed.
#[derive(Debug)]
struct Envelope {
    delimiters: Delimiters,
    /// Answers in a batch, batches in a file.
    count: u64,
    flaws: Vec<Flaw>,
}

impl<'a> Reply<'a> {
    /// An answer without any content yet. The context gives FHS-7 and BHS-7, FHS-11 and the BHS-11 of the first batch; that
    /// of the second ends in `-2`, and so on.
    #[must_use]
    pub fn new(context: AcknowledgementContext<'a>) -> Self {
        Self {
            context,
            out: Vec::new(),
            file: None,
            batch: None,
            batches: 0,
        }
    }

    /// Answers a header: sender and receiver change places, and field 12 refers to its control id.
    pub fn header(&mut self, header: &Header) {
        self.end(header.level());
        self.batches += u32::from(header.level() == Level::Batch);
        self.push_header(header);
        let envelope = Some(Envelope {
            delimiters: header.delimiters(),
            count: 0,
            flaws: Vec::new(),
        });
        match header.level() {
            Level::File => self.file = envelope,
            Level::Batch => self.batch = envelope,
        }
    }

    /// Adds the answer to the next message. One that is owed none, because of its MSH-15 and MSH-16, has an empty one.
    pub fn answer(&mut self, answer: &[u8]) {
        self.out.extend_from_slice(answer);
        if let (Some(batch), false) = (&mut self.batch, answer.is_empty()) {
            batch.count += 1;
        }
    }

    /// Tells the sender what is wrong with its batch, in the comment of the trailer that is open.
    pub fn flaw(&mut self, flaw: Flaw) {
        if let Some(envelope) = self.batch.as_mut().or(self.file.as_mut()) {
            envelope.flaws.push(flaw);
        }
    }

    /// Ends what a trailer ends, and what stands open within it.
    pub fn end(&mut self, level: Level) {
        if let Some(batch) = self.batch.take() {
            self.push_trailer(Level::Batch, &batch);
            if let Some(file) = &mut self.file {
                file.count += 1;
            }
        }
        if let Some(file) = self.file.take_if(|_| level == Level::File) {
            self.push_trailer(Level::File, &file);
        }
    }

    /// The whole answer, trailers that were still owed included. Empty where nobody is owed anything.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.end(Level::File);
        self.out
    }

    fn push_header(&mut self, header: &Header) {
        let delimiters = header.delimiters();
        let time = self.context.at.strftime("%Y%m%d%H%M%S%z").to_string();
        let mirrored = |number| clean(header.field(number));
        let fields = [
            delimiters.characters(),
            mirrored(5),
            mirrored(6),
            mirrored(3),
            mirrored(4),
            time.into_bytes(),
            Vec::new(),
            mirrored(9),
            Vec::new(),
            text(&self.control_id(header.level()), delimiters),
            mirrored(11),
        ];
        push_segment(&mut self.out, header.level().header(), delimiters, &fields);
    }

    fn control_id(&self, level: Level) -> String {
        match (level, self.batches) {
            (Level::Batch, number @ 2..) => format!("{}-{number}", self.context.control_id),
            _ => self.context.control_id.to_owned(),
        }
    }

    fn push_trailer(&mut self, level: Level, envelope: &Envelope) {
        let named = envelope.flaws.iter().take(FLAWS_MAX).map(Flaw::to_string);
        let comment = named.collect::<Vec<_>>().join("; ");
        let fields = [
            envelope.count.to_string().into_bytes(),
            text(&comment, envelope.delimiters),
        ];
        push_segment(&mut self.out, level.trailer(), envelope.delimiters, &fields);
    }
}

fn push_segment(out: &mut Vec<u8>, name: &str, delimiters: Delimiters, fields: &[Vec<u8>]) {
    let last = fields
        .iter()
        .rposition(|field| !field.is_empty())
        .map_or(0, |last| last + 1);
    out.extend_from_slice(name.as_bytes());
    for field in fields.iter().take(last) {
        out.push(delimiters.field);
        out.extend_from_slice(field);
    }
    out.push(b'\r');
}

/// A field of the request as it stands, but for bytes that would break the answer's frame.
fn clean(field: &[u8]) -> Vec<u8> {
    let is_framing = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c);
    let blanked = field.iter().map(|byte| if is_framing(byte) { b' ' } else { *byte });
    blanked.collect()
}

/// The engine's own words, which are ASCII. Where nothing escapes a delimiter, it becomes a blank.
fn text(text: &str, delimiters: Delimiters) -> Vec<u8> {
    let readable: String = text
        .chars()
        .map(|letter| {
            let is_bare = delimiters.escape.is_none() && delimiters.contain(letter);
            if is_bare || letter.is_control() { ' ' } else { letter }
        })
        .collect();
    let encoded = escape::encode(&readable, delimiters, Charset::UTF_8);
    encoded.map(std::borrow::Cow::into_owned).unwrap_or_default()
}
