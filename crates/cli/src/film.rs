//! `synchresis film`.

use std::path::PathBuf;

use synchresis_studio::{FilmBrief, FilmOrder, StudioError};

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
    #[arg(long, value_name = "NAME", value_parser = reads("look"), default_value = "pulse")]
    look: String,
    /// Who paints: morph (the artworks themselves), kandinsky, or kandinsky=DIR.
    #[arg(long, value_name = "ENGINE", default_value = "morph")]
    painter: String,
    /// How a picture becomes the next: morph (the look's own way), cut, latent, or latent=DIR.
    #[arg(long, value_name = "WAY", default_value = "morph")]
    transition: String,
    /// Who says what is heard, for painters that take words: hearing, lp-musiccaps, or lp-musiccaps=DIR or FILE.
    #[arg(long, value_name = "ENGINE", default_value = "hearing")]
    caption: String,
    /// How much each artwork counts in what is painted: 1,2 say; alike by default.
    #[arg(long, value_name = "F,F", value_parser = reads("weights"))]
    weights: Option<String>,
    /// What painted pictures keep away from.
    #[arg(long, value_name = "TEXT")]
    negative_prompt: Option<String>,
    /// Steps of the painter's prior.
    #[arg(long, value_name = "N", value_parser = reads("prior-steps"))]
    prior_steps: Option<String>,
    /// Steps of the painter's decoder.
    #[arg(long, value_name = "N", value_parser = reads("steps"))]
    steps: Option<String>,
    /// Guidance of the painter's decoder.
    #[arg(long, value_name = "F", value_parser = reads("guidance"))]
    guidance: Option<String>,
    /// What drives the transitions: energy, linear or constant.
    #[arg(long, value_name = "PACE", value_parser = reads("pace"), default_value = "energy")]
    pace: String,
    /// Weight of the song's percussive part in the transitions.
    #[arg(long, value_name = "F", value_parser = reads("percussive"), default_value = "0.8")]
    percussive: String,
    /// Weight of the song's harmonic part in the transitions.
    #[arg(long, value_name = "F", value_parser = reads("harmonic"), default_value = "0.2")]
    harmonic: String,
    /// About how long a picture stays, in seconds; `song` follows the song's own sections.
    #[arg(long, value_name = "F", value_parser = reads("section-seconds"), default_value = "10")]
    section_seconds: String,
    /// Width and height in pixels, or 1:1, 16:9, 9:16, 4:5.
    #[arg(long, value_name = "WxH", value_parser = reads("size"), default_value = "768x768")]
    size: String,
    /// Frames a second: 30, 25, 23.976 or 30000/1001 say.
    #[arg(long, value_name = "N", value_parser = reads("fps"), default_value = "30")]
    fps: String,
    /// Same song, pictures and seed: the same frames.
    #[arg(long, value_name = "N", value_parser = reads("seed"), default_value = "0")]
    seed: String,
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

impl Args {
    fn brief(&self) -> Result<FilmBrief, StudioError> {
        let mut brief = FilmBrief::default();
        // The transition after the look, whose place it may take.
        let given = [
            ("look", &self.look),
            ("painter", &self.painter),
            ("transition", &self.transition),
            ("pace", &self.pace),
            ("percussive", &self.percussive),
            ("harmonic", &self.harmonic),
            ("section-seconds", &self.section_seconds),
            ("size", &self.size),
            ("fps", &self.fps),
            ("seed", &self.seed),
            ("caption", &self.caption),
        ];
        for (name, value) in given {
            brief.set(name, &[value])?;
        }
        let painted = [
            ("weights", &self.weights),
            ("negative-prompt", &self.negative_prompt),
            ("prior-steps", &self.prior_steps),
            ("steps", &self.steps),
            ("guidance", &self.guidance),
        ];
        for (name, value) in painted {
            if let Some(value) = value {
                brief.set(name, &[value])?;
            }
        }
        brief.genres.clone_from(&self.genres);
        Ok(brief)
    }
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    let brief = args.brief()?;
    let folder = batch::folder(args.output.as_deref(), false)?;
    batch::run(std::slice::from_ref(&args.song), place, args.json, |song| {
        let name = synchresis_studio::film_name(song);
        let output = match (folder, &args.output) {
            (Some(folder), _) => folder.join(name.file_name().unwrap_or_default()),
            (None, Some(output)) => output.clone(),
            (None, None) => name,
        };
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

/// Whether the studio reads the value of this option; the text itself stays for the brief.
fn reads(name: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| match FilmBrief::default().set(name, &[text]) {
        Ok(()) => Ok(text.to_owned()),
        Err(StudioError::Option { why, .. }) => Err(why),
        Err(other) => Err(other.to_string()),
    }
}
