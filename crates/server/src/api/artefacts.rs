//! What jobs were given and what they made, whole or in ranges.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::jobs::find;
use super::problem::Problem;
use crate::error::ServerError;
use crate::history::Job;
use crate::job::{Kind, Role};
use crate::progress::Progress;
use crate::service::App;
use crate::shop::Desk;
use crate::trade::{self, STILL_SIDE, media_type};

/// What a file of ours may do where a browser shows it: nothing but be read.
const FILE_POLICY: &str =
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; media-src 'self'; font-src data:";

/// How a file is fetched.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Fetch {
    /// To be saved rather than shown.
    #[serde(default)]
    download: Option<bool>,
}

/// The one range that is asked for, as start and end (not included).
///
/// # Errors
/// A range that lies beyond the end.
fn range(headers: &HeaderMap, bytes: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    // Several ranges, or another unit: the whole is a good answer.
    let Some(spec) = text.strip_prefix("bytes=").filter(|spec| !spec.contains(',')) else {
        return Ok(None);
    };
    let Some((from, to)) = spec.trim().split_once('-') else {
        return Ok(None);
    };
    let (start, end) = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), Ok(to)) if to < from => return Ok(None),
        (Ok(from), Ok(to)) => (from, to.saturating_add(1).min(bytes)),
        (Ok(from), Err(_)) if to.trim().is_empty() => (from, bytes),
        (Err(_), Ok(last)) if from.trim().is_empty() => (bytes.saturating_sub(last), bytes),
        _ => return Ok(None),
    };
    if start >= end { Err(()) } else { Ok(Some((start, end))) }
}

/// A name for the header, in ASCII, and in UTF-8 for those who read that.
fn disposition(name: &str, download: bool) -> Option<HeaderValue> {
    let way = if download { "attachment" } else { "inline" };
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut coded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            coded.push(char::from(byte));
        } else {
            coded += &format!("%{byte:02X}");
        }
    }
    HeaderValue::from_str(&format!("{way}; filename=\"{plain}\"; filename*=UTF-8''{coded}")).ok()
}

/// `holiday.mp4` and `film.mp4` → `holiday.film.mp4`.
fn saved_as(job: &Job, name: &str) -> String {
    let role = if job.kind == Kind::Film { Role::Song } else { Role::File };
    let input = job.inputs.iter().find(|input| input.role == role);
    let stem = input.map_or("synchresis", |input| {
        input
            .name
            .rsplit_once('.')
            .map_or(input.name.as_str(), |(stem, _)| stem)
    });
    format!("{stem}.{name}")
}

struct Content<'a> {
    blob: &'a str,
    bytes: u64,
    media_type: &'a str,
    name: String,
}

async fn send(app: &App, content: Content<'_>, headers: &HeaderMap, download: bool) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", content.blob.get(..32).unwrap_or(content.blob));
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    // A range of another version would not fit to what the client has.
    let fresh = text(header::IF_RANGE).is_none_or(|known| known == tag);
    let asked = if fresh { range(headers, content.bytes) } else { Ok(None) };
    let Ok(asked) = asked else {
        let mut answer =
            Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "the range lies beyond the end").into_response();
        if let Ok(whole) = HeaderValue::from_str(&format!("bytes */{}", content.bytes)) {
            answer.headers_mut().insert(header::CONTENT_RANGE, whole);
        }
        return Ok(answer);
    };
    let (start, end) = asked.unwrap_or((0, content.bytes));
    let stream = match app.blobs.read(content.blob, start, end).await {
        Ok(stream) => stream,
        Err(ServerError::Objects {
            why: object_store::Error::NotFound { .. },
            ..
        }) => return Err(Problem::new(StatusCode::GONE, "it is no longer kept")),
        Err(why) => return Err(why.into()),
    };
    let mut answer = Response::new(Body::from_stream(stream));
    if asked.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let values = [
        (header::CONTENT_TYPE, Some(content.media_type.to_owned())),
        (header::CONTENT_LENGTH, Some((end - start).to_string())),
        (header::ACCEPT_RANGES, Some("bytes".into())),
        (header::ETAG, Some(tag)),
        (header::CACHE_CONTROL, Some("private, max-age=3600".into())),
        (header::CONTENT_SECURITY_POLICY, Some(FILE_POLICY.into())),
        (
            header::CONTENT_RANGE,
            asked.map(|(start, end)| format!("bytes {start}-{}/{}", end - 1, content.bytes)),
        ),
    ];
    let headers = answer.headers_mut();
    for (name, value) in values {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    if let Some(value) = disposition(&content.name, download) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(answer)
}

/// Fetch a file that a job made.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/artefacts/{name}",
    tag = "artefacts",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$"), ("name" = String, Path, description = "The file"), Fetch),
    responses(
        (status = 200, description = "The file", body = serde_json::Value, content_type = "*/*"),
        (status = 206, description = "The range that was asked for", body = serde_json::Value, content_type = "*/*"),
        (status = "4XX", description = "There is no such file", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn artefact(
    State(app): State<App>,
    Path((id, name)): Path<(String, String)>,
    fetch: Result<Query<Fetch>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(fetch) = fetch.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.body_text()))?;
    let job = find(&app, &id).await?;
    let artefact = job
        .artefacts
        .iter()
        .find(|artefact| artefact.name == name)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "the job made no such file"))?;
    let content = Content {
        blob: &artefact.blob,
        bytes: artefact.bytes,
        media_type: &artefact.media_type,
        name: saved_as(&job, &artefact.name),
    };
    send(&app, content, &headers, fetch.download.unwrap_or(false)).await
}

