//! A job as clients see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::history::Job;
use crate::job::{Extra, Failure, Kind, Role, Status};

/// A job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its name; later jobs have greater names.
    id: String,
    kind: Kind,
    status: Status,
    /// What is being done: `watching`, `composing`, …
    stage: Option<String>,
    /// 0 to 1 over all stages.
    progress: f64,
    /// Seconds that are left, about; absent while that cannot be said.
    left_s: Option<f64>,
    /// What was asked.
    options: BTreeMap<String, Value>,
    /// What is made beside the film and its document.
    deliver: Vec<Extra>,
    /// The job that it goes on from.
    from: Option<String>,
    /// 0 to 9; the higher, the sooner.
    priority: u8,
    inputs: Vec<InputView>,
    artefacts: Vec<ArtefactView>,
    /// Sentences about what was made.
    told: Vec<String>,
    /// Why it failed; while it waits to be tried again, why the last attempt did.
    error: Option<Failure>,
    /// How often a worker began.
    attempts: i64,
    /// Milliseconds since 1970.
    created: i64,
    /// Milliseconds since 1970.
    started: Option<i64>,
    /// Milliseconds since 1970.
    finished: Option<i64>,
    /// Grows with every change.
    version: i64,
}

/// A file that the client gave.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InputView {
    role: Role,
    /// As the client calls it.
    name: String,
    bytes: u64,
    url: String,
}

/// A file that the job made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ArtefactView {
    name: String,
    media_type: String,
    bytes: u64,
    url: String,
}

/// Some jobs, the newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct JobList {
    pub(crate) jobs: Vec<JobView>,
    /// What to give as `before` for those that follow; absent at the end.
    pub(crate) next: Option<String>,
}

/// An option's value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OneValue {
    /// `"ambient"`
    Text(String),
    /// `7`
    Whole(u64),
    /// `0.5`
    Number(f64),
    /// `true`
    Switch(bool),
}

/// An option's value, or a list where the option may be given several times.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OptionValue {
    /// `"ambient"`
    One(OneValue),
    /// `[1.5, "0:12"]`
    List(Vec<OneValue>),
}

impl OptionValue {
    /// As it would stand on the command line.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |one: &OneValue| match one {
            OneValue::Text(text) => text.clone(),
            OneValue::Whole(number) => number.to_string(),
            OneValue::Number(number) => number.to_string(),
            OneValue::Switch(switch) => switch.to_string(),
        };
        match self {
            Self::One(one) => vec![text(one)],
            Self::List(values) => values.iter().map(text).collect(),
        }
    }
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        let one = |values: &Vec<String>| match values.as_slice() {
            [value] => Value::String(value.clone()),
            values => Value::Array(values.iter().cloned().map(Value::String).collect()),
        };
        let id = &job.id;
        Self {
            id: id.clone(),
            kind: job.kind,
            status: job.status,
            stage: job.stage.clone().filter(|_| job.status == Status::Running),
            progress: (job.progress * 1e4).round() / 1e4,
            left_s: job.left_s.map(|left_s| (left_s * 10.0).round() / 10.0),
            options: job
                .request
                .options
                .iter()
                .map(|(name, values)| (name.clone(), one(values)))
                .collect(),
            deliver: job.request.deliver.clone(),
            from: job.request.from.clone(),
            priority: job.request.priority,
            inputs: job
                .inputs
                .iter()
                .enumerate()
                .map(|(number, input)| InputView {
                    role: input.role,
                    name: input.name.clone(),
                    bytes: input.bytes,
                    url: format!("/api/v1/jobs/{id}/inputs/{number}"),
                })
                .collect(),
            artefacts: job
                .artefacts
                .iter()
                .map(|artefact| ArtefactView {
                    name: artefact.name.clone(),
                    media_type: artefact.media_type.clone(),
                    bytes: artefact.bytes,
                    url: format!("/api/v1/jobs/{id}/artefacts/{}", artefact.name),
                })
                .collect(),
            told: job.told.clone(),
            error: job.failure.clone(),
            attempts: job.attempts,
            created: job.created,
            started: job.started,
            finished: job.finished,
            version: job.version,
        }
    }
}
