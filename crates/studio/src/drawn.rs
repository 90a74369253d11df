//! Sound drawn by a diffusion model from words: by itself, and as the music and effects of a film.

mod film;
mod landing;
mod replicate;

use std::path::{Path, PathBuf};

use synchresis_cue::Document;
use synchresis_models::audioldm::{AudioLdm, Family, Made, Wish};
use synchresis_models::diffusion::Method;
use synchresis_models::warm::{Held, Warm};

use crate::brief::{Brief, Music};
use crate::error::StudioError;
use crate::eyes::{Weights, find, runtime};
use crate::run::{Outcome, write_whole};
use crate::sections::{AudioGeneration, Candidate, Drawing, Licence, Licences};
use crate::weights::allowed;
use crate::world::World;

pub(crate) use film::{Drawn, Film, run};

/// The seed systems' settings.
const STEPS: u32 = 75;
const NEGATIVE: &str = "Low quality, average quality, bad quality, poor quality";

/// Up to this length, seconds, a sound by itself is drawn whole, as the reference does it; a longer one in windows.
const WHOLE: f64 = 30.0;

/// What `generate` may be told beside the brief.
#[derive(Debug, Clone, Default)]
pub struct DrawOrder {
    /// Length in seconds; what the model was trained with, where absent.
    pub seconds: Option<f64>,
    /// `ddim` or `dpmsolver++`; the folder's own, where absent.
    pub scheduler: Option<String>,
    /// The WAV: the model's own samples, 32-bit float. Others than the best are numbered beside it.
    pub output: Option<PathBuf>,
    /// The document to put the section in.
    pub document: Option<PathBuf>,
    /// Whether to replace what is there.
    pub force: bool,
}

/// A family and where its folder lies.
struct Engine {
    family: Family,
    name: &'static str,
    folder: PathBuf,
    weights: Vec<Weights>,
}

impl Engine {
    fn find(music: &Music, world: &dyn World) -> Result<Option<Self>, StudioError> {
        let (family, name, given, names): (_, _, _, &[&str]) = match music {
            Music::Audioldm2(given) => (
                Family::AudioLdm2,
                "audioldm2",
                given,
                &[
                    "audioldm2",
                    "cvssp/audioldm2",
                    "audioldm2-music",
                    "cvssp/audioldm2-music",
                    "audioldm2-large",
                    "cvssp/audioldm2-large",
                ],
            ),
            Music::Audioldm(given) => (
                Family::AudioLdm,
                "audioldm",
                given,
                &[
                    "audioldm",
                    "cvssp/audioldm-s-full-v2",
                    "cvssp/audioldm",
                    "cvssp/audioldm-m-full",
                    "cvssp/audioldm-l-full",
                ],
            ),
            Music::Replicate | Music::Composer | Music::None => return Ok(None),
        };
        allowed(name, world)?;
        let folder = find(given.as_deref(), names, family.name(), world)?;
        if !folder.is_dir() {
            return Err(synchresis_models::ModelError::NoWeights {
                path: folder,
                reason: "there is no such folder".to_owned(),
            }
            .into());
        }
        Ok(Some(Self {
            family,
            name,
            weights: Vec::new(),
            folder,
        }))
    }

    /// Opened, or still warm from an earlier time, and known by its weights.
    fn open(&mut self, world: &dyn World) -> Result<Held<'static, AudioLdm>, StudioError> {
        // A part that is missing is told as such before anything is asked of it.
        let model = AudioLdm::open(&self.folder, self.family, &runtime(world)?)?;
        let parts = ["text_encoder", "unet", "vae", "vocoder"];
        self.weights = parts
            .iter()
            .map(|part| Weights::of(&self.folder.join(part)))
            .collect::<Result<_, _>>()?;
        let keys: Vec<String> = self.weights.iter().map(|w| w.key(self.name, world)).collect();
        let stays = world.stays();
        // Else little is left of it after each use.
        let bytes = if stays {
            self.weights.iter().map(|w| w.bytes).sum()
        } else {
            0
        };
        let mut held = Warm::shared().held(&keys.join("\n"), bytes, || Ok::<_, StudioError>(model))?;
        held.stay(stays);
        Ok(held)
    }

    fn guidance(&self) -> f64 {
        match self.family {
            Family::AudioLdm2 => 3.5,
            Family::AudioLdm => 2.5,
        }
    }

    /// How many are drawn to choose among, as the seed systems do.
    fn usual_waveforms(&self) -> u32 {
        match self.family {
            Family::AudioLdm2 => 4,
            Family::AudioLdm => 3,
        }
    }

    fn licence(&self) -> Licence {
        Licence {
            what: format!("{} with the weights of {}", self.family.name(), self.folder.display()),
            licence: "CC-BY-NC-SA-4.0, as the published weights (cvssp) have it".into(),
            commercial: false,
            notice: match self.family {
                Family::AudioLdm2 => "AudioLDM 2, H. Liu et al. 2023".into(),
                Family::AudioLdm => "AudioLDM, H. Liu et al. 2023".into(),
            },
        }
    }
}

/// Whether `name` is a method, and which.
fn method(name: Option<&str>) -> Result<Option<Method>, StudioError> {
    match name {
        None => Ok(None),
        Some("ddim") => Ok(Some(Method::Ddim)),
        Some("dpmsolver++" | "dpmsolver") => Ok(Some(Method::DpmSolver)),
        Some(other) => Err(StudioError::Option {
            name: "scheduler".into(),
            why: format!("{other:?} is none of ddim and dpmsolver++"),
        }),
    }
}

