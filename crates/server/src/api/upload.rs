//! What a client sends: files and fields, streamed to disk under limits and looked at before they are kept.

use std::time::Duration;

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::Deserialize;
use std::collections::BTreeMap;
use tempfile::NamedTempFile;
use utoipa::ToSchema;

use super::incoming::Incoming;
use super::problem::Problem;
use super::view::OptionValue;
use crate::error::ServerError;
use crate::job::{Kind, Options, Role};
use crate::service::App;

/// A client that sends nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(30);

/// Bytes of a field that is no file.
const TEXT: usize = 64 << 10;

/// Bytes of a document or of a JSON request.
const DOCUMENT: u64 = 64 << 20;

/// Fields and files of one upload.
const FIELDS: usize = 200;
const FILES: usize = 100;

/// A job as JSON: everything but files. For another go at a job of the past, or for a document.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct JobRequest {
    /// What is to be done; as in `from` where that is given, else `score`.
    kind: Option<Kind>,
    /// The job to go on from: its files, its options, its document.
    #[schema(example = "01KAM9S5GZJ0YB4N5D3E4F5G6H", pattern = "^[0-9A-Za-z]{26}$")]
    from: Option<String>,
    /// Options by the long names they have on the command line: `{"style": "ambient", "music-volume": 0.5}`.
    options: BTreeMap<String, OptionValue>,
    /// What is made beside the film and its document: `midi`, `musicxml`, `cue-sheet`, `timeline`, `waveform`, `filmstrip`,
    /// `frames`, `stems`, `wav`, `report`.
    deliver: Option<Vec<crate::job::Extra>>,
    /// `mp4` (the default), `mov`, `mkv` or `webm`.
    container: Option<String>,
    /// 0 to 9; the higher, the sooner; 5 by default.
    #[schema(minimum = 0, maximum = 9)]
    priority: Option<u8>,
    /// A document of an earlier run, perhaps edited by hand.
    #[schema(value_type = Option<Object>)]
    document: Option<serde_json::Value>,
}

/// A job as a form: files, and the options by the long names they have on the command line (`style`, `music-volume`, …).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read field by field; this describes it")]
pub(crate) struct JobForm {
    /// The clip or picture; for `evaluate` the film.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "application/octet-stream")]
    file: Option<Vec<u8>>,
    /// For `film`: the song.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "application/octet-stream")]
    song: Option<Vec<u8>>,
    /// For `film`: an artwork; given once for each.
    #[schema(value_type = Option<Vec<String>>, format = Binary)]
    art: Option<Vec<Vec<u8>>>,
    /// For `evaluate`: another sound than the film's own.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "application/octet-stream")]
    audio: Option<Vec<u8>>,
    /// A document of an earlier run, perhaps edited by hand.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "application/json")]
    document: Option<Vec<u8>>,
    /// What is to be done: `score` (the default), `film`, `evaluate` or `watch`.
    kind: Option<Kind>,
    /// The job to go on from.
    #[schema(pattern = "^[0-9A-Za-z]{26}$")]
    from: Option<String>,
    /// What is made beside the film and its document, with commas: `midi,stems`; or `none`.
    deliver: Option<String>,
    /// `mp4` (the default), `mov`, `mkv` or `webm`.
    container: Option<String>,
    /// 0 to 9; the higher, the sooner; 5 by default.
    #[schema(minimum = 0, maximum = 9)]
    priority: Option<u8>,
    /// Free words: `calm rainy evening, solo piano`.
    mood: Option<String>,
    /// One of `/api/v1/styles`; chosen from what is seen by default.
    style: Option<String>,
    /// Same brief and seed: the same bytes.
    seed: Option<u64>,
}

/// A file that came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) extension: &'static str,
    pub(crate) file: NamedTempFile,
    pub(crate) blob: String,
    pub(crate) bytes: u64,
}

/// What was asked, read but not yet made sense of.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) kind: Option<Kind>,
    pub(crate) from: Option<String>,
    pub(crate) options: Options,
    pub(crate) deliver: Option<Vec<crate::job::Extra>>,
    pub(crate) container: Option<String>,
    pub(crate) priority: Option<u8>,
    pub(crate) files: Vec<Received>,
}

