//! Engines that look closely at the sampled frames: what is in them, and which stands for the rest.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;
use synchresis_cue::{Document, Footage, Sample, Sighting, Watch};
use synchresis_media::{extract_frames, probe};
use synchresis_models::medoids::{Distances, medoids};
use synchresis_models::resnet18::ResNet18;
use synchresis_models::warm::{Held, Warm};
use synchresis_models::yolov9::{COCO, Keep, YoloV9};
use synchresis_models::{Checkpoint, ModelError, Picture, Runtime};

use crate::brief::{Features, FrameChoice, Objects};
use crate::early::Early;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::Opened;
use crate::order::Order;
use crate::sections::{FrameObjects, FrameSelection, ObjectBox, ObjectDetection};
use crate::tell;
use crate::world::World;

/// Version of what the engines say.
const EYES: u32 = 2;

/// Files and folders in the model folder that hold YOLOv9, best first.
const YOLO_NAMES: [&str; 6] = ["v9-c.pt", "v9-m.pt", "v9-s.pt", "v9-t.pt", "v9-e.pt", "yolov9"];
/// And ResNet18.
const RESNET_NAMES: [&str; 2] = ["resnet18", "timm/resnet18.tv_in1k"];

/// A checkpoint file as it is now: another one is another engine.
#[derive(Debug, Serialize)]
pub(crate) struct Weights {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    modified: Option<u128>,
}

impl Weights {
    pub(crate) fn of(path: &Path) -> Result<Self, StudioError> {
        let file = Checkpoint::open(path)?.path().to_path_buf();
        let metadata = std::fs::metadata(&file).map_err(|e| StudioError::file("opening the weights", &file, e))?;
        let modified = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            path: file,
            bytes: metadata.len(),
            modified: modified.map(|t| t.as_nanos()),
        })
    }
}

impl Weights {
    /// What makes a loaded model of `kind` another one.
    pub(crate) fn key(&self, kind: &str, world: &dyn World) -> String {
        let (device, threads) = (world.device().name(), world.limits().threads);
        format!(
            "{kind} {} {} {:?} {device} {threads}",
            self.path.display(),
            self.bytes,
            self.modified
        )
    }
}

/// Where an engine's weights lie: where the person says, or in the model folder.
pub(crate) fn find(
    given: Option<&Path>,
    names: &[&str],
    what: &str,
    world: &dyn World,
) -> Result<PathBuf, StudioError> {
    if let Some(path) = given {
        return Ok(path.to_path_buf());
    }
    let folder = world.model_folder().unwrap_or_default();
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.ok_or_else(|| {
        let reason = format!("{what} is not there under any of its names ({})", names.join(", "));
        ModelError::NoWeights { path: folder, reason }.into()
    })
}

/// YOLOv9 in the model folder.
pub(crate) fn yolo_in(folder: &Path) -> Option<PathBuf> {
    YOLO_NAMES
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
}

pub(crate) fn runtime(world: &dyn World) -> Result<Runtime, StudioError> {
    let threads = world.limits().threads as usize;
    Ok(Runtime::load(&world.ort_libraries(), threads)?.on(world.device()))
}

/// Where YOLOv9 lies, and what runs it.
struct Ready {
    weights: Weights,
    path: PathBuf,
    runtime: Runtime,
}

impl Ready {
    fn find(given: Option<&Path>, world: &dyn World) -> Result<Self, StudioError> {
        let path = find(given, &YOLO_NAMES, "YOLOv9", world)?;
        Ok(Self {
            weights: Weights::of(&path)?,
            path,
            runtime: runtime(world)?,
        })
    }

    fn detector(&self, world: &dyn World) -> Result<Detector, StudioError> {
        let key = self.weights.key("yolov9", world);
        let load = || YoloV9::load(&self.path, &self.runtime);
        let yolo = Warm::shared().held(&key, self.weights.bytes, load)?;
        Ok(Detector { key, yolo })
    }
}

/// YOLOv9, loaded.
pub(crate) struct Detector {
    /// Says which one it is.
    pub(crate) key: String,
    yolo: Held<'static, YoloV9>,
}

/// The engine that is asked for; none where none is.
pub(crate) fn detector(objects: &Objects, world: &dyn World) -> Result<Option<Detector>, StudioError> {
    match objects {
        Objects::None => Ok(None),
        Objects::Auto => Ready::find(None, world)?.detector(world).map(Some),
        Objects::Yolov9(path) => Ready::find(path.as_deref(), world)?.detector(world).map(Some),
    }
}

