//! Answering questions about the running engine.

mod access;
mod caller;
mod changes;
mod destinations;
mod downtimes;
mod lanes;
mod past;
mod quarantine;
mod repairs;
mod selecting;
mod tables;
mod trials;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use transfuse_store::{ReadError, Store};

use caller::Peer;

use super::{view, wire};
use crate::changes::Changes;
use crate::downtimes::{DowntimeError, Downtimes};
use crate::identity::Identity;
use crate::observing::Observing;
use crate::past::Past;
use crate::repairs::Repairs;
use crate::tables::Tables;

/// What the control socket speaks about.
#[derive(Debug)]
pub(crate) struct Controlled {
    store: Store,
    process: view::Process,
    tables: Arc<Tables>,
    observing: Arc<Observing>,
    repairs: Arc<Repairs>,
    changes: Arc<Changes>,
    past: Arc<Past>,
    downtimes: Arc<Downtimes>,
    /// Cancelled to stop the engine.
    stop: CancellationToken,
    /// Places for answers, each of which may hold a whole message in memory.
    reads: Semaphore,
}

/// What can be asked and told about beside what is live.
pub(crate) struct Beside {
    pub(crate) tables: Arc<Tables>,
    pub(crate) observing: Arc<Observing>,
    pub(crate) past: Arc<Past>,
    pub(crate) downtimes: Arc<Downtimes>,
}

/// The largest body that gives a message other bytes: more than sources take of a message, as JSON writes it. The other bodies are words,
/// and have the two megabytes of the library.
const EDIT_BYTES_MAX: usize = 64 << 20;

/// How many questions read the store at once. Each may hold the largest message several times over.
const READS_MAX: usize = 4;

impl Controlled {
    pub(crate) fn new(
        store: Store,
        process: view::Process,
        changes: Arc<Changes>,
        beside: Beside,
        stop: CancellationToken,
    ) -> Self {
        let Beside {
            tables,
            observing,
            past,
            downtimes,
        } = beside;
        Self {
            store,
            process,
            tables,
            observing,
            repairs: Arc::new(Repairs::new(Arc::clone(&changes))),
            changes,
            past,
            downtimes,
            stop,
            reads: Semaphore::new(READS_MAX),
        }
    }
}

type Shared = State<Arc<Controlled>>;

/// Serves until `done` is cancelled; answers under way are finished.
pub(crate) async fn serve(listener: UnixListener, controlled: Controlled, done: CancellationToken) {
    let router = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/messages", get(messages))
        .route("/v1/messages/verification", get(past::verify))
        .route(
            "/v1/messages/edit",
            post(quarantine::edit).layer(DefaultBodyLimit::max(EDIT_BYTES_MAX)),
        )
        .route("/v1/messages/discard", post(quarantine::discard))
        .route("/v1/messages/{id}", get(message))
        .route("/v1/messages/{id}/explanation", get(past::explain))
        .route("/v1/tables", get(tables::list))
        .route("/v1/tables/misses", get(tables::misses))
        .route("/v1/tables/{name}", post(tables::change))
        .route("/v1/tables/{name}/history", get(tables::history))
        .route("/v1/plugins/access", get(access::access))
        .route("/v1/apply", post(changes::apply))
        .route("/v1/interfaces/{name}/deploy", post(changes::deploy))
        .route("/v1/interfaces/{name}/rollback", post(changes::rollback))
        .route("/v1/interfaces/{name}/pause", post(changes::pause))
        .route("/v1/interfaces/{name}/resume", post(changes::resume))
        .route("/v1/interfaces/{name}/history", get(changes::history))
        .route("/v1/interfaces/{name}/difference", get(changes::difference))
        .route("/v1/interfaces/{name}/evidence", get(changes::evidence))
        .route("/v1/interfaces/{name}/approve", post(changes::approve))
        .route("/v1/deliveries/held", get(repairs::held))
        .route("/v1/interfaces/{name}/deliveries", post(repairs::act))
        .route("/v1/lanes/held", get(lanes::held))
        .route("/v1/interfaces/{name}/lanes/release", post(lanes::release))
        .route(
            "/v1/interfaces/{name}/destinations/{destination}",
            post(destinations::say),
        )
        .route("/v1/downtimes", get(downtimes::list).post(downtimes::act))
        .route("/v1/replay", post(repairs::replay))
        .route("/v1/trials", get(trials::list))
        .route("/v1/interfaces/{name}/trial", post(trials::act))
        .route("/v1/shutdown", post(shutdown))
        .fallback(no_such_address)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Arc::new(controlled));
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<Peer>())
        .with_graceful_shutdown(done.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the control socket is closed");
    }
}

