//! The page. It asks nothing of a browser but forms: upload, choose, wait, download. Where a browser runs scripts, the same
//! pages drop, follow, play and re-mix.

mod assets;
mod fields;
mod sample;
mod view;
mod words;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::Value;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use self::fields::Filled;
use self::view::{Keys, Login, Past, Seen, Shown, Start};
use self::words::Tongue;
use crate::api::problem::Problem;
use crate::error::ServerError;
use crate::guard::{COOKIE, Client, pass, same};
use crate::history::Job;
use crate::job::Kind;
use crate::service::App;

/// Jobs of the past that a tab shows.
const PAST: i64 = 8;

/// Jobs of the past on a page of their own.
const PAGE: i64 = 40;

/// Routes of the page: a tab each, `/jobs`, `/jobs/{id}`, `/login`, `/assets/…`, `/sample.mp4`.
pub(crate) fn router() -> Router<App> {
    // Words are sent squeezed; the typeface and the clip are so already.
    let squeezed = SizeAbove::new(1024)
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("font/"));
    Router::new()
        .route("/", get(video).post(submit))
        .route("/picture", get(picture).post(submit))
        .route("/film", get(film).post(submit))
        .route("/evaluate", get(evaluate).post(submit))
        .route("/jobs", get(past))
        .route("/jobs/{id}", get(job).post(end))
        .route("/login", get(login).post(enter))
        .route("/assets/{*name}", get(assets::asset))
        .route("/sample.mp4", get(sample::clip))
        .layer(CompressionLayer::new().compress_when(squeezed))
}

/// A page in the reader's language.
fn page(tongue: Tongue, status: StatusCode, template: &impl Template) -> Response {
    let text = match template.render() {
        Ok(text) => text,
        Err(why) => {
            tracing::error!(%why, "a page could not be written");
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written").into_response();
        }
    };
    let mut answer = (status, text).into_response();
    let headers = answer.headers_mut();
    let values = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, tongue.t.lang),
        (header::VARY, "accept-language, cookie"),
    ];
    for (name, value) in values {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(cookie) = tongue.cookie().and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    answer
}

async fn video(State(app): State<App>, tongue: Tongue) -> Result<Response, Problem> {
    start(&app, tongue, "video", None).await
}

async fn picture(State(app): State<App>, tongue: Tongue) -> Result<Response, Problem> {
    start(&app, tongue, "picture", None).await
}

async fn film(State(app): State<App>, tongue: Tongue) -> Result<Response, Problem> {
    start(&app, tongue, "film", None).await
}

async fn evaluate(State(app): State<App>, tongue: Tongue) -> Result<Response, Problem> {
    start(&app, tongue, "evaluate", None).await
}

/// A tab, and above it what was wrong with what was sent.
async fn start(app: &App, tongue: Tongue, tab: &str, problem: Option<&Problem>) -> Result<Response, Problem> {
    let t = tongue.t;
    let (jobs, older) = page_of(app, None, PAST).await?;
    let engines = app.engines().await;
    let options = problem.and_then(Problem::what).map(|sent| &sent.options);
    let filled = Filled {
        t,
        options,
        problem,
        engines: &engines,
    };
    let fields = match tab {
        "film" => filled.film(),
        _ => filled.score(tab == "picture"),
    };
    let look = options.and_then(|options| options.get("look")?.last());
    let template = Start {
        t,
        tab,
        keys: Keys {
            title: format!("nav.{tab}"),
            head: format!("head.{tab}"),
            lede: format!("lede.{tab}"),
            action: match tab {
                "picture" => "/picture",
                "film" => "/film",
                "evaluate" => "/evaluate",
                _ => "/",
            },
        },
        wrong: problem.map_or("", Problem::detail),
        hint: problem.and_then(Problem::advice).unwrap_or_default(),
        blame: fields.wrong(),
        looks: view::looks(t, look.map(String::as_str)),
        open: options.is_some_and(|options| !options.is_empty()),
        fields: &fields,
        past: jobs.iter().map(|job| Seen::new(job, t)).collect(),
        older,
    };
    Ok(page(tongue, problem.map_or(StatusCode::OK, Problem::status), &template))
}

/// Some jobs of the past, and the name of the last of them where there are older ones.
async fn page_of(app: &App, before: Option<&str>, many: i64) -> Result<(Vec<Job>, String), Problem> {
    let mut jobs = app.history.list(None, None, before, many + 1).await?;
    let more = jobs.len() as i64 > many;
    jobs.truncate(many as usize);
    let older = jobs
        .last()
        .filter(|_| more)
        .map_or_else(String::new, |job| job.id.clone());
    Ok((jobs, older))
}

#[derive(Debug, Deserialize)]
struct Turn {
    before: Option<String>,
}

async fn past(
    State(app): State<App>,
    tongue: Tongue,
    turn: Result<Query<Turn>, QueryRejection>,
) -> Result<Response, Problem> {
    let t = tongue.t;
    let before = turn.ok().and_then(|Query(turn)| turn.before);
    let (jobs, older) = page_of(&app, before.as_deref(), PAGE).await?;
    let template = Past {
        t,
        tab: "",
        past: jobs.iter().map(|job| Seen::new(job, t)).collect(),
        older,
        newest: before.is_none(),
    };
    Ok(page(tongue, StatusCode::OK, &template))
}

