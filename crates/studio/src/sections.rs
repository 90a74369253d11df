//! The document's sections with the seed system's names and keys, and the record of how it was made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_cue::{CueSheet, Mood, Score, Section, Spotting};

use crate::easel::PaintSteps;

macro_rules! section {
    ($(#[$doc:meta])* $type:ident as $name:literal { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $type { $($(#[$field_doc])* pub $field: $kind,)* }

        impl Section for $type {
            const NAME: &'static str = $name;
        }
    };
}

section! {
    /// The input file.
    VideoInput as "video_input" {
        /// MD5 of the file, 32 hexadecimal digits.
        token: String,
        /// Its name without folder.
        video_name: String,
        /// Where it lies.
        video_path: String,
        /// Length in seconds.
        video_duration: f64,
        /// Where the film goes.
        output_path: String,
        /// Its extension, lower case, without the dot.
        file_format: String,
    }
}

section! {
    /// The sampled frames: ⌊10·log10(seconds)⌋ of them, one at least.
    FrameExtraction as "frame_extraction" {
        /// How many.
        frame_count: usize,
        /// The folder they were saved to, where that was asked for.
        output_path: Option<String>,
    }
}

section! {
    /// What was recognised in the sampled frames.
    ObjectDetection as "object_detection" {
        /// Different labels in all frames together.
        total_keywords: usize,
        /// The engine that looked; `none` where none is installed.
        engine: String,
        /// Why none looked, or which file its weights came from.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// Per sampled frame.
        frames: Vec<FrameObjects>,
    }
}

/// What was recognised in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameObjects {
    /// Number of the frame in order of display.
    pub frame: u64,
    /// Labels.
    pub labels: Vec<String>,
    /// Where each thing is, if the engine says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<ObjectBox>,
}

/// A recognised thing and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectBox {
    /// What it is.
    pub label: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Left, top, right, bottom, pixels of the picture as shown.
    #[serde(rename = "box")]
    pub corners: [f64; 4],
}

section! {
    /// The frame that stands for the film.
    FrameSelection as "frame_selection" {
        /// Its number in order of display.
        best_frame: u64,
        /// Its index among the sampled frames, or the nearest one's.
        best_frame_idx: usize,
        /// When it is shown, seconds.
        time_s: f64,
        /// Why that one.
        reason: String,
        /// Indices of the most telling frames among the sampled ones, where more than one was asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moments: Vec<usize>,
    }
}

section! {
    /// Mood, scene, weather, time of day, indoors or out.
    Scene as "scene" {
        /// The engine that looked; `none` where none is installed.
        engine: String,
        /// Why none looked, or where the engine's weights lie.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// What the composer reads.
        words: Vec<String>,
        /// Pleasant or not, −1 to 1.
        valence: Option<f64>,
        /// Calm or stirred, −1 to 1.
        arousal: Option<f64>,
        /// What fits best of each list.
        lists: Vec<SceneList>,
    }
}

/// A list of things that exclude each other, and how well the likeliest fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SceneList {
    /// Its name.
    pub name: String,
    /// The likeliest first.
    pub shares: Vec<SceneShare>,
}

/// How well something fits, beside the others of its list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SceneShare {
    /// What.
    pub what: String,
    /// 0 to 1.
    pub share: f64,
}

section! {
    /// The film in words.
    FrameDescription as "frame_description" {
        /// A sentence.
        description: String,
        /// The engine that wrote it; `measured` for the built-in one.
        engine: String,
        /// What it was asked, where it was asked something.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        question: String,
        /// Why none looked, or where the engine's weights lie.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    }
}

section! {
    /// What each stretch of a song is, in a sentence.
    Captions as "captions" {
        /// The engine that wrote them.
        engine: String,
        /// Which file its weights came from.
        note: String,
        /// In order of time.
        windows: Vec<CaptionWindow>,
    }
}

/// A stretch of a song in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaptionWindow {
    /// Where it begins, seconds.
    pub start_s: f64,
    /// Where it ends, seconds.
    pub end_s: f64,
    /// The sentence.
    pub text: String,
}

