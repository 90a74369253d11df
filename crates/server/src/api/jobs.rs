//! Jobs: made, listed, read, ended.

use std::time::Instant;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use utoipa::IntoParams;

use super::problem::Problem;
use super::upload::{self, Asked, JobForm, JobRequest};
use super::view::{JobList, JobView};
use crate::error::ServerError;
use crate::guard::Client;
use crate::history::{Job, NewJob};
use crate::job::{CONTAINERS, Extra, Input, Kind, Options, Role, Status};
use crate::service::App;
use crate::trade::CONTENT;

const USUAL_PRIORITY: u8 = 5;

/// A job that was made, or found under its idempotency key.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) job: Job,
    pub(crate) found: bool,
}

/// Makes a job of a request: limits first, then what was sent, then the queue.
pub(crate) async fn submit(
    app: &App,
    client: &Client,
    headers: &HeaderMap,
    request: Request,
    kind: Option<Kind>,
) -> Result<Submitted, Problem> {
    let Client(client) = client;
    app.rate.take(client, Instant::now()).map_err(|wait| {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many jobs in a short time").retry_after(wait)
    })?;
    let key = match headers.get("idempotency-key").map(HeaderValue::to_str) {
        None => None,
        Some(Ok(key)) if (1..=200).contains(&key.len()) => Some(key.to_owned()),
        Some(_) => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "Idempotency-Key: one to 200 visible characters",
            ));
        }
    };
    if key.is_none() && app.history.active(client).await? >= i64::from(app.config.limits.jobs) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("{} jobs of yours wait or run already", app.config.limits.jobs),
        )
        .retry_after(Duration::from_secs(10)));
    }
    let Ok(_coming_in) = app.uploads.try_acquire() else {
        return Err(
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many uploads come in at once")
                .retry_after(Duration::from_secs(5)),
        );
    };
    let mut asked = upload::take(app, request).await?;
    if kind.is_some() {
        asked.kind = kind;
    }
    let (request, inputs) = understand(app, &asked)
        .await
        .map_err(|problem| problem.sent(asked.sent()))?;
    let fingerprint = fingerprint(&request, &inputs)?;
    if let Some(key) = &key
        && let Some(job) = app.history.by_key(client, key).await?
    {
        return again(job, &fingerprint);
    }
    for received in &asked.files {
        app.blobs.keep_as(received.file.path(), &received.blob).await?;
    }
    for input in &inputs {
        if !app.blobs.has(&input.blob).await {
            return Err(
                Problem::new(StatusCode::GONE, format!("{} is no longer kept", input.name)).hint("upload it again"),
            );
        }
    }
    let job = NewJob {
        id: ulid::Ulid::generate().to_string(),
        client: client.clone(),
        idempotency: key.clone(),
        fingerprint,
        request,
        inputs,
    };
    let made = app.history.create(&job).await?;
    let (Some(()), Some(made)) = (made, app.history.job(&job.id).await?) else {
        // Two requests with one key at the same moment: the other one made it.
        let other = match &key {
            Some(key) => app.history.by_key(client, key).await?,
            None => None,
        };
        let other = other.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "the job was made and ended elsewhere"))?;
        return again(other, &job.fingerprint);
    };
    app.wake.notify_one();
    tracing::info!(job = %made.id, kind = made.kind.name(), "queued");
    Ok(Submitted {
        job: made,
        found: false,
    })
}

fn again(job: Job, fingerprint: &str) -> Result<Submitted, Problem> {
    if job.fingerprint == fingerprint {
        return Ok(Submitted { job, found: true });
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "Idempotency-Key: another job was made under it",
    )
    .hint("use a new key for a new job"))
}

fn fingerprint(request: &crate::job::Request, inputs: &[Input]) -> Result<String, ServerError> {
    let files: Vec<(Role, &str)> = inputs.iter().map(|input| (input.role, input.blob.as_str())).collect();
    let text = serde_json::to_vec(&(request, files))?;
    Ok(blake3::hash(&text).to_hex().to_string())
}

