//! What the demo is performed on: the scratch site, the engine, the EHR, and the questions it asks of them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use transfuse_transport::mllp::{Sender, SenderSettings};

use super::Places;
use super::actors::Actor;
use super::scratch::Scratch;
use crate::commands::send::SentMessage;
use crate::control::{Client, wire};
use crate::samples::{self, Sample};

/// How long the demo waits for anything that should be a matter of milliseconds, or of a retry or two.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two questions while it waits.
const QUESTION_PAUSE: Duration = Duration::from_millis(20);

/// Messages that are looked through for one control id.
const RECENT_MAX: u32 = 100;

/// A scratch site with what runs on it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) scratch: Scratch,
    source: PathBuf,
    engine: Option<Actor>,
    ehr: Option<Actor>,
}

impl Stage {
    pub(super) fn build(places: &Places) -> Result<Self> {
        let scratch = Scratch::make(&places.site, &places.plugins, &places.work)?;
        Ok(Self {
            scratch,
            source: places.site.clone(),
            engine: None,
            ehr: None,
        })
    }

    /// Starts EHR and engine.
    pub(super) fn start(&mut self) -> Result<()> {
        let (ehr, site) = (
            self.scratch.ehr().display().to_string(),
            self.scratch.site().display().to_string(),
        );
        let listen = ["listen", &self.scratch.ehr_address, "--out", &ehr];
        self.ehr = Some(Actor::start("EHR", &listen, "listening on")?);
        self.engine = Some(Actor::start("engine", &["run", &site], "ready:")?);
        Ok(())
    }

    /// The example's own folder, as it was given.
    pub(super) fn source(&self) -> String {
        self.source.display().to_string()
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.scratch.data())
    }

    pub(super) fn stop_ehr(&mut self) -> Result<()> {
        self.ehr.take().context("there is no EHR to stop")?.kill()
    }

    pub(super) fn kill_engine(&mut self) -> Result<()> {
        self.engine.take().context("there is no engine to kill")?.kill()
    }

    /// Stops the engine as `POST /v1/shutdown` does, and wants it to end well.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.client().shutdown().await?;
        self.engine.take().context("there is no engine to stop")?.leave()?;
        self.stop_ehr()
    }

    /// The analyser's messages, in the order of their names.
    pub(super) fn lab_samples(&self) -> Result<Vec<Sample>> {
        self.samples("messages/lab")
    }

    pub(super) async fn send(&self, sample: &Sample) -> SentMessage {
        let mut sender = Sender::new(SenderSettings::new(&self.scratch.lab_address));
        SentMessage::exchange(sample, &mut sender).await
    }

    /// Puts the biobank's files into the inbox, as another program would: under another name first.
    pub(super) fn drop_research_files(&self) -> Result<Vec<Sample>> {
        let inbox = self.scratch.site().join("inbox");
        let samples = self.samples("messages/research")?;
        for sample in &samples {
            let name = sample.file.file_name().context("a sample has a name")?;
            let target = inbox.join(name);
            let partial = target.with_extension("part");
            fs::copy(&sample.file, &partial)
                .and_then(|_| fs::rename(&partial, &target))
                .with_context(|| format!("cannot drop `{}`", target.display()))?;
        }
        Ok(samples)
    }

    /// What the engine knows of a sample that it has received.
    pub(super) async fn message_of(&self, sample: &Sample) -> Result<wire::Message> {
        let query = wire::MessagesQuery {
            limit: Some(RECENT_MAX),
            ..Default::default()
        };
        self.wait(&format!("the engine to take {}", sample.label()), async || {
            let recent = self.client().messages(&query).await?.messages;
            let found = recent
                .iter()
                .find(|one| one.control_id == sample.control_id && one.decided_at.is_some());
            match found {
                Some(found) => self.message(&found.id).await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    /// Waits until every delivery of a message is settled.
    pub(super) async fn delivered(&self, id: &str) -> Result<wire::Message> {
        let is_settled = |message: &wire::Message| message.deliveries.iter().all(|one| one.stage == "delivered");
        self.wait_for_message(id, "the delivery", is_settled).await
    }

    /// Waits until a delivery of a message has failed once.
    pub(super) async fn attempted(&self, id: &str) -> Result<wire::Message> {
        let has_failed = |message: &wire::Message| message.deliveries.iter().any(|one| one.last_fault.is_some());
        self.wait_for_message(id, "the delivery to fail", has_failed).await
    }

    /// The files of that control id that the EHR has.
    pub(super) fn received_by_ehr(&self, control_id: &str) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.scratch.ehr()).context("the EHR has no folder")?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        Ok(files
            .filter(|file| file.to_string_lossy().contains(control_id))
            .collect())
    }

    fn samples(&self, folder: &str) -> Result<Vec<Sample>> {
        let folder = self.scratch.site().join(folder);
        let entries = fs::read_dir(&folder).with_context(|| format!("the example has no `{}`", folder.display()))?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        let mut samples = Vec::new();
        for file in files.iter().filter(|file| file.is_file()) {
            samples.extend(samples::read(file)?);
        }
        Ok(samples)
    }

    async fn message(&self, id: &str) -> Result<wire::Message> {
        Ok(self.client().message(id.parse()?).await?)
    }

    async fn wait_for_message(
        &self,
        id: &str,
        what: &str,
        is_there: impl Fn(&wire::Message) -> bool,
    ) -> Result<wire::Message> {
        self.wait(&format!("{what} of {id}"), async || {
            Ok(Some(self.message(id).await?).filter(&is_there))
        })
        .await
    }

    async fn wait<T>(&self, what: &str, mut question: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = question().await? {
                return Ok(answer);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("waited {PATIENCE:?} for {what}");
            }
            tokio::time::sleep(QUESTION_PAUSE).await;
        }
    }
}
