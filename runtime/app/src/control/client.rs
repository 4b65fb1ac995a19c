//! Asking a running engine.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;

use super::{SUDO_USER_HEADER, socket, wire};
use crate::identity;

/// The largest answer: the largest message a few times over, as input and as outputs.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// How long an answer may take. Listing reads an index; only a disk in trouble takes longer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// How long a change may take: plugins are compiled, and stored messages run, for each interface that changes.
const CHANGE_WAIT: Duration = Duration::from_mins(20);

/// The engine that runs on a data folder.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    data: PathBuf,
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens there.
    #[error("no engine is running on `{}`", data.display())]
    NotRunning { data: PathBuf },
    /// The socket cannot be opened for another reason.
    #[error("cannot reach the engine on `{}`", data.display())]
    Unreachable { data: PathBuf, source: io::Error },
    /// The conversation broke.
    #[error("the engine on `{}` did not answer properly", data.display())]
    Broken {
        data: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("the engine on `{}` did not answer within {wait:?}", data.display())]
    Silent { data: PathBuf, wait: Duration },
    /// The engine says no.
    #[error("{}", .0.message)]
    Refused(wire::ErrorBody),
}

impl ClientError {
    /// Whether the account of this process may not open the socket.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl Client {
    pub(crate) fn new(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        let socket = socket::in_data(&data);
        Self { data, socket }
    }

    /// The same where its socket lies elsewhere.
    pub(crate) fn at(data: PathBuf, socket: PathBuf) -> Self {
        Self { data, socket }
    }

    pub(crate) async fn status(&self) -> Result<wire::Status, ClientError> {
        self.get("/v1/status".to_owned()).await
    }