/// What was asked, in terms of the job: files, options, all of them good.
async fn understand(app: &App, asked: &Asked) -> Result<(crate::job::Request, Vec<Input>), Problem> {
    let field =
        |name: &str, why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{name}: {why}")).field(name);
    let mut inputs: Vec<Input> = asked
        .files
        .iter()
        .map(|received| Input {
            role: received.role,
            name: received.name.clone(),
            blob: received.blob.clone(),
            extension: received.extension.to_owned(),
            bytes: received.bytes,
        })
        .collect();
    let mut from = match &asked.from {
        Some(id) => {
            let job = app.history.job(id).await?;
            Some(job.ok_or_else(|| Problem::no_job().field("from"))?)
        }
        None => None,
    };
    let alone = inputs.iter().all(|input| input.role == Role::Document);
    if from.is_none()
        && alone
        && let Some(received) = asked.files.first()
    {
        from = clip_of(app, received).await?;
    }
    let kind = match (asked.kind, &from) {
        (Some(kind), _) => kind,
        (None, Some(job)) if job.kind == Kind::Watch => Kind::Score,
        (None, Some(job)) => job.kind,
        (None, None) if inputs.iter().any(|input| input.role == Role::Song) => Kind::Film,
        (None, None) => Kind::default(),
    };
    let mut options = Options::new();
    if let Some(job) = &from {
        go_on(job, kind, &mut inputs, &mut options);
    }
    options.extend(asked.options.clone());
    let container = asked.container.clone().unwrap_or_else(|| "mp4".into());
    if !CONTAINERS.contains(&container.as_str()) {
        return Err(field(
            "container",
            format!("{container:?} is not one of {}", CONTAINERS.join(", ")),
        ));
    }
    let priority = asked.priority.unwrap_or(USUAL_PRIORITY);
    if priority > 9 {
        return Err(field("priority", format!("{priority} is not from 0 to 9")));
    }
    if kind == Kind::Film {
        for input in inputs.iter_mut().filter(|input| input.role == Role::File) {
            input.role = Role::Song;
        }
    }
    fits(kind, &inputs)?;
    let mut deliver = asked.deliver.clone().unwrap_or_else(|| Extra::usual(kind));
    deliver.sort();
    deliver.dedup();
    let request = crate::job::Request {
        kind,
        options,
        from: asked.from.clone(),
        deliver,
        container,
        priority,
    };
    request.check()?;
    Ok((request, inputs))
}

/// The job of the past whose clip a document was made for, by the name of its content.
async fn clip_of(app: &App, document: &upload::Received) -> Result<Option<Job>, Problem> {
    let text = std::fs::read_to_string(document.file.path())
        .map_err(|why| ServerError::file("reading an upload", document.file.path(), why))?;
    let document: Value = serde_json::from_str(&text).map_err(ServerError::from)?;
    let blob = document
        .pointer("/video_input/video_path")
        .and_then(Value::as_str)
        .and_then(|path| path.strip_prefix(CONTENT));
    match blob {
        Some(blob) => Ok(app.history.with_blob(blob).await?),
        None => Ok(None),
    }
}

/// Files, options and document of the job that another goes on from, unless they are given anew.
fn go_on(job: &Job, kind: Kind, inputs: &mut Vec<Input>, options: &mut Options) {
    let given = |inputs: &[Input], role: Role| inputs.iter().any(|input| input.role == role);
    let fresh: Vec<Input> = job
        .inputs
        .iter()
        .filter(|input| input.role != Role::Document && !given(inputs, input.role))
        .cloned()
        .collect();
    inputs.extend(fresh);
    let takes = |name: &&String| kind.options().contains(&name.as_str()) && name.as_str() != "keep-sections";
    options.extend(
        job.request
            .options
            .iter()
            .filter(|(name, _)| takes(name))
            .map(|(name, values)| (name.clone(), values.clone())),
    );
    let looks = |kind| matches!(kind, Kind::Score | Kind::Watch);
    let goes_on = looks(job.kind) && looks(kind) || job.kind == kind && kind == Kind::Film;
    let document = job.artefacts.iter().find(|artefact| artefact.name == "document.json");
    if let Some(document) = document.filter(|_| goes_on && !given(inputs, Role::Document)) {
        inputs.push(Input {
            role: Role::Document,
            name: document.name.clone(),
            blob: document.blob.clone(),
            extension: "json".into(),
            bytes: document.bytes,
        });
    }
}

/// Whether the files are those that the job needs.
fn fits(kind: Kind, inputs: &[Input]) -> Result<(), Problem> {
    let count = |role: Role| inputs.iter().filter(|input| input.role == role).count();
    let need = |name: &str, why: &str| {
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{name}: {why}")).field(name))
    };
    let only = |roles: &[Role]| inputs.iter().find(|input| !roles.contains(&input.role));
    let stray = match kind {
        Kind::Score | Kind::Watch => only(&[Role::File, Role::Document]),
        Kind::Film => only(&[Role::Song, Role::Art, Role::Document]),
        Kind::Evaluate => only(&[Role::File, Role::Audio, Role::Document]),
    };
    if let Some(stray) = stray {
        return need("kind", &format!("{} has no use for {}", kind.name(), stray.name));
    }
    match kind {
        Kind::Film if count(Role::Song) != 1 => need("song", "one song is needed"),
        Kind::Film if count(Role::Art) == 0 => need("art", "one artwork or more is needed"),
        Kind::Score | Kind::Watch | Kind::Evaluate if count(Role::File) != 1 => need("file", "one file is needed"),
        _ if count(Role::Document) > 1 => need("document", "there may be one"),
        _ if count(Role::Audio) > 1 => need("audio", "there may be one"),
        _ => Ok(()),
    }
}

