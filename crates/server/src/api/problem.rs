//! Errors as clients read them: RFC 9457.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use synchresis_studio::StudioError;
use utoipa::ToSchema;

use super::upload::Sent;
use crate::error::ServerError;

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says which kind of problem it is.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status in digits.
    status: u16,
    /// What was being done, to what, and why it failed.
    detail: String,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Box<str>>,
    /// The option or field that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Box<str>>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    /// What was sent, for the page to show again.
    #[serde(skip)]
    sent: Option<Box<Sent>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            field: None,
            retry_after: None,
            sent: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into());
        self
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into().into());
        self
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn sent(mut self, sent: Sent) -> Self {
        self.sent = Some(Box::new(sent));
        self
    }

    /// What was sent when this came of it.
    pub(crate) fn what(&self) -> Option<&Sent> {
        self.sent.as_deref()
    }

    /// The option or field that is meant.
    pub(crate) fn about(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What can be done about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn no_job() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such job")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let wait = self.retry_after;
        let mut answer = (status, Json(self)).into_response();
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        answer
    }
}

/// What is wrong with a request, by the option that is meant.
impl From<StudioError> for Problem {
    fn from(error: StudioError) -> Self {
        let text = error.tell();
        let (detail, hint) = match text.split_once("\nhint: ") {
            Some((detail, hint)) => (detail.to_owned(), Some(hint.into())),
            None => (text, None),
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        problem.hint = hint;
        match error {
            StudioError::Option { name, .. } | StudioError::NoEngine { name, .. } => problem.field(name),
            _ => problem,
        }
    }
}

/// What is wrong with the server: the log has it, the client only learns that it is so.
impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        if error.storage_full() {
            tracing::error!(%error, "no space");
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "the server's disk is full").hint("try again later");
        }
        match error {
            ServerError::Database { .. } | ServerError::Queue { .. } | ServerError::Objects { .. } => {
                tracing::error!(%error, "cannot answer");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server cannot reach its storage")
                    .retry_after(Duration::from_secs(5))
            }
            ServerError::Studio(error) => error.into(),
            error => {
                tracing::error!(%error, "cannot answer");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not do that")
            }
        }
    }
}
