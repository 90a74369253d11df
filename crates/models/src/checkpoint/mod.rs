//! Checkpoints where they lie: which tensor is in which file, at which offset. Nothing is read but the headers.

mod old;
mod pickle;
mod safetensors;
mod torch;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::error::ModelError;
use crate::onnx::Element;

/// Where one tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// File name within the checkpoint's folder.
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    /// The order in which its axes lie in the file, the slowest first, where that is not their own.
    pub(crate) axes: Vec<usize>,
}

impl Stored {
    /// The lengths of its axes as they lie, and the order that makes a tensor of that shape this one.
    pub(crate) fn turned(&self) -> Option<(Vec<usize>, Vec<i64>)> {
        if self.axes.is_empty() {
            return None;
        }
        let lying = self.axes.iter().map(|axis| self.shape[*axis]).collect();
        let place = |axis| self.axes.iter().position(|a| *a == axis).unwrap_or(axis) as i64;
        Some((lying, (0..self.shape.len()).map(place).collect()))
    }

    /// Its bytes in the order of its own axes, from those that lie in the file.
    fn in_order(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.axes.is_empty() {
            return bytes;
        }
        let size = self.element.size();
        // How far it is from one to the next along each axis, in the file.
        let mut steps = vec![0; self.shape.len()];
        let mut step = size;
        for axis in self.axes.iter().rev() {
            steps[*axis] = step;
            step *= self.shape[*axis];
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = vec![0; self.shape.len()];
        while out.len() < bytes.len() {
            let from: usize = at.iter().zip(&steps).map(|(i, step)| i * step).sum();
            out.extend_from_slice(&bytes[from..from + size]);
            for (i, length) in at.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < *length {
                    break;
                }
                *i = 0;
            }
        }
        out
    }
}

/// The tensors of a checkpoint, by name.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    path: PathBuf,
    folder: PathBuf,
    tensors: BTreeMap<String, Stored>,
    stamps: Vec<Stamp>,
}

/// A file as it was when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_path_buf(),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    /// Whether every file is as it was: one that is replaced while it is mapped gives other weights, or ends the process.
    pub(crate) fn unchanged(all: &[Self], model: &'static str) -> Result<(), ModelError> {
        match all.iter().find(|stamp| Self::of(&stamp.path).as_ref() != Some(stamp)) {
            None => Ok(()),
            Some(stamp) => Err(ModelError::Changed {
                path: stamp.path.clone(),
                model,
            }),
        }
    }
}

/// Names that hub repositories give their weights, best first.
const USUAL: [&str; 7] = [
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

impl Checkpoint {
    /// Opens a `.safetensors`, `.pt`, `.pth` or `.bin` file, or the folder of a hub repository with one of the usual names
    /// in it (shards with their index too). A `.pt` is read without running any of its pickle's code.
    ///
    /// # Errors
    /// [`ModelError::NoWeights`], [`ModelError::Checkpoint`], [`ModelError::Code`].
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = if path.is_dir() {
            usual_file(path)?
        } else {
            path.to_path_buf()
        };
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let name = file_name(&file)?;
        let index_stamp = Stamp::of(&file);
        let tensors: BTreeMap<String, Stored> = if name.ends_with(".index.json") {
            let index = read_index(&file)?;
            let mut tensors = BTreeMap::new();
            for shard in index {
                // A shard lies beside its index, whatever the index says.
                let shard = folder.join(Path::new(&shard).file_name().unwrap_or_default());
                tensors.append(&mut one_file(&shard)?);
            }
            tensors
        } else {
            one_file(&file)?
        };
        let mut files: Vec<&str> = tensors.values().map(|stored| stored.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        let stamps = files.iter().filter_map(|name| Stamp::of(&folder.join(name)));
        let stamps = index_stamp.into_iter().chain(stamps).collect();
        Ok(Self {
            path: file,
            folder,
            tensors,
            stamps,
        })
    }

    /// The file, or the index of its shards.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the files lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One that this program wrote as a whole: that its date changes says nothing.
    pub(crate) fn ours(mut self) -> Self {
        self.stamps.clear();
        self
    }

    /// Whether its files are as they were when it was opened.
    pub(crate) fn unchanged(&self, model: &'static str) -> Result<(), ModelError> {
        Stamp::unchanged(&self.stamps, model)
    }

    /// Its files as they were.
    pub(crate) fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|t| t.shape.as_slice())
    }

    /// The numbers of a tensor, widened to 32-bit floats, row by row: for the few that arithmetic outside the graph needs.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Shape`], [`ModelError::Checkpoint`] where it cannot be read or holds no floats.
    pub fn floats(&self, model: &'static str, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let element = self.tensor(model, name, shape)?.element;
        let bytes = self.bytes(model, name)?;
        element.floats(&bytes).ok_or_else(|| ModelError::Checkpoint {
            path: self.path.clone(),
            reason: format!("{name} holds no floats"),
            hint: "download the model again",
        })
    }

    /// The bytes of a tensor, row by row.
    pub(crate) fn bytes(&self, model: &'static str, name: &str) -> Result<Vec<u8>, ModelError> {
        let stored = self.tensors.get(name).ok_or_else(|| self.missing(model, name))?;
        let path = self.folder.join(&stored.file);
        let broken = |e: std::io::Error| ModelError::Checkpoint {
            path: path.clone(),
            reason: format!("reading {name}: {e}"),
            hint: "download the model again",
        };
        let mut file = std::fs::File::open(&path).map_err(broken)?;
        file.seek(SeekFrom::Start(stored.offset)).map_err(broken)?;
        let mut bytes = vec![0; stored.length as usize];
        file.read_exact(&mut bytes).map_err(broken)?;
        Ok(stored.in_order(bytes))
    }

    /// Every tensor with where it lies, by name.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (&String, &Stored)> {
        self.tensors.iter()
    }

    fn missing(&self, model: &'static str, name: &str) -> ModelError {
        ModelError::MissingTensor {
            path: self.path.clone(),
            name: name.to_owned(),
            model,
        }
    }

    /// Whether a tensor's name begins like this.
    pub fn has(&self, prefix: &str) -> bool {
        self.tensors
            .range(prefix.to_owned()..)
            .next()
            .is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Renames all that begins with `from` so that it begins with `to`: checkpoints saved by a wrapper carry its name in
    /// front of every tensor.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        self.tensors = std::mem::take(&mut self.tensors)
            .into_iter()
            .map(|(name, stored)| match name.strip_prefix(from) {
                Some(rest) => (format!("{to}{rest}"), stored),
                None => (name, stored),
            })
            .collect();
        self
    }
}

