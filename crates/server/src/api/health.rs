//! Whether the process lives, whether it can work, and how much it does.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::service::App;

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Whether jobs can be taken: the database and the object store answer, and the process does not end.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "They can", body = String, content_type = "text/plain"),
        (status = "4XX", description = "Who asks is not known", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "They cannot", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.stop.is_cancelled() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server ends"));
    }
    app.history.ping().await?;
    app.blobs.ping().await?;
    Ok("ready\n")
}

/// Figures for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses(
        (status = 200, description = "Figures", body = String, content_type = "application/openmetrics-text"),
        (status = "4XX", description = "Who asks is not known", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let counts = app.history.counts().await?;
    let page = app.metrics.page(&counts, app.runner.load(), app.events.load());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], page).into_response())
}
