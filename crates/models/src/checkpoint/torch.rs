//! `.pt`, `.pth`, `.bin` as torch.save writes them since 1.6: a zip of stored files, one of them a pickle that names the
//! tensors. What it wrote before lies in `old.rs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Refusal};
use super::{Stored, old};
use crate::error::ModelError;

/// Pickles longer than this name no tensors.
pub(super) const LONGEST_PICKLE: u64 = 100_000_000;

/// Wrappers around a state dict, tried in this order.
pub(super) const WRAPPERS: [&str; 4] = ["state_dict", "model_state_dict", "model", "params"];

pub(super) fn read(path: &Path, name: &str) -> Result<BTreeMap<String, Stored>, ModelError> {
    let broken = |reason: String| ModelError::Checkpoint {
        path: path.to_path_buf(),
        reason,
        hint: "download the model again",
    };
    let mut file = File::open(path).map_err(|e| broken(e.to_string()))?;
    let mut begins = Vec::new();
    file.by_ref()
        .take(pickle::MAGIC.len() as u64)
        .read_to_end(&mut begins)
        .and_then(|_| file.rewind())
        .map_err(|e| broken(e.to_string()))?;
    if begins == pickle::MAGIC {
        return old::read(path, name, file);
    }
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|e| broken(format!("it is no zip archive: {e}")))?;
    let pickle_name = zip
        .file_names()
        .filter_map(Result::ok)
        .find(|n| n.ends_with("/data.pkl") || n == "data.pkl")
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| broken("there is no data.pkl in it".to_owned()))?;
    let root = pickle_name.trim_end_matches("data.pkl").to_owned();
    let mut bytes = Vec::new();
    zip.by_name(&pickle_name)
        .map_err(|e| broken(e.to_string()))?
        .take(LONGEST_PICKLE)
        .read_to_end(&mut bytes)
        .map_err(|e| broken(e.to_string()))?;
    let found = pickle::tensors(&bytes, &WRAPPERS).map_err(|refusal| match refusal {
        Refusal::Code(what) => ModelError::Code {
            path: path.to_path_buf(),
            what,
        },
        Refusal::Broken(reason) => broken(reason),
    })?;
    let mut tensors = BTreeMap::new();
    for (tensor_name, tensor) in found {
        let entry = zip
            .by_name(&format!("{root}data/{}", tensor.storage))
            .map_err(|e| broken(format!("the data of {tensor_name} are missing: {e}")))?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(broken(format!("the data of {tensor_name} are compressed")));
        }
        let begin = entry
            .data_start()
            .ok_or_else(|| broken(format!("the data of {tensor_name} cannot be found")))?;
        let stored = tensor
            .within(name, begin, entry.size())
            .map_err(|reason| broken(format!("{tensor_name} {reason}")))?;
        tensors.insert(tensor_name, stored);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use std::io::{SeekFrom, Write};

    use zip::write::SimpleFileOptions;

    use super::super::pickle::tests::state_dict;
    use super::*;

    fn written(method: CompressionMethod, floats: u8, call: &str) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".pt").tempfile().expect("a file");
        let mut zip = zip::ZipWriter::new(file.reopen().expect("the file"));
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file("v9/data.pkl", options).expect("an entry");
        zip.write_all(&state_dict(call, [3, 1])).expect("a pickle");
        zip.start_file("v9/data/0", options).expect("an entry");
        let data: Vec<u8> = (0..floats).flat_map(|x| f32::from(x).to_le_bytes()).collect();
        zip.write_all(&data).expect("data");
        zip.finish().expect("a zip");
        file
    }

    const TENSOR: &str = "torch._utils\n_rebuild_tensor_v2";

    #[test]
    fn a_tensor_in_a_zip_is_looked_for_elsewhere() {
        let mut file = written(CompressionMethod::Stored, 10, TENSOR);
        let tensors = read(file.path(), "v9.pt").expect("a checkpoint");
        let stored = &tensors["w"];
        assert_eq!((stored.shape.as_slice(), stored.length), (&[2, 3][..], 24));
        let mut first = [0; 4];
        file.seek(SeekFrom::Start(stored.offset)).expect("a place");
        file.read_exact(&mut first).expect("a number");
        assert_eq!(f32::from_le_bytes(first), 4.0);
    }

    #[test]
    fn a_tensor_longer_than_its_data_is_read_past_their_end() {
        let file = written(CompressionMethod::Stored, 8, TENSOR);
        assert!(matches!(read(file.path(), "v9.pt"), Err(ModelError::Checkpoint { .. })));
    }

    #[test]
    fn code_in_a_checkpoint_is_not_refused() {
        let file = written(CompressionMethod::Stored, 10, "os\nsystem");
        assert!(matches!(read(file.path(), "v9.pt"), Err(ModelError::Code { .. })));
    }
}
