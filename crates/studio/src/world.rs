//! The only door to the machine.

use std::path::PathBuf;

use synchresis_cue::Watch;
use synchresis_media::{Limits, Tools};
use synchresis_models::{Device, Precision};

use crate::cache::Cache;
use crate::error::StudioError;

/// The machine as the studio may see it; tests pass their own. Progress and cancellation come with [`Watch`].
pub trait World: Watch {
    /// The ffmpeg to use.
    ///
    /// # Errors
    /// [`StudioError::Media`] where there is none, or one that is too old.
    fn tools(&self) -> Result<&Tools, StudioError>;
    /// What is refused as too large or too slow.
    fn limits(&self) -> &Limits;
    /// Where results of stages are kept.
    fn cache(&self) -> &Cache;
    /// Folders in which sound banks may lie, best first.
    fn bank_folders(&self) -> &[PathBuf];
    /// Where ONNX Runtime's shared library may lie, best first.
    fn ort_libraries(&self) -> Vec<PathBuf> {
        Vec::new()
    }
    /// Where models lie, each in the layout of its hub repository.
    fn model_folder(&self) -> Option<PathBuf> {
        None
    }
    /// What the neural engines compute on.
    fn device(&self) -> Device {
        Device::Cpu
    }
    /// How the neural engines keep their weights.
    fn precision(&self) -> Precision {
        Precision::Auto
    }
    /// A key that the person keeps for this machine, by the name it has in the environment; never written anywhere.
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
    /// Whether more work comes after this, for which large models stay loaded; else their parts are gone as soon as they are done with.
    fn stays(&self) -> bool {
        false
    }
    /// Whether only what may be used to make money is to be used.
    fn commercial(&self) -> bool {
        false
    }
    /// Words of an answer as they come; a line break ends it.
    fn say(&self, _words: &str) {}
    /// Seconds since some moment in the past.
    fn seconds(&self) -> f64;
    /// A stage with this name begins: `watching`, `composing`, …
    fn begin(&self, stage: &'static str);
}