async fn submit(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    tongue: Tongue,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let tab = match request.uri().path() {
        "/picture" => "picture",
        "/film" => "film",
        "/evaluate" => "evaluate",
        _ => "video",
    };
    match crate::api::submit(&app, &client, &headers, request, None).await {
        Ok(submitted) => Ok(Redirect::to(&format!("/jobs/{}", submitted.job.id)).into_response()),
        Err(problem) => match problem.what().and_then(|sent| sent.from.as_deref()) {
            // What was wrong with the choices at a desk is told at the desk.
            Some(from) if found(&app, from).await.is_ok() => {
                let job = found(&app, from).await?;
                desk(&app, tongue, &job, Some(&problem)).await
            }
            _ => start(&app, tongue, tab, Some(&problem)).await,
        },
    }
}

async fn found(app: &App, id: &str) -> Result<Job, Problem> {
    app.history.job(id).await?.ok_or_else(Problem::no_job)
}

/// What the job wrote down; nothing where it is not there yet or no longer.
async fn document(app: &App, job: &Job) -> Result<Value, Problem> {
    let Some(document) = job.artefacts.iter().find(|artefact| artefact.name == "document.json") else {
        return Ok(Value::Null);
    };
    let place = app.runner.shop.fetched();
    let Ok(path) = app.blobs.local(&document.blob, "json", &place).await else {
        return Ok(Value::Null);
    };
    // A document of a long film is megabytes: not where answers wait.
    let read = tokio::task::spawn_blocking(move || {
        let text = std::fs::read(&path).map_err(|why| ServerError::file("reading", &path, why))?;
        serde_json::from_slice(&text).map_err(ServerError::from)
    });
    let read = read.await;
    Ok(read.map_err(|_| ServerError::Setting("reading a document: the reading thread failed".into()))??)
}

async fn job(State(app): State<App>, Path(id): Path<String>, tongue: Tongue) -> Result<Response, Problem> {
    let job = match found(&app, &id).await {
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            return start(&app, tongue, "video", Some(&problem)).await;
        }
        job => job?,
    };
    desk(&app, tongue, &job, None).await
}

/// A job as it stands, and at the desk what was wrong with what was sent from there.
async fn desk(app: &App, tongue: Tongue, job: &Job, problem: Option<&Problem>) -> Result<Response, Problem> {
    let document = document(app, job).await?;
    let text = |place: &str| {
        let value = document.pointer(place).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let t = tongue.t;
    let mut seen = Seen::new(job, t);
    let mut title = text("/cue_sheet/title");
    seen.english = !title.is_empty();
    if title.is_empty() {
        title.clone_from(&seen.name);
    }
    let still = document
        .pointer("/footage/kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind != "video");
    let engines = app.engines().await;
    let sent = problem.and_then(Problem::what).map(|sent| &sent.options);
    let options = sent.unwrap_or(&job.request.options);
    let fields = Filled {
        t,
        options: Some(options),
        problem,
        engines: &engines,
    }
    .score(still);
    let given = |name: &str| options.get(name).and_then(|values| values.last()).cloned();
    let template = Shown {
        t,
        tab: match job.kind {
            Kind::Film => "film",
            Kind::Evaluate => "evaluate",
            Kind::Score | Kind::Watch if still => "picture",
            Kind::Score | Kind::Watch => "video",
        },
        title,
        facts: view::facts(&document, t),
        words: text("/frame_description/description"),
        prompt: sent
            .and_then(|_| given("prompt"))
            .unwrap_or_else(|| text("/prompt_combiner/prompt")),
        written: text("/prompt_combiner/prompt"),
        frame: given("frame").unwrap_or_else(|| "auto".into()),
        seconds: document
            .pointer("/footage/duration_s")
            .and_then(Value::as_f64)
            .unwrap_or_default(),
        verdict: text("/sync/verdict"),
        licence: text("/licences/summary"),
        licences: view::licences(&document),
        still,
        wrong: problem.map_or("", Problem::detail),
        hint: problem.and_then(Problem::advice).unwrap_or_default(),
        blame: fields.wrong(),
        fields: &fields,
        job: seen,
    };
    Ok(page(tongue, problem.map_or(StatusCode::OK, Problem::status), &template))
}

async fn end(State(app): State<App>, Path(id): Path<String>) -> Result<Redirect, Problem> {
    let job = found(&app, &id).await?;
    if job.status.ended() {
        app.history.forget(&id).await?;
        return Ok(Redirect::to("/"));
    }
    app.history.cancel(&id).await?;
    Ok(Redirect::to(&format!("/jobs/{id}")))
}

async fn login(tongue: Tongue) -> Response {
    let (t, tab, wrong) = (tongue.t, "", "");
    page(tongue, StatusCode::OK, &Login { t, tab, wrong })
}

#[derive(Debug, Deserialize)]
struct Entry {
    token: String,
}

async fn enter(State(app): State<App>, tongue: Tongue, Form(entry): Form<Entry>) -> Response {
    let token = app.config.token.as_deref().unwrap_or_default();
    if token.is_empty() || !same(&entry.token, token) {
        let (t, tab) = (tongue.t, "");
        let wrong = t.get("login.wrong");
        return page(tongue, StatusCode::UNAUTHORIZED, &Login { t, tab, wrong });
    }
    let mut answer = Redirect::to("/").into_response();
    let cookie = format!(
        "{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000",
        pass(token)
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}
