//! How long playing and mixing whole scores takes on one core, without a process, a cache or a file around it:
//!
//! ```text
//! cargo run --release -p synchresis-sound --example perform -- DOCUMENT.json…
//! ```
//!
//! Documents are what `synchresis score … --document DOCUMENT.json` writes. Of each: the best of three, seconds and times real time; then the median.

#![expect(clippy::print_stdout, reason = "a bench says what it found")]

use std::time::Instant;

use synchresis_cue::{Score, Silent};
use synchresis_sound::{mix, voices};

type Fails = Box<dyn std::error::Error>;

fn main() -> Result<(), Fails> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()?;
    let mut rates = Vec::new();
    for path in std::env::args().skip(1) {
        let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let mut score: Score = serde_json::from_value(document["score"].take())?;
        score.tracks.retain(|track| !track.notes.is_empty());
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let begun = Instant::now();
            let players = score
                .tracks
                .iter()
                .map(|track| voices::player(track, score.duration_s, 1, None))
                .collect();
            mix::render(&score, players, &mut |_| Ok(()), None, &Silent)?;
            best = best.min(begun.elapsed().as_secs_f64());
        }
        println!("{path}: {best:.3} s, {:.0} × real time", score.duration_s / best);
        rates.push(score.duration_s / best);
    }
    rates.sort_by(f64::total_cmp);
    if let Some(median) = rates.get(rates.len() / 2) {
        println!("median of {}: {median:.0} × real time on one core", rates.len());
    }
    Ok(())
}