section! {
    /// What a painter is to paint for each section of a film. Change a picture's words, weights or seed: that picture alone is painted
    /// again.
    FilmPictures as "film_pictures" {
        /// The engine that paints.
        engine: String,
        /// Which folder its weights come from.
        note: String,
        /// One a section, in order.
        pictures: Vec<PlannedPicture>,
    }
}

/// A picture that is to be painted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedPicture {
    /// Which section it is for, from 0.
    pub section: usize,
    /// Where that begins, seconds.
    pub start_s: f64,
    /// What is heard, in words.
    pub prompt: String,
    /// How much the words count.
    pub prompt_weight: f32,
    /// How much each artwork counts.
    pub artwork_weights: Vec<f32>,
    /// The art style; empty for none.
    pub style: String,
    /// How much it counts.
    pub style_weight: f32,
    /// What to keep away from.
    pub negative_prompt: String,
    /// The seed.
    pub seed: u64,
}

section! {
    /// Where the painted pictures of a film lie.
    FilmPainted as "film_painted" {
        /// One a section, in order, in the stage cache.
        files: Vec<String>,
    }
}

section! {
    /// A picture that was painted from words and pictures.
    Painting as "painting" {
        /// The engine that painted it.
        engine: String,
        /// Which folder its weights came from.
        note: String,
        /// What was to be painted.
        prompt: String,
        /// Pictures it was to stay near to.
        images: Vec<String>,
        /// How much the prompt and each picture counted.
        weights: Vec<f32>,
        /// What it was to keep away from.
        negative_prompt: Option<String>,
        /// The seed.
        seed: u64,
        /// Steps and guidance.
        how: PaintSteps,
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
        /// Where it lies.
        path: String,
    }
}

section! {
    /// Words for a generating engine.
    PromptCombiner as "prompt_combiner" {
        /// For music.
        prompt: String,
        /// For effects.
        sound_prompt: String,
    }
}

section! {
    /// What stays of a score that was composed for another cut of the film.
    Recut as "recut" {
        /// MD5 of the cut that it was composed for.
        from: String,
        /// Name of that cut.
        from_name: String,
        /// Seed that stays, and with it key and themes; absent where another was asked for.
        seed: Option<u64>,
        /// Style that stays; absent where another was asked for.
        style: Option<String>,
        /// Feeling, mode and players that stay; absent where other words were given.
        mood: Option<Mood>,
    }
}

section! {
    /// Sections of an earlier take that stay as they were (`--keep-sections`), and that take: what was kept can be played again from here,
    /// to the bit.
    Locks as "locks" {
        /// Numbers of the sections in `cue_sheet.form`, from 1.
        sections: Vec<usize>,
        /// The seed that decided form, keys and players.
        frame_seed: u64,
        /// The seed of the effects, which stay.
        effects_seed: u64,
        /// The bars.
        spotting: Spotting,
        /// The plan of the take, its seed in it.
        cue_sheet: CueSheet,
        /// Its notes.
        score: Score,
        /// Takes before that one which are still heard, the newest first.
        older: Vec<OlderTake>,
    }
}

/// A take of which sections are heard that were kept more than once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OlderTake {
    /// The seed that played it.
    pub seed: u64,
    /// What is heard of it: from, to, seconds; an empty one is but a fade at a border.
    pub spans: Vec<(f64, f64)>,
    /// Its notes.
    pub score: Score,
}

section! {
    /// Several compositions of the same brief.
    Takes as "takes" {
        /// The best first: the one that is heard. The others lie beside the film, and are had by their seeds.
        ranked: Vec<Take>,
    }
}

/// One composition and what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Take {
    /// The seed it is composed with.
    pub seed: u64,
    /// 0 to 1, higher is better: the mean over the reasons.
    pub value: f64,
    /// What was judged, a sentence each: sync, voice leading, tune and variety from the notes, the mix from the sound.
    pub reasons: Vec<String>,
    /// The film for the best, for every other its WAV beside the film; absent where no film was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

section! {
    /// The music as rendered, before the mix.
    AudioGeneration as "audio_generation" {
        /// 32-bit float stereo samples at 48 kHz in the stage cache, or the WAV that was asked for.
        path: Option<String>,
        /// The engine.
        engine: String,
        /// What an engine that draws was told, and what it drew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drawn: Option<Drawing>,
    }
}

