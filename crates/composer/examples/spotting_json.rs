//! Spottings as JSON, to plot: `cargo run --release --example spotting_json -- STYLE SECONDS SHOT_SECONDS SEED`.

#[path = "../tests/footage/mod.rs"]
mod footage;

use footage::Film;
use synchresis_composer::spot::{SpotOptions, spot};
use synchresis_composer::{form, mood, style};

#[expect(clippy::print_stdout, reason = "an example speaks to the terminal")]
fn main() {
    let arg = |i: usize, other: f64| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(other);
    let name = std::env::args().nth(1).unwrap_or_else(|| "acoustic-folk".into());
    let seed = arg(4, 1.0) as u64;
    let film = Film {
        peaks: 0.2,
        ..Film::cut(arg(2, 60.0), 25.0, arg(3, 3.5))
    }
    .shoot(seed);
    let mood = mood::choose(&film, "", Some(&name), style::builtin()).expect("a style of that name");
    let style = style::find(&mood.style).expect("the style just chosen");
    let spotting = spot(&film, &mood, style, &SpotOptions::default());
    let form = form::form(&film, &mood, &spotting, style, seed);
    let all = serde_json::json!({ "shots": film.shots, "mood": mood, "spotting": spotting, "form": form });
    println!("{all}");
}
