//! ONNX Runtime: one library, loaded once from where the caller says it is, and the sessions that run graphs in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session};
use ort::value::TensorRef;

use crate::checkpoint::{Checkpoint, Stamp};
use crate::device::Device;
use crate::error::ModelError;
use crate::graph::{Finished, Operators};
use crate::kernels;
use crate::stop::{Running, Work};
use crate::warm;

const HINT: &str = "install libonnxruntime 1.22 or newer (the PyPI wheel or the npm package `onnxruntime-node` carry it) and give its path with --ort-lib";

/// The library, once it is loaded: a process can hold one.
static LOADED: Mutex<Option<(Environment, PathBuf)>> = Mutex::new(None);

/// A loaded ONNX Runtime.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    threads: usize,
    device: Device,
    memory: Option<u64>,
    packs: bool,
    arena: bool,
    ours: bool,
}

impl Runtime {
    /// Loads the first of `candidates` that exists; sessions use `threads` threads (0: as many as there are cores). A process
    /// keeps the library that it loaded first.
    ///
    /// # Errors
    /// [`ModelError::Runtime`].
    pub fn load(candidates: &[PathBuf], threads: usize) -> Result<Self, ModelError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((environment, library)) = &*loaded {
            return Ok(Self {
                environment: environment.clone(),
                library: library.clone(),
                threads,
                device: Device::Cpu,
                memory: None,
                packs: true,
                arena: true,
                ours: true,
            });
        }
        let tried = || {
            let list: Vec<String> = candidates.iter().map(|p| p.display().to_string()).collect();
            if list.is_empty() {
                "nowhere".to_owned()
            } else {
                list.join(", ")
            }
        };
        let failed = |path: String, reason: String| ModelError::Runtime {
            path,
            reason,
            hint: HINT,
        };
        let library = candidates
            .iter()
            .find(|p| p.is_file())
            .ok_or_else(|| failed(tried(), "there is no such file".to_owned()))?;
        let at = || library.display().to_string();
        let environment = ort::init_from(library)
            .map_err(|e| failed(at(), e.to_string()))?
            .with_name("synchresis")
            // On by default in Microsoft's builds.
            .with_telemetry(false)
            .build()
            .map_err(|e| failed(at(), e.to_string()))?;
        environment.set_log_level(LogLevel::Error);
        *loaded = Some((environment.clone(), library.clone()));
        Ok(Self {
            environment,
            library: library.clone(),
            threads,
            device: Device::Cpu,
            memory: None,
            packs: true,
            arena: true,
            ours: true,
        })
    }

    /// Sessions compute on `device`.
    #[must_use]
    pub fn on(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Models that need more than so many bytes are refused; by default, what is free when they are loaded.
    #[must_use]
    pub fn within(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// For models that run once or twice: their weights are used as they lie, and not first copied into the order that the processor's
    /// products take them in, which for FLAN-T5 large takes ten times as long as reading a prompt.
    #[must_use]
    pub(crate) fn for_few_runs(mut self) -> Self {
        self.packs = false;
        self
    }

    /// Whose operators compute where these sessions run.
    pub(crate) fn operators(&self) -> Operators {
        match self.device {
            Device::Cpu if self.ours => Operators::Ours,
            _ => Operators::Library,
        }
    }

    /// Whose operators compute linear layers of a model that takes a few dozen rows at a time: over weights as they lie for few runs, over
    /// packed ones for many, which are ONNX Runtime's.
    pub(crate) fn layers(&self) -> Operators {
        if self.packs {
            Operators::Library
        } else {
            self.operators()
        }
    }

    /// Whether weights are computed with where the file is mapped, so that nothing is copied when a session is built.
    pub(crate) fn maps(&self) -> bool {
        self.device == Device::Cpu
    }

    /// As other devices compute, on the processor.
    #[cfg(test)]
    pub(crate) fn elsewhere(mut self) -> Self {
        self.ours = false;
        self
    }

    /// For models whose pictures are large and few: what a layer leaves goes back at once, where an arena would keep a half as much again for
    /// what comes later.
    #[must_use]
    pub(crate) fn for_large_pictures(mut self) -> Self {
        self.arena = false;
        self
    }

    /// Bytes that models may take.
    pub(crate) fn free(&self) -> u64 {
        self.memory.or_else(warm::free_memory).unwrap_or(u64::MAX)
    }

    /// The library's file.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// A session that runs `graph` over the weights in the checkpoint's folder, which ONNX Runtime maps.
    pub(crate) fn session(&self, graph: &Finished, checkpoint: &Checkpoint) -> Result<Net, ModelError> {
        let model = graph.model;
        let failed = |e: ort::Error| ModelError::Run {
            model,
            doing: "building its graph",
            reason: e.to_string(),
        };
        let folder = checkpoint.folder().to_string_lossy().into_owned();
        let free = self.free();
        // What flows between the layers comes on top of the weights.
        let needed = graph.weight_bytes + graph.weight_bytes / 8;
        if needed > free {
            return Err(ModelError::Memory { model, needed, free });
        }
        let provider = self.device.provider()?;
        let builder = || -> ort::Result<SessionBuilder> {
            let operators = kernels::domain(self.threads)?;
            let builder = Session::builder(&self.environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_config_entry("session.model_external_initializers_file_folder_path", &folder)?
                // A thread that waits lets others work: spinning took a fifth of the processor's time.
                .with_intra_op_spinning(false)?
                // A plan of all that flows, made for one size, holds more at once than buffers that come and go.
                .with_memory_pattern(false)?
                .with_operators(operators)?;
            let builder = if self.packs {
                builder
            } else {
                builder.with_config_entry("session.disable_prepacking", "1")?
            };
            let mut builder = if self.threads > 0 {
                builder.with_intra_threads(self.threads)?
            } else {
                builder
            };
            if let Some(provider) = &provider {
                builder = builder.with_execution_providers([provider.clone()])?;
            } else if !self.arena {
                builder = builder.with_execution_providers([ep::CPU::default().with_arena_allocator(false).build()])?;
            }
            Ok(builder)
        };
        checkpoint.unchanged(model)?;
        tracing::debug!("{model}: loading");
        let built = match builder() {
            Ok(mut builder) => {
                let running = Running::begin(Work::Load(builder.canceler()))?;
                let built = builder.commit_from_memory(&graph.bytes);
                running.check()?;
                built
            }
            Err(error) => Err(error),
        };
        tracing::debug!("{model}: loaded");
        // What goes wrong in a file that is being replaced is told as that.
        checkpoint.unchanged(model)?;
        let session = built.map_err(|e| match (&provider, self.device) {
            (Some(_), device) => ModelError::Device {
                device: device.name(),
                reason: e.to_string(),
            },
            _ => failed(e),
        })?;
        Ok(Net {
            model,
            session,
            files: checkpoint.stamps().to_vec(),
        })
    }
}

/// What goes into a graph: lengths of the axes, and the numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feed<'a> {
    F32(&'a [usize], &'a [f32]),
    I64(&'a [usize], &'a [i64]),
}

/// What comes out: numbers, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// As many as the lengths multiply to.
    pub data: Vec<f32>,
}