/// Fetch a file that a job was given.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/inputs/{number}",
    tag = "artefacts",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$"), ("number" = u32, Path, description = "The file, counted from 0"), Fetch),
    responses(
        (status = 200, description = "The file", body = serde_json::Value, content_type = "*/*"),
        (status = 206, description = "The range that was asked for", body = serde_json::Value, content_type = "*/*"),
        (status = "4XX", description = "There is no such file", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn input(
    State(app): State<App>,
    Path((id, number)): Path<(String, String)>,
    fetch: Result<Query<Fetch>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(fetch) = fetch.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.body_text()))?;
    let job = find(&app, &id).await?;
    let number: usize = number
        .parse()
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "number: files are counted from 0"))?;
    let input = job
        .inputs
        .get(number)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "the job was given no such file"))?;
    let content = Content {
        blob: &input.blob,
        bytes: input.bytes,
        media_type: media_type(&format!("x.{}", input.extension)),
        name: input.name.clone(),
    };
    send(&app, content, &headers, fetch.download.unwrap_or(false)).await
}

/// Read the document of a job.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/document",
    tag = "artefacts",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$"), Fetch),
    responses(
        (status = 200, description = "The document", body = Object),
        (status = "4XX", description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn document(
    state: State<App>,
    Path(id): Path<String>,
    fetch: Result<Query<Fetch>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    artefact(state, Path((id, "document.json".into())), fetch, headers).await
}

/// A frame of the clip as a small JPEG: `33%`, `66%`, `medoid`, or the time it is shown at, such as `12.5s`.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/frames/{which}",
    tag = "artefacts",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9A-Za-z]{26}$"), ("which" = String, Path, description = "33%, 66%, medoid or 12.5s")),
    responses(
        (status = 200, description = "The frame", body = String, content_type = "image/jpeg"),
        (status = "4XX", description = "There is no such frame", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn frame(
    State(app): State<App>,
    Path((id, which)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let job = find(&app, &id).await?;
    let clip = job
        .inputs
        .iter()
        .find(|input| input.role == Role::File)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "the job has no clip"))?;
    let place = match which.as_str() {
        "33%" => Some(0),
        "66%" => Some(1),
        "medoid" | "auto" => Some(2),
        _ => None,
    };
    let time_s = match place {
        Some(place) => *chosen(&app, &job)
            .await?
            .get(place)
            .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such frame"))?,
        None => synchresis_studio::options::time(&which).map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why))?,
    };
    let _permit = app
        .draws
        .acquire()
        .await
        .map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server ends"))?;
    let shop = &app.runner.shop;
    let path = app.blobs.local(&clip.blob, &clip.extension, &shop.fetched()).await?;
    let desk = Desk::new(std::sync::Arc::clone(shop), Progress::new(Kind::Watch));
    let folder = shop.folder()?;
    let drawn = tokio::task::spawn_blocking(move || {
        let stills = synchresis_studio::stills(&path, &[time_s], STILL_SIDE, folder.path(), &desk)?;
        let bytes = stills.first().map(std::fs::read).transpose();
        bytes.map_err(|why| ServerError::file("reading a frame in", folder.path(), why))
    })
    .await
    .map_err(|_| ServerError::Setting("drawing a frame: the drawing thread failed".into()))?;
    let bytes = match drawn {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(ServerError::Studio(error)) if error.exit_code() == 3 => {
            return Err(Problem::new(StatusCode::NOT_FOUND, "nothing is shown there"));
        }
        Err(why) => return Err(why.into()),
    };
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "private, max-age=3600"),
    ];
    Ok((headers, bytes).into_response())
}

/// When the frames to choose from are shown, from the job's document.
async fn chosen(app: &App, job: &Job) -> Result<[f64; 3], Problem> {
    let none = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "which frames there are is known once the job has looked",
        )
    };
    let document = job
        .artefacts
        .iter()
        .find(|artefact| artefact.name == "document.json")
        .ok_or_else(none)?;
    let path = app
        .blobs
        .local(&document.blob, "json", &app.runner.shop.fetched())
        .await?;
    let text = tokio::fs::read(&path)
        .await
        .map_err(|why| ServerError::file("reading", &path, why))?;
    let document = serde_json::from_slice(&text).map_err(ServerError::from)?;
    trade::choices(&document).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_misread() {
        let ask = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(text));
            range(&headers, 100)
        };
        assert_eq!(ask("bytes=0-9"), Ok(Some((0, 10))));
        assert_eq!(ask("bytes=90-"), Ok(Some((90, 100))));
        assert_eq!(ask("bytes=-10"), Ok(Some((90, 100))));
        assert_eq!(ask("bytes=-1000"), Ok(Some((0, 100))));
        assert_eq!(ask("bytes=50-1000"), Ok(Some((50, 100))));
        assert_eq!(ask("bytes=100-"), Err(()));
        assert_eq!(ask("bytes=-0"), Err(()));
        for whole in ["bytes=9-0", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=a-b", "x"] {
            assert_eq!(ask(whole), Ok(None), "{whole}");
        }
    }

    #[test]
    fn a_name_breaks_out_of_its_header() {
        let header = disposition("a\"b\r\nX: y; ü.mp4", true).expect("a header");
        let text = header.to_str().expect("ASCII");
        assert!(text.starts_with("attachment; filename=\"a_b__X: y; _.mp4\""), "{text}");
        assert!(
            text.ends_with("filename*=UTF-8''a%22b%0D%0AX%3A%20y%3B%20%C3%BC.mp4"),
            "{text}"
        );
    }
}
