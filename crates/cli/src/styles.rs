//! `synchresis styles`.

use crate::failure::{Failure, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print them as JSON, whole.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let styles = synchresis_studio::styles();
    if args.json {
        let text = serde_json::to_string_pretty(styles).map_err(|e| Failure::new(3, e.to_string()))?;
        return print(&format!("{text}\n"));
    }
    let width = styles.iter().map(|style| style.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for style in styles {
        text += &format!(
            "{:width$}  {:>3.0}–{:<3.0} bpm  {}\n",
            style.name, style.tempo.low, style.tempo.high, style.description
        );
    }
    print(&text)
}