impl Detector {
    /// What is in a sampled frame.
    pub(crate) fn frame(
        &mut self,
        sample: &Sample,
        order: &Order,
        opened: &Opened,
        watch: &dyn Watch,
        world: &dyn World,
    ) -> Result<FrameObjects, StudioError> {
        let pictures = shown(&opened.footage, &order.input, &[sample.time_s], watch, world)?;
        let picture = pictures.first().ok_or_else(|| {
            let why = std::io::Error::other(format!("there is none at {:.3} s", sample.time_s));
            StudioError::file("reading a frame of", &order.input, why)
        })?;
        looked(sample, &mut self.yolo, picture)
    }
}

/// What is recognised in the sampled frames; what was recognised `early` is not looked at again.
pub(crate) fn objects(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    (sighting, early): (&Sighting, &Early),
    world: &dyn World,
) -> Result<ObjectDetection, StudioError> {
    let given = match &order.brief.objects {
        Objects::None => return nobody(ledger, sighting, "", world),
        Objects::Auto => None,
        Objects::Yolov9(path) => path.as_deref(),
    };
    let auto = order.brief.objects == Objects::Auto;
    let ready = match Ready::find(given, world) {
        Ok(ready) => ready,
        Err(why) if auto => {
            let why = why.tell();
            let sentence = why.lines().next().unwrap_or_default();
            return nobody(ledger, sighting, sentence, world);
        }
        Err(why) => return Err(why),
    };
    let inputs = (&opened.content, &sighting.samples, &ready.weights);
    let found = ledger.section(EYES, &inputs, world, || {
        let mut detector = ready.detector(world)?;
        world.begin("recognising");
        let mut frames = Vec::new();
        for (i, sample) in sighting.samples.iter().enumerate() {
            world.check()?;
            // One by one, so that no more than one is in memory.
            frames.push(match early.found(&detector.key, sample) {
                Some(found) => found,
                None => detector.frame(sample, order, opened, &Within(world), world)?,
            });
            world.progress((i + 1) as f64 / sighting.samples.len() as f64);
        }
        let mut all: Vec<&String> = frames.iter().flat_map(|f| &f.labels).collect();
        all.sort_unstable();
        all.dedup();
        Ok(ObjectDetection {
            total_keywords: all.len(),
            engine: format!("yolov9-{:?}", detector.yolo.size()).to_lowercase(),
            note: format!("weights of {}", ready.weights.path.display()),
            frames,
        })
    });
    match found {
        Err(why) if auto && why.exit_code() != 130 => {
            let why = why.tell();
            nobody(ledger, sighting, why.lines().next().unwrap_or_default(), world)
        }
        found => found,
    }
}

fn nobody(
    ledger: &mut Ledger,
    sighting: &Sighting,
    why: &str,
    world: &dyn World,
) -> Result<ObjectDetection, StudioError> {
    ledger.section(EYES, &(sighting, why), world, || Ok(tell::objects(sighting, why)))
}

fn looked(sample: &Sample, yolo: &mut YoloV9, picture: &Picture) -> Result<FrameObjects, StudioError> {
    let boxes: Vec<ObjectBox> = yolo
        .detect(picture, &Keep::default())?
        .into_iter()
        .map(|d| ObjectBox {
            label: COCO
                .get(d.class)
                .map_or_else(|| format!("class {}", d.class), |name| (*name).to_owned()),
            confidence: f64::from(d.confidence),
            corners: d.corners.map(f64::from),
        })
        .collect();
    let mut labels: Vec<String> = Vec::new();
    for object in &boxes {
        if !labels.contains(&object.label) {
            labels.push(object.label.clone());
        }
    }
    Ok(FrameObjects {
        frame: sample.frame,
        labels,
        boxes,
    })
}

