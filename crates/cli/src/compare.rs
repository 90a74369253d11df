//! `synchresis compare`.

use std::path::PathBuf;

use crate::failure::{Failure, print};
use crate::place::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A film, or a document (`.json`) that holds its figures.
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another.
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Where chance is drawn from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write a report here that any browser opens: one HTML file.
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
    /// Print both sides and the verdict as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    let outcome = synchresis_studio::compare(&args.a, &args.b, args.seed, args.report.as_ref(), place);
    place.clear();
    let comparison = match outcome {
        Ok(comparison) => comparison,
        Err(_) if place.stopped() => return Err(Failure::new(130, "cancelled")),
        Err(error) => return Err(error.into()),
    };
    if args.json {
        return print(&format!("{}\n", comparison.to_json()));
    }
    print(&format!("{}\n", comparison.table().join("\n")))
}
