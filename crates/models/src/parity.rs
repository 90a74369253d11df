//! Against the reference implementations: `tests/reference/eyes.py` runs them and keeps what comes out. Weights are not kept: both
//! sides draw them from the tensors' names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

use crate::checkpoint::{Checkpoint, Stored, Weights};
use crate::error::ModelError;
use crate::graph::Operators;
use crate::image::{Filter, Letterbox, Picture};
use crate::medoids::{Distances, loss, medoids};
use crate::onnx::Element;
use crate::resnet18::ResNet18;
use crate::runtime::{Runtime, Tensor};
use crate::yolov9::{Keep, Size, YoloV9};
use crate::{resnet18, yolov9};

/// `count` numbers in [0, 1) that belong to `name`: FNV-1a, then SplitMix64.
pub(crate) fn drawn(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(0xCBF2_9CE4_8422_2325u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
    });
    (1..=count as u64).map(move |i| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 24)
    })
}

pub(crate) fn between(name: &str, count: usize, (low, high): (f64, f64)) -> Vec<f32> {
    drawn(name, count).map(|u| (low + (high - low) * u) as f32).collect()
}

pub(crate) fn limits(name: &str, shape: &[usize], gain: f64) -> (f64, f64) {
    if name.ends_with("running_var") {
        return (0.5, 1.5);
    }
    if name.ends_with("class_conv.2.bias") {
        return (-9.0, -5.0);
    }
    if shape.len() <= 1 {
        return if name.ends_with("weight") {
            (0.8, 1.2)
        } else {
            (-0.1, 0.1)
        };
    }
    let summed = shape.len() == 4 && shape[2] == 1 && name.matches('.').count() == 2;
    let fan: usize = shape[1..].iter().product();
    let reach = ((if summed { 1.0 } else { gain }) / fan as f64).sqrt();
    (-reach, reach)
}

/// Notes what a graph asks for.
#[derive(Default)]
pub(crate) struct Wanted(RefCell<BTreeMap<String, Vec<usize>>>);

impl Weights for Wanted {
    fn tensor(&self, _model: &'static str, name: &str, shape: &[usize]) -> Result<Stored, ModelError> {
        self.0.borrow_mut().insert(name.to_owned(), shape.to_vec());
        Ok(Stored {
            file: String::new(),
            offset: 0,
            length: 0,
            element: Element::F32,
            shape: shape.to_vec(),
            axes: Vec::new(),
        })
    }

    /// Whatever an older checkpoint would call otherwise is called as it is today.
    fn holds(&self, name: &str, _shape: &[usize]) -> bool {
        self.0.borrow().contains_key(name)
    }
}

impl Wanted {
    /// The same, each name with `prefix` before it.
    pub(crate) fn within(self, prefix: &str) -> Self {
        let named = self
            .0
            .into_inner()
            .into_iter()
            .map(|(name, shape)| (format!("{prefix}{name}"), shape));
        Self(RefCell::new(named.collect()))
    }

    /// Writes a checkpoint with all that was asked for.
    pub(crate) fn write(&self, path: &Path, gain: f64) {
        self.write_with(path, |name, shape| {
            between(name, shape.iter().product(), limits(name, shape, gain))
        });
    }

    /// Writes a checkpoint with all that was asked for, filled as `fill` says.
    pub(crate) fn write_with(&self, path: &Path, fill: impl Fn(&str, &[usize]) -> Vec<f32>) {
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .0
            .borrow()
            .iter()
            .map(|(name, shape)| {
                let bytes = fill(name, shape).iter().flat_map(|x| x.to_le_bytes()).collect();
                (name.clone(), shape.clone(), bytes)
            })
            .collect();
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view =
                safetensors::tensor::TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as long as its shape");
            (name.clone(), view)
        });
        safetensors::serialize_to_file(views, None, path).expect("a checkpoint");
    }
}

pub(crate) struct Fixture(Vec<u8>);

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        Self(std::fs::read(path).expect("a fixture"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let all = SafeTensors::deserialize(&self.0).expect("safetensors");
        all.tensor(name).expect("it is there").data().to_vec()
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let bytes = self.bytes(name);
        bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect()
    }

    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        let bytes = self.bytes(name);
        let (numbers, _) = bytes.as_chunks::<8>();
        numbers.iter().map(|b| i64::from_le_bytes(*b)).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let all = SafeTensors::deserialize(&self.0).expect("safetensors");
        all.names().into_iter().map(str::to_owned).collect()
    }
}

