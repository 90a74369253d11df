//! `synchresis models`: the weights of the engines.

use std::io::{IsTerminal, Write};

use synchresis_studio::weights::{self, Terms};

use crate::failure::{Failure, print};
use crate::place::Place;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the models, what each gives, its licence, and whether it is here.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Pull the weights of models; size and licence are shown first and agreed to once.
    Pull {
        /// Names from `models list`.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Agree to the licences without being asked.
        #[arg(long)]
        yes: bool,
        /// Pull everything from this base instead of where it is published: a mirror in the layout of the hub.
        #[arg(long, value_name = "URL")]
        hub: Option<String>,
    },
    /// Say where a model's weights are.
    Path {
        /// A name from `models list`.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Remove a model's weights.
    Remove {
        /// A name from `models list`.
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(crate) fn run(args: &Args, place: &Place) -> Result<(), Failure> {
    match &args.what {
        What::List { json } => list(*json, place),
        What::Pull { names, yes, hub } => {
            for name in names {
                let path = weights::pull(name, hub.as_deref(), &mut |terms| agreed(terms, *yes, place), place);
                place.clear();
                print(&format!("{}\n", path?.display()))?;
            }
            Ok(())
        }
        What::Path { name } => {
            let shelf = weights::shelf(name, place)?;
            if !shelf.there {
                let hint = format!("hint: synchresis models pull {name}");
                return Err(Failure::new(
                    4,
                    format!("{name} is not here: {}\n{hint}", shelf.path.display()),
                ));
            }
            print(&format!("{}\n", shelf.path.display()))
        }
        What::Remove { name } => {
            let bytes = weights::remove(name, place)?;
            print(&format!("{name} is gone: {} freed\n", size(bytes)))
        }
    }
}

fn list(json: bool, place: &Place) -> Result<(), Failure> {
    let shelves = weights::shelves(place);
    if json {
        let all: Vec<serde_json::Value> = shelves
            .iter()
            .map(|shelf| serde_json::json!({"model": shelf.entry, "path": shelf.path, "there": shelf.there}))
            .collect();
        return print(&format!("{:#}\n", serde_json::Value::Array(all)));
    }
    let mut text = String::new();
    for shelf in &shelves {
        let entry = shelf.entry;
        let mark = if shelf.there { "here" } else { "-" };
        let size = size(entry.megabytes * 1_000_000);
        let money = if entry.commercial {
            ""
        } else {
            ", not for commercial use"
        };
        text += &format!("{mark:<5} {:<22} {size:>8}  {}{money}\n", entry.name, entry.licence);
        text += &format!("{:6}{}\n", "", entry.gives);
    }
    print(&text)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Shows what would be pulled, and asks whether to; where nobody can be asked, only `--yes` agrees.
fn agreed(terms: &Terms, yes: bool, place: &Place) -> bool {
    place.clear();
    let entry = terms.entry;
    let size = terms
        .bytes
        .map_or_else(|| format!("about {} MB", entry.megabytes), size);
    let money = if entry.commercial {
        "commercial use allowed"
    } else {
        "not for commercial use"
    };
    let text = format!(
        "{}: {} files, {size}, from {} ({})\n  licence: {} ({money})\n  to cite: {}\n  into:    {}\n",
        entry.name,
        terms.files,
        entry.repository,
        entry.revision,
        entry.licence,
        entry.cite,
        terms.path.display()
    );
    let mut out = std::io::stderr();
    if !place.quiet() || !yes {
        let _ = out.write_all(text.as_bytes());
    }
    if yes {
        return true;
    }
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let _ = out
        .write_all(b"Pull it, and agree to its licence? [y/N] ")
        .and_then(|()| out.flush());
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}