fn method_name(method: Option<Method>) -> String {
    match method {
        None => "the folder's own",
        Some(Method::Ddim) => "ddim",
        Some(Method::DpmSolver) => "dpmsolver++",
    }
    .into()
}

/// Whether the brief's music is drawn by an engine.
pub(crate) fn draws(brief: &Brief) -> bool {
    matches!(brief.music, Music::Audioldm2(_) | Music::Audioldm(_) | Music::Replicate)
}

/// Draws a sound of the brief's prompt alone, without a film.
///
/// # Errors
/// No words, weights that are missing or another model's, a wish that cannot be met, cancellation; nothing is left half-written.
pub fn draw(brief: &Brief, order: &DrawOrder, world: &dyn World) -> Result<Outcome, StudioError> {
    let Some(prompt) = brief.prompt.as_deref() else {
        let words = "drawing a sound: there are no words for it\nhint: --prompt \"rain on a tin roof\"";
        return Err(StudioError::Brief(words.into()));
    };
    let method = method(order.scheduler.as_deref())?;
    let earlier = order
        .document
        .as_deref()
        .map(crate::order::read_document)
        .transpose()?
        .flatten();
    let Some(mut engine) = Engine::find(&brief.music, world)? else {
        let words = "drawing a sound: without a film only AudioLDM2 and AudioLDM do it\nhint: name a clip, or --music audioldm2=FOLDER";
        return Err(StudioError::Brief(words.into()));
    };
    let files: Vec<PathBuf> = match &order.output {
        Some(output) => (0..brief.takes.max(1)).map(|n| numbered(output, n)).collect(),
        None => {
            return Err(StudioError::Brief(
                "drawing a sound: it has no name\nhint: -o sound.wav".into(),
            ));
        }
    };
    if let Some(there) = files.iter().find(|file| file.exists() && !order.force) {
        return Err(StudioError::Brief(format!(
            "writing {}: it exists already and is kept\nhint: --force replaces it",
            there.display()
        )));
    }
    world.begin("opening");
    let mut model = engine.open(world)?;
    let seconds = order.seconds.unwrap_or_else(|| model.usual_seconds());
    let wish = Wish {
        prompt,
        negative: Some(brief.negative_prompt.as_str()),
        seed: brief.seed,
        steps: brief.steps.unwrap_or(STEPS) as usize,
        guidance: brief.guidance.unwrap_or_else(|| engine.guidance()) as f32,
        seconds,
        waveforms: brief.takes.max(1) as usize,
        method,
        windows: seconds > WHOLE.max(model.usual_seconds()),
    };
    world.begin("drawing");
    let made = model.make(wish, world)?;
    let mut candidates = Vec::new();
    for (file, waveform) in files.iter().zip(&made.waveforms) {
        write_whole(file, &wav(&waveform.samples, made.rate), "writing the sound to")?;
        candidates.push(Candidate {
            index: waveform.index,
            score: waveform.score.map(f64::from),
            path: Some(file.display().to_string()),
            landing: None,
        });
    }
    let mut document = earlier.unwrap_or_else(Document::default);
    document.put(&AudioGeneration {
        path: files.first().map(|file| file.display().to_string()),
        engine: engine.name.into(),
        drawn: Some(drawing(&engine, &wish, &made, candidates)),
    })?;
    document.put(&Licences {
        used: vec![engine.licence()],
        summary: "The published weights of this engine are not for commercial use.".into(),
    })?;
    if let Some(path) = &order.document {
        write_whole(path, document.to_json().as_bytes(), "writing the document to")?;
    }
    let told = notes(&made).map(|note| format!("note: {note}"));
    Ok(Outcome {
        document,
        result: files.first().cloned(),
        told: told.collect(),
    })
}

fn drawing(engine: &Engine, wish: &Wish<'_>, made: &Made, candidates: Vec<Candidate>) -> Drawing {
    Drawing {
        prompt: wish.prompt.to_owned(),
        negative_prompt: wish.negative.unwrap_or_default().to_owned(),
        seed: wish.seed,
        steps: wish.steps,
        guidance: f64::from(wish.guidance),
        scheduler: method_name(wish.method),
        seconds: wish.seconds,
        windows: wish.windows,
        weights: engine.folder.display().to_string(),
        candidates,
        note: notes(made).collect::<Vec<_>>().join("; "),
    }
}

/// What is to be said of a drawing.
fn notes(made: &Made) -> impl Iterator<Item = String> {
    let order = made.unranked.as_ref();
    let order = order.map(|why| format!("the sounds are in the order they were drawn: {why}"));
    made.cut.clone().into_iter().chain(order)
}

/// `rain.wav`, `rain.2.wav`, `rain.3.wav`.
fn numbered(output: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return output.to_path_buf();
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let extension = output.extension().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!("{stem}.{}.{extension}", n + 1))
}

/// One channel of 32-bit floats.
fn wav(samples: &[f32], rate: u32) -> Vec<u8> {
    let bytes = samples.len() as u32 * 4;
    let mut out = Vec::with_capacity(samples.len() * 4 + 58);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(50 + bytes).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&18u32.to_le_bytes());
    for field in [3u16, 1] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for field in [rate, rate * 4] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for field in [4u16, 32, 0] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(b"fact");
    for field in [4, samples.len() as u32] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(b"data");
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_of_floats_has_a_wrong_head() {
        let bytes = wav(&[0.25, -1.0], 16_000);
        assert_eq!(bytes.len(), 58 + 8);
        assert_eq!(&bytes[..4], b"RIFF");
        assert_eq!(
            u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize,
            bytes.len() - 8
        );
        assert_eq!(bytes[20], 3);
        assert_eq!(&bytes[58..62], &0.25f32.to_le_bytes());
    }
}