fn made(submitted: &Submitted) -> Response {
    let view = JobView::from(&submitted.job);
    let status = if submitted.found {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let mut answer = (status, Json(view)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/jobs/{}", submitted.job.id)) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    answer
}

/// Make a job.
///
/// As a form with files, or as JSON that goes on from a job of the past or from a document. A request that is sent again with
/// the same `Idempotency-Key` finds the job that the first one made.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this request, 1 to 200 visible characters",
        min_length = 1, max_length = 200, pattern = "^[!-~]+$")),
    request_body(content((JobForm = "multipart/form-data"), (JobRequest = "application/json"))),
    responses(
        (status = 201, description = "The job is in the queue", body = JobView),
        (status = 200, description = "The job was made before under this key", body = JobView),
        (status = "4XX", description = "The request cannot be carried out", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot carry it out now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let submitted = submit(&app, &client, &headers, request, None).await?;
    Ok(made(&submitted))
}

/// Judge a film: a job of the kind `evaluate`.
#[utoipa::path(
    post,
    path = "/api/v1/evaluate",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this request, 1 to 200 visible characters",
        min_length = 1, max_length = 200, pattern = "^[!-~]+$")),
    request_body(content((JobForm = "multipart/form-data"), (JobRequest = "application/json"))),
    responses(
        (status = 201, description = "The job is in the queue", body = JobView),
        (status = 200, description = "The job was made before under this key", body = JobView),
        (status = "4XX", description = "The request cannot be carried out", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot carry it out now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn evaluate(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let submitted = submit(&app, &client, &headers, request, Some(Kind::Evaluate)).await?;
    Ok(made(&submitted))
}

/// Which jobs are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Those of this status alone.
    status: Option<Status>,
    /// Those of this kind alone.
    kind: Option<Kind>,
    /// Those made before this one.
    #[param(pattern = "^[0-9A-Za-z]{26}$")]
    before: Option<String>,
    /// How many at most; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List jobs, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    tag = "jobs",
    params(Listing),
    responses(
        (status = 200, description = "Jobs", body = JobList),
        (status = "4XX", description = "The request cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    listing: Result<Query<Listing>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<JobList>, Problem> {
    let Query(listing) = listing.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.body_text()))?;
    let limit = i64::from(listing.limit.unwrap_or(50));
    if !(1..=200).contains(&limit) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "limit: from 1 to 200").field("limit"));
    }
    if listing.before.as_ref().is_some_and(|before| !is_name(before)) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "before: not the name of a job").field("before"));
    }
    let before = listing.before.as_deref();
    let mut jobs = app
        .history
        .list(listing.status, listing.kind, before, limit + 1)
        .await?;
    let more = jobs.len() as i64 > limit;
    jobs.truncate(limit as usize);
    Ok(Json(JobList {
        next: jobs.last().filter(|_| more).map(|job| job.id.clone()),
        jobs: jobs.iter().map(JobView::from).collect(),
    }))
}

/// Whether this may be the name of a job.
fn is_name(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The job of this name, which must look like one.
pub(super) async fn find(app: &App, id: &str) -> Result<Job, Problem> {
    if !is_name(id) {
        return Err(Problem::no_job());
    }
    app.history.job(id).await?.ok_or_else(Problem::no_job)
}

/// Read a job.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = "4XX", description = "There is no such job", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(State(app): State<App>, Path(id): Path<String>) -> Result<Json<JobView>, Problem> {
    let job = find(&app, &id).await?;
    Ok(Json(JobView::from(&job)))
}

/// Stop a job that waits or runs; forget one that has ended, with everything that it made.
///
/// A job that runs stops within a second; until then it is `running`.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$")),
    responses(
        (status = 202, description = "The job stops", body = JobView),
        (status = 204, description = "The job had ended and is forgotten"),
        (status = "4XX", description = "There is no such job", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn end(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = find(&app, &id).await?;
    if job.status.ended() {
        app.history.forget(&id).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let job = app.history.cancel(&id).await?.ok_or_else(Problem::no_job)?;
    tracing::info!(job = %id, "asked to stop");
    Ok((StatusCode::ACCEPTED, Json(JobView::from(&job))).into_response())
}
