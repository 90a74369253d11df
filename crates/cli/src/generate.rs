//! `synchresis generate`: the music of a clip, or a sound of words alone.

use synchresis_studio::{Brief, DrawOrder, Music, Stage};

use crate::batch;
use crate::failure::Failure;
use crate::place::Place;
use crate::stage;

/// Flags of the stage, and of a sound without a clip.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    stage: stage::Args,
    /// Without a clip: how long the sound is, seconds or m:ss; what the engine was trained with by default.
    #[arg(long, value_name = "TIME", help_heading = "Generating engines")]
    seconds: Option<String>,
    /// Without a clip: how the noise is taken away, ddim or dpmsolver++; as the engine's folder says by default.
    #[arg(long, value_name = "NAME", help_heading = "Generating engines")]
    scheduler: Option<String>,
}

pub(crate) fn run(args: &GenerateArgs, place: &Place) -> Result<(), Failure> {
    let given = &args.stage;
    let brief = given.brief.over(Brief::default())?;
    let draws = matches!(brief.music, Music::Audioldm2(_) | Music::Audioldm(_));
    if !given.inputs.is_empty() || !draws {
        if args.seconds.is_some() || args.scheduler.is_some() {
            return Err(Failure::usage(
                "--seconds and --scheduler are for a sound without a clip\nhint: generate --music audioldm2=DIR --prompt TEXT -o out.wav",
            ));
        }
        return stage::run(Stage::Generate, given, place);
    }
    let seconds = args
        .seconds
        .as_deref()
        .map(synchresis_studio::options::time)
        .transpose();
    let order = DrawOrder {
        seconds: seconds.map_err(|why| Failure::usage(format!("--seconds: {why}")))?,
        scheduler: args.scheduler.clone(),
        output: given.output.clone(),
        document: given.document.clone(),
        force: given.force,
    };
    let output = given.output.clone().unwrap_or_default();
    batch::run(std::slice::from_ref(&output), place, given.json, |_| {
        Ok(synchresis_studio::draw(&brief, &order, place)?)
    })
}
