//! `synchresis paint`.

use std::path::PathBuf;

use synchresis_studio::{PaintOrder, PaintSteps, options};

use crate::batch;
use crate::failure::Failure;
use crate::place::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who paints: kandinsky, kandinsky=DIR with prior/ and decoder/ in it; variations or variations=DIR, of one picture.
    #[arg(long, value_name = "ENGINE", default_value = "kandinsky")]
    painter: String,
    /// What to paint.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// A picture to stay near to; can be given more than once.
    #[arg(long = "image", value_name = "ART")]
    images: Vec<PathBuf>,
    /// How much the prompt and each picture count, in that order; 0.3 and 0.7 by default.
    #[arg(long, value_name = "F,F", value_delimiter = ',', allow_negative_numbers = true)]
    weights: Vec<f32>,
    /// What to keep away from.
    #[arg(long, value_name = "TEXT")]
    negative_prompt: Option<String>,
    /// The same seed: the same picture, the reference's.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Steps of the prior, from words to what a picture of them is like.
    #[arg(long, value_name = "N", default_value_t = PaintSteps::default().prior_steps)]
    prior_steps: usize,
    /// How much more the words count than no words, in the prior.
    #[arg(long, value_name = "F", default_value_t = PaintSteps::default().prior_guidance)]
    prior_guidance: f32,
    /// Steps of the decoder, from noise to the picture.
    #[arg(long, value_name = "N", default_value_t = PaintSteps::default().steps)]
    steps: usize,
    /// How much more what is to be painted counts than what to keep away from, in the decoder.
    #[arg(long, value_name = "F", default_value_t = PaintSteps::default().guidance)]
    guidance: f32,
    /// Width and height in pixels, or 1:1, 16:9, 9:16, 4:5; the next multiples of 64 are painted.
    #[arg(long, value_name = "WxH", default_value = "768x768")]
    size: String,
    /// The picture: PNG, JPEG or WebP by its ending.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print the document to stdout.
    #[arg(long)]
    json: bool,
    /// Replace what is already there.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    let order = PaintOrder {
        engine: options::paint_engine(&args.painter)?,
        prompt: args.prompt.clone(),
        images: args.images.clone(),
        weights: args.weights.clone(),
        negative: args.negative_prompt.clone(),
        seed: args.seed,
        how: PaintSteps {
            prior_steps: args.prior_steps,
            prior_guidance: args.prior_guidance,
            steps: args.steps,
            guidance: args.guidance,
        },
        size: options::picture_size(&args.size)?,
        output: args.output.clone(),
        force: args.force,
    };
    batch::run(std::slice::from_ref(&args.output), place, args.json, |_| {
        Ok(synchresis_studio::paint(&order, place)?)
    })
}
