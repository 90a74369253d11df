//! `synchresis score`.

use std::path::PathBuf;

use synchresis_studio::{Deliver, Order, Stage};

use crate::args::BriefArgs;
use crate::batch;
use crate::failure::Failure;
use crate::place::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Clips, or pictures.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The film; `INPUT.scored.mp4` by default. With several inputs, or where it ends in a slash, the folder for them.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    brief: BriefArgs,
    #[command(flatten)]
    deliver: DeliverArgs,
}

/// What is written beside the film.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Deliverables")]
pub(crate) struct DeliverArgs {
    /// Write a 24-bit WAV for each instrument into this folder, and their sum as premaster.wav.
    #[arg(long, value_name = "DIR")]
    stems: Option<PathBuf>,
    /// Write the music as a MIDI file.
    #[arg(long, value_name = "FILE")]
    midi: Option<PathBuf>,
    /// Write the lead sheet as MusicXML.
    #[arg(long, value_name = "FILE")]
    musicxml: Option<PathBuf>,
    /// Write a cue sheet for people, Markdown or one printable HTML file by its ending: sections, chords, hits, licences.
    #[arg(long, value_name = "FILE")]
    cue_sheet: Option<PathBuf>,
    /// Write a picture of what happened (PNG): filmstrip, hits, beats, waveform.
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
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

impl DeliverArgs {
    fn each(&self, several: bool, input: &std::path::Path) -> Deliver {
        // With several inputs every file gets the input's name in front, and stems a folder of their own.
        let name = input.file_stem().unwrap_or_default().to_os_string();
        let file = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| {
                if !several {
                    return path.clone();
                }
                let mut named = name.clone();
                named.push("-");
                named.push(path.file_name().unwrap_or_default());
                path.with_file_name(named)
            })
        };
        Deliver {
            stems: self
                .stems
                .as_ref()
                .map(|dir| if several { dir.join(&name) } else { dir.clone() }),
            midi: file(&self.midi),
            musicxml: file(&self.musicxml),
            cue_sheet: file(&self.cue_sheet),
            timeline: file(&self.timeline),
            document: file(&self.document),
            force: self.force,
            ..Deliver::default()
        }
    }
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    let several = args.inputs.len() > 1;
    let folder = batch::folder(args.output.as_deref(), several)?;
    batch::run(&args.inputs, place, args.deliver.json, |input| {
        let mut order = Order::new(input.to_owned(), args.deliver.each(several, input))?;
        order.brief = args.brief.over(order.brief)?;
        order.output = match folder {
            Some(folder) => Some(folder.join(synchresis_studio::scored_name(input))),
            None => args.output.clone(),
        };
        Ok(synchresis_studio::run(&order, Stage::Mux, place)?)
    })
}