/// A graph ready to run.
#[derive(Debug)]
pub(crate) struct Net {
    model: &'static str,
    session: Session,
    files: Vec<Stamp>,
}

impl Net {
    /// Runs it; the outputs come in the graph's order. Ends early with [`ModelError::Cancelled`] under a [`watched`](crate::watched)
    /// that stops.
    pub(crate) fn run(&mut self, feeds: &[(&str, Feed<'_>)]) -> Result<Vec<Tensor>, ModelError> {
        let model = self.model;
        let kept = self.run_kept(feeds, &[])?;
        kept.iter().map(|kept| kept.tensor(model)).collect()
    }

    /// Runs it over numbers and over results of earlier runs; the outputs stay with ONNX Runtime, in the graph's order. So the
    /// keys and values of a text model go from step to step without being copied out and in.
    pub(crate) fn run_kept(
        &mut self,
        feeds: &[(&str, Feed<'_>)],
        kept: &[(&str, &Kept)],
    ) -> Result<Vec<Kept>, ModelError> {
        let model = self.model;
        Stamp::unchanged(&self.files, model)?;
        let options = Arc::new(RunOptions::new().map_err(|e| ran(model, &e))?);
        let running = Running::begin(Work::Run(Arc::clone(&options)))?;
        let mut run = || -> ort::Result<Vec<Kept>> {
            let shape = |s: &[usize]| -> Vec<i64> { s.iter().map(|d| *d as i64).collect() };
            let mut inputs: Vec<(std::borrow::Cow<'_, str>, ort::session::SessionInputValue<'_>)> = Vec::new();
            for (name, feed) in feeds {
                let value = match feed {
                    Feed::F32(lengths, data) => TensorRef::from_array_view((shape(lengths), *data))?.into(),
                    Feed::I64(lengths, data) => TensorRef::from_array_view((shape(lengths), *data))?.into(),
                };
                inputs.push(((*name).into(), value));
            }
            inputs.extend(kept.iter().map(|(name, value)| ((*name).into(), (&value.0).into())));
            let mut outputs = self.session.run_with_options(inputs, &options)?;
            let names: Vec<String> = outputs.keys().map(str::to_owned).collect();
            Ok(names.iter().filter_map(|name| outputs.remove(name).map(Kept)).collect())
        };
        tracing::trace!("{model}: running");
        let out = run();
        tracing::trace!("{model}: ran");
        // One that was ended says so in many words.
        running.check()?;
        out.map_err(|e| ran(model, &e))
    }
}

/// A result that stays with ONNX Runtime, to go into a graph again.
#[derive(Debug)]
pub(crate) struct Kept(ort::value::DynValue);

impl Kept {
    /// Its numbers, where they lie.
    pub(crate) fn numbers(&self, model: &'static str) -> Result<&[f32], ModelError> {
        let (_, data) = self.0.try_extract_tensor::<f32>().map_err(|e| ran(model, &e))?;
        Ok(data)
    }

    /// Its numbers, copied out.
    pub(crate) fn tensor(&self, model: &'static str) -> Result<Tensor, ModelError> {
        let (shape, data) = self.0.try_extract_tensor::<f32>().map_err(|e| ran(model, &e))?;
        Ok(Tensor {
            shape: shape.iter().map(|d| *d as usize).collect(),
            data: data.to_vec(),
        })
    }
}

fn ran(model: &'static str, error: &ort::Error) -> ModelError {
    ModelError::Run {
        model,
        doing: "running it",
        reason: error.to_string(),
    }
}