async fn status(State(controlled): Shared) -> Result<Json<wire::Status>, ApiError> {
    let looked = on_a_thread(&controlled, |controlled| {
        let status = controlled.store.status()?;
        let downtimes = controlled.downtimes.current(&status)?;
        Ok::<_, DowntimeError>((status, downtimes))
    });
    let (status, downtimes) = looked.await?.map_err(|error| ApiError::internal(&error))?;
    let trials = controlled.changes.trials.all();
    let mut told = view::status(&controlled.process, &trials, status);
    told.room = Some(view::room(
        &controlled.process,
        controlled.changes.engine.inflow().now(),
    ));
    told.downtimes = downtimes.iter().map(view::downtime).collect();
    for interface in &mut told.interfaces {
        let engine = &controlled.changes.engine;
        interface.turned_away = view::turned_away(engine.turned_away(&interface.name));
        for destination in &mut interface.destinations {
            let standing = engine.destination(&interface.name, &destination.name);
            destination.receiver = standing.map(|one| view::destinations::standing(one.standing()));
        }
    }
    Ok(Json(told))
}

async fn messages(
    State(controlled): Shared,
    query: Result<Query<wire::MessagesQuery>, QueryRejection>,
) -> Result<Json<wire::Messages>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse messages list --help`"))?;
    let query = selecting::page(&controlled, &query).await?;
    let limit = query.limit;
    let found = blocking(&controlled, move |controlled| controlled.store.messages(&query)).await?;
    Ok(Json(view::messages(&found, limit)))
}

async fn message(State(controlled): Shared, Path(id): Path<String>) -> Result<Json<wire::Message>, ApiError> {
    let id = selecting::message_id(&id)?;
    let found = blocking(&controlled, move |controlled| {
        let Some(record) = controlled.store.message(id)? else {
            return Ok(None);
        };
        let revision = controlled
            .store
            .catalog()
            .revision(&record.summary.interface, record.summary.revision);
        // The message matters more than the settings of its revision.
        let charset = revision
            .ok()
            .flatten()
            .and_then(|revision| view::charset_of(&revision.content));
        Ok(Some(view::message(&record, charset)))
    });
    match found.await? {
        Some(message) => Ok(Json(message)),
        None => Err(ApiError::not_found(
            format!("there is no message {id}"),
            "`transfuse messages list` shows them",
        )),
    }
}

async fn shutdown(State(controlled): Shared, author: Identity) -> Json<serde_json::Value> {
    tracing::info!(%author, "asked to stop over the control socket");
    controlled.stop.cancel();
    Json(serde_json::json!({ "stopping": true }))
}

async fn no_such_address() -> ApiError {
    ApiError::not_found(
        "there is no such address".to_owned(),
        "there are GET /v1/status, /v1/messages, /v1/messages/ID, /v1/tables, /v1/tables/misses and /v1/plugins/access, and \
         POST /v1/tables/NAME and /v1/shutdown",
    )
}

async fn no_such_method() -> ApiError {
    ApiError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        body: wire::ErrorBody {
            message: "this address does not take that method".to_owned(),
            hint: None,
            refused: Vec::new(),
        },
    }
}

/// The store's reads block on the disk, and the threads that drive sockets must not.
async fn blocking<T, F>(controlled: &Arc<Controlled>, read: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&Controlled) -> Result<T, ReadError> + Send + 'static,
{
    let read = on_a_thread(controlled, read).await?;
    read.map_err(|error| ApiError::internal(&error))
}

/// The same for whatever else blocks.
async fn on_a_thread<T, F>(controlled: &Arc<Controlled>, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&Controlled) -> T + Send + 'static,
{
    // The semaphore is never closed; an error would only mean that nothing is limited.
    let _permit = controlled.reads.acquire().await;
    let working = Arc::clone(controlled);
    let done = tokio::task::spawn_blocking(move || work(&working)).await;
    done.map_err(|panicked| ApiError::internal(&panicked))
}

/// What a caller may know of a failure. The log has the rest.
pub(crate) struct ApiError {
    status: StatusCode,
    body: wire::ErrorBody,
}

impl ApiError {
    fn bad_request(message: String, hint: &str) -> Self {
        let body = wire::ErrorBody {
            message,
            hint: Some(hint.to_owned()),
            refused: Vec::new(),
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            body,
        }
    }

    fn not_found(message: String, hint: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            ..Self::bad_request(message, hint)
        }
    }

    fn without_empty_hint(mut self) -> Self {
        self.body.hint = self.body.hint.filter(|hint| !hint.is_empty());
        self
    }

    /// Something that the caller did not cause and has to know.
    fn failed(message: String) -> Self {
        let body = wire::ErrorBody {
            message,
            hint: None,
            refused: Vec::new(),
        };
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            body,
        }
    }

    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a question over the control socket failed");
        let message = "the engine could not read its store".to_owned();
        let hint = Some("the engine's log says why".to_owned());
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            body: wire::ErrorBody {
                message,
                hint,
                refused: Vec::new(),
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(wire::Error { error: self.body })).into_response()
    }
}
