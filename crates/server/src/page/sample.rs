//! The clip that a visitor without one tries.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::api::problem::Problem;
use crate::error::ServerError;
use crate::job::Kind;
use crate::progress::Progress;
use crate::service::App;
use crate::shop::Desk;

/// Answers `/sample.mp4`. It is painted when the first visitor asks, and kept.
pub(super) async fn clip(State(app): State<App>) -> Result<Response, Problem> {
    let bytes = app.sample.get_or_try_init(|| paint(&app)).await?.clone();
    let fixed = [
        (header::CONTENT_TYPE, "video/mp4"),
        (header::CACHE_CONTROL, "max-age=86400"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sample.mp4\""),
    ];
    Ok((fixed, bytes).into_response())
}

async fn paint(app: &App) -> Result<Bytes, ServerError> {
    let shop = &app.runner.shop;
    let desk = Desk::new(Arc::clone(shop), Progress::new(Kind::Watch));
    let folder = shop.folder()?;
    let painted = tokio::task::spawn_blocking(move || {
        let path = folder.path().join("sample.mp4");
        synchresis_studio::sample(&path, &desk)?;
        std::fs::read(&path).map_err(|why| ServerError::file("reading", &path, why))
    });
    let bytes = painted
        .await
        .map_err(|_| ServerError::Setting("painting the sample: the painting thread failed".into()))?;
    Ok(bytes?.into())
}
