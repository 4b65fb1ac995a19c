//! What a byte costs when messages grow from a kilobyte to ten megabytes: by many segments, or by one huge field.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use transfuse_message::{Message, ParseOptions, Path};

use super::best;

/// What `--only` finds it by.
pub(crate) const NAME: &str = "what a byte costs as messages grow";

const SIZES: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// How much more a byte may cost at the largest size than at a hundredth of it: caches have an end, and nothing else
/// may grow.
const GROWTH_MAX: f64 = 4.0;

/// How a message grows.
#[derive(Clone, Copy)]
enum Shape {
    Segments,
    Field,
}

/// What is done with it.
#[derive(Clone, Copy)]
enum Work {
    Read,
    Edit,
}

/// One line of the table: what was measured, and the nanoseconds a byte for each size.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) nanoseconds: Vec<f64>,
}

/// Parses messages of each size, reads a field of the first segment and some of the last one; and in the second half
/// of the table sets one and prints the message, too.
pub(crate) fn growth() -> Result<Vec<Row>> {
    let rows = [
        ("many segments, parsed and read", Shape::Segments, Work::Read),
        ("one huge field, parsed and read", Shape::Field, Work::Read),
        (
            "many segments, parsed, read, edited, printed",
            Shape::Segments,
            Work::Edit,
        ),
        (
            "one huge field, parsed, read, edited, printed",
            Shape::Field,
            Work::Edit,
        ),
    ];
    rows.into_iter()
        .map(|(name, shape, work)| row(name, shape, work))
        .collect()
}

fn row(name: &'static str, shape: Shape, work: Work) -> Result<Row> {
    let mut nanoseconds = Vec::new();
    for size in SIZES {
        let (raw, last) = message(shape, size);
        let time = measure(&raw, last, work)?;
        nanoseconds.push(time.as_secs_f64() * 1e9 / raw.len() as f64);
    }
    let of = |index: usize| nanoseconds.get(index).copied().unwrap_or_default();
    ensure!(of(4) < of(2) * GROWTH_MAX, "{name}: not linear: {nanoseconds:.3?}");
    Ok(Row { name, nanoseconds })
}

/// A message of about so many bytes, and the number of its last OBX.
fn message(shape: Shape, size: usize) -> (Bytes, usize) {
    let mut text = "MSH|^~\\&|LAB||HIS||20261126||ORU^R01^ORU_R01|K1|P|2.5.1\rPID|1||1^^^A||PRÓBA^BETEG\r".to_owned();
    let mut number = 0;
    match shape {
        Shape::Segments => {
            while text.len() < size {
                number += 1;
                let _ = write!(
                    text,
                    "OBX|{number}|NM|GLU^Glükóz^L^14749-6^Glucose [Moles/volume] in Serum or Plasma^LN|1|5.4|mmol/l^millimol per liter^UCUM|3.9-5.8||||F|||20261123101200+0100||900^TESZTORVOS^ÖDÖN\r"
                );
            }
        }
        Shape::Field => {
            number = 1;
            let document = "JVBERi0xLjcKJeLjz9MK".repeat(size.saturating_sub(text.len()) / 20);
            let _ = write!(text, "OBX|1|ED|PDF||LAB^application^pdf^Base64^{document}||||||F\r");
        }
    }
    (Bytes::from(text), number)
}

fn measure(raw: &Bytes, last: usize, work: Work) -> Result<Duration> {
    let first: Path = "MSH-10".parse()?;
    let [before, after]: [Path; 2] = [format!("OBX[{last}]-2").parse()?, format!("OBX[{last}]-11").parse()?];
    best(|| {
        let mut message = Message::parse(black_box(raw.clone()), &ParseOptions::default())?;
        ensure!(message.get(&first)?.as_option() == Some("K1"), "the header is another");
        ensure!(
            message.get(&before)?.as_option().is_some_and(|kind| kind.len() == 2),
            "no type"
        );
        ensure!(message.get(&after)?.as_option() == Some("F"), "no status");
        if let Work::Edit = work {
            message.set(&after, "C")?;
            ensure!(
                message.encode().len() == raw.len(),
                "the edited message has another length"
            );
        }
        Ok(())
    })
}
