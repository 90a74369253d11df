//! The options of a brief by the long names they have on the command line, each with one grammar wherever it is given.

use std::path::PathBuf;

use synchresis_cue::{Look, Original, Pace, Rational, Sounds};

use crate::brief::{Brief, Describe, Features, FrameChoice, Music, Objects, Scenes, Soundbank};
use crate::easel::PaintEngine;
use crate::error::StudioError;
use crate::film::{FilmBrief, FilmCaption, FilmPainter, FilmTransition};

/// The engines of each option that takes one.
pub const ENGINES: &[(&str, &[&str])] = &[
    ("music", &["composer", "audioldm2", "audioldm", "replicate", "none"]),
    ("sounds", &["none", "designer", "audioldm2"]),
    ("objects", &["auto", "none", "yolov9"]),
    ("features", &["built-in", "resnet18"]),
    ("scene", &["auto", "none", "clip"]),
    ("describe", &["auto", "none", "moondream2", "replicate"]),
    ("painter", &["morph", "kandinsky"]),
    ("transition", &["morph", "cut", "latent"]),
    ("caption", &["hearing", "lp-musiccaps"]),
];

/// The engines of the option of this long name; none where it takes none.
pub fn engines(name: &str) -> &'static [&'static str] {
    ENGINES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[], |(_, engines)| engines)
}

impl Brief {
    /// The long names that [`Brief::set`] knows.
    pub const OPTIONS: &'static [&'static str] = &[
        "mood",
        "style",
        "seed",
        "takes",
        "music",
        "hit",
        "keep-sections",
        "soundbank",
        "sounds",
        "objects",
        "features",
        "moments",
        "scene",
        "describe",
        "question",
        "frame",
        "duration",
        "drift",
        "prompt",
        "negative-prompt",
        "steps",
        "guidance",
        "music-volume",
        "sounds-volume",
        "original",
        "loudness",
    ];

    /// Puts the values of `--name` in the brief. Of a single-valued option the last one counts.
    ///
    /// # Errors
    /// [`StudioError::Option`] for a name that is not known or a value that does not read, [`StudioError::NoEngine`] for
    /// an engine that this build does not have.
    pub fn set<S: AsRef<str>>(&mut self, name: &str, values: &[S]) -> Result<(), StudioError> {
        let text = values.last().map_or("", AsRef::as_ref);
        let bad = |why: String| StudioError::Option {
            name: name.to_owned(),
            why,
        };
        let engine = |have: &'static str| StudioError::NoEngine {
            name: name.to_owned(),
            engine: text.to_owned(),
            have,
        };
        match name {
            "mood" => text.clone_into(&mut self.mood),
            "style" => self.style = (text != "auto").then(|| text.to_owned()),
            "seed" => self.seed = whole(text).map_err(bad)?,
            "takes" => self.takes = takes(text).map_err(bad)?,
            "music" => {
                self.music = match engine_and_path(text) {
                    ("composer", None) => Music::Composer,
                    ("none", None) => Music::None,
                    ("audioldm2", path) => Music::Audioldm2(path),
                    ("audioldm", path) => Music::Audioldm(path),
                    ("replicate", None) => Music::Replicate,
                    _ => {
                        return Err(engine(
                            "composer, audioldm2, audioldm2=DIR, audioldm, audioldm=DIR, replicate or none",
                        ));
                    }
                };
            }
            "sounds" => {
                (self.sounds, self.sounds_weights) = match engine_and_path(text) {
                    ("none", None) => (Sounds::None, None),
                    ("designer", None) => (Sounds::Designer, None),
                    ("audioldm2", path) => (Sounds::Audioldm2, path),
                    _ => return Err(engine("designer, audioldm2, audioldm2=DIR or none")),
                };
            }
            "objects" => {
                self.objects = match engine_and_path(text) {
                    ("auto", None) => Objects::Auto,
                    ("none", None) => Objects::None,
                    ("yolov9", path) => Objects::Yolov9(path),
                    _ => return Err(engine("auto, none, yolov9 or yolov9=FILE")),
                };
            }
            "features" => {
                self.features = match engine_and_path(text) {
                    ("built-in", None) => Features::BuiltIn,
                    ("resnet18", path) => Features::Resnet18(path),
                    _ => return Err(engine("built-in, resnet18 or resnet18=DIR")),
                };
            }
            "moments" => self.moments = moments(text).map_err(bad)?,
            "scene" => {
                self.scene = match engine_and_path(text) {
                    ("auto", None) => Scenes::Auto,
                    ("none", None) => Scenes::None,
                    ("clip", path) => Scenes::Clip(path),
                    _ => return Err(engine("auto, none, clip or clip=DIR")),
                };
            }
            "describe" => {
                self.describe = match text.split_once('=') {
                    None if text == "auto" => Describe::Auto,
                    None if text == "none" => Describe::None,
                    None if text == "replicate" => Describe::Replicate,
                    None if text == "moondream2" => Describe::Moondream2(None),
                    Some(("moondream2", path)) => Describe::Moondream2(Some(PathBuf::from(path))),
                    Some(("openai", rest)) => endpoint(rest).map_err(bad)?,
                    _ => {
                        let have = "auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate";
                        return Err(engine(have));
                    }
                };
            }
            "question" => self.question = Some(question(text)),
            "hit" => self.hits = each(values, time).map_err(bad)?,
            "keep-sections" => self.keep_sections = each(values, section).map_err(bad)?,
            "soundbank" => {
                self.soundbank = match text {
                    "auto" => Soundbank::Auto,
                    "none" => Soundbank::None,
                    file => Soundbank::File(PathBuf::from(file)),
                };
            }
            "frame" => self.frame = frame(text).map_err(bad)?,
            "duration" => self.duration = Some(time(text).map_err(bad)?),
            "drift" => self.drift = switch(text).map_err(bad)?,
            "prompt" => self.prompt = Some(text.to_owned()),
            "negative-prompt" => text.clone_into(&mut self.negative_prompt),
            "steps" => self.steps = Some(draw_steps(text).map_err(bad)?),
            "guidance" => self.guidance = Some(guidance(text).map_err(bad)?),
            "music-volume" => self.music_volume = gain(text).map_err(bad)?,
            "sounds-volume" => self.sounds_volume = gain(text).map_err(bad)?,
            "original" => {
                self.original = match text {
                    "auto" => None,
                    "keep" => Some(Original::Keep),
                    "duck" => Some(Original::Duck),
                    "drop" => Some(Original::Drop),
                    _ => return Err(bad(format!("{text:?} is not auto, keep, duck or drop"))),
                };
            }
            "loudness" => self.loudness = loudness(text).map_err(bad)?,
            _ => return Err(bad("there is no such option".into())),
        }
        Ok(())
    }
}

