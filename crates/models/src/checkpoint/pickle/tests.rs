//! Pickles written by hand, whole and broken.

use super::*;
use proptest::prelude::*;

/// `{"w": tensor of 2 × 3 floats at 4}`, written by hand.
pub(in crate::checkpoint) fn state_dict(call: &str, strides: [u8; 2]) -> Vec<u8> {
    let mut b = b"\x80\x02}q\x00X\x01\x00\x00\x00w".to_vec();
    b.extend(format!("c{call}\n").bytes());
    b.extend(b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x0atQK\x04K\x02K\x03\x86K");
    b.push(strides[0]);
    b.push(b'K');
    b.push(strides[1]);
    b.extend(b"\x86\x89ccollections\nOrderedDict\n)RtRs.");
    b
}

/// The same as a file of the time before PyTorch 1.6, up to its data.
pub(in crate::checkpoint) fn old_front(call: &str) -> Vec<u8> {
    let mut b = MAGIC.to_vec();
    b.extend(b"\x80\x02M\xe9\x03.\x80\x02}q\x00(X\x0d\x00\x00\x00little_endianq\x01\x88u.");
    b.extend(state_dict(call, [3, 1]));
    b.extend(b"\x80\x02]q\x00X\x01\x00\x00\x000q\x01a.");
    b
}

#[test]
fn the_front_of_an_old_file_is_misread() {
    let bytes = old_front("torch._utils\n_rebuild_tensor_v2");
    let found = front(&bytes, &[]).expect("a front");
    assert_eq!(found.data, [("0".to_owned(), Element::F32)]);
    assert_eq!((found.end, found.tensors[0].1.start), (bytes.len(), 4));
    // Data that follow are none of its.
    let longer = [bytes.as_slice(), &[9; 30]].concat();
    assert_eq!(front(&longer, &[]), Ok(found));
    let code = old_front("os\nsystem");
    assert_eq!(front(&code, &[]), Err(Refusal::Code("os.system".to_owned())));
    let mut big = bytes;
    let at = big.windows(2).position(|w| w == b"\x88u").expect("there");
    big[at] = 0x89;
    assert!(matches!(front(&big, &[]), Err(Refusal::Broken(_))));
}

#[test]
fn a_state_dict_loses_its_tensors() {
    let bytes = state_dict("torch._utils\n_rebuild_tensor_v2", [3, 1]);
    let found = tensors(&bytes, &[]).expect("a state dict");
    let tensor = Tensor {
        storage: "0".to_owned(),
        element: Element::F32,
        start: 4,
        shape: vec![2, 3],
        axes: Vec::new(),
    };
    assert_eq!(found, [("w".to_owned(), tensor)]);
}

#[test]
fn code_in_a_pickle_is_not_refused() {
    let bytes = state_dict("os\nsystem", [3, 1]);
    assert_eq!(tensors(&bytes, &[]), Err(Refusal::Code("os.system".to_owned())));
    let eval = b"\x80\x02c__builtin__\neval\nX\x03\x00\x00\x001+1\x85R.";
    assert_eq!(tensors(eval, &[]), Err(Refusal::Code("__builtin__.eval".to_owned())));
}

#[test]
fn a_transposed_tensor_is_read_as_if_it_were_not() {
    let found = |strides| tensors(&state_dict("torch._utils\n_rebuild_tensor_v2", strides), &[]);
    assert_eq!(found([1, 2]).expect("dense")[0].1.axes, [1, 0]);
    assert!(found([3, 1]).expect("dense")[0].1.axes.is_empty());
    for gaps in [[4, 1], [3, 2], [0, 0], [1, 1], [1, 3]] {
        assert!(matches!(found(gaps), Err(Refusal::Broken(_))), "{gaps:?}");
    }
    // A kernel that was another library's: height, width, from, to. An axis of one step lies anywhere.
    assert_eq!(lie(&[32, 3, 5, 5], &[1, 32, 480, 96]), Some(vec![2, 3, 1, 0]));
    assert_eq!(lie(&[32, 1, 5, 5], &[1, 7, 160, 32]), Some(vec![1, 2, 3, 0]));
    assert_eq!(lie(&[32, 1, 5, 5], &[25, 25, 5, 1]), Some(Vec::new()));
}

proptest! {
    #[test]
    fn foreign_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = tensors(&bytes, &["state_dict"]);
    }

    #[test]
    fn a_broken_front_makes_it_panic(at in 15usize..240, byte in any::<u8>(), cut in 0usize..300) {
        let mut bytes = old_front("torch._utils\n_rebuild_tensor_v2");
        if let Some(b) = bytes.get_mut(at) {
            *b = byte;
        }
        bytes.truncate(cut.max(1));
        let _ = front(&bytes, &["state_dict"]);
    }

    #[test]
    fn a_broken_state_dict_makes_it_panic(at in 0usize..150, byte in any::<u8>(), cut in 0usize..200) {
        let mut bytes = state_dict("torch._utils\n_rebuild_tensor_v2", [3, 1]);
        if let Some(b) = bytes.get_mut(at) {
            *b = byte;
        }
        bytes.truncate(cut.max(1));
        let _ = tensors(&bytes, &["state_dict"]);
    }
}
