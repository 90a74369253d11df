//! `synchresis evaluate`.

use std::path::PathBuf;

use synchresis_studio::Trial;

use crate::batch;
use crate::failure::Failure;
use crate::place::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The film.
    #[arg(value_name = "VIDEO")]
    video: PathBuf,
    /// Its sound, if not its own.
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// A document of `score`: judge the hits it took instead of everything that is seen.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Where chance is drawn from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write a report here that any browser opens: one HTML file.
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
    /// Print the document to stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    batch::run(std::slice::from_ref(&args.video), place, args.json, |video| {
        let trial = Trial {
            video: video.to_owned(),
            name: None,
            audio: args.audio.clone(),
            document: args.document.clone(),
            seed: args.seed,
            report: args.report.clone(),
        };
        Ok(synchresis_studio::evaluate(&trial, place)?)
    })
}
