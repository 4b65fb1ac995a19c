//! The demo: a play in five scenes, performed by the product itself.
//!
//! Nothing here stands in for a part of the engine. The engine and the receiver are processes of this very binary,
//! started as an admin starts them; what is shown comes over the control socket, as `messages show` gets it.

mod actors;
mod scratch;
mod stage;
mod telling;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::console::Console;
use crate::control::wire;
use crate::samples::Sample;

use stage::Stage;
use telling::Teller;

/// Where the play takes its scenery from, and where it is performed.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) site: PathBuf,
    pub(crate) plugins: PathBuf,
    pub(crate) work: PathBuf,
}

/// The sample that the example's plugin refuses, on purpose.
const REFUSED: &str = "04-unknown-code.hl7";

/// The sample that arrives while the EHR is down.
const DURING_THE_OUTAGE: &str = "05-latin2.hl7";

/// How many changed fields are shown of a message that is not the first: enough to see what happened.
const FIELDS_SHOWN: usize = 4;

/// Performs the demo. Every process that it starts has ended when it returns.
pub(crate) fn play(places: &Places, console: Console) -> Result<()> {
    let teller = Teller::new(console);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stage = Stage::build(places)?;
        teller.opening(&stage)?;
        stage.start()?;
        let samples = stage.lab_samples()?;
        ordinary_results(&stage, &teller, &samples).await?;
        refused_result(&stage, &teller, &samples).await?;
        files(&stage, &teller).await?;
        outage(&mut stage, &teller, &samples).await?;
        teller.status(&stage.client().status().await?)?;
        stage.finish().await?;
        teller.closing(&stage)
    })
}

/// Results that the plugin understands, on their way to the EHR.
async fn ordinary_results(stage: &Stage, teller: &Teller, samples: &[Sample]) -> Result<()> {
    teller.scene("An analyser sends results; a sandboxed plugin puts them into the EHR's vocabulary")?;
    let ordinary = samples
        .iter()
        .filter(|sample| !is(sample, REFUSED) && !is(sample, DURING_THE_OUTAGE));
    for (number, sample) in ordinary.enumerate() {
        let message = accepted(stage, teller, sample).await?;
        teller.changes(&message, if number == 0 { usize::MAX } else { FIELDS_SHOWN })?;
        let message = stage.delivered(&message.summary.id).await?;
        teller.deliveries(&message)?;
        let received = stage.received_by_ehr(&sample.control_id)?;
        let file = received
            .first()
            .with_context(|| format!("the EHR does not have {}", sample.control_id))?;
        if number == 0 {
            teller.received(file)?;
        }
    }
    Ok(())
}

/// A result with a code that nobody has put into the table.
async fn refused_result(stage: &Stage, teller: &Teller, samples: &[Sample]) -> Result<()> {
    teller.scene("A code that the table does not know is refused: the sender keeps the message, and is told why")?;
    let sample = find(samples, REFUSED)?;
    let sent = stage.send(sample).await;
    teller.sent(&sent)?;
    ensure!(
        sent.code() == Some("AE"),
        "`{REFUSED}` should have been refused with AE"
    );
    let message = stage.message_of(sample).await?;
    ensure!(message.deliveries.is_empty(), "a refused message was delivered");
    teller.refusal(&message)
}

/// A file that is dropped into a folder, and comes out in another one without the address.
async fn files(stage: &Stage, teller: &Teller) -> Result<()> {
    teller.scene("A file for the biobank loses the patient's address; eight lines of Rust do that")?;
    for sample in stage.drop_research_files()? {
        let message = stage.message_of(&sample).await?;
        let message = stage.delivered(&message.summary.id).await?;
        teller.dropped(&sample, &message)?;
        teller.changes(&message, usize::MAX)?;
        teller.deliveries(&message)?;
    }
    Ok(())
}

/// The receiver is down, and then the engine is killed: what was acknowledged arrives all the same, and once.
async fn outage(stage: &mut Stage, teller: &Teller, samples: &[Sample]) -> Result<()> {
    teller.scene("The EHR goes down, a result is acknowledged, and the engine is killed (SIGKILL)")?;
    stage.stop_ehr()?;
    let sample = find(samples, DURING_THE_OUTAGE)?;
    let message = accepted(stage, teller, sample).await?;
    let waiting = stage.attempted(&message.summary.id).await?;
    teller.deliveries(&waiting)?;
    stage.kill_engine()?;
    teller.note("the engine is gone; engine and EHR are started again")?;
    stage.start()?;
    let message = stage.delivered(&message.summary.id).await?;
    teller.changes(&message, FIELDS_SHOWN)?;
    teller.deliveries(&message)?;
    let copies = stage.received_by_ehr(&sample.control_id)?.len();
    ensure!(copies == 1, "the EHR has the message {copies} times");
    teller.note("the EHR has it exactly once")
}

async fn accepted(stage: &Stage, teller: &Teller, sample: &Sample) -> Result<wire::Message> {
    let sent = stage.send(sample).await;
    teller.sent(&sent)?;
    ensure!(
        sent.code() == Some("AA"),
        "`{}` should have been accepted",
        sample.label()
    );
    stage.message_of(sample).await
}

fn find<'s>(samples: &'s [Sample], name: &str) -> Result<&'s Sample> {
    samples
        .iter()
        .find(|sample| is(sample, name))
        .with_context(|| format!("the example has no `{name}`"))
}

fn is(sample: &Sample, name: &str) -> bool {
    sample.file.file_name().is_some_and(|file| file == name)
}
