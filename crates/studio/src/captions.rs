//! What a song is, ten seconds at a time, in sentences.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use synchresis_cue::Document;
use synchresis_media::{AudioOptions, decode_song};
use synchresis_models::captions::{LpMusicCaps, RATE};

use crate::cache::Key;
use crate::error::StudioError;
use crate::eyes::{Weights, find, runtime};
use crate::open::identity;
use crate::run::Outcome;
use crate::sections::{CaptionWindow, Captions};
use crate::world::World;

/// Version of what is said.
pub(crate) const CAPTIONS: u32 = 1;

/// Files and folders in the model folder that hold LP-MusicCaps, best first.
const NAMES: [&str; 4] = [
    "lp-musiccaps",
    "lp-music-caps",
    "seungheondoh/lp-music-caps",
    "transfer.pth",
];

/// Captions of `song` by LP-MusicCaps with the weights of `given`, or of the model folder. With a `document` they are put into it.
///
/// # Errors
/// A song that cannot be read, weights, words or a library that are missing, cancellation.
pub fn caption_song(
    song: &Path,
    given: Option<&Path>,
    document: Option<&Path>,
    world: &dyn World,
) -> Result<Outcome, StudioError> {
    let earlier = document.map(crate::order::read_document).transpose()?.flatten();
    let captions = synchresis_models::watched(world, || captions(song, given, world))?;
    let mut result = earlier.unwrap_or_else(Document::default);
    result.put(&captions)?;
    if let Some(path) = document {
        crate::run::write_whole(path, result.to_json().as_bytes(), "writing the document to")?;
    }
    let clock = |s: f64| format!("{}:{:02}", (s / 60.0) as u64, (s % 60.0) as u64);
    let told = captions
        .windows
        .iter()
        .map(|w| format!("{}–{} {}", clock(w.start_s), clock(w.end_s), w.text.trim()))
        .collect();
    Ok(Outcome {
        document: result,
        result: None,
        told,
    })
}

/// The captions, from the cache where nothing has changed.
pub(crate) fn captions(song: &Path, given: Option<&Path>, world: &dyn World) -> Result<Captions, StudioError> {
    let (path, weights) = placed(given, world)?;
    let known = identity(song).map(|key| key.as_str().to_owned());
    let key = Key::new("captions", CAPTIONS, &(&known, &weights));
    let kept = world.cache().json::<Captions>("captions", &key);
    if let Some(captions) = kept.filter(|_| known.is_some()) {
        return Ok(captions);
    }
    let mut model = LpMusicCaps::load(&path, &runtime(world)?)?;
    world.begin("listening");
    let samples = heard(song, world)?;
    world.begin("describing");
    let windows = model.captions(&samples, world)?;
    let captions = Captions {
        engine: "lp-musiccaps".into(),
        note: format!("weights of {}", weights.path.display()),
        windows: windows
            .into_iter()
            .map(|c| CaptionWindow {
                start_s: c.start_s,
                end_s: c.end_s,
                text: c.text,
            })
            .collect(),
    };
    if known.is_some() {
        world.cache().remember("captions", &key, &captions);
    }
    Ok(captions)
}

/// Where LP-MusicCaps lies, and its checkpoint as it is now.
pub(crate) fn placed(given: Option<&Path>, world: &dyn World) -> Result<(PathBuf, Weights), StudioError> {
    crate::weights::allowed("lp-musiccaps", world)?;
    let path = find(given, &NAMES, "LP-MusicCaps", world)?;
    let weights = Weights::of(&published(&path))?;
    Ok((path, weights))
}

/// The published file in a folder, which may hold others.
fn published(path: &Path) -> PathBuf {
    let file = path.join("transfer.pth");
    if file.is_file() { file } else { path.to_owned() }
}

/// The song as the original hears it: mono, 16 kHz, 16 bits.
fn heard(song: &Path, world: &dyn World) -> Result<Vec<i16>, StudioError> {
    let options = AudioOptions {
        rate: RATE,
        channels: 1,
    };
    let mut samples = Vec::new();
    decode_song(song, options, world.tools()?, world.limits(), world, |part| {
        samples.extend(
            part.iter()
                .map(|x| (x * 32768.0).round().clamp(-32768.0, 32767.0) as i16),
        );
        ControlFlow::Continue(())
    })?;
    Ok(samples)
}
