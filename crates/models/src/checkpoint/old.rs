//! `.pt`, `.pth`, `.bin` as torch.save wrote them before 1.6: pickles one after the other, then the data, each with how many numbers
//! they are in front.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::Stored;
use super::pickle::{self, Front, Refusal};
use super::torch::{LONGEST_PICKLE, WRAPPERS};
use crate::error::ModelError;

/// How much is read at first to find the pickles' end.
const FIRST: u64 = 1 << 20;

/// The tensors of `file`, which is at its beginning; `name` is its name within the checkpoint's folder.
pub(super) fn read(path: &Path, name: &str, mut file: File) -> Result<BTreeMap<String, Stored>, ModelError> {
    let broken = |reason: String| ModelError::Checkpoint {
        path: path.to_path_buf(),
        reason,
        hint: "download the model again",
    };
    let failed = |e: std::io::Error| broken(e.to_string());
    let size = file.metadata().map_err(failed)?.len();
    let front = front(&mut file, size)
        .map_err(failed)?
        .map_err(|refusal| match refusal {
            Refusal::Code(what) => ModelError::Code {
                path: path.to_path_buf(),
                what,
            },
            Refusal::Broken(reason) => broken(reason),
        })?;
    let mut places = HashMap::new();
    let mut at = front.end as u64;
    for (key, element) in front.data {
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut count = [0; 8];
        file.read_exact(&mut count)
            .map_err(|_| broken("it is truncated: it ends before its data".to_owned()))?;
        let begin = at + 8;
        let bytes = u64::from_le_bytes(count).checked_mul(element.size() as u64);
        let Some((bytes, end)) = bytes.and_then(|n| Some((n, begin.checked_add(n)?))) else {
            return Err(broken("its data are larger than any file".to_owned()));
        };
        if end > size {
            return Err(broken(format!(
                "it is truncated: its data end at {end} bytes or later, the file at {size}"
            )));
        }
        places.insert(key, (begin, bytes));
        at = end;
    }
    let mut tensors = BTreeMap::new();
    for (tensor_name, tensor) in front.tensors {
        let (begin, bytes) = *places
            .get(&tensor.storage)
            .ok_or_else(|| broken(format!("the data of {tensor_name} are missing")))?;
        let stored = tensor
            .within(name, begin, bytes)
            .map_err(|reason| broken(format!("{tensor_name} {reason}")))?;
        tensors.insert(tensor_name, stored);
    }
    Ok(tensors)
}

/// The pickles at the beginning of a file of `size` bytes. How long they are nothing says: more is read until they are whole.
fn front(file: &mut File, size: u64) -> std::io::Result<Result<Front, Refusal>> {
    let mut bytes = Vec::new();
    let mut wanted = FIRST;
    loop {
        file.by_ref()
            .take(wanted - bytes.len() as u64)
            .read_to_end(&mut bytes)?;
        let found = pickle::front(&bytes, &WRAPPERS);
        let whole = bytes.len() as u64 >= size.min(LONGEST_PICKLE);
        match found {
            Err(Refusal::Broken(_)) if !whole && bytes.len() as u64 == wanted => {
                wanted = wanted.saturating_mul(8).min(LONGEST_PICKLE);
            }
            found => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::super::pickle::tests::old_front;
    use super::*;

    const TENSOR: &str = "torch._utils\n_rebuild_tensor_v2";

    fn written(front: &[u8], counted: u64, floats: u8) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(".pth").tempfile().expect("a file");
        file.write_all(front).expect("a front");
        file.write_all(&counted.to_le_bytes()).expect("a number");
        let data: Vec<u8> = (0..floats).flat_map(|x| f32::from(x).to_le_bytes()).collect();
        file.write_all(&data).expect("data");
        file
    }

    fn opened(file: &tempfile::NamedTempFile) -> Result<BTreeMap<String, Stored>, ModelError> {
        super::super::torch::read(file.path(), "old.pth")
    }

    #[test]
    fn a_tensor_of_an_old_file_is_looked_for_elsewhere() {
        let front = old_front(TENSOR);
        let file = written(&front, 10, 10);
        let tensors = opened(&file).expect("a checkpoint");
        let stored = &tensors["w"];
        assert_eq!((stored.shape.as_slice(), stored.length), (&[2, 3][..], 24));
        // The fifth number is the first of its.
        assert_eq!(stored.offset, front.len() as u64 + 8 + 16);
    }

    #[test]
    fn an_old_file_is_read_past_its_end_or_its_code_run() {
        let front = old_front(TENSOR);
        for (counted, floats) in [(10, 9), (9, 10), (8, 8), (u64::MAX, 10), (1 << 62, 10), (0, 0)] {
            let refused = opened(&written(&front, counted, floats));
            assert!(
                matches!(refused, Err(ModelError::Checkpoint { .. })),
                "{counted} {floats}"
            );
        }
        let code = opened(&written(&old_front("os\nsystem"), 10, 10));
        assert!(matches!(code, Err(ModelError::Code { .. })));
    }

    proptest! {
        #[test]
        fn a_broken_old_file_makes_it_panic(at in 0usize..320, byte in any::<u8>(), cut in 0usize..330) {
            let file = written(&old_front(TENSOR), 10, 10);
            let mut bytes = std::fs::read(file.path()).expect("reads");
            if let Some(b) = bytes.get_mut(at) {
                *b = byte;
            }
            bytes.truncate(cut);
            std::fs::write(file.path(), &bytes).expect("writes");
            if let Ok(tensors) = opened(&file) {
                // Whatever is found lies in the file.
                for stored in tensors.values() {
                    prop_assert!(stored.offset + stored.length <= bytes.len() as u64);
                }
            }
        }
    }
}