/// `yolov9=weights/v9-c.pt` is an engine and where its weights lie.
fn engine_and_path(text: &str) -> (&str, Option<PathBuf>) {
    match text.split_once('=') {
        Some((engine, path)) => (engine, Some(PathBuf::from(path))),
        None => (text, None),
    }
}

/// The weights of `--caption lp-musiccaps=…`; none: those of the model folder.
///
/// # Errors
/// [`StudioError::NoEngine`].
pub fn caption_engine(text: &str) -> Result<Option<PathBuf>, StudioError> {
    match engine_and_path(text) {
        ("lp-musiccaps", path) => Ok(path),
        _ => Err(StudioError::NoEngine {
            name: "caption".to_owned(),
            engine: text.to_owned(),
            have: "lp-musiccaps or lp-musiccaps=DIR",
        }),
    }
}

/// `--painter kandinsky`, `kandinsky=DIR`, `variations` or `variations=DIR` of a picture by itself.
///
/// # Errors
/// [`StudioError::NoEngine`].
pub fn paint_engine(text: &str) -> Result<PaintEngine, StudioError> {
    match engine_and_path(text) {
        ("kandinsky", path) => Ok(PaintEngine::Kandinsky(path)),
        ("variations", path) => Ok(PaintEngine::Variations(path)),
        _ => Err(StudioError::NoEngine {
            name: "painter".to_owned(),
            engine: text.to_owned(),
            have: "kandinsky, kandinsky=DIR, variations or variations=DIR",
        }),
    }
}

/// `768x768`, or `1:1`, `16:9`, `9:16`, `4:5`: width and height in pixels.
///
/// # Errors
/// [`StudioError::Option`].
pub fn picture_size(text: &str) -> Result<(u32, u32), StudioError> {
    size(text).map_err(|why| StudioError::Option {
        name: "size".to_owned(),
        why,
    })
}

/// `http://127.0.0.1:11434/v1#llava:13b`.
fn endpoint(text: &str) -> Result<Describe, String> {
    match text.rsplit_once('#') {
        Some((url, model)) if !model.is_empty() && (url.starts_with("http://") || url.starts_with("https://")) => {
            Ok(Describe::Openai {
                url: url.trim_end_matches('/').to_owned(),
                model: model.to_owned(),
            })
        }
        _ => Err(format!(
            "{text:?} is no endpoint: openai=http://127.0.0.1:11434/v1#llava:13b, the base of its API and the model's name"
        )),
    }
}

/// The question, or the one that stands under this name.
fn question(text: &str) -> String {
    match text {
        "short" => synchresis_models::moondream::QUESTION,
        "music" => synchresis_models::replicate::QUESTION,
        own => own,
    }
    .to_owned()
}

fn moments(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n) if (1..=1000).contains(&n) => Ok(n),
        _ => Err(format!("{text:?} is not a number from 1 to 1000")),
    }
}

