//! Requests that can be cancelled, tried again where that helps, and whose failures name their cause.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use synchresis_cue::Cancelled;

use crate::error::ModelError;

/// The most bytes of an answer.
const LONGEST: u64 = 16 << 20;
/// How often cancellation is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How patient requests are.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long one answer may take.
    pub answer: Duration,
    /// How often a request is tried again where the endpoint is busy or breaks off.
    pub tries: u32,
    /// How long the first wait between two tries is; each is twice the one before.
    pub wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(180),
            tries: 4,
            wait: Duration::from_secs(1),
        }
    }
}

/// One endpoint, and how to speak to it.
pub(crate) struct Client<'a> {
    pub(crate) doing: &'static str,
    pub(crate) key: Option<String>,
    pub(crate) patience: Patience,
    pub(crate) cancelled: &'a dyn Fn() -> bool,
}

/// What came back.
struct Reply {
    status: u16,
    wait: Option<Duration>,
    body: Vec<u8>,
}

impl Reply {
    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Client<'_> {
    /// Sends JSON, or asks where there is none to send; the JSON that comes back.
    ///
    /// # Errors
    /// [`ModelError::Endpoint`], [`ModelError::Cancelled`].
    pub(crate) fn json(&self, url: &str, body: Option<&Value>) -> Result<Value, ModelError> {
        let reply = self.patiently(url, body)?;
        if !(200..300).contains(&reply.status) {
            return Err(self.refused(url, &reply));
        }
        serde_json::from_slice(&reply.body).map_err(|_| self.nonsense(url, &reply.text()))
    }

    /// The bytes that lie at `url`.
    ///
    /// # Errors
    /// [`ModelError::Endpoint`], [`ModelError::Cancelled`].
    pub(crate) fn bytes(&self, url: &str) -> Result<Vec<u8>, ModelError> {
        let reply = self.patiently(url, None)?;
        if !(200..300).contains(&reply.status) {
            return Err(self.refused(url, &reply));
        }
        Ok(reply.body)
    }

    /// An answer that is not what was asked for.
    pub(crate) fn nonsense(&self, url: &str, body: &str) -> ModelError {
        let what = if body.trim().is_empty() {
            "it answered nothing".to_owned()
        } else {
            format!("it answered something else than was asked for: {}", excerpt(body))
        };
        self.failed(url, what, "is this the base of the API, with its /v1 where it has one?")
    }

    pub(crate) fn failed(&self, url: &str, reason: String, hint: &'static str) -> ModelError {
        ModelError::Endpoint {
            doing: self.doing,
            url: shown(url),
            reason: self.without_key(&reason),
            hint,
        }
    }

