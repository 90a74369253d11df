//! Following a job: server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};

use super::jobs::find;
use super::problem::Problem;
use super::view::JobView;
use crate::service::App;

/// An event of the stream.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "it is written field by field; this describes it")]
pub(super) struct JobEvent {
    /// `job`, or `gone` where the job was forgotten.
    event: Option<String>,
    /// The job's version.
    id: Option<String>,
    /// The job as JSON, as `GET /api/v1/jobs/{id}` gives it.
    data: Option<String>,
}

/// Follow a job.
///
/// Events of the type `job`, each with the whole job as JSON, from how it stands now until it has ended. A job that is forgotten
/// meanwhile ends the stream with an event of the type `gone`.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/events",
    tag = "jobs",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$")),
    responses(
        (status = 200, description = "Events", body = JobEvent, content_type = "text/event-stream"),
        (status = "4XX", description = "There is no such job", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let job = find(&app, &id).await?;
    if app.events.load() >= app.config.limits.streams as usize {
        return Err(
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many event streams are open")
                .retry_after(Duration::from_secs(10)),
        );
    }
    let mut receiver = app.events.listen(&job);
    receiver.mark_changed();
    let stop = app.stop.clone();
    let events = stream::unfold((receiver, false), move |(mut receiver, over)| {
        let stop = stop.clone();
        async move {
            if over {
                return None;
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = receiver.changed() => changed.ok()?,
            }
            let job = receiver.borrow_and_update().clone();
            let (event, over) = match job {
                Some(job) => {
                    let event = Event::default()
                        .event("job")
                        .id(job.version.to_string())
                        .json_data(JobView::from(&*job))
                        .unwrap_or_default();
                    (event, job.status.ended())
                }
                None => (Event::default().event("gone").data("{}"), true),
            };
            Some((Ok(event), (receiver, over)))
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