impl FilmBrief {
    /// The long names that [`FilmBrief::set`] knows.
    pub const OPTIONS: &'static [&'static str] = &[
        "look",
        "painter",
        "transition",
        "pace",
        "percussive",
        "harmonic",
        "section-seconds",
        "size",
        "fps",
        "seed",
        "genres",
        "caption",
        "weights",
        "negative-prompt",
        "prior-steps",
        "steps",
        "guidance",
    ];

    /// Puts the value of `--name` in the brief. `transition` is to be set after `look`: `cut` takes its place.
    ///
    /// # Errors
    /// As for [`Brief::set`].
    pub fn set<S: AsRef<str>>(&mut self, name: &str, values: &[S]) -> Result<(), StudioError> {
        let text = values.last().map_or("", AsRef::as_ref);
        let bad = |why: String| StudioError::Option {
            name: name.to_owned(),
            why,
        };
        let engine = |have: &'static str| StudioError::NoEngine {
            name: name.to_owned(),
            engine: text.to_owned(),
            have,
        };
        match name {
            "look" => self.look = look(text).map_err(bad)?,
            "painter" => {
                self.painter = match engine_and_path(text) {
                    ("morph", None) => FilmPainter::Morph,
                    ("kandinsky", path) => FilmPainter::Kandinsky(path),
                    _ => return Err(engine("morph, kandinsky or kandinsky=DIR")),
                };
            }
            "transition" => {
                self.transition = match engine_and_path(text) {
                    ("morph", None) => FilmTransition::Morph,
                    ("cut", None) => {
                        self.look = Look::Cut;
                        FilmTransition::Morph
                    }
                    ("latent", path) => FilmTransition::Latent(path),
                    _ => return Err(engine("morph, cut, latent or latent=DIR")),
                };
            }
            "caption" => {
                self.caption = match engine_and_path(text) {
                    ("hearing", None) => FilmCaption::Hearing,
                    ("lp-musiccaps", path) => FilmCaption::LpMusiccaps(path),
                    _ => return Err(engine("hearing, lp-musiccaps or lp-musiccaps=DIR")),
                };
            }
            "weights" => self.art_weights = each(values, share).map_err(bad)?,
            "negative-prompt" => text.clone_into(&mut self.negative_prompt),
            "prior-steps" => self.paint.prior_steps = steps(text).map_err(bad)?,
            "steps" => self.paint.steps = steps(text).map_err(bad)?,
            "guidance" => self.paint.guidance = weight(text).map_err(bad)? as f32,
            "pace" => self.pace = pace(text).map_err(bad)?,
            "percussive" => self.percussive = weight(text).map_err(bad)?,
            "harmonic" => self.harmonic = weight(text).map_err(bad)?,
            "section-seconds" => self.section_seconds = section_seconds(text).map_err(bad)?,
            "size" => self.size = size(text).map_err(bad)?,
            "fps" => self.fps = fps(text).map_err(bad)?,
            "seed" => self.seed = whole(text).map_err(bad)?,
            "genres" => self.genres = Some(PathBuf::from(text)),
            _ => return Err(bad("there is no such option".into())),
        }
        Ok(())
    }
}

/// Every value, lists with commas among them taken apart.
fn each<T, S: AsRef<str>>(values: &[S], read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    values
        .iter()
        .flat_map(|value| value.as_ref().split(','))
        .filter(|part| !part.trim().is_empty())
        .map(read)
        .collect()
}

fn whole(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a whole number of 0 or more"))
}

fn takes(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(takes) if (1..=64).contains(&takes) => Ok(takes),
        _ => Err(format!("{text:?} is not a number of takes from 1 to 64")),
    }
}

fn draw_steps(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(steps) if (1..=1000).contains(&steps) => Ok(steps),
        _ => Err(format!("{text:?} is not a number of steps from 1 to 1000")),
    }
}

fn guidance(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(guidance) if (0.0..=1000.0).contains(&guidance) => Ok(guidance),
        _ => Err(format!("{text:?} is not a guidance of 0 or more, such as 3.5")),
    }
}

fn section(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text:?} is not the number of a section, counted from 1")),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "" | "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(format!("{text:?} is not true or false")),
    }
}

/// `75`, `75.5s`, `1:15.5`, `1:02:03`: seconds.
///
/// # Errors
/// A sentence that says what a time looks like.
pub fn time(text: &str) -> Result<f64, String> {
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

fn look(text: &str) -> Result<Look, String> {
    Look::named(text).ok_or_else(|| {
        let names: Vec<&str> = Look::ALL.iter().map(|look| look.name()).collect();
        format!("there is no look {text:?}: {}", names.join(", "))
    })
}

fn pace(text: &str) -> Result<Pace, String> {
    Pace::named(text).ok_or_else(|| format!("there is no pace {text:?}: energy, linear, constant"))
}

fn weight(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err(format!("{text:?} is not a weight of 0 or more")),
    }
}

