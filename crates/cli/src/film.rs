//! `synchresis film`.

use std::path::PathBuf;

use synchresis_studio::{FilmBrief, FilmOrder, Look, Pace, Rational};

use crate::batch;
use crate::failure::Failure;
use crate::place::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The song.
    #[arg(value_name = "SONG")]
    song: PathBuf,
    /// Artworks: JPEG, PNG or WebP, one at least.
    #[arg(value_name = "ART", required = true)]
    artworks: Vec<PathBuf>,
    /// The film; `SONG.film.mp4` by default.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How it looks: calm, dream, pulse, cut, kaleido, prism, film or seed.
    #[arg(long, value_name = "NAME", value_parser = look, default_value = "pulse")]
    look: Look,
    /// Who paints: morph.
    #[arg(long, value_name = "ENGINE", default_value = "morph")]
    painter: String,
    /// How a picture becomes the next: morph (the look's own way) or cut.
    #[arg(long, value_name = "WAY", default_value = "morph")]
    transition: String,
    /// What drives the transitions: energy, linear or constant.
    #[arg(long, value_name = "PACE", value_parser = pace, default_value = "energy")]
    pace: Pace,
    /// Weight of the song's percussive part in the transitions.
    #[arg(long, value_name = "F", default_value_t = 0.8)]
    percussive: f64,
    /// Weight of the song's harmonic part in the transitions.
    #[arg(long, value_name = "F", default_value_t = 0.2)]
    harmonic: f64,
    /// About how long a picture stays, in seconds; `song` follows the song's own sections.
    #[arg(long, value_name = "F", default_value = "10")]
    section_seconds: String,
    /// Width and height in pixels, or 1:1, 16:9, 9:16, 4:5.
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "768x768")]
    size: (u32, u32),
    /// Frames a second: 30, 25 or 30000/1001 say.
    #[arg(long, value_name = "N", value_parser = fps, default_value = "30")]
    fps: Rational,
    /// Same song, pictures and seed: the same frames.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A table of genres and art styles of your own (TOML).
    #[arg(long, value_name = "FILE")]
    genres: Option<PathBuf>,
    /// The document: read if it is there, so that edits by hand count, and written.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Print the document to stdout.
    #[arg(long)]
    json: bool,
    /// Replace what is already there.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    if args.painter != "morph" {
        return Err(Failure::new(
            4,
            format!(
                "--painter {}: this build has no such painter\nhint: --painter takes morph",
                args.painter
            ),
        ));
    }
    let look = match args.transition.as_str() {
        "morph" => args.look,
        "cut" => Look::Cut,
        other => {
            return Err(Failure::new(
                4,
                format!(
                    "--transition {other}: this build has no such transition\nhint: --transition takes morph or cut"
                ),
            ));
        }
    };
    let section_seconds = match args.section_seconds.as_str() {
        "song" => None,
        text => match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.5 => Some(seconds),
            _ => {
                return Err(Failure::usage(format!(
                    "--section-seconds {text}: not a length of 0.5 s or more, nor `song`"
                )));
            }
        },
    };
    for (flag, weight) in [("--percussive", args.percussive), ("--harmonic", args.harmonic)] {
        if !weight.is_finite() || weight < 0.0 {
            return Err(Failure::usage(format!("{flag} {weight}: a weight is 0 or more")));
        }
    }
    let brief = FilmBrief {
        look,
        pace: args.pace,
        percussive: args.percussive,
        harmonic: args.harmonic,
        section_seconds,
        size: args.size,
        fps: args.fps,
        seed: args.seed,
        genres: args.genres.clone(),
    };
    batch::run(std::slice::from_ref(&args.song), place, args.json, |song| {
        let output = args
            .output
            .clone()
            .unwrap_or_else(|| synchresis_studio::film_name(song));
        let order = FilmOrder::new(
            song.to_owned(),
            args.artworks.clone(),
            brief.clone(),
            output,
            args.document.clone(),
            args.force,
        )?;
        Ok(synchresis_studio::film(&order, place)?)
    })
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
    let (num, den) = text.split_once('/').unwrap_or((text, "1"));
    match (num.trim().parse(), den.trim().parse()) {
        (Ok(num), Ok(den)) if den > 0 && (1.0..=240.0).contains(&(f64::from(num) / f64::from(den))) => {
            Ok(Rational { num, den })
        }
        _ => Err(format!("{text:?} is no frame rate from 1 to 240: 30, 25, 30000/1001")),
    }
}
