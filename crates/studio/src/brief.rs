//! What a person asks for.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_cue::{Original, Section, Sounds};

/// Who makes the music.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Music {
    /// The built-in composer.
    Composer,
    /// AudioLDM2 with the weights of this folder, or of the model folder.
    Audioldm2(Option<PathBuf>),
    /// AudioLDM with the weights of this folder, or of the model folder.
    Audioldm(Option<PathBuf>),
    /// AudioLDM at Replicate.
    Replicate,
    /// Nobody.
    None,
}

/// Which frame stands for the film.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FrameChoice {
    /// The medoid of the sampled frames.
    Auto,
    /// The frame a third of the way in.
    Third,
    /// The frame two thirds of the way in.
    TwoThirds,
    /// The frame shown at this time, seconds.
    At(f64),
}

/// Who recognises things in the sampled frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Objects {
    /// YOLOv9 where its weights and ONNX Runtime are found, else nobody, and the document says so.
    Auto,
    /// Nobody.
    None,
    /// YOLOv9 with the weights of this file or folder, or of the model folder.
    Yolov9(Option<PathBuf>),
}

/// Who puts the film in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Describe {
    /// Moondream2 where its weights and ONNX Runtime are found, else what was measured, and the document says so.
    Auto,
    /// Nobody: what was measured.
    None,
    /// Moondream2 with the weights of this folder, or of the model folder.
    Moondream2(Option<PathBuf>),
    /// A vision model behind an OpenAI-compatible endpoint.
    Openai {
        /// Its base, `http://127.0.0.1:11434/v1`.
        url: String,
        /// The model's name there.
        model: String,
    },
    /// LLaVA-13B at Replicate.
    Replicate,
}

/// Who tells mood, scene and time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scenes {
    /// CLIP where its weights and ONNX Runtime are found, else nobody, and the document says so.
    Auto,
    /// Nobody.
    None,
    /// CLIP with the weights of this folder, or of the model folder.
    Clip(Option<PathBuf>),
}

/// What frames are compared by when one is to stand for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// What was measured while watching.
    BuiltIn,
    /// The latents of ResNet18, with the weights of this file or folder, or of the model folder.
    Resnet18(Option<PathBuf>),
}

/// Which sampled instruments may play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Soundbank {
    /// The best free bank at the usual places, else the built-in voices.
    Auto,
    /// The built-in voices alone.
    None,
    /// This SF2 or SF3 file.
    File(PathBuf),
}

/// Everything that changes the sound of the film: the `options` section of the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Brief {
    /// Free words: `calm rainy evening, solo piano`.
    pub mood: String,
    /// A style by name or by file; chosen from what is seen where absent.
    pub style: Option<String>,
    /// Same brief, same seed, same bytes.
    pub seed: u64,
    /// How many takes to compose and rank.
    pub takes: u32,
    /// Who makes the music.
    pub music: Music,
    /// Who makes the effects.
    pub sounds: Sounds,
    /// The folder of the engine that makes the effects, where another than the model folder's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sounds_weights: Option<PathBuf>,
    /// Steps of an engine that draws; its usual number where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// How much the words outweigh what to avoid, for an engine that draws; its usual figure where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
    /// Linear gain of the music, 0 to 1.
    pub music_volume: f64,
    /// Linear gain of the effects, 0 to 1.
    pub sounds_volume: f64,
    /// What becomes of the clip's own sound; ducked where absent.
    pub original: Option<Original>,
    /// Integrated loudness of the film, LUFS.
    pub loudness: f64,
    /// Words for a generating engine in place of the combined ones.
    pub prompt: Option<String>,
    /// What a generating engine should avoid.
    pub negative_prompt: String,
    /// Who recognises things in the sampled frames.
    pub objects: Objects,
    /// What frames are compared by when one is to stand for all.
    pub features: Features,
    /// How many most telling frames are named.
    pub moments: u32,
    /// Who tells mood, scene and time of day.
    pub scene: Scenes,
    /// Who puts the film in words.
    pub describe: Describe,
    /// What is asked about the frame that stands for the film; the engine's usual question where absent.
    pub question: Option<String>,
    /// Which frame stands for the film.
    pub frame: FrameChoice,
    /// Moments the person wants hit, seconds, beside those that are seen.
    pub hits: Vec<f64>,
    /// How long a still picture is shown, seconds.
    pub duration: Option<f64>,
    /// Whether a still picture moves slowly.
    pub drift: bool,
    /// Sections of the document's take to leave as they are, counted from 1.
    pub keep_sections: Vec<usize>,
    /// Which sampled instruments may play.
    pub soundbank: Soundbank,
}

impl Section for Brief {
    const NAME: &'static str = "options";
}

impl Default for Brief {
    fn default() -> Self {
        Self {
            mood: String::new(),
            style: None,
            seed: 0,
            takes: 1,
            music: Music::Composer,
            sounds: Sounds::None,
            sounds_weights: None,
            steps: None,
            guidance: None,
            music_volume: 1.0,
            sounds_volume: 1.0,
            original: None,
            loudness: -14.0,
            prompt: None,
            negative_prompt: String::new(),
            objects: Objects::Auto,
            features: Features::BuiltIn,
            moments: 1,
            scene: Scenes::Auto,
            describe: Describe::Auto,
            question: None,
            frame: FrameChoice::Auto,
            hits: Vec::new(),
            duration: None,
            drift: false,
            keep_sections: Vec::new(),
            soundbank: Soundbank::Auto,
        }
    }
}
