//! The film in words: what was measured, or what a vision model says about the frame that stands for it.

use std::path::{Path, PathBuf};

use synchresis_cue::Sighting;
use synchresis_models::image::Filter;
use synchresis_models::moondream::{self, Moondream};
use synchresis_models::warm::Warm;
use synchresis_models::{Device, ModelError, Picture, Precision, openai, replicate};

use crate::brief::Describe;
use crate::cache::Key;
use crate::error::StudioError;
use crate::eyes::{Weights, find, pictures, runtime};
use crate::ledger::Ledger;
use crate::open::Opened;
use crate::order::Order;
use crate::sections::FrameDescription;
use crate::tell;
use crate::world::World;

/// Version of what the engines say.
const DESCRIBED: u32 = 3;
/// Version of how weights lie in 8 bits.
const EIGHT_BITS: u32 = 1;

/// Folders in the model folder that hold Moondream2.
const MOONDREAM_NAMES: [&str; 3] = ["moondream2", "vikhyatk/moondream2", "vikhyatk--moondream2"];

/// What the frame at `time_s` shows.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    sighting: &Sighting,
    time_s: f64,
    world: &dyn World,
) -> Result<FrameDescription, StudioError> {
    let frame = || -> Result<Picture, StudioError> {
        world.begin("extracting");
        let mut all = pictures(&opened.footage, &order.input, &[time_s], world)?;
        all.pop()
            .ok_or_else(|| StudioError::Brief("describing: the clip has no frame there".into()))
    };
    let brief = &order.brief;
    let question = brief.question.as_deref();
    match &brief.describe {
        Describe::None => measured(ledger, sighting, ""),
        Describe::Auto => {
            let ready = find(None, &MOONDREAM_NAMES, "Moondream2", world)
                .and_then(|folder| Ok((Weights::of(&folder)?, runtime(world)?, folder)));
            match ready {
                Ok((weights, _, folder)) => {
                    match by_moondream(ledger, opened, time_s, question, (&folder, &weights), world, frame) {
                        Err(why) if why.exit_code() != 130 => measured(ledger, sighting, first_line(&why.tell())),
                        told => told,
                    }
                }
                Err(why) => measured(ledger, sighting, first_line(&why.tell())),
            }
        }
        Describe::Moondream2(given) => {
            let folder = find(given.as_deref(), &MOONDREAM_NAMES, "Moondream2", world)?;
            let weights = Weights::of(&folder)?;
            by_moondream(ledger, opened, time_s, question, (&folder, &weights), world, frame)
        }
        Describe::Openai { url, model } => by_openai(ledger, opened, time_s, question, (url, model), world, frame),
        Describe::Replicate => by_replicate(ledger, opened, time_s, question, world, frame),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn measured(ledger: &mut Ledger, sighting: &Sighting, why: &str) -> Result<FrameDescription, StudioError> {
    let told = FrameDescription {
        note: why.to_owned(),
        ..tell::describe(sighting)
    };
    ledger.put(&told)?;
    Ok(told)
}

fn by_moondream(
    ledger: &mut Ledger,
    opened: &Opened,
    time_s: f64,
    question: Option<&str>,
    (folder, weights): (&Path, &Weights),
    world: &dyn World,
    frame: impl FnOnce() -> Result<Picture, StudioError>,
) -> Result<FrameDescription, StudioError> {
    let question = question.unwrap_or(moondream::QUESTION);
    let eight = match world.precision() {
        Precision::Auto => world.device() == Device::Cpu,
        Precision::Eight => true,
        Precision::Single => false,
    };
    let inputs = (&opened.content, time_s, question, weights, eight, "moondream2");
    ledger.section(DESCRIBED, &inputs, world, || {
        let eight = if eight {
            Some(eight_bits(folder, weights, world)?)
        } else {
            None
        };
        let picture = frame()?;
        world.begin("loading");
        let runtime = runtime(world)?;
        let kind = if eight.is_some() {
            "moondream2 in 8 bits"
        } else {
            "moondream2"
        };
        // Published in half precision, which single precision doubles and 8 bits halve.
        let bytes = if eight.is_some() {
            weights.bytes * 5 / 9
        } else {
            weights.bytes * 2
        };
        let mut moondream = Warm::shared().held(&weights.key(kind, world), bytes, || {
            Moondream::load(folder, eight.as_deref(), &runtime)
        })?;
        world.begin("describing");
        let answer = moondream.answer(&picture, question, moondream::LONGEST, &mut |words| {
            world.say(words);
            !world.cancelled()
        });
        world.say("\n");
        Ok(FrameDescription {
            description: answer?.text,
            engine: "moondream2".into(),
            question: question.to_owned(),
            note: format!(
                "weights of {}{}",
                weights.path.display(),
                if eight.is_some() { ", in 8 bits" } else { "" }
            ),
        })
    })
}

/// The weights in 8 bits, from the cache or made now.
fn eight_bits(folder: &Path, weights: &Weights, world: &dyn World) -> Result<PathBuf, StudioError> {
    let (stage, key) = ("weights", Key::new("weights", EIGHT_BITS, weights));
    if let Some(path) = world.cache().file(stage, &key, "safetensors") {
        return Ok(path);
    }
    world.begin("packing");
    let pending = world
        .cache()
        .create(stage, &key, "safetensors")
        .map_err(StudioError::cache)?;
    Moondream::in_eight_bits(folder, pending.path(), &mut |share| {
        world.progress(share);
        !world.cancelled()
    })?;
    pending.keep().map_err(StudioError::cache)
}

fn by_openai(
    ledger: &mut Ledger,
    opened: &Opened,
    time_s: f64,
    question: Option<&str>,
    (url, model): (&str, &str),
    world: &dyn World,
    frame: impl FnOnce() -> Result<Picture, StudioError>,
) -> Result<FrameDescription, StudioError> {
    let question = question.unwrap_or(moondream::QUESTION);
    let inputs = (&opened.content, time_s, question, "openai", url, model);
    ledger.section(DESCRIBED, &inputs, world, || {
        let jpeg = jpeg(&frame()?)?;
        world.begin("describing");
        let key = world
            .secret("SYNCHRESIS_OPENAI_KEY")
            .or_else(|| world.secret("OPENAI_API_KEY"));
        let endpoint = openai::Endpoint {
            url,
            model,
            key: key.as_deref(),
        };
        let patience = openai::Patience::default();
        Ok(FrameDescription {
            description: openai::ask(endpoint, &jpeg, question, patience, &|| world.cancelled())?,
            engine: format!("openai {model}"),
            question: question.to_owned(),
            note: format!("at {}", openai::told(url)),
        })
    })
}

fn by_replicate(
    ledger: &mut Ledger,
    opened: &Opened,
    time_s: f64,
    question: Option<&str>,
    world: &dyn World,
    frame: impl FnOnce() -> Result<Picture, StudioError>,
) -> Result<FrameDescription, StudioError> {
    let question = question.unwrap_or(replicate::QUESTION);
    let token = world.secret(replicate::KEY).ok_or(ModelError::NoKey {
        what: "Replicate",
        name: replicate::KEY,
    })?;
    let inputs = (&opened.content, time_s, question, "replicate", replicate::LLAVA);
    ledger.section(DESCRIBED, &inputs, world, || {
        let jpeg = jpeg(&frame()?)?;
        world.begin("describing");
        let base = world.secret("REPLICATE_API_BASE_URL");
        let account = replicate::Account {
            base: base.as_deref().unwrap_or(replicate::BASE),
            token: &token,
        };
        let patience = openai::Patience::default();
        let tell = &mut |words: &str| world.say(words);
        let answer = replicate::describe(account, &jpeg, question, patience, tell, &|| world.cancelled());
        world.say("\n");
        Ok(FrameDescription {
            description: answer?,
            engine: "replicate yorickvp/llava-13b".into(),
            question: question.to_owned(),
            note: format!("version {}", replicate::LLAVA),
        })
    })
}

/// The longer side of a picture that goes over the network, pixels.
const SENT: usize = 1024;

/// Small enough to send.
fn jpeg(picture: &Picture) -> Result<Vec<u8>, StudioError> {
    let longer = picture.width().max(picture.height());
    let small;
    let picture = if longer > SENT {
        let (width, height) = (picture.width() * SENT / longer, picture.height() * SENT / longer);
        small = picture.resized(width, height, Filter::Lanczos);
        &small
    } else {
        picture
    };
    let mut bytes = Vec::new();
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 92)
        .encode(picture.rgb(), width, height, image::ExtendedColorType::Rgb8)
        .map_err(|e| StudioError::Brief(format!("describing: the frame could not be packed: {e}")))?;
    Ok(bytes)
}
