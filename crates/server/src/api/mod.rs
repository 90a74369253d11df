//! The API under `/api/v1`, and what watches over the process beside it.

pub(crate) mod artefacts;
mod catalogue;
mod follow;
mod health;
mod incoming;
mod jobs;
pub(crate) mod problem;
mod reading;
pub(crate) mod upload;
pub(crate) mod view;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard;
use crate::service::App;
pub(crate) use jobs::submit;
use problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Synchresis",
        description = "Gives pictures their sound, and sounds their picture. A job is made of files and options, followed by \
                       events, and leaves artefacts. Errors are `application/problem+json` (RFC 9457)."
    ),
    tags(
        (name = "jobs", description = "Make, follow, stop and forget jobs."),
        (name = "artefacts", description = "What jobs made."),
        (name = "catalogue", description = "What there is to choose from."),
        (name = "health", description = "Whether the server is well."),
    ),
    modifiers(&Token)
)]
struct Description;

/// The token, for servers that ask for one.
struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        openapi
            .components
            .get_or_insert_with(Default::default)
            .add_security_scheme("token", scheme);
        openapi.security = Some(vec![
            utoipa::openapi::security::SecurityRequirement::default(),
            utoipa::openapi::security::SecurityRequirement::new::<_, _, &str>("token", []),
        ]);
    }
}

fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(jobs::create, jobs::list))
        .routes(routes!(jobs::evaluate))
        .routes(routes!(jobs::read, jobs::end))
        .routes(routes!(follow::events))
        .routes(routes!(artefacts::artefact))
        .routes(routes!(artefacts::input))
        .routes(routes!(artefacts::document))
        .routes(routes!(artefacts::frame))
        .routes(routes!(catalogue::styles))
        .routes(routes!(catalogue::engines))
        .routes(routes!(catalogue::mood))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// The description of the API, OpenAPI 3.1, made from the handlers.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

/// Everything that the server answers.
pub(crate) fn router(app: App) -> Router {
    let (router, description) = described().split_for_parts();
    let reading = reading::page(&description);
    router
        .merge(crate::page::router())
        .route("/api/v1/openapi.json", get(move || async move { Json(description) }))
        .route("/api/v1/docs", get(move || async move { Html(reading) }))
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.clone(), guard::admit))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(
            TraceLayer::new_for_http().make_span_with(|request: &axum::http::Request<_>| {
                // The path without its query, and no header: neither may hold a secret in a log.
                tracing::info_span!("request", method = %request.method(), path = request.uri().path())
            }),
        )
        .with_state(app)
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here").hint("/api/v1/docs lists what there is")
}

async fn not_so() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "that cannot be done here").hint("/api/v1/docs lists what can")
}

fn panicked(_panic: Box<dyn std::any::Any + Send>) -> Response {
    let mut answer = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server made a mistake").into_response();
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}