fn share(text: &str) -> Result<f32, String> {
    weight(text.trim()).map(|w| w as f32)
}

fn steps(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(steps) if (2..=1000).contains(&steps) => Ok(steps),
        _ => Err(format!("{text:?} is not a number of steps from 2 to 1000")),
    }
}

fn section_seconds(text: &str) -> Result<Option<f64>, String> {
    match text {
        "song" => Ok(None),
        _ => match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.5 => Ok(Some(seconds)),
            _ => Err(format!("{text:?} is not a length of 0.5 s or more, nor `song`")),
        },
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    match text {
        "1:1" => return Ok((768, 768)),
        "16:9" => return Ok((1280, 720)),
        "9:16" => return Ok((720, 1280)),
        "4:5" => return Ok((864, 1080)),
        _ => {}
    }
    let bad = || format!("{text:?} is not a size: 768x768, 16:9, 9:16, 1:1, 4:5");
    let (width, height) = text.split_once(['x', '×']).ok_or_else(bad)?;
    match (width.trim().parse(), height.trim().parse()) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(bad()),
    }
}

fn fps(text: &str) -> Result<Rational, String> {
    let rate = match text.split_once('/') {
        Some((num, den)) => num.trim().parse().ok().zip(den.trim().parse().ok()),
        None => decimal_fps(text.trim()),
    };
    match rate {
        Some((num, den)) if den > 0 && (1.0..=240.0).contains(&(f64::from(num) / f64::from(den))) => {
            Ok(Rational { num, den })
        }
        _ => Err(format!(
            "{text:?} is no frame rate from 1 to 240: 30, 25, 23.976, 30000/1001"
        )),
    }
}

/// A rate as people write it. 23.976, 23.98, 29.97 and 59.94 are names of a whole rate slowed by 1000/1001.
fn decimal_fps(text: &str) -> Option<(u32, u32)> {
    let value: f64 = text.parse().ok().filter(|v| (1.0..=240.0).contains(v))?;
    let whole = value.ceil();
    let slowed = whole * 1000.0 / 1001.0;
    if value == whole {
        return Some((whole as u32, 1));
    }
    if (value - slowed).abs() < 0.006 {
        return Some((whole as u32 * 1000, 1001));
    }
    Some(((value * 1000.0).round() as u32, 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_rate_as_people_write_it_is_refused_or_drifts() {
        let rate = |text: &str| fps(text).map(|r| (r.num, r.den)).ok();
        assert_eq!(rate("30"), Some((30, 1)));
        for text in ["23.976", "23.98"] {
            assert_eq!(rate(text), Some((24_000, 1001)), "{text}");
        }
        assert_eq!(rate("29.97"), Some((30_000, 1001)));
        assert_eq!(rate("59.94"), Some((60_000, 1001)));
        assert_eq!(rate("12.5"), Some((12_500, 1000)));
        assert_eq!(rate("25.0"), Some((25, 1)));
        assert_eq!(rate("24000/1001"), Some((24_000, 1001)));
        for text in ["0", "NaN", "1/0", "241", "-5", "", "fast"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

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

    #[test]
    fn a_name_that_is_listed_is_not_known() {
        for name in Brief::OPTIONS {
            let refused = Brief::default().set(name, &["\0"]).err().map(|e| e.to_string());
            assert!(
                !refused.clone().is_some_and(|why| why.contains("no such option")),
                "{name}: {refused:?}"
            );
        }
        for name in FilmBrief::OPTIONS {
            let refused = FilmBrief::default().set(name, &["\0"]).err().map(|e| e.to_string());
            assert!(
                !refused.clone().is_some_and(|why| why.contains("no such option")),
                "{name}: {refused:?}"
            );
        }
        assert!(Brief::default().set("nothing", &["1"]).is_err());
    }

    #[test]
    fn an_engine_that_is_listed_is_refused() {
        for (name, engines) in ENGINES {
            for engine in *engines {
                let taken = if Brief::OPTIONS.contains(name) {
                    Brief::default().set(name, &[engine])
                } else {
                    FilmBrief::default().set(name, &[engine])
                };
                assert!(taken.is_ok(), "--{name} {engine}: {taken:?}");
            }
        }
    }

    #[test]
    fn a_list_loses_what_stands_after_a_comma() {
        let mut brief = Brief::default();
        brief.set("hit", &["1,2.5", "1:00"]).expect("reads");
        assert_eq!(brief.hits, [1.0, 2.5, 60.0]);
        brief.set("keep-sections", &["1,3"]).expect("reads");
        assert_eq!(brief.keep_sections, [1, 3]);
        assert!(brief.set("keep-sections", &["0"]).is_err());
    }
}
