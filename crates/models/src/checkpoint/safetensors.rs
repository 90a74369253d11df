//! `.safetensors`: a JSON header, then the tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::Stored;
use crate::error::ModelError;
use crate::onnx::Element;

/// Headers longer than this are no headers.
const LONGEST_HEADER: u64 = 100_000_000;

pub(super) fn read(path: &Path, name: &str) -> Result<BTreeMap<String, Stored>, ModelError> {
    let broken = |reason: String| ModelError::Checkpoint {
        path: path.to_path_buf(),
        reason,
        hint: "download the model again",
    };
    let mut file = File::open(path).map_err(|e| broken(e.to_string()))?;
    let size = file.metadata().map_err(|e| broken(e.to_string()))?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_| broken("it is shorter than its header's length".to_owned()))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length.saturating_add(8) > size {
        return Err(broken(format!("its header claims {length} bytes, the file has {size}")));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(|e| broken(e.to_string()))?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| broken(e.to_string()))?;
    let data = 8 + length;
    let end = data + metadata.data_len() as u64;
    if end > size {
        return Err(broken(format!(
            "it is truncated: its tensors end at {end} bytes, the file at {size}"
        )));
    }
    Ok(list(&metadata, name, data))
}

fn list(metadata: &Metadata, file: &str, data: u64) -> BTreeMap<String, Stored> {
    metadata
        .tensors()
        .into_iter()
        .filter_map(|(name, info)| {
            let element = match info.dtype {
                Dtype::F32 => Element::F32,
                Dtype::F16 => Element::F16,
                Dtype::BF16 => Element::Bf16,
                Dtype::F64 => Element::F64,
                Dtype::I64 => Element::I64,
                Dtype::I32 => Element::I32,
                Dtype::U8 => Element::U8,
                // Nothing of ours asks for the others.
                _ => return None,
            };
            let (from, to) = info.data_offsets;
            let stored = Stored {
                file: file.to_owned(),
                offset: data + from as u64,
                length: (to - from) as u64,
                element,
                shape: info.shape.clone(),
                axes: Vec::new(),
            };
            Some((name, stored))
        })
        .collect()
}
