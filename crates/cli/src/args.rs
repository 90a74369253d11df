//! The flags of a brief, shared by `score` and the stages.

use std::path::PathBuf;

use clap::ValueEnum;
use synchresis_studio::{Brief, FrameChoice, Music, Original, Soundbank, Sounds};

use crate::failure::Failure;

/// What the film should sound like. A flag left out keeps what the document of an earlier run says.
#[derive(Debug, clap::Args)]
pub(crate) struct BriefArgs {
    /// Free words: "calm rainy evening, solo piano".
    #[arg(long, value_name = "TEXT", help_heading = "Music")]
    mood: Option<String>,
    /// One of `synchresis styles`, or a style's file; chosen from what is seen by default.
    #[arg(long, value_name = "NAME", help_heading = "Music")]
    style: Option<String>,
    /// Same brief and seed: the same bytes. Another seed: another tune.
    #[arg(long, value_name = "N", help_heading = "Music")]
    seed: Option<u64>,
    /// Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64), help_heading = "Music")]
    takes: Option<u32>,
    /// Who makes the music: composer or none.
    #[arg(long, value_name = "ENGINE", help_heading = "Music")]
    music: Option<String>,
    /// A moment the music must land on, seconds or m:ss.mmm; can be given more than once.
    #[arg(long = "hit", value_name = "TIME", value_parser = time, help_heading = "Music")]
    hits: Vec<f64>,
    /// Sections of the document's take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed.
    #[arg(long, value_name = "N", value_delimiter = ',', help_heading = "Music")]
    keep_sections: Vec<usize>,
    /// An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices).
    #[arg(long, value_name = "FILE", help_heading = "Music")]
    soundbank: Option<String>,
    /// Who makes the effects: none or designer (whooshes, risers, impacts, and beds such as rain or traffic).
    #[arg(long, value_name = "ENGINE", help_heading = "Effects")]
    sounds: Option<String>,
    /// Who recognises objects: auto or none.
    #[arg(long, value_name = "ENGINE", help_heading = "Picture")]
    objects: Option<String>,
    /// Who describes the picture: auto or none.
    #[arg(long, value_name = "ENGINE", help_heading = "Picture")]
    describe: Option<String>,
    /// The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s.
    #[arg(long, value_name = "WHICH", value_parser = frame, help_heading = "Picture")]
    frame: Option<FrameChoice>,
    /// How long a still picture is shown, seconds or m:ss.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Picture")]
    duration: Option<f64>,
    /// Move slowly over a still picture.
    #[arg(long, help_heading = "Picture")]
    drift: bool,
    /// Words for a generating engine, in place of the combined ones.
    #[arg(long, value_name = "TEXT", help_heading = "Generating engines")]
    prompt: Option<String>,
    /// What a generating engine should avoid.
    #[arg(long, value_name = "TEXT", help_heading = "Generating engines")]
    negative_prompt: Option<String>,
    /// Linear gain of the music, 0 to 1.
    #[arg(long, value_name = "F", value_parser = gain, help_heading = "Mix")]
    music_volume: Option<f64>,
    /// Linear gain of the effects, 0 to 1.
    #[arg(long, value_name = "F", value_parser = gain, help_heading = "Mix")]
    sounds_volume: Option<f64>,
    /// What becomes of the clip's own sound; duck by default.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Mix")]
    original: Option<OriginalArg>,
    /// Integrated loudness of the film, LUFS; −14 by default.
    #[arg(long, value_name = "LUFS", value_parser = loudness, allow_negative_numbers = true, help_heading = "Mix")]
    loudness: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OriginalArg {
    Keep,
    Duck,
    Drop,
}

impl BriefArgs {
    /// `base` with every flag that was given.
    pub(crate) fn over(&self, base: Brief) -> Result<Brief, Failure> {
        let mut brief = base;
        set(&mut brief.mood, self.mood.clone());
        if let Some(style) = &self.style {
            brief.style = (style != "auto").then(|| style.clone());
        }
        set(&mut brief.seed, self.seed);
        set(&mut brief.takes, self.takes);
        if let Some(engine) = &self.music {
            brief.music = match engine.as_str() {
                "composer" => Music::Composer,
                "none" => Music::None,
                other => return Err(no_engine("--music", other, "composer or none")),
            };
        }
        if let Some(engine) = &self.sounds {
            brief.sounds = match engine.as_str() {
                "none" => Sounds::None,
                "designer" => Sounds::Designer,
                other => return Err(no_engine("--sounds", other, "designer or none")),
            };
        }
        for (flag, engine) in [("--objects", &self.objects), ("--describe", &self.describe)] {
            if let Some(engine) = engine.as_deref().filter(|engine| !matches!(*engine, "auto" | "none")) {
                return Err(no_engine(flag, engine, "auto or none"));
            }
        }
        if !self.hits.is_empty() {
            brief.hits.clone_from(&self.hits);
        }
        if !self.keep_sections.is_empty() {
            brief.keep_sections.clone_from(&self.keep_sections);
        }
        if let Some(bank) = &self.soundbank {
            brief.soundbank = match bank.as_str() {
                "auto" => Soundbank::Auto,
                "none" => Soundbank::None,
                file => Soundbank::File(PathBuf::from(file)),
            };
        }
        set(&mut brief.frame, self.frame);
        if self.duration.is_some() {
            brief.duration = self.duration;
        }
        brief.drift |= self.drift;
        if self.prompt.is_some() {
            brief.prompt.clone_from(&self.prompt);
        }
        set(&mut brief.negative_prompt, self.negative_prompt.clone());
        set(&mut brief.music_volume, self.music_volume);
        set(&mut brief.sounds_volume, self.sounds_volume);
        if let Some(original) = self.original {
            brief.original = Some(match original {
                OriginalArg::Keep => Original::Keep,
                OriginalArg::Duck => Original::Duck,
                OriginalArg::Drop => Original::Drop,
            });
        }
        set(&mut brief.loudness, self.loudness);
        Ok(brief)
    }
}

fn set<T>(slot: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *slot = value;
    }
}