    pub(crate) async fn messages(&self, query: &wire::MessagesQuery) -> Result<wire::Messages, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/messages?{query}")).await
    }

    /// `id` must be a message id: it becomes part of the address.
    pub(crate) async fn message(&self, id: transfuse_store::MessageId) -> Result<wire::Message, ClientError> {
        self.get(format!("/v1/messages/{id}")).await
    }

    /// The query is that of [`Self::messages`].
    pub(crate) async fn verify(&self, query: &wire::MessagesQuery) -> Result<wire::past::Verified, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/messages/verification?{query}")).await
    }

    pub(crate) async fn explain(
        &self,
        id: transfuse_store::MessageId,
        query: &wire::past::ExplanationQuery,
    ) -> Result<wire::past::Explanation, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/messages/{id}/explanation?{query}")).await
    }

    pub(crate) async fn tables(&self) -> Result<wire::tables::Tables, ClientError> {
        self.get("/v1/tables".to_owned()).await
    }

    pub(crate) async fn misses(
        &self,
        query: &wire::tables::MissesQuery,
    ) -> Result<wire::tables::MissList, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/tables/misses?{query}")).await
    }

    /// `name` must be a sound name: it becomes part of the address.
    pub(crate) async fn change_table(
        &self,
        name: &str,
        change: &wire::tables::TableChange,
    ) -> Result<wire::tables::TableChanged, ClientError> {
        self.post(format!("/v1/tables/{name}"), change).await
    }

    /// `name` must be a sound name: it becomes part of the address.
    pub(crate) async fn table_history(&self, name: &str) -> Result<wire::tables::TableHistory, ClientError> {
        self.get(format!("/v1/tables/{name}/history")).await
    }

    pub(crate) async fn access(
        &self,
        query: &wire::access::AccessQuery,
    ) -> Result<wire::access::PluginAccess, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/plugins/access?{query}")).await
    }

    /// `POST /v1/apply`, or of an interface `deploy`, `rollback` and `approve`.
    pub(crate) async fn change(
        &self,
        path: String,
        wanted: &wire::changes::ChangeWanted,
    ) -> Result<wire::changes::Changed, ClientError> {
        let body = serde_json::to_vec(wanted).map_err(|error| self.broken(error))?;
        self.ask_within(CHANGE_WAIT, Method::POST, path, body).await
    }

    /// `pause` or `resume` of an interface.
    pub(crate) async fn pause(
        &self,
        path: String,
        wanted: &wire::changes::ChangeWanted,
    ) -> Result<wire::changes::PauseChanged, ClientError> {
        self.post(path, wanted).await
    }

    pub(crate) async fn held(&self, query: &wire::repairs::HeldQuery) -> Result<wire::repairs::HeldList, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/deliveries/held?{query}")).await
    }

    pub(crate) async fn held_lanes(
        &self,
        query: &wire::repairs::HeldQuery,
    ) -> Result<wire::lanes::HeldLanes, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/lanes/held?{query}")).await
    }

    /// `interface` must be a sound name: it becomes part of the address.
    pub(crate) async fn release_lanes(
        &self,
        interface: &str,
        wanted: &wire::lanes::ReleaseWanted,
    ) -> Result<wire::lanes::LanesReleased, ClientError> {
        self.post(format!("/v1/interfaces/{interface}/lanes/release"), wanted)
            .await
    }

    /// `interface` must be a sound name: it becomes part of the address.
    pub(crate) async fn act_on_held(
        &self,
        interface: &str,
        wanted: &wire::repairs::HeldWanted,
    ) -> Result<wire::repairs::HeldChanged, ClientError> {
        self.post(format!("/v1/interfaces/{interface}/deliveries"), wanted)
            .await
    }

    /// Both names must be sound: they become part of the address.
    pub(crate) async fn say(
        &self,
        interface: &str,
        destination: &str,
        word: &wire::destinations::Word,
    ) -> Result<wire::destinations::WordSaid, ClientError> {
        let path = format!("/v1/interfaces/{interface}/destinations/{destination}");
        self.post(path, word).await
    }

    pub(crate) async fn downtimes(&self) -> Result<wire::downtimes::Downtimes, ClientError> {
        self.get("/v1/downtimes".to_owned()).await
    }

    pub(crate) async fn act_on_downtime(
        &self,
        wanted: &wire::downtimes::DowntimeWanted,
    ) -> Result<wire::downtimes::Downtime, ClientError> {
        self.post("/v1/downtimes".to_owned(), wanted).await
    }

    pub(crate) async fn replay(
        &self,
        wanted: &wire::repairs::ReplayWanted,
    ) -> Result<wire::repairs::Replayed, ClientError> {
        self.post("/v1/replay".to_owned(), wanted).await
    }

    pub(crate) async fn edit(
        &self,
        wanted: &wire::quarantine::EditWanted,
    ) -> Result<wire::quarantine::Edited, ClientError> {
        self.post("/v1/messages/edit".to_owned(), wanted).await
    }

    pub(crate) async fn discard(
        &self,
        wanted: &wire::quarantine::DiscardWanted,
    ) -> Result<wire::quarantine::Discarded, ClientError> {
        self.post("/v1/messages/discard".to_owned(), wanted).await
    }

    pub(crate) async fn trials(&self) -> Result<wire::trials::Trials, ClientError> {
        self.get("/v1/trials".to_owned()).await
    }

    /// `interface` must be a sound name: it becomes part of the address.
    pub(crate) async fn trial(
        &self,
        interface: &str,
        action: &wire::trials::TrialAction,
    ) -> Result<wire::trials::Trial, ClientError> {
        self.post(format!("/v1/interfaces/{interface}/trial"), action).await
    }

    pub(crate) async fn history(&self, interface: &str) -> Result<wire::changes::History, ClientError> {
        self.get(format!("/v1/interfaces/{interface}/history")).await
    }

    pub(crate) async fn evidence(
        &self,
        interface: &str,
        query: &wire::evidence::EvidenceQuery,
    ) -> Result<wire::evidence::EvidenceList, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/interfaces/{interface}/evidence?{query}")).await
    }

    pub(crate) async fn difference(
        &self,
        interface: &str,
        query: &wire::changes::DifferenceQuery,
    ) -> Result<wire::changes::RevisionDifference, ClientError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.broken(error))?;
        self.get(format!("/v1/interfaces/{interface}/difference?{query}")).await
    }

    async fn post<T: DeserializeOwned>(&self, path: String, body: &impl serde::Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.broken(error))?;
        self.ask(Method::POST, path, body).await
    }

    /// Asks the engine to stop as a service manager would; the answer comes before it has.
    pub(crate) async fn shutdown(&self) -> Result<(), ClientError> {
        self.ask::<serde_json::Value>(Method::POST, "/v1/shutdown".to_owned(), Vec::new())
            .await
            .map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, ClientError> {
        self.ask(Method::GET, path, Vec::new()).await
    }

    /// `body` is JSON, or empty.
    async fn ask<T: DeserializeOwned>(&self, method: Method, path: String, body: Vec<u8>) -> Result<T, ClientError> {
        self.ask_within(ANSWER_WAIT, method, path, body).await
    }

    async fn ask_within<T: DeserializeOwned>(
        &self,
        wait: Duration,
        method: Method,
        path: String,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        let exchange = self.exchange(method, path, body);
        let (status, body) = tokio::time::timeout(wait, exchange)
            .await
            .map_err(|_| ClientError::Silent {
                data: self.data.clone(),
                wait,
            })??;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.broken(error));
        }
        let error: wire::Error = serde_json::from_slice(&body).map_err(|error| self.broken(error))?;
        Err(ClientError::Refused(error.error))
    }

    async fn exchange(&self, method: Method, path: String, body: Vec<u8>) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = socket::connect(&self.socket)
            .await
            .map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(hyper::header::HOST, "transfuse")
            .header(hyper::header::CONTENT_TYPE, "application/json");
        if let Some(name) = identity::sudo_user() {
            request = request.header(SUDO_USER_HEADER, name);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.broken(error))?;
        let response = sender.send_request(request).await.map_err(|error| self.broken(error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        connection.abort();
        Ok((status, body.map_err(|error| self.broken(error))?.to_bytes()))
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        let data = self.data.clone();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning { data },
            _ => ClientError::Unreachable { data, source },
        }
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Broken {
            data: self.data.clone(),
            source: source.into(),
        }
    }
}