/// The library that `scripts/setup test` unpacked, or the one that the environment names.
pub(crate) fn runtime() -> Runtime {
    let named = std::env::var_os("SYNCHRESIS_ORT_LIB").map(PathBuf::from);
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/onnxruntime/libonnxruntime.so");
    let mac = unpacked.with_file_name("libonnxruntime.dylib");
    let candidates: Vec<PathBuf> = named.into_iter().chain([unpacked, mac]).collect();
    Runtime::load(&candidates, 2).expect("ONNX Runtime: scripts/setup test unpacks it")
}

/// Largest difference, as a share of the largest value.
pub(crate) fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let scale = theirs.iter().fold(1e-12f32, |m, x| m.max(x.abs()));
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
}

pub(crate) fn sampled(values: &[f32]) -> Vec<f32> {
    let step = values.len().div_ceil(3000).max(1);
    values.iter().step_by(step).copied().collect()
}

/// A picture with slopes, edges and grain.
pub(crate) fn photo(name: &str, width: usize, height: usize) -> Picture {
    let mut grain = drawn(name, width * height * 3);
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let base = [x * 255 / width, y * 255 / height, (x / 16 + y / 16) % 2 * 255];
            for b in base {
                let g = (grain.next().expect("enough") * 256.0) as usize;
                rgb.push(((b * 3 + g) / 4) as u8);
            }
        }
    }
    Picture::new(width, height, rgb).expect("a picture")
}

fn yolo(size: Size, fixture: &Fixture, folder: &Path) -> YoloV9 {
    let wanted = Wanted::default();
    yolov9::graph(&wanted, size, 80, Operators::default()).expect("a graph");
    let gain = f64::from_le_bytes(fixture.bytes("gain").try_into().expect("one number"));
    let path = folder.join("v9.safetensors");
    wanted.write(&path, gain);
    let yolo = YoloV9::load(&path, &runtime()).expect("loads");
    assert_eq!((yolo.size(), yolo.classes()), (size, 80), "another size was recognised");
    yolo
}

