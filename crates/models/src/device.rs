//! What models compute on, and how their weights are kept.

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

use crate::error::ModelError;

/// What models compute on. Anything but the processor needs an ONNX Runtime that was built for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    Cpu,
    /// NVIDIA's cards.
    Cuda,
    /// NVIDIA's cards, by graphs compiled for them.
    TensorRt,
    /// Apple's.
    CoreMl,
    /// Windows' graphics.
    DirectMl,
    /// AMD's cards.
    Rocm,
    /// AMD's cards, by graphs compiled for them.
    MiGraphX,
    /// Intel's.
    OpenVino,
    /// Graphics by the browser's interface.
    WebGpu,
}

impl Device {
    /// Every device with its name.
    pub const ALL: [(&'static str, Self); 9] = [
        ("cpu", Self::Cpu),
        ("cuda", Self::Cuda),
        ("tensorrt", Self::TensorRt),
        ("coreml", Self::CoreMl),
        ("directml", Self::DirectMl),
        ("rocm", Self::Rocm),
        ("migraphx", Self::MiGraphX),
        ("openvino", Self::OpenVino),
        ("webgpu", Self::WebGpu),
    ];

    /// The device of this name; `auto` is the processor, on which results are the same everywhere.
    pub fn named(name: &str) -> Option<Self> {
        if name == "auto" {
            return Some(Self::Cpu);
        }
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, device)| *device)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, device)| *device == self)
            .map_or("cpu", |(name, _)| name)
    }

    /// What ONNX Runtime calls it; none for the processor.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the library was not built for it.
    pub(crate) fn provider(self) -> Result<Option<ExecutionProviderDispatch>, ModelError> {
        let (there, provider) = match self {
            Self::Cpu => return Ok(None),
            Self::Cuda => (ep::CUDA::is_available(), ep::CUDA::default().build()),
            Self::TensorRt => (ep::TensorRT::is_available(), ep::TensorRT::default().build()),
            Self::CoreMl => (ep::CoreML::is_available(), ep::CoreML::default().build()),
            Self::DirectMl => (ep::DirectML::is_available(), ep::DirectML::default().build()),
            Self::Rocm => (ep::ROCm::is_available(), ep::ROCm::default().build()),
            Self::MiGraphX => (ep::MIGraphX::is_available(), ep::MIGraphX::default().build()),
            Self::OpenVino => (ep::OpenVINO::is_available(), ep::OpenVINO::default().build()),
            Self::WebGpu => (ep::WebGPU::is_available(), ep::WebGPU::default().build()),
        };
        let refused = |reason: String| ModelError::Device {
            device: self.name(),
            reason,
        };
        match there {
            Ok(true) => Ok(Some(provider.error_on_failure())),
            Ok(false) => Err(refused(
                "the ONNX Runtime that was loaded is not built for it".to_owned(),
            )),
            Err(e) => Err(refused(e.to_string())),
        }
    }
}

/// How language models keep their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// In 8 bits on the processor, else in single precision.
    Auto,
    /// In 8 bits: blocks of 32 with a scale each.
    Eight,
    /// In single precision, as the reference computes.
    Single,
}

impl Precision {
    /// The precision of this name: `auto`, `q8` or `f32`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "q8" => Some(Self::Eight),
            "f32" => Some(Self::Single),
            _ => None,
        }
    }
}