    /// An endpoint that repeats the key does not put it into a log.
    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) if key.len() > 3 => text.replace(key.as_str(), "…"),
            _ => text.to_owned(),
        }
    }

    fn refused(&self, url: &str, reply: &Reply) -> ModelError {
        let said = serde_json::from_slice::<Value>(&reply.body).ok();
        let said = said.as_ref().and_then(|json| {
            let error = json.get("error");
            let inner = error
                .and_then(|e| e.get("message"))
                .or(error)
                .or(json.get("detail"))
                .or(json.get("title"));
            inner.and_then(Value::as_str)
        });
        let said = said.map_or_else(|| excerpt(&reply.text()), str::to_owned);
        let hint = match reply.status {
            401 | 403 => "the key is missing, wrong, or may not do this",
            402 => "the account has no credit",
            404 => "is the model's name right, and the base of the API, with its /v1 where it has one?",
            413 => "the picture is too large for it",
            429 => "it is asked too often; wait, or take another model",
            _ if blind(reply) => {
                "the model there does not see: take a vision model (llama.cpp's server wants its --mmproj too)"
            }
            _ => "the endpoint's own log says more",
        };
        let status = reply.status;
        let reason = if said.is_empty() {
            format!("it refused with status {status}")
        } else {
            format!("it refused with status {status}: {said}")
        };
        self.failed(url, reason, hint)
    }

    /// Tries again, after a wait, what a busy or breaking endpoint did not answer.
    fn patiently(&self, url: &str, body: Option<&Value>) -> Result<Reply, ModelError> {
        let mut wait = self.patience.wait;
        for last in (0..self.patience.tries.max(1)).rev() {
            let outcome = self.once(url, body)?;
            let pause = match &outcome {
                Ok(reply) if blind(reply) => Duration::MAX,
                Ok(reply) if reply.status == 429 || reply.status >= 500 => reply.wait.unwrap_or(wait),
                Err(e) if passing(e) => wait,
                _ => Duration::MAX,
            };
            if last == 0 || pause == Duration::MAX {
                return outcome.map_err(|e| self.broken(url, &e));
            }
            self.pause(pause.min(Duration::from_secs(60)))?;
            wait *= 2;
        }
        Err(self.failed(url, "it was never asked".to_owned(), "ask it once at least"))
    }

    fn broken(&self, url: &str, error: &ureq::Error) -> ModelError {
        let seconds = self.patience.answer.as_secs_f64();
        let (reason, hint) = match error {
            ureq::Error::Timeout(_) => (
                format!("it did not answer within {seconds} s"),
                "is it still loading the model? A smaller one answers sooner",
            ),
            ureq::Error::HostNotFound => ("there is no such host".to_owned(), "is the address right?"),
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => (
                "nobody listens there".to_owned(),
                "is the server started, and is the port right?",
            ),
            ureq::Error::ConnectionFailed => (
                "nobody listens there".to_owned(),
                "is the server started, and is the port right?",
            ),
            other => (other.to_string(), "is the address right, and the network there?"),
        };
        self.failed(url, reason, hint)
    }

    /// Waits, and sees whether the person asked to stop.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), ModelError> {
        let until = Instant::now() + time;
        loop {
            if (self.cancelled)() {
                return Err(ModelError::Cancelled(Cancelled));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// One request, on a thread of its own, so that cancellation does not wait for it.
    fn once(&self, url: &str, body: Option<&Value>) -> Result<Result<Reply, ureq::Error>, ModelError> {
        let (sender, receiver) = mpsc::channel();
        let (url, key, patience) = (url.to_owned(), self.key.clone(), self.patience);
        let body = body.map(Value::to_string);
        std::thread::spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(request(&url, key.as_deref(), body.as_deref(), patience));
        });
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(outcome) => return Ok(outcome),
                Err(_) if (self.cancelled)() => return Err(ModelError::Cancelled(Cancelled)),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(Err(ureq::Error::ConnectionFailed)),
            }
        }
    }
}

/// An agent whose TLS trusts what the system trusts.
fn agent(patience: Patience) -> ureq::Agent {
    let answer = Some(patience.answer);
    configured(patience).timeout_recv_body(answer).build().into()
}

/// An agent for what may take long to arrive, if only something arrives.
pub(crate) fn streaming(patience: Patience) -> ureq::Agent {
    configured(patience)
        .timeout_per_read(Some(patience.answer))
        .build()
        .into()
}

fn configured(patience: Patience) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .user_agent(concat!("synchresis/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(patience.answer.min(Duration::from_secs(20))))
        .timeout_recv_response(Some(patience.answer))
}

fn request(url: &str, key: Option<&str>, body: Option<&str>, patience: Patience) -> Result<Reply, ureq::Error> {
    let agent = agent(patience);
    let bearer = key.map(|key| format!("Bearer {key}"));
    let mut response = match body {
        Some(body) => {
            let mut request = agent.post(url).header("Content-Type", "application/json");
            if let Some(bearer) = &bearer {
                request = request.header("Authorization", bearer);
            }
            request.send(body)?
        }
        None => {
            let mut request = agent.get(url);
            if let Some(bearer) = &bearer {
                request = request.header("Authorization", bearer);
            }
            request.call()?
        }
    };
    let wait = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(LONGEST).read_to_vec()?;
    Ok(Reply { status, wait, body })
}

/// Whether a model was asked about a picture that cannot see: llama.cpp's server answers that as if something had broken.
fn blind(reply: &Reply) -> bool {
    reply.status >= 500 && reply.text().contains("image input is not supported")
}

/// Failures that may pass by themselves.
fn passing(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(e) => e.kind() != std::io::ErrorKind::ConnectionRefused,
        ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

fn excerpt(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(160).collect();
    if short.len() < line.len() { short + "…" } else { short }
}

/// An address without the name and password that may stand in it.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let host = rest.find('/').unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod mock;