/// Where a graph's weights come from.
pub trait Weights {
    /// The tensor of that name for `model`, which must have that shape.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Shape`].
    fn tensor(&self, model: &'static str, name: &str, shape: &[usize]) -> Result<Stored, ModelError>;

    /// Whether there is a tensor of that name and shape.
    fn holds(&self, name: &str, shape: &[usize]) -> bool;
}

impl Weights for Checkpoint {
    fn tensor(&self, model: &'static str, name: &str, shape: &[usize]) -> Result<Stored, ModelError> {
        let stored = self.tensors.get(name).ok_or_else(|| self.missing(model, name))?;
        if stored.shape != shape {
            return Err(ModelError::Shape {
                path: self.path.clone(),
                name: name.to_owned(),
                model,
                found: stored.shape.clone(),
                wanted: shape.to_vec(),
            });
        }
        Ok(stored.clone())
    }

    fn holds(&self, name: &str, shape: &[usize]) -> bool {
        self.tensors.get(name).is_some_and(|t| t.shape == shape)
    }
}

fn usual_file(folder: &Path) -> Result<PathBuf, ModelError> {
    if let Some(file) = USUAL.iter().map(|name| folder.join(name)).find(|f| f.is_file()) {
        return Ok(file);
    }
    // A folder with exactly one checkpoint in it says as much.
    let listed = std::fs::read_dir(folder).map_err(|e| ModelError::NoWeights {
        path: folder.to_path_buf(),
        reason: e.to_string(),
    })?;
    let mut found: Vec<PathBuf> = listed
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|p| {
            p.extension()
                .is_some_and(|e| ["safetensors", "pt", "pth", "bin"].iter().any(|known| e == *known))
        })
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(ModelError::NoWeights {
            path: folder.to_path_buf(),
            reason: format!("none of {} is there", USUAL.join(", ")),
        }),
        several => Err(ModelError::NoWeights {
            path: folder.to_path_buf(),
            reason: format!("there are {} checkpoints and none has a usual name", several.len()),
        }),
    }
}

fn file_name(path: &Path) -> Result<String, ModelError> {
    path.file_name()
        .and_then(|n| n.to_str())
        .map(str::to_owned)
        .ok_or_else(|| ModelError::NoWeights {
            path: path.to_path_buf(),
            reason: "its name is not text".to_owned(),
        })
}

fn one_file(path: &Path) -> Result<BTreeMap<String, Stored>, ModelError> {
    if !path.is_file() {
        return Err(ModelError::NoWeights {
            path: path.to_path_buf(),
            reason: "there is no such file".to_owned(),
        });
    }
    let name = file_name(path)?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => safetensors::read(path, &name),
        Some("pt" | "pth" | "bin" | "ckpt") => torch::read(path, &name),
        _ => Err(ModelError::NoWeights {
            path: path.to_path_buf(),
            reason: "its name ends neither in .safetensors nor in .pt, .pth or .bin".to_owned(),
        }),
    }
}

/// The shards that an index names, each once, in order.
fn read_index(path: &Path) -> Result<Vec<String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let broken = |reason: String| ModelError::Checkpoint {
        path: path.to_path_buf(),
        reason,
        hint: "download the model again",
    };
    let text = std::fs::read_to_string(path).map_err(|e| broken(e.to_string()))?;
    let index: Index = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
    let mut shards: Vec<String> = index.weight_map.into_values().collect();
    shards.sort();
    shards.dedup();
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_that_lies_turned_is_read_as_it_lies() {
        let stored = Stored {
            file: String::new(),
            offset: 0,
            length: 24,
            element: Element::U8,
            shape: vec![2, 3, 4],
            axes: vec![2, 0, 1],
        };
        assert_eq!(stored.turned(), Some((vec![4, 2, 3], vec![1, 2, 0])));
        let (a, b, c) = (2, 3, 4);
        let lying: Vec<u8> = (0..c)
            .flat_map(|k| (0..a).flat_map(move |i| (0..b).map(move |j| i * 100 + j * 10 + k)))
            .collect();
        let wanted: Vec<u8> = (0..a)
            .flat_map(|i| (0..b).flat_map(move |j| (0..c).map(move |k| i * 100 + j * 10 + k)))
            .collect();
        assert_eq!(stored.in_order(lying), wanted);
    }
}