/// Reads a request, a form or JSON.
pub(crate) async fn take(app: &App, request: Request) -> Result<Asked, Problem> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let limit = app.config.limits.upload_bytes;
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit.saturating_add(1 << 20)) {
        return Err(too_large(limit));
    }
    if kind.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, &()).await.map_err(|why| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("reading the form: {}", why.body_text()),
            )
        })?;
        return read_form(app, form).await;
    }
    if kind.starts_with("application/json") {
        if announced.is_some_and(|bytes| bytes > DOCUMENT) {
            return Err(too_large(DOCUMENT));
        }
        let body = axum::body::to_bytes(request.into_body(), DOCUMENT as usize)
            .await
            .map_err(|why| Problem::new(StatusCode::BAD_REQUEST, format!("reading the request: {why}")))?;
        let Json(asked) = Json::<JobRequest>::from_bytes(&body).map_err(|why| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("reading the request: {}", why.body_text()),
            )
        })?;
        return read_json(app, asked).await;
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "a job is made of multipart/form-data or of application/json",
    ))
}

fn too_large(limit: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the upload is larger than the {limit} bytes that are allowed"),
    )
    .hint("make a smaller copy")
}

fn unreadable(field: &str, why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{field}: {}", why.into())).field(field)
}

async fn read_json(app: &App, asked: JobRequest) -> Result<Asked, Problem> {
    let mut files = Vec::new();
    if let Some(document) = asked.document {
        let text = serde_json::to_vec(&document).map_err(ServerError::from)?;
        let mut incoming = Incoming::begin(app, Role::Document)?;
        incoming.write(&text).await?;
        files.push(incoming.finish("document.json".into()).await?);
    }
    Ok(Asked {
        kind: asked.kind,
        from: asked.from,
        options: asked
            .options
            .iter()
            .map(|(name, value)| (name.clone(), value.texts()))
            .collect(),
        deliver: asked.deliver,
        container: asked.container,
        priority: asked.priority,
        files,
    })
}

async fn read_form(app: &App, mut form: Multipart) -> Result<Asked, Problem> {
    let mut asked = Asked::default();
    let mut left = app.config.limits.upload_bytes;
    let mut fields = 0;
    let mut refused = None;
    while let Some(field) = within(form.next_field()).await? {
        fields += 1;
        if fields > FIELDS || asked.files.len() >= FILES {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the form has too many fields",
            ));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let role = match name.as_str() {
            "file" => Some(Role::File),
            "song" => Some(Role::Song),
            "art" => Some(Role::Art),
            "audio" => Some(Role::Audio),
            "document" => Some(Role::Document),
            _ => None,
        };
        let Some(role) = role else {
            let text = read_text(field, &name).await?;
            put(&mut asked, &name, text)?;
            continue;
        };
        // A form's file field that was left empty comes as a file without name and bytes.
        let called = field.file_name().map(str::to_owned);
        match receive(app, field, role, called.as_deref(), &mut left).await {
            Ok(received) => asked.files.extend(received),
            // The rest is read all the same, so that the form can be shown again as it was filled in.
            Err(problem) if problem.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                refused.get_or_insert(problem.field(name));
            }
            Err(problem) => return Err(problem),
        }
    }
    if asked.from.is_none() {
        // An empty field of a form that was filled in by hand is a field left out; of one that goes on from a job, cleared.
        asked.options.retain(|name, values| {
            matches!(name.as_str(), "prompt" | "mood") || values.iter().any(|value| !value.is_empty())
        });
    }
    match refused {
        Some(problem) => Err(problem.sent(asked.sent())),
        None => Ok(asked),
    }
}

/// What was sent beside files, so that a form can be shown again as it was filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) options: Options,
    pub(crate) from: Option<String>,
}

impl Asked {
    pub(crate) fn sent(&self) -> Sent {
        let mut options = self.options.clone();
        if let Some(container) = &self.container {
            options.insert("container".into(), vec![container.clone()]);
        }
        Sent {
            options,
            from: self.from.clone(),
        }
    }
}