section! {
    /// The effects as rendered, before the mix.
    SoundGeneration as "sound_generation" {
        /// As for the music.
        path: Option<String>,
        /// The engine.
        engine: String,
        /// As for the music.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drawn: Option<Drawing>,
    }
}

/// What an engine that draws sound was told, and what it drew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drawing {
    /// In words.
    pub prompt: String,
    /// What it stayed away from.
    pub negative_prompt: String,
    /// Of torch's generator.
    pub seed: u64,
    /// How many.
    pub steps: usize,
    /// How much the words outweigh what to avoid.
    pub guidance: f64,
    /// `ddim`, `dpmsolver++`, or the folder's own.
    pub scheduler: String,
    /// Length of what was drawn.
    pub seconds: f64,
    /// Whether it was drawn as overlapping windows.
    pub windows: bool,
    /// Folder of the weights.
    pub weights: String,
    /// Everything that was drawn, what is heard first.
    pub candidates: Vec<Candidate>,
    /// Why they could not be ranked, where that is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// One of several sounds drawn together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Which one it was among them.
    pub index: usize,
    /// CLAP's likeness to the words, −1 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Where it lies.
    pub path: Option<String>,
    /// How it meets the film's hits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landing: Option<Landing>,
}

/// How a drawn sound meets the hits: `hit_rate_1f` as it was drawn, and as it is heard with the film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Landing {
    /// Where in the drawing the film begins, seconds.
    pub begins_s: f64,
    /// Quarters a minute of its pulse, where one is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tempo_bpm: Option<f64>,
    /// Its tempo map: moments of the drawing and of the film that belong together, seconds, straight lines between; empty where it is
    /// heard as it was drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bent: Vec<(f64, f64)>,
    /// Largest stretch or press in it, as a share.
    #[serde(default)]
    pub most_bent: f64,
    /// Why it was not bent, where that is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rejected: String,
    /// Share of the hits with an event within one frame, from the drawing's beginning.
    pub before: f64,
    /// What chance gives.
    pub before_chance: f64,
    /// As it is heard.
    pub after: f64,
    /// What chance gives. Choosing where to begin and bending raise `after` above it by themselves: compare drawings, not this with 0.
    pub after_chance: f64,
}

section! {
    /// The mix as mastered.
    MixReport as "mix" {
        /// Integrated loudness, LUFS; absent for silence.
        loudness_lufs: Option<f64>,
        /// True peak, dBTP; absent for silence.
        true_peak_dbtp: Option<f64>,
        /// What became of the clip's own sound.
        original: String,
        /// Sentences about what was done and why.
        notes: Vec<String>,
    }
}

section! {
    /// The film.
    VideoReconstruction as "video_reconstruction" {
        /// Where it lies.
        output_path: String,
        /// Whether the picture stream was copied bit for bit.
        picture_copied: bool,
        /// What could not be kept as it was, and why.
        notes: Vec<String>,
    }
}

section! {
    /// Everything that touched the result and whose licence asks something of it.
    Licences as "licences" {
        /// One entry a model, sound bank or font.
        used: Vec<Licence>,
        /// What that means for the person who publishes the film.
        summary: String,
    }
}

/// One licence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Licence {
    /// What it is.
    pub what: String,
    /// Licence as an SPDX expression or in words.
    pub licence: String,
    /// Whether money may be made with the result.
    pub commercial: bool,
    /// Whom to name.
    pub notice: String,
}

section! {
    /// How the document came to be.
    Provenance as "provenance" {
        /// This program's version.
        synchresis: String,
        /// FFmpeg's version.
        ffmpeg: String,
        /// The seed.
        seed: u64,
        /// The stages in order.
        stages: Vec<StageRecord>,
    }
}

/// One stage's run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// The section it made.
    pub section: String,
    /// Hash of what it was made from.
    pub key: String,
    /// Hash of the section, so that an edit by hand is seen.
    pub content: String,
    /// Seconds it took; 0 where the cache had it.
    pub seconds: f64,
    /// `made`, `cached` or `edited`.
    pub how: String,
}
