//! What was measured, in a sentence of plain English: "a slow, dim, blue scene that brightens at 0:12".

use synchresis_cue::{Colour, Sighting};

use super::palette::oklab;

/// Seconds on each side of a change that are compared.
const SIDE_S: f64 = 4.0;
/// Changes of light or of motion below this go unsaid.
const CHANGE: f64 = 0.12;

/// The sentence: lower case, no full stop, so that it can stand within another.
pub(crate) fn describe(sighting: &Sighting) -> String {
    if sighting.frames == 0 {
        return "a film without a picture".into();
    }
    let described = format!("{} {}", adjectives(sighting).join(", "), noun(sighting));
    let article = if described.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let mut text = format!("{article} {described}");
    let changes = changes(sighting);
    if !changes.is_empty() {
        text += " that ";
        text += &join(&changes);
    }
    let beside = beside(sighting);
    if !beside.is_empty() {
        text += ", with ";
        text += &join(&beside);
    }
    text
}

fn adjectives(sighting: &Sighting) -> Vec<String> {
    let curves = &sighting.curves;
    let mut words = Vec::new();
    // One frame cannot move.
    if sighting.frames > 1 {
        let pace = match mean(&curves.motion) {
            m if m < 0.015 => "still",
            m if m < 0.12 => "slow",
            m if m < 0.3 => "steady",
            m if m < 0.5 => "lively",
            _ => "fast",
        };
        words.push(pace.to_owned());
    }
    match mean(&curves.light) {
        l if l < 0.08 => words.push("dark".into()),
        l if l < 0.3 => words.push("dim".into()),
        l if l > 0.62 => words.push("bright".into()),
        _ => {}
    }
    words.push(colour(&sighting.palette, mean(&curves.saturation)).into());
    if mean(&curves.density) > 0.62 {
        words.push("busy".into());
    }
    words
}

fn noun(sighting: &Sighting) -> String {
    match sighting.shots.len() {
        0 | 1 if sighting.frames == 1 => "picture".into(),
        0 | 1 => "scene".into(),
        n => {
            const NAMES: [&str; 11] = [
                "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            ];
            let count = NAMES.get(n - 2).map_or_else(|| n.to_string(), |&name| name.to_owned());
            format!("film of {count} shots")
        }
    }
}

/// The colour that a person would name: a hue where one prevails.
fn colour(palette: &[Colour], saturation: f64) -> &'static str {
    const HUES: [&str; 8] = ["red", "orange", "golden", "green", "teal", "blue", "purple", "pink"];
    let mut weights = [0f64; HUES.len()];
    let (mut coloured, mut all) = (0f64, 0f64);
    for c in palette {
        let [l, a, b] = oklab(c.rgb).map(f64::from);
        let chroma = a.hypot(b);
        all += c.share;
        if chroma < 0.025 {
            continue;
        }
        let weight = c.share * chroma.min(0.15);
        coloured += c.share;
        // Hue angles of Oklab: red 29°, orange 60°, yellow 100°, green 142°, teal 190°, blue 260°, purple 305°, pink 355°.
        let hue = b.atan2(a).to_degrees().rem_euclid(360.0);
        let i = match hue {
            h if h < 12.0 => 7,
            h if h < 45.0 => 0,
            h if h < 75.0 => 1,
            h if h < 110.0 => 2,
            h if h < 168.0 => 3,
            h if h < 222.0 => 4,
            h if h < 288.0 => 5,
            h if h < 330.0 => 6,
            _ => 7,
        };
        // Dark orange is brown, and dull: it does not make a picture orange.
        weights[i] += weight * if i == 1 && l < 0.5 { 0.7 } else { 1.0 };
    }
    if saturation < 0.008 {
        return "black-and-white";
    }
    if all <= 0.0 || coloured < 0.25 * all || saturation < 0.03 {
        return "grey";
    }
    let sum: f64 = weights.iter().sum();
    let best = (0..HUES.len())
        .max_by(|&i, &j| weights[i].total_cmp(&weights[j]))
        .unwrap_or(0);
    let dark = palette
        .iter()
        .filter(|c| oklab(c.rgb)[0] < 0.5)
        .map(|c| c.share)
        .sum::<f64>()
        > 0.5 * all;
    if weights[best] < 0.55 * sum {
        if saturation > 0.2 { "colourful" } else { "muted" }
    } else if best == 1 && (dark || saturation < 0.15) {
        "brown"
    } else if best == 2 && saturation < 0.15 {
        "sandy"
    } else {
        HUES[best]
    }
}

