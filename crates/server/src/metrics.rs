//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::history::Job;
use crate::job::Kind;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: String,
    route: String,
    status: u16,
}

/// The figures of this process, and of the queue as it sees it.
pub(crate) struct Metrics {
    registry: Registry,
    jobs: Family<Outcome, Counter>,
    seconds: Family<OfKind, Histogram>,
    waiting: Family<OfStatus, Gauge>,
    answers: Family<Answer, Counter>,
    answer_seconds: Histogram,
    upload_bytes: Counter,
    refused: Counter,
    running: Gauge,
    streams: Gauge,
    up: Gauge<f64, AtomicU64>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn job_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.25, 2.0, 14))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("synchresis");
        let jobs = Family::default();
        registry.register(
            "jobs",
            "Jobs that ended in this process, by what came of them",
            jobs.clone(),
        );
        let seconds = Family::new_with_constructor(job_histogram as fn() -> Histogram);
        registry.register(
            "job_seconds",
            "How long an attempt that succeeded took",
            seconds.clone(),
        );
        let waiting = Family::default();
        registry.register("history", "Jobs in the history by status", waiting.clone());
        let answers = Family::default();
        registry.register("answers", "Requests answered", answers.clone());
        let answer_seconds = Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        registry.register(
            "answer_seconds",
            "How long an answer took to begin",
            answer_seconds.clone(),
        );
        let upload_bytes = Counter::default();
        registry.register("upload_bytes", "Bytes uploaded", upload_bytes.clone());
        let refused = Counter::default();
        registry.register("refused_uploads", "Uploads refused for what they are", refused.clone());
        let running = Gauge::default();
        registry.register("running", "Jobs that run in this process now", running.clone());
        let streams = Gauge::default();
        registry.register("streams", "Event streams open now", streams.clone());
        let up: Gauge<f64, AtomicU64> = Gauge::default();
        registry.register("up", "1 while the process answers", up.clone());
        up.set(1.0);
        Self {
            registry,
            jobs,
            seconds,
            waiting,
            answers,
            answer_seconds,
            upload_bytes,
            refused,
            running,
            streams,
            up,
        }
    }

    pub(crate) fn job(&self, job: &Job, outcome: &'static str) {
        let kind = job.kind.name();
        self.jobs.get_or_create(&Outcome { kind, outcome }).inc();
    }

    pub(crate) fn took(&self, kind: Kind, seconds: f64) {
        self.seconds
            .get_or_create(&OfKind { kind: kind.name() })
            .observe(seconds);
    }

    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let answer = Answer {
            method: method.to_owned(),
            route: route.to_owned(),
            status,
        };
        self.answers.get_or_create(&answer).inc();
        self.answer_seconds.observe(seconds);
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        self.upload_bytes.inc_by(bytes);
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// The page that Prometheus reads.
    pub(crate) fn page(&self, counts: &[(String, i64)], running: usize, streams: usize) -> String {
        for (status, count) in counts {
            let status = status.clone();
            self.waiting.get_or_create(&OfStatus { status }).set(*count);
        }
        self.running.set(running as i64);
        self.streams.set(streams as i64);
        self.up.set(1.0);
        let mut text = String::new();
        // Writing to a string fails only where a value refuses to be written; ours do not.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