fn put(asked: &mut Asked, name: &str, text: String) -> Result<(), Problem> {
    match name {
        _ if text.is_empty() && !matches!(name, "prompt" | "mood" | "negative-prompt" | "hit") => {}
        "kind" => {
            asked.kind = Some(Kind::named(&text).ok_or_else(|| {
                let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                unreadable(name, format!("{text:?} is not one of {}", names.join(", ")))
            })?);
        }
        "from" => asked.from = Some(text),
        "deliver" => {
            let more = crate::job::Extra::list(&text).map_err(|why| unreadable(name, why))?;
            asked.deliver.get_or_insert_default().extend(more);
        }
        "container" => asked.container = Some(text),
        "priority" => {
            let priority = text.parse().map_err(|_| unreadable(name, "not a number from 0 to 9"))?;
            asked.priority = Some(priority);
        }
        _ => asked.options.entry(name.to_owned()).or_default().push(text),
    }
    Ok(())
}

async fn within<T>(reading: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Problem> {
    match tokio::time::timeout(SILENCE, reading).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(why)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!("reading the form: {}", why.body_text()),
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "reading the form: nothing came for 30 s",
        )),
    }
}

async fn read_text(mut field: Field<'_>, name: &str) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = within(field.chunk()).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > TEXT {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the field {name:.40} is longer than {TEXT} bytes"),
            ));
        }
    }
    String::from_utf8(bytes).map_err(|_| unreadable(name, "not UTF-8"))
}

async fn receive(
    app: &App,
    mut field: Field<'_>,
    role: Role,
    called: Option<&str>,
    left: &mut u64,
) -> Result<Option<Received>, Problem> {
    let mut incoming: Option<Incoming> = None;
    while let Some(chunk) = within(field.chunk()).await? {
        if chunk.is_empty() {
            continue;
        }
        let bytes = chunk.len() as u64;
        *left = left
            .checked_sub(bytes)
            .ok_or_else(|| too_large(app.config.limits.upload_bytes))?;
        if incoming.is_none() {
            incoming = Some(Incoming::begin(app, role)?);
        }
        if let Some(incoming) = &mut incoming {
            if role == Role::Document && incoming.bytes + bytes > DOCUMENT {
                return Err(too_large(DOCUMENT));
            }
            incoming.write(&chunk).await?;
        }
    }
    match incoming {
        Some(incoming) => incoming.finish(shown(called, role)).await.map(Some),
        None if called.is_none_or(str::is_empty) => Ok(None),
        None => {
            app.metrics.refused();
            Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("{}: the file is empty", shown(called, role)),
            ))
        }
    }
}

/// What the client calls the file, as a name to show: without folders, control characters and excess.
pub(crate) fn shown(called: Option<&str>, role: Role) -> String {
    let last = called
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let clean: String = last
        .chars()
        .filter(|c| {
            !c.is_control() && !matches!(c, '<' | '>' | '"' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .take(120)
        .collect();
    let clean = clean.trim().trim_start_matches('.');
    if clean.is_empty() {
        match role {
            Role::File => "clip".into(),
            Role::Song => "song".into(),
            Role::Art => "artwork".into(),
            Role::Audio => "sound".into(),
            Role::Document => "document.json".into(),
        }
    } else {
        clean.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_is_a_path_or_a_trick() {
        for (called, name) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\films\\a.mp4", "a.mp4"),
            ("a\0b\n.mp4", "ab.mp4"),
            ("..", "clip"),
            ("", "clip"),
            (".hidden.mp4", "hidden.mp4"),
            ("<script>.mp4", "script.mp4"),
            ("über 漢字.mp4", "über 漢字.mp4"),
            ("gpj\u{202e}4pm.exe", "gpj4pm.exe"),
        ] {
            assert_eq!(shown(Some(called), Role::File), name);
        }
        assert_eq!(shown(Some(&"x".repeat(500)), Role::File).len(), 120);
    }
}
