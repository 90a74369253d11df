//! The page. It asks nothing of a browser but forms: upload, wait, download.

use axum::extract::{Form, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;

use crate::api::problem::Problem;
use crate::guard::{COOKIE, Client, pass, same};
use crate::history::Job;
use crate::job::Status;
use crate::service::App;

/// Routes of the page: `/`, `/jobs/{id}`, `/login`.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(home).post(submit))
        .route("/jobs/{id}", get(job).post(end))
        .route("/login", get(login).post(enter))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn frame(title: &str, head: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">{head}\
         <title>{}</title></head><body><main><h1>{}</h1>{body}</main></body></html>",
        escaped(title),
        escaped(title)
    ))
}

async fn home(State(app): State<App>) -> Result<Html<String>, Problem> {
    let mut styles = String::from("<option value=\"\">as the picture asks</option>");
    for style in synchresis_studio::styles() {
        let name = escaped(&style.name);
        styles += &format!("<option value=\"{name}\">{name}</option>");
    }
    let mut past = String::new();
    for job in app.history.list(None, None, None, 20).await? {
        let name = job.inputs.first().map_or("a job", |input| input.name.as_str());
        past += &format!(
            "<li><a href=\"/jobs/{}\">{}</a>: {}, {}</li>",
            job.id,
            escaped(name),
            job.kind.name(),
            job.status.name()
        );
    }
    let body = format!(
        "<form method=\"post\" enctype=\"multipart/form-data\" action=\"/\">\
         <p><label>Clip or picture <input type=\"file\" name=\"file\" required></label></p>\
         <p><label>Style <select name=\"style\">{styles}</select></label></p>\
         <p><label>Mood <input name=\"mood\"></label></p>\
         <p><label>Seed <input name=\"seed\" type=\"number\" min=\"0\" value=\"0\"></label></p>\
         <p><button>Give it its sound</button></p></form><h2>History</h2><ul>{past}</ul>\
         <p><a href=\"/api/v1/docs\">The API</a></p>"
    );
    Ok(frame("Synchresis", "", &body))
}

async fn submit(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Response> {
    match crate::api::submit(&app, &client, &headers, request, None).await {
        Ok(submitted) => Ok(Redirect::to(&format!("/jobs/{}", submitted.job.id)).into_response()),
        Err(problem) => {
            let body = format!(
                "<p role=\"alert\">{}</p><p><a href=\"/\">Back</a></p>",
                escaped(problem.detail())
            );
            Err((problem.status(), frame("That did not work", "", &body)).into_response())
        }
    }
}

async fn found(app: &App, id: &str) -> Result<Job, Problem> {
    app.history.job(id).await?.ok_or_else(Problem::no_job)
}

async fn job(State(app): State<App>, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let job = found(&app, &id).await?;
    let name = job.inputs.first().map_or("a job", |input| input.name.as_str());
    let head = if job.status.ended() {
        ""
    } else {
        "<meta http-equiv=\"refresh\" content=\"2\">"
    };
    let mut body = format!(
        "<p role=\"status\">{}{}</p>",
        job.status.name(),
        match (&job.stage, job.status) {
            (Some(stage), Status::Running) => format!(": {}, {:.0} %", escaped(stage), job.progress * 100.0),
            _ => String::new(),
        }
    );
    if let Some(failure) = &job.failure {
        body += &format!("<p role=\"alert\">{}</p>", escaped(&failure.detail));
        if let Some(hint) = &failure.hint {
            body += &format!("<p>{}</p>", escaped(hint));
        }
    }
    for artefact in &job.artefacts {
        let (id, name) = (&job.id, escaped(&artefact.name));
        body += &format!(
            "<p><a href=\"/api/v1/jobs/{id}/artefacts/{name}?download=true\">{name}</a>, {} bytes</p>",
            artefact.bytes
        );
    }
    for line in &job.told {
        body += &format!("<p>{}</p>", escaped(line));
    }
    let label = if job.status.ended() { "Forget it" } else { "Stop it" };
    body += &format!("<form method=\"post\"><button>{label}</button></form><p><a href=\"/\">Another</a></p>");
    Ok(frame(name, head, &body))
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

async fn login() -> Html<String> {
    frame(
        "Synchresis",
        "",
        "<form method=\"post\" action=\"/login\"><p><label>Token <input type=\"password\" name=\"token\" required \
         autocomplete=\"current-password\"></label></p><p><button>Come in</button></p></form>",
    )
}

#[derive(Debug, Deserialize)]
struct Entry {
    token: String,
}

async fn enter(State(app): State<App>, Form(entry): Form<Entry>) -> Response {
    let token = app.config.token.as_deref().unwrap_or_default();
    if token.is_empty() || !same(&entry.token, token) {
        let body = "<p role=\"alert\">That is not the token.</p><p><a href=\"/login\">Again</a></p>";
        return (StatusCode::UNAUTHORIZED, frame("Synchresis", "", body)).into_response();
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
