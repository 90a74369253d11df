//! `synchresis frames | objects | select | describe | prompt | generate | render | mix | mux`: each stage by itself.

use std::path::PathBuf;

use synchresis_studio::{Brief, Deliver, Order, Stage};

use crate::args::BriefArgs;
use crate::batch;
use crate::failure::{Failure, print};
use crate::place::Place;

/// A stage reads the document, runs what is missing before it, appends its section and writes the document.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The clip or picture; the document's own by default. `select` takes several pictures.
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film
    /// (mux).
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// The document: read if it is there, so that edits by hand count, and written.
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    /// Write a 24-bit WAV for each instrument into this folder (render and later).
    #[arg(long, value_name = "DIR")]
    stems: Option<PathBuf>,
    /// Write the music as a MIDI file (generate and later).
    #[arg(long, value_name = "FILE")]
    midi: Option<PathBuf>,
    /// Write a cue sheet for people, Markdown or HTML by its ending (generate and later).
    #[arg(long, value_name = "FILE")]
    cue_sheet: Option<PathBuf>,
    /// Print the document to stdout.
    #[arg(long)]
    pub(crate) json: bool,
    /// Replace what is already there.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) brief: BriefArgs,
}

/// `describe` takes a song too.
#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    stage: Args,
    /// Say what a song is, ten seconds at a time: lp-musiccaps, or lp-musiccaps=DIR or FILE. The input is the song.
    #[arg(long, value_name = "ENGINE", help_heading = "Song")]
    caption: Option<String>,
}

pub(crate) fn describe(args: &DescribeArgs, place: &Place) -> Result<(), Failure> {
    let Some(caption) = &args.caption else {
        return run(Stage::Describe, &args.stage, place);
    };
    let given = synchresis_studio::options::caption_engine(caption)?;
    let stage = &args.stage;
    if stage.inputs.is_empty() {
        return Err(Failure::usage(
            "describing a song: there is none\nhint: describe SONG --caption lp-musiccaps=FOLDER",
        ));
    }
    batch::run(&stage.inputs, place, stage.json, |song| {
        let document = stage.document.as_deref();
        Ok(synchresis_studio::caption_song(
            song,
            given.as_deref(),
            document,
            place,
        )?)
    })
}

pub(crate) fn run(stage: Stage, args: &Args, place: &Place) -> Result<(), Failure> {
    if args.inputs.is_empty() && args.document.is_none() {
        return Err(Failure::usage(
            "there is no INPUT to work on\nhint: name a clip or a picture, or the --document of an earlier run",
        ));
    }
    let mut deliver = Deliver {
        document: args.document.clone(),
        stems: args.stems.clone(),
        midi: args.midi.clone(),
        cue_sheet: args.cue_sheet.clone(),
        force: args.force,
        ..Deliver::default()
    };
    match stage {
        Stage::Frames => deliver.frames.clone_from(&args.output),
        Stage::Generate | Stage::Render | Stage::Mix => deliver.audio.clone_from(&args.output),
        _ => {}
    }
    if let (Stage::Select, [_, _, ..]) = (stage, args.inputs.as_slice()) {
        let brief = args.brief.over(Brief::default())?;
        let document = synchresis_studio::select_pictures(&args.inputs, &brief.features, brief.moments, place)?;
        place.clear();
        return print(&(document.to_json() + "\n"));
    }
    if let [_, more, ..] = args.inputs.as_slice() {
        let text = format!(
            "this stage takes one input, and {} is a second\nhint: `score` takes several",
            more.display()
        );
        return Err(Failure::new(2, text));
    }
    let mut order = Order::resume(args.inputs.first().cloned(), deliver)?;
    order.brief = args.brief.over(order.brief)?;
    if stage == Stage::Mux {
        order.output.clone_from(&args.output);
    }
    batch::run(std::slice::from_ref(&order.input), place, args.json, |_| {
        Ok(synchresis_studio::run(&order, stage, place)?)
    })
}