fn heads_agree(size: Size, name: &str, most: f32) {
    let fixture = Fixture::open(&format!("yolov9-{name}.safetensors"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut yolo = yolo(size, &fixture, folder.path());
    let image = between("image", 3 * 96 * 128, (0.0, 1.0));
    let heads = yolo.heads(&image, 128, 96).expect("runs");
    assert_eq!(heads.len(), 6);
    for (i, head) in heads.iter().enumerate() {
        let apart = apart(&sampled(&head.data), &fixture.floats(&format!("head{i}")));
        assert!(apart < most, "head {i} of size {name} is {apart} off");
    }
}

#[test]
fn yolov9_t_differs_from_the_reference() {
    heads_agree(Size::T, "t", 1e-4);
}

#[test]
#[ignore = "seconds: make test-all"]
fn a_larger_yolov9_differs_from_the_reference() {
    // The random weights of s amplify rounding: in single precision the reference itself is up to 7.4e-5 off what it computes in double.
    heads_agree(Size::S, "s", 2e-4);
    for (size, name) in [(Size::M, "m"), (Size::C, "c"), (Size::E, "e")] {
        heads_agree(size, name, 1e-4);
    }
}

#[test]
fn boxes_differ_from_the_references() {
    let heads: Vec<Tensor> = [20usize, 10, 5]
        .into_iter()
        .enumerate()
        .flat_map(|(i, cells)| {
            let part = |name: &str, depth: usize, limits| Tensor {
                shape: vec![1, depth, cells, cells],
                data: between(&format!("{name}{i}"), depth * cells * cells, limits),
            };
            [part("class", 80, (-40.0, 1.0)), part("sides", 4, (0.0, 6.0))]
        })
        .collect();
    let letterbox = Letterbox {
        scale: 0.32,
        left: 0,
        top: 27,
    };
    let found = yolov9::boxes(&heads, &letterbox, &Keep::default());
    let theirs = Fixture::open("detections.safetensors").floats("detections");
    assert!(theirs.len() >= 6 * 100, "the fixture holds too little to compare");
    assert_eq!(found.len(), theirs.len() / 6);
    for (ours, theirs) in found.iter().zip(theirs.as_chunks::<6>().0) {
        assert_eq!(ours.class, theirs[0] as usize);
        assert!((ours.confidence - theirs[5]).abs() < 1e-6);
        for (a, b) in ours.corners.iter().zip(&theirs[1..5]) {
            assert!((a - b).abs() < 1e-3, "{ours:?} against {theirs:?}");
        }
    }
}

/// Photographs, letterboxed, through size t, whose logits are spread until 400 are sure enough.
#[test]
fn other_things_are_found_in_photographs_than_the_reference_finds() {
    let fixture = Fixture::open("photographs.safetensors");
    let folder = tempfile::tempdir().expect("a folder");
    let mut yolo = yolo(Size::T, &fixture, folder.path());
    for name in ["chelsea.png", "coffee.png", "rocket.jpg"] {
        let photo = ::image::open(crate::lite0::media(name))
            .expect("a photograph")
            .to_rgb8();
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let photo = Picture::new(width, height, photo.into_raw()).expect("a picture");
        let (boxed, letterbox) = photo.letterboxed(640);
        let mut heads = yolo.heads(&boxed.planes([0.0; 3], [1.0; 3]), 640, 640).expect("runs");
        let said = fixture.floats(&format!("{name}.said"));
        for logits in heads.iter_mut().step_by(2) {
            let places = logits.shape[2] * logits.shape[3];
            for class in logits.data.chunks_exact_mut(places) {
                let mean = class.iter().map(|x| f64::from(*x)).sum::<f64>() / places as f64;
                class
                    .iter_mut()
                    .for_each(|x| *x = (*x - mean as f32) * said[0] + said[1]);
            }
        }
        let found = yolov9::boxes(&heads, &letterbox, &Keep::default());
        let theirs = fixture.floats(name);
        let theirs = theirs.as_chunks::<6>().0;
        assert!(theirs.len() > 30, "the fixture holds too little to compare");
        assert_eq!(found.len(), theirs.len(), "{name}");
        for wanted in theirs {
            // Two that are as sure as each other may stand in either order.
            let same = found.iter().any(|ours| {
                let near = ours
                    .corners
                    .iter()
                    .zip(&wanted[1..5])
                    .all(|(a, b)| (a - b).abs() < 0.05);
                near && ours.class == wanted[0] as usize && (ours.confidence - wanted[5]).abs() < 1e-3
            });
            assert!(same, "{name}: {wanted:?} is not found");
        }
    }
}

#[test]
fn resnet18_differs_from_torchvision() {
    let wanted = Wanted::default();
    resnet18::graph(&wanted, Operators::default()).expect("a graph");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    wanted.write(&path, 6.0);
    let mut net = ResNet18::load(folder.path(), &runtime()).expect("loads");
    let image = between("image", 3 * 96 * 128, (-2.0, 2.0));
    let latent = net.forward(&image, 128, 96).expect("runs");
    assert_eq!(latent.shape, [1, 512, 3, 4]);
    let apart = apart(&latent.data, &Fixture::open("resnet18.safetensors").floats("latent"));
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn a_resized_picture_differs_from_pillows_by_a_bit() {
    let image = photo("resize", 61, 47);
    let fixture = Fixture::open("resize.safetensors");
    for name in fixture.names() {
        let (way, size) = name.split_once('-').expect("way and size");
        let (w, h) = size.split_once('x').expect("two sides");
        let filter = match way {
            "bilinear" => Filter::Bilinear,
            "bicubic" => Filter::Bicubic,
            _ => Filter::Lanczos,
        };
        let ours = image.resized(w.parse().expect("width"), h.parse().expect("height"), filter);
        assert!(ours.rgb() == fixture.bytes(&name), "{name}");
    }
}

#[test]
fn the_medoids_are_worse_than_fasterpams() {
    let points: Vec<f32> = drawn("points", 200).map(|x| x as f32).collect();
    let points: Vec<Vec<f32>> = points.chunks(5).map(<[f32]>::to_vec).collect();
    let distances = Distances::euclidean(&points);
    let fixture = Fixture::open("medoids.safetensors");
    for k in [1, 3, 5] {
        let theirs: Vec<usize> = fixture
            .bytes(&format!("k{k}"))
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| i64::from_le_bytes(*b) as usize)
            .collect();
        let ours = medoids(&distances, k);
        assert!(
            loss(&distances, &ours) <= loss(&distances, &theirs) + 1e-9,
            "{ours:?} against {theirs:?}"
        );
    }
}

#[test]
fn the_checkpoint_of_another_model_is_taken() {
    let wanted = Wanted::default();
    resnet18::graph(&wanted, Operators::default()).expect("a graph");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    wanted.write(&path, 6.0);
    let checkpoint = Checkpoint::open(&path).expect("opens");
    let refused = yolov9::graph(&checkpoint, Size::T, 80, Operators::default());
    assert!(matches!(refused, Err(ModelError::MissingTensor { .. })));
    // Half of it: what is missing is said, not read past the end.
    let bytes = std::fs::read(&path).expect("reads");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
    assert!(matches!(Checkpoint::open(&path), Err(ModelError::Checkpoint { .. })));
}