/// The largest lasting changes, in order of time, as verbs.
fn changes(sighting: &Sighting) -> Vec<String> {
    let curves = &sighting.curves;
    let mut found: Vec<(f64, &str)> = Vec::new();
    if let Some((t, rise)) = largest_change(&curves.light, curves.step_s) {
        found.push((t, if rise > 0.0 { "brightens" } else { "darkens" }));
    }
    if let Some((t, rise)) = largest_change(&curves.motion, curves.step_s) {
        found.push((t, if rise > 0.0 { "quickens" } else { "calms" }));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    match found.as_slice() {
        [(a, first), (b, second)] if clock(*a) == clock(*b) => {
            vec![(*first).into(), format!("{second} at {}", clock(*a))]
        }
        _ => found
            .iter()
            .map(|(t, verb)| format!("{verb} at {}", clock(*t)))
            .collect(),
    }
}

/// Where the mean over some seconds changes most, and by how much.
fn largest_change(curve: &[f32], step_s: f64) -> Option<(f64, f64)> {
    if step_s <= 0.0 {
        return None;
    }
    let side = ((SIDE_S / step_s) as usize).min(curve.len() / 3);
    // A change needs a second on each side.
    if (side as f64) * step_s < 1.0 {
        return None;
    }
    let mut sums = vec![0f64];
    for &v in curve {
        sums.push(sums[sums.len() - 1] + f64::from(v));
    }
    let rise = |k: usize| (sums[k + side] - 2.0 * sums[k] + sums[k - side]) / side as f64;
    let k = (side..=curve.len() - side).max_by(|&i, &j| rise(i).abs().total_cmp(&rise(j).abs()))?;
    (rise(k).abs() >= CHANGE).then(|| (k as f64 * step_s, rise(k)))
}

fn beside(sighting: &Sighting) -> Vec<String> {
    let mut found = Vec::new();
    let cuts: Vec<f64> = sighting.shots.iter().skip(1).map(|s| s.start_s).collect();
    if cuts.len() >= 4 {
        if cuts.len() as f64 > 0.8 * sighting.duration_s {
            found.push("quick cuts".to_owned());
        } else if let Some(run) = cuts.windows(4).find(|w| w[3] - w[0] < 2.5) {
            found.push(format!("quick cuts from {}", clock(run[0])));
        }
    }
    match sighting.flashes.as_slice() {
        [] => {}
        [one] => found.push(format!("a flash of light at {}", clock(one.time_s))),
        _ => found.push("flashes of light".to_owned()),
    }
    if let [shot] = sighting.shots.as_slice() {
        let (x, y) = shot.pan;
        if x.hypot(y) > 0.04 && shot.camera > 0.5 {
            let way = match (x.abs() > y.abs(), x > 0.0, y > 0.0) {
                (true, true, _) => "the right",
                (true, false, _) => "the left",
                (false, _, true) => "the ground",
                (false, _, false) => "the sky",
            };
            found.push(format!("the camera turning to {way}"));
        }
    }
    found
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1:05`, or `1:00:05` from an hour on.
fn clock(time_s: f64) -> String {
    let s = time_s.max(0.0).round() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

fn mean(curve: &[f32]) -> f64 {
    curve.iter().map(|&v| f64::from(v)).sum::<f64>() / curve.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_wrong() {
        assert_eq!(
            [0.0, 59.4, 65.0, 3605.0].map(clock),
            ["0:00", "0:59", "1:05", "1:00:05"]
        );
    }

    #[test]
    fn plain_colours_get_another_name() {
        let named = |rgb| colour(&[Colour { rgb, share: 1.0 }], 0.3);
        assert_eq!(
            [
                [200, 30, 30],
                [30, 60, 200],
                [40, 160, 50],
                [230, 200, 60],
                [90, 55, 30],
                [240, 140, 30]
            ]
            .map(named),
            ["red", "blue", "green", "golden", "brown", "orange"]
        );
        assert_eq!(
            colour(
                &[Colour {
                    rgb: [90, 90, 90],
                    share: 1.0
                }],
                0.0
            ),
            "black-and-white"
        );
    }

    #[test]
    fn a_list_loses_its_and() {
        assert_eq!(join(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(join(&["a".into()]), "a");
    }
}