fn no_engine(flag: &str, engine: &str, have: &str) -> Failure {
    Failure::new(
        4,
        format!("{flag} {engine}: this build has no such engine\nhint: {flag} takes {have}"),
    )
}

/// `75`, `75.5s`, `1:15.5`, `1:02:03`.
fn time(text: &str) -> Result<f64, String> {
    let bad = || format!("{text:?} is not a time: 12.5, 12.5s, 1:15.5 and 1:02:03 are");
    let mut seconds = 0.0;
    for part in text.trim().trim_end_matches('s').split(':') {
        let value: f64 = part.parse().map_err(|_| bad())?;
        if !value.is_finite() || value < 0.0 {
            return Err(bad());
        }
        seconds = seconds * 60.0 + value;
    }
    Ok(seconds)
}

fn frame(text: &str) -> Result<FrameChoice, String> {
    match text {
        "auto" => Ok(FrameChoice::Auto),
        "33%" => Ok(FrameChoice::Third),
        "66%" => Ok(FrameChoice::TwoThirds),
        _ => time(text)
            .map(FrameChoice::At)
            .map_err(|_| format!("{text:?} is not a frame: auto, 33%, 66% and 12.5s are")),
    }
}

fn gain(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("{text:?} is not a gain from 0 to 1")),
    }
}

fn loudness(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (-40.0..=-5.0).contains(&value) => Ok(value),
        _ => Err(format!("{text:?} is not a loudness from -40 to -5 LUFS")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_as_people_write_it_is_misread() {
        assert_eq!(time("75.5"), Ok(75.5));
        assert_eq!(time("75.5s"), Ok(75.5));
        assert_eq!(time("1:15.5"), Ok(75.5));
        assert_eq!(time("1:02:03"), Ok(3723.0));
        for bad in ["", "x", "-3", "1:-2", "nan", "inf", "1::2"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
