//! The command line: flags in, a document or a sentence out. Everything it does, the studio does.

mod args;
mod batch;
mod compare;
mod config;
mod doctor;
mod evaluate;
mod failure;
mod film;
mod generate;
mod logging;
mod models;
mod paint;
mod place;
mod score;
#[cfg(feature = "server")]
mod serve;
mod stage;
mod styles;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use synchresis_studio::Stage;

pub use failure::Failure;

/// Pictures their sound, and sounds their picture.
#[derive(Debug, Parser)]
#[command(name = "synchresis", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    place: place::PlaceArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give a clip or a picture music and effects that land on its cuts.
    Score(score::Args),
    /// Stage 1: probe and watch the clip: shots, motion, light, colour, sampled frames.
    Frames(stage::Args),
    /// Stage 2: what is recognised in the sampled frames.
    Objects(stage::Args),
    /// Stage 3: the frame that stands for the film.
    Select(stage::Args),
    /// Stage 4: the film in words; with --caption, a song in words.
    Describe(stage::DescribeArgs),
    /// Stage 5: words for a generating engine.
    Prompt(stage::Args),
    /// Stage 6: spot the hits and compose the music; or draw a sound of words alone.
    Generate(generate::GenerateArgs),
    /// Stage 7: render the notes to sound.
    Render(stage::Args),
    /// Stage 8: mix with the clip's own sound and master.
    Mix(stage::Args),
    /// Stage 9: put sound and picture together.
    Mux(stage::Args),
    /// Give a song its picture: a music video from artworks.
    Film(film::Args),
    /// Paint a picture from words and pictures.
    Paint(paint::Args),
    /// Say how well a sound and a picture hold together, beside chance.
    Evaluate(evaluate::Args),
    /// Put the figures of two films, or of two documents, side by side.
    Compare(compare::Args),
    /// Open the studio to a browser and to programs: a page, an API, jobs.
    #[cfg(feature = "server")]
    Serve(serve::ServeArgs),
    /// Do jobs that a server took, on this machine or another.
    #[cfg(feature = "server")]
    Worker(serve::WorkerArgs),
    /// List the styles.
    Styles(styles::Args),
    /// Pull, find and remove the weights of the engines.
    Models(models::Args),
    /// Say what is installed, what is missing, and how to get it.
    Doctor,
}

/// The whole command line as clap knows it, for man pages and completions.
pub fn command() -> clap::Command {
    config::with_environment(Cli::command())
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let outcome = config::defaults(command()).and_then(|command| {
        let matches = command.get_matches();
        let cli = Cli::from_arg_matches(&matches).map_err(|e| Failure::usage(e.to_string()))?;
        run(cli)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match &cli.command {
        #[cfg(feature = "server")]
        Command::Serve(args) => logging::serve(&cli.place, args.log_json()),
        #[cfg(feature = "server")]
        Command::Worker(args) => logging::serve(&cli.place, args.log_json()),
        _ => logging::begin(&cli.place),
    }
    let place = place::Place::open(&cli.place)?;
    carry_out(cli, &place)?;
    place.say_what_was_lost();
    Ok(())
}

fn carry_out(cli: Cli, place: &place::Place) -> Result<(), Failure> {
    match cli.command {
        Command::Score(args) => score::run(&args, place),
        Command::Frames(args) => stage::run(Stage::Frames, &args, place),
        Command::Objects(args) => stage::run(Stage::Objects, &args, place),
        Command::Select(args) => stage::run(Stage::Select, &args, place),
        Command::Describe(args) => stage::describe(&args, place),
        Command::Prompt(args) => stage::run(Stage::Prompt, &args, place),
        Command::Generate(args) => generate::run(&args, place),
        Command::Render(args) => stage::run(Stage::Render, &args, place),
        Command::Mix(args) => stage::run(Stage::Mix, &args, place),
        Command::Mux(args) => stage::run(Stage::Mux, &args, place),
        Command::Film(args) => film::run(&args, place),
        Command::Paint(args) => paint::run(&args, place),
        Command::Evaluate(args) => evaluate::run(&args, place),
        Command::Compare(args) => compare::run(&args, place),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::serve(&args, place, &cli.place),
        #[cfg(feature = "server")]
        Command::Worker(args) => serve::work(&args, place, &cli.place),
        Command::Styles(args) => styles::run(&args),
        Command::Models(args) => models::run(&args, place),
        Command::Doctor => doctor::run(place),
    }
}
