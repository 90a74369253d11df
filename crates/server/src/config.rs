//! What a server is told by the person who starts it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use synchresis_studio::{Device, Limits, Precision};

/// The machine that jobs run on.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The ffmpeg to use; found in `search` where absent.
    pub ffmpeg: Option<PathBuf>,
    /// The search path for programs.
    pub search: Option<OsString>,
    /// What an input may ask of the machine.
    pub limits: Limits,
    /// Where results of stages are kept.
    pub cache_dir: PathBuf,
    /// How much is kept there, bytes.
    pub cache_bytes: u64,
    /// Folders in which sound banks may lie, best first.
    pub banks: Vec<PathBuf>,
    /// Where ONNX Runtime's shared library may lie, best first.
    pub ort_libraries: Vec<PathBuf>,
    /// Where models lie.
    pub models: Option<PathBuf>,
    /// What models compute on.
    pub device: Device,
    /// How language models keep their weights.
    pub precision: Precision,
    /// Whether only what may be used to make money is to be used.
    pub commercial: bool,
    /// Keys of endpoints, by their names in the environment; never written anywhere.
    pub secrets: Secrets,
}

/// Keys of endpoints by their names, which nothing that is logged shows.
#[derive(Clone, Default)]
pub struct Secrets(pub Vec<(String, String)>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// What one client may ask of the server.
#[derive(Debug, Clone)]
pub struct ClientLimits {
    /// Bytes of one upload, all its files together.
    pub upload_bytes: u64,
    /// Jobs that wait or run at once.
    pub jobs: u32,
    /// Jobs made a minute, on average; as many again may come in one burst.
    pub jobs_per_minute: u32,
    /// Uploads that come in at once, of all clients together.
    pub uploads: u32,
    /// Event streams open at once.
    pub streams: u32,
    /// Bytes that must stay free on the disk for an upload to be taken.
    pub free_bytes: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            upload_bytes: 2 << 30,
            jobs: 50,
            jobs_per_minute: 60,
            uploads: 64,
            streams: 500,
            free_bytes: 256 << 20,
        }
    }
}

/// A server or a worker.
#[derive(Debug, Clone)]
pub struct Config {
    /// The machine.
    pub machine: Machine,
    /// Uploads on their way, the SQLite database and the folder of objects, unless they are elsewhere.
    pub data_dir: PathBuf,
    /// `postgres://…`; SQLite in the data folder where absent.
    pub database: Option<String>,
    /// `s3://bucket/prefix` or a folder that every worker sees; `objects` in the data folder where absent.
    pub objects: Option<String>,
    /// Credentials and endpoint of the object store, by the names its own tools use (`AWS_ACCESS_KEY_ID`, …).
    pub object_options: Vec<(String, String)>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// What a client must show; needed unless only this machine can reach the server.
    pub token: Option<String>,
    /// Jobs that run at once in this process; 0 leaves them to workers elsewhere.
    pub slots: usize,
    /// A worker that was not heard of for so long is taken for dead, and its jobs are given to others.
    pub lease: Duration,
    /// How long running jobs may go on once the process is asked to stop; after that they are put back.
    pub grace: Duration,
    /// How long finished jobs and what they made are kept.
    pub keep: Duration,
    /// How long content that no job refers to may lie.
    pub stray: Duration,
    /// Limits a client.
    pub limits: ClientLimits,
}