/// The frame that stands for the film, and as many more as were asked for.
pub(crate) fn select(
    order: &Order,
    opened: &Opened,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<FrameSelection, StudioError> {
    let brief = &order.brief;
    let mut selection = tell::select(sighting, brief.frame);
    let Features::Resnet18(given) = &brief.features else {
        return Ok(selection);
    };
    let key = (&opened.content, &sighting.samples, brief.moments);
    let path = find(given.as_deref(), &RESNET_NAMES, "ResNet18", world)?;
    let weights = Weights::of(&path)?;
    let key = crate::cache::Key::new("moments", EYES, &(key, &weights));
    let telling = match world.cache().json::<Vec<Vec<usize>>>("moments", &key) {
        Some(telling) => telling,
        None => {
            let mut net = resnet18(&path, &weights, world)?;
            let times: Vec<f64> = sighting.samples.iter().map(|s| s.time_s).collect();
            world.begin("extracting");
            let pictures = pictures(&opened.footage, &order.input, &times, world)?;
            let distances = distances(&mut net, &pictures, world)?;
            let telling = vec![
                medoids(&distances, 1),
                medoids(&distances, brief.moments.max(1) as usize),
            ];
            world.cache().remember("moments", &key, &telling);
            telling
        }
    };
    let medoid = telling.first().and_then(|one| one.first()).copied();
    if let (FrameChoice::Auto, Some(index)) = (brief.frame, medoid)
        && let Some(sample) = sighting.samples.get(index)
    {
        selection.best_frame = sample.frame;
        selection.best_frame_idx = index;
        selection.time_s = sample.time_s;
        selection.reason = "the medoid of ResNet18's latents: nearest to all the other sampled frames".to_owned();
    }
    if brief.moments > 1 {
        selection.moments = telling.into_iter().nth(1).unwrap_or_default();
    }
    Ok(selection)
}

/// Which of several pictures stand for all: their indices under `frame_selection`, the most central one first named.
///
/// # Errors
/// A picture that cannot be read, weights or a library that are missing, cancellation.
pub fn select_pictures(
    inputs: &[PathBuf],
    features: &Features,
    moments: u32,
    world: &dyn World,
) -> Result<Document, StudioError> {
    let Features::Resnet18(given) = features else {
        let hint = "selecting among pictures: they must be compared by something\nhint: --features resnet18=FOLDER";
        return Err(StudioError::Brief(hint.to_owned()));
    };
    let path = find(given.as_deref(), &RESNET_NAMES, "ResNet18", world)?;
    let mut net = resnet18(&path, &Weights::of(&path)?, world)?;
    let mut all = Vec::new();
    world.begin("reading");
    for input in inputs {
        let footage = probe(input, world.tools()?, world.limits(), world)?;
        all.extend(pictures(&footage, input, &[0.0], world)?);
    }
    let distances = distances(&mut net, &all, world)?;
    let central = medoids(&distances, 1).first().copied().unwrap_or(0);
    let name = inputs.get(central).map(|p| p.display().to_string()).unwrap_or_default();
    let mut document = Document::default();
    document.put(&FrameSelection {
        best_frame: central as u64,
        best_frame_idx: central,
        time_s: 0.0,
        reason: format!("the medoid of ResNet18's latents: {name}"),
        moments: medoids(&distances, moments.max(1) as usize),
    })?;
    Ok(document)
}

/// ResNet18, kept loaded for the next clip.
fn resnet18(path: &Path, weights: &Weights, world: &dyn World) -> Result<Held<'static, ResNet18>, StudioError> {
    let runtime = runtime(world)?;
    let key = weights.key("resnet18", world);
    Ok(Warm::shared().held(&key, weights.bytes, || ResNet18::load(path, &runtime))?)
}

fn distances(net: &mut ResNet18, pictures: &[Picture], world: &dyn World) -> Result<Distances, StudioError> {
    world.begin("comparing");
    let mut latents: Vec<Vec<f32>> = Vec::new();
    for (i, picture) in pictures.iter().enumerate() {
        world.check()?;
        latents.push(net.latent(picture)?.data);
        world.progress((i + 1) as f64 / pictures.len() as f64);
    }
    if latents.iter().any(|l| l.len() != latents[0].len()) {
        return Err(ModelError::Input {
            model: "ResNet18",
            reason: "pictures of different shapes have latents of different lengths; crop them alike first".to_owned(),
        }
        .into());
    }
    Ok(Distances::euclidean(&latents))
}

/// Part of a work whose progress is told elsewhere.
pub(crate) struct Within<'w>(pub(crate) &'w dyn World);

impl Watch for Within<'_> {
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    fn progress(&self, _fraction: f64) {}
}

/// The frames at these times, upright and at full size.
pub(crate) fn pictures(
    footage: &Footage,
    input: &Path,
    times: &[f64],
    world: &dyn World,
) -> Result<Vec<Picture>, StudioError> {
    shown(footage, input, times, world, world)
}

/// The same, where `watch` hears how far it is.
fn shown(
    footage: &Footage,
    input: &Path,
    times: &[f64],
    watch: &dyn Watch,
    world: &dyn World,
) -> Result<Vec<Picture>, StudioError> {
    let folder =
        tempfile::tempdir().map_err(|e| StudioError::file("making a scratch folder in", &std::env::temp_dir(), e))?;
    let files = extract_frames(
        footage,
        input,
        times,
        folder.path(),
        world.tools()?,
        world.limits(),
        watch,
    )?;
    files
        .iter()
        .map(|file| {
            let bad = |e: image::ImageError| StudioError::file("reading the frame", file, std::io::Error::other(e));
            let rgb = image::open(file).map_err(bad)?.to_rgb8();
            let (w, h) = (rgb.width() as usize, rgb.height() as usize);
            Picture::new(w, h, rgb.into_raw())
                .ok_or_else(|| StudioError::file("reading the frame", file, std::io::Error::other("it is empty")))
        })
        .collect()
}
