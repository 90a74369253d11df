//! Weights of linear layers in 8 bits: blocks of 32 along the axis that is summed over, a scale for each. A quarter of the memory of
//! single precision, and less to read for every token.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use rayon::prelude::*;
use serde_json::{Map, json};

use synchresis_cue::Cancelled;

use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::graph::{Graph, Value};
use crate::onnx::{Attribute, Element};

/// Numbers that share a scale.
pub(crate) const BLOCK: usize = 32;
/// What stands for zero.
const ZERO: u8 = 128;

impl Graph<'_> {
    /// A linear layer whose weight [`write`] put into 8 bits: `x` … × from becomes … × to.
    pub(crate) fn linear_eight(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        bias: bool,
    ) -> Result<Value, ModelError> {
        let blocks = from.div_ceil(BLOCK);
        let weight = self.stored(&format!("{name}.weight"), &[to, blocks, BLOCK])?;
        let scale = self.stored(&format!("{name}.weight_scale"), &[to * blocks])?;
        let attributes = [
            ("K", Attribute::Int(from as i64)),
            ("N", Attribute::Int(to as i64)),
            ("bits", Attribute::Int(8)),
            ("block_size", Attribute::Int(BLOCK as i64)),
            // What flows stays in single precision. At level 4 some processors put it into 8 bits too, and say other words than the rest.
            ("accuracy_level", Attribute::Int(1)),
        ];
        let y = self.contributed("MatMulNBits", &[x, &weight, &scale], &attributes);
        if !bias {
            return Ok(y);
        }
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        Ok(self.add(&y, &bias))
    }
}

/// A row of a weight in blocks, and their scales.
fn packed(row: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(row.len().next_multiple_of(BLOCK));
    let mut scales = Vec::with_capacity(row.len().div_ceil(BLOCK));
    for block in row.chunks(BLOCK) {
        let most = block.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let scale = most / 127.0;
        let over = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        bytes.extend(block.iter().map(|x| ((x * over).round() + f32::from(ZERO)) as u8));
        bytes.resize(bytes.len().next_multiple_of(BLOCK), ZERO);
        scales.push(scale);
    }
    (bytes, scales)
}

/// Writes `checkpoint` anew to `path`, the weights of the linear layers `layers` in 8 bits, all else as it is. `go_on` hears how far it
/// is, 0 to 1, and says whether to go on.
///
/// # Errors
/// [`ModelError::Checkpoint`] where something cannot be read or written, [`ModelError::MissingTensor`], [`ModelError::Cancelled`].
pub(crate) fn write(
    checkpoint: &Checkpoint,
    model: &'static str,
    layers: &[String],
    path: &Path,
    go_on: &mut dyn FnMut(f64) -> bool,
) -> Result<(), ModelError> {
    let failed = |e: std::io::Error| ModelError::Checkpoint {
        path: path.to_path_buf(),
        reason: format!("writing the weights in 8 bits: {e}"),
        hint: "free some space, or ask for single precision",
    };
    let chosen: BTreeSet<String> = layers.iter().map(|name| format!("{name}.weight")).collect();
    let (mut header, mut end) = (Map::new(), 0u64);
    let mut place = |name: String, kind: &str, shape: &[usize], bytes: u64| {
        header.insert(
            name,
            json!({"dtype": kind, "shape": shape, "data_offsets": [end, end + bytes]}),
        );
        end += bytes;
    };
    for (name, stored) in checkpoint.stored() {
        match (chosen.contains(name), stored.shape.as_slice()) {
            (true, [rows, columns]) => {
                let blocks = columns.div_ceil(BLOCK);
                place(
                    name.clone(),
                    "U8",
                    &[*rows, blocks, BLOCK],
                    (rows * blocks * BLOCK) as u64,
                );
                place(
                    format!("{name}_scale"),
                    "F32",
                    &[rows * blocks],
                    (rows * blocks * 4) as u64,
                );
            }
            _ => place(name.clone(), stored.element.name(), &stored.shape, stored.length),
        }
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize((header.len() + 8).next_multiple_of(64) - 8, b' ');
    let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(path).map_err(failed)?);
    file.write_all(&(header.len() as u64).to_le_bytes()).map_err(failed)?;
    file.write_all(&header).map_err(failed)?;
    let all = checkpoint.stored().count().max(1) as f64;
    for (at, (name, stored)) in checkpoint.stored().enumerate() {
        if !go_on(at as f64 / all) {
            return Err(ModelError::Cancelled(Cancelled));
        }
        let [_, columns] = stored.shape[..] else {
            file.write_all(&checkpoint.bytes(model, name)?).map_err(failed)?;
            continue;
        };
        if !chosen.contains(name) {
            file.write_all(&checkpoint.bytes(model, name)?).map_err(failed)?;
            continue;
        }
        let numbers = checkpoint.floats(model, name, &stored.shape)?;
        let rows: Vec<(Vec<u8>, Vec<f32>)> = numbers.par_chunks(columns.max(1)).map(packed).collect();
        for (bytes, _) in &rows {
            file.write_all(bytes).map_err(failed)?;
        }
        for scale in rows.iter().flat_map(|(_, scales)| scales) {
            file.write_all(&scale.to_le_bytes()).map_err(failed)?;
        }
    }
    file.flush().map_err(failed)
}

impl Element {
    /// Its name in .safetensors.
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::U8 => "U8",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_moves_by_more_than_half_a_step(row in prop::collection::vec(-3.0f32..3.0, 1..100)) {
            let (bytes, scales) = packed(&row);
            prop_assert_eq!(bytes.len(), scales.len() * BLOCK);
            for (i, byte) in bytes.iter().enumerate() {
                let scale = scales[i / BLOCK];
                let back = (f32::from(*byte) - f32::from(ZERO)) * scale;
                let was = row.get(i).copied().unwrap_or(0.0);
                prop_assert!((back - was).abs() <= scale * 0.5001, "{was} became {back}");
            }
        }
    }

    #[test]
    fn a_block_of_zeros_becomes_something() {
        let (bytes, scales) = packed(&[0.0; 40]);
        assert!(bytes.iter().all(|b| *b == ZERO) && scales == [0.0, 0.0]);
    }
}
