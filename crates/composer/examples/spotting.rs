//! How well spotting reaches made-up films: `cargo run --release --example spotting -- [films] [style]`.

#[path = "../tests/footage/mod.rs"]
mod footage;

use std::time::Instant;

use footage::Film;
use synchresis_composer::spot::{SpotOptions, spot};
use synchresis_composer::{mood, style};
use synchresis_cue::HitKind;

#[expect(clippy::print_stdout, reason = "an example speaks to the terminal")]
fn main() {
    let films: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(100);
    let only = std::env::args().nth(2);
    println!("style                film      cuts  taken  by weight  downbeats odd% free% |dev| p95  steps>2% ms");
    for style in style::builtin() {
        if only.as_ref().is_some_and(|o| *o != style.name) {
            continue;
        }
        let mut left: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for (seconds, share) in [(30.0, 1), (60.0, 1), (120.0, 2), (1200.0, 20)] {
            let (mut cuts, mut taken, mut weight, mut kept) = (0usize, 0usize, 0.0, 0.0);
            let (mut down, mut odd, mut free, mut bars) = (0usize, 0usize, 0usize, 0usize);
            let (mut devs, mut steps, mut pairs) = (Vec::new(), 0usize, 0usize);
            let mut ms = 0.0;
            let runs = (films / share).max(2);
            for seed in 0..runs {
                let film = Film::cut(seconds, 25.0, 3.5).shoot(seed);
                let mood = mood::choose(&film, "", Some(&style.name), style::builtin()).expect("a style of that name");
                let began = Instant::now();
                let spotting = spot(&film, &mood, style, &SpotOptions::default());
                ms += began.elapsed().as_secs_f64() * 1000.0;
                for hit in &spotting.hits {
                    let silent = hit.reason.contains("silent") || hit.reason.contains("inside a flurry");
                    if matches!(hit.kind, HitKind::Start | HitKind::End) || silent {
                        continue;
                    }
                    cuts += 1;
                    weight += hit.weight;
                    if hit.taken {
                        taken += 1;
                        kept += hit.weight;
                        down += usize::from(hit.beat == Some(0.0));
                    } else {
                        let why = hit.reason.rsplit("left, ").next().unwrap_or_default();
                        let why: String = why.chars().filter(|c| !c.is_ascii_digit()).take(36).collect();
                        *left.entry(why).or_default() += 1;
                    }
                }
                let mut pulse: Vec<f64> = spotting.bars.iter().filter(|b| !b.free).map(|b| b.bpm).collect();
                for w in spotting.bars.windows(2) {
                    if !w[0].free && !w[1].free {
                        pairs += 1;
                        steps += usize::from((w[1].bpm / w[0].bpm - 1.0).abs() > 0.02);
                    }
                }
                let usual = style.meters[0];
                odd += spotting.bars.iter().filter(|b| !b.free && b.meter != usual).count();
                free += spotting.bars.iter().filter(|b| b.free).count();
                bars += spotting.bars.len();
                pulse.sort_by(f64::total_cmp);
                let middle = pulse.get(pulse.len() / 2).copied().unwrap_or(1.0);
                devs.extend(pulse.iter().map(|b| (b / middle - 1.0).abs()));
            }
            devs.sort_by(f64::total_cmp);
            let percent = |a: usize, b: usize| 100.0 * a as f64 / b.max(1) as f64;
            println!(
                "{:20} {seconds:5} s {cuts:7} {:5.1}% {:7.1}% {:9.1}% {:5.1} {:5.1} {:5.2}% {:5.2}% {:5.1}% {:7.2}",
                style.name,
                percent(taken, cuts),
                100.0 * kept / weight,
                percent(down, taken),
                percent(odd, bars),
                percent(free, bars),
                100.0 * devs.iter().sum::<f64>() / devs.len() as f64,
                100.0 * devs[devs.len() * 95 / 100],
                percent(steps, pairs),
                ms / runs as f64
            );
        }
        for (why, count) in left {
            println!("    {count:4} left: {why}…");
        }
    }
}
