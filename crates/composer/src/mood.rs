//! What the picture and the person's words ask of the music: valence, arousal, and a style that fits them.
//!
//! Valence and arousal come from light, colour, motion, detail and the rate of cutting, with signs and proportions
//! after Valdez and Mehrabian (*Effects of color on emotions*, 1994: pleasure rises with brightness and saturation,
//! arousal with saturation and against brightness) and what film studies say of cutting and motion (Wang and Cheong,
//! *Affective understanding in film*, 2006). Words move both strongly; a style's name decides.

use synchresis_cue::{Appearance, Curve, Mood, Sighting};

use crate::ComposerError;
use crate::style::{Part, Plays, Style};
use crate::words::{self, Reading};

/// Seconds between the values of a mood's curves, at the least.
const STEP_S: f64 = 0.5;

/// How far words move valence and arousal away from what is seen.
const WORDS_WEIGH: f64 = 0.95;

/// How far a recogniser's feeling moves valence and arousal away from what is measured.
const RECOGNISED_WEIGHS: f64 = 0.5;

/// What was recognised in the picture, beside what was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recognised {
    /// Names of things, a description: read as a brief is, but for instruments, tempo and mode, which are the person's to ask for.
    pub words: String,
    /// Valence and arousal, −1 to 1, where a recogniser tells them.
    pub feeling: Option<(f64, f64)>,
    /// Things that come into the picture.
    pub appearing: Vec<Appearance>,
}

/// [`choose_with`] nothing recognised.
///
/// # Errors
/// As there.
pub fn choose(sighting: &Sighting, words: &str, style: Option<&str>, styles: &[Style]) -> Result<Mood, ComposerError> {
    choose_with(sighting, words, &Recognised::default(), style, styles)
}

/// Reads picture and words, and chooses the style: `style` if given, else the one that fits best.
///
/// # Errors
/// [`ComposerError::UnknownStyle`] with the closest names, [`ComposerError::NoStyles`].
pub fn choose_with(
    sighting: &Sighting,
    words: &str,
    recognised: &Recognised,
    style: Option<&str>,
    styles: &[Style],
) -> Result<Mood, ComposerError> {
    if styles.is_empty() {
        return Err(ComposerError::NoStyles);
    }
    let mut reading = words::read(words);
    know_styles(&mut reading, words, styles);
    let mut seen = see(sighting);
    let shown = recognise(&mut seen, &mut reading, recognised);
    let valence = blend(seen.valence, reading.valence, reading.weight);
    let arousal = blend(seen.arousal, reading.arousal, reading.weight);
    let (chosen, style_reason) = match style {
        Some(name) => (named(name, styles)?, "it was asked for by name".to_owned()),
        None => fitting(&seen, &reading, valence, arousal, styles),
    };
    Ok(Mood {
        style: chosen.name.clone(),
        style_reason,
        valence,
        arousal,
        step_s: seen.step_s,
        valence_curve: shift(&seen.valence_curve, seen.valence, valence),
        arousal_curve: shift(&seen.arousal_curve, seen.arousal, arousal),
        understood: reading.understood,
        unknown: reading.unknown,
        seen: shown,
        appearing: recognised.appearing.clone(),
        wanted_voices: reading.wanted,
        unwanted_voices: reading.unwanted,
        solo: reading.solo,
        tempo_range: reading.tempo,
        mode: reading.mode,
    })
}

/// The mood of another cut of a film that was scored before: the course of `fresh`, moved to the feeling of `before`, whose
/// mode, tempo and players stay. So themes and key come out as they were.
pub fn keep(fresh: Mood, before: &Mood) -> Mood {
    Mood {
        valence: before.valence,
        arousal: before.arousal,
        valence_curve: shift(&fresh.valence_curve, fresh.valence, before.valence),
        arousal_curve: shift(&fresh.arousal_curve, fresh.arousal, before.arousal),
        understood: before.understood.clone(),
        unknown: before.unknown.clone(),
        seen: before.seen.clone(),
        wanted_voices: before.wanted_voices.clone(),
        unwanted_voices: before.unwanted_voices.clone(),
        solo: before.solo,
        tempo_range: before.tempo_range,
        mode: before.mode,
        ..fresh
    }
}

/// Lets what was recognised move what is seen, half as far as words do, and pull at styles, half as strongly; the words that did.
fn recognise(seen: &mut Seen, reading: &mut Reading, recognised: &Recognised) -> Vec<String> {
    let said = words::read(&recognised.words);
    let (valence, arousal) = (seen.valence, seen.arousal);
    if let Some((v, a)) = recognised.feeling.filter(|(v, a)| v.is_finite() && a.is_finite()) {
        seen.valence += RECOGNISED_WEIGHS * (v.clamp(-1.0, 1.0) - seen.valence);
        seen.arousal += RECOGNISED_WEIGHS * (a.clamp(-1.0, 1.0) - seen.arousal);
    }
    seen.valence = blend(seen.valence, said.valence, said.weight / 4.0);
    seen.arousal = blend(seen.arousal, said.arousal, said.weight / 4.0);
    seen.valence_curve = shift(&seen.valence_curve, valence, seen.valence);
    seen.arousal_curve = shift(&seen.arousal_curve, arousal, seen.arousal);
    for (style, pull) in said.styles {
        // What the person says of a style stands.
        if pull > 0.0 && !reading.styles.iter().any(|(known, _)| *known == style) {
            reading.styles.push((style, pull.min(1.0) / 2.0));
        }
    }
    seen.recognised = said.tags;
    seen.recognised.retain(|tag| !reading.refused.contains(tag));
    let mut shown: Vec<String> = Vec::new();
    for word in said.understood {
        if !shown.contains(&word) {
            shown.push(word);
        }
    }
    shown.truncate(12);
    shown
}

/// Words move a feeling the further the more they say of it.
fn blend(seen: f64, asked: Option<f64>, weight: f64) -> f64 {
    let share = WORDS_WEIGH * weight / (weight + 0.25);
    asked
        .map_or(seen, |asked| seen + share * (asked - seen))
        .clamp(-1.0, 1.0)
}

/// Takes words that the lexicon lacks but a style names as its own, and names of styles that are spelled out.
fn know_styles(reading: &mut Reading, words: &str, styles: &[Style]) {
    let plain = |s: &str| -> String {
        let s: String = s
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { ' ' })
            .collect();
        format!(" {} ", s.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let brief = plain(words);
    for style in styles {
        let name = plain(&style.name);
        let refused = reading.styles.iter().any(|s| s.0 == style.name && s.1 < 0.0);
        if name.trim().chars().count() > 2 && brief.contains(&name) && !refused {
            reading.styles.push((style.name.clone(), 1.0));
            reading.unknown.retain(|w| !name.contains(&plain(w)));
        }
    }
    let own = |word: &String| {
        styles
            .iter()
            .flat_map(|s| &s.feeling.words)
            .any(|w| plain(w) == plain(word))
    };
    let (known, unknown) = std::mem::take(&mut reading.unknown).into_iter().partition(own);
    reading.unknown = unknown;
    let known: Vec<String> = known;
    reading.tags.extend(known.iter().map(|w| w.to_lowercase()));
    reading.understood.extend(known);
}

/// Moves a curve's mean from `from` to `to` and keeps its shape, pressed together where it would leave −1 to 1.
fn shift(curve: &Curve, from: f64, to: f64) -> Curve {
    let moved = |v: f32| {
        let d = f64::from(v) - from;
        let room = if d > 0.0 { 1.0 - to } else { 1.0 + to };
        let pressed = if room <= 1e-9 {
            0.0
        } else {
            room * (d / room.max(0.25)).tanh()
        };
        (to + pressed).clamp(-1.0, 1.0) as f32
    };
    curve.iter().map(|&v| moved(v)).collect()
}

/// What the picture says.
struct Seen {
    valence: f64,
    arousal: f64,
    step_s: f64,
    valence_curve: Curve,
    arousal_curve: Curve,
    /// Words for it, to match with a style's own.
    words: Vec<&'static str>,
    /// Concepts that were recognised.
    recognised: Vec<String>,
}

fn see(sighting: &Sighting) -> Seen {
    let duration = if sighting.duration_s.is_finite() {
        sighting.duration_s.clamp(0.0, 1e6)
    } else {
        0.0
    };
    let step_s = STEP_S.max(duration / 20_000.0);
    let count = ((duration / step_s).ceil() as usize).max(1);
    let cuts: Vec<f64> = sighting
        .shots
        .iter()
        .skip(1)
        .map(|s| s.start_s)
        .filter(|t| t.is_finite())
        .collect();
    let curves = &sighting.curves;
    let mut valence_curve = Curve::with_capacity(count);
    let mut arousal_curve = Curve::with_capacity(count);
    let mut sums = [0.0; 6];
    for i in 0..count {
        let t = (i as f64 + 0.5) * step_s;
        let light = finite(curves.at(&curves.light, t), 0.0, 1.0);
        let saturation = finite(curves.at(&curves.saturation, t), 0.0, 1.0);
        let warmth = finite(curves.at(&curves.warmth, t), -1.0, 1.0);
        let motion = finite(curves.at(&curves.motion, t), 0.0, 1.0);
        let density = finite(curves.at(&curves.density, t), 0.0, 1.0);
        let cutting = cutting_rate(&cuts, t, duration);
        let valence = 1.6 * (light - 0.42) + 0.7 * (saturation - 0.3) + 0.4 * warmth;
        let arousal = -0.78
            + 1.1 * motion.sqrt()
            + 0.95 * (1.0 - (-cutting / 0.35).exp())
            + 0.3 * (saturation - 0.3)
            + 0.2 * (density - 0.4)
            - 0.15 * (light - 0.42);
        valence_curve.push(valence.tanh() as f32);
        arousal_curve.push(arousal.tanh() as f32);
        for (sum, value) in sums
            .iter_mut()
            .zip([light, saturation, warmth, motion, density, cutting])
        {
            *sum += value / count as f64;
        }
    }
    let smooth = ((2.0 / step_s) as usize).max(1);
    let valence_curve = smoothed(&valence_curve, smooth);
    let arousal_curve = smoothed(&arousal_curve, smooth);
    let (valence, arousal) = (mean(&valence_curve), mean(&arousal_curve));
    Seen {
        valence,
        arousal,
        step_s,
        valence_curve,
        arousal_curve,
        words: describe(&sums, sighting),
        recognised: Vec::new(),
    }
}

fn finite(x: f64, low: f64, high: f64) -> f64 {
    if x.is_finite() {
        x.clamp(low, high)
    } else {
        0.0f64.clamp(low, high)
    }
}

fn mean(curve: &Curve) -> f64 {
    curve.iter().map(|&v| f64::from(v)).sum::<f64>() / curve.len().max(1) as f64
}

/// Running mean over 2·`reach` + 1 values.
fn smoothed(curve: &Curve, reach: usize) -> Curve {
    let mut sums = Vec::with_capacity(curve.len() + 1);
    sums.push(0.0f64);
    for &v in curve {
        sums.push(sums[sums.len() - 1] + f64::from(v));
    }
    let window = |i: usize| {
        let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(curve.len()));
        ((sums[to] - sums[from]) / (to - from) as f64) as f32
    };
    (0..curve.len()).map(window).collect()
}

/// Cuts a second around `t`, over eight seconds.
fn cutting_rate(cuts: &[f64], t: f64, duration: f64) -> f64 {
    let (from, to) = ((t - 4.0).max(0.0), (t + 4.0).min(duration));
    let count = cuts
        .partition_point(|&c| c < to)
        .saturating_sub(cuts.partition_point(|&c| c < from));
    count as f64 / (to - from).max(2.0)
}

/// Plain words for the means of light, saturation, warmth, motion, density and cutting.
fn describe(sums: &[f64; 6], sighting: &Sighting) -> Vec<&'static str> {
    let [light, saturation, warmth, motion, density, cutting] = *sums;
    let mut words = Vec::new();
    let mut say = |yes: bool, word| {
        if yes {
            words.push(word);
        }
    };
    say(light < 0.25, "dark");
    say(light > 0.58, "bright");
    say(saturation < 0.12, "grey");
    say(saturation > 0.45, "colourful");
    say(warmth > 0.15, "warm");
    say(warmth < -0.15, "cold");
    say(motion < 0.06 && cutting < 0.2, "slow");
    say(motion < 0.02, "still");
    say(motion > 0.3 || cutting > 0.6, "fast");
    say(density > 0.6, "dense");
    say(density < 0.15, "empty");
    let share = |test: fn([u8; 3]) -> bool| -> f64 {
        sighting
            .palette
            .iter()
            .filter(|c| test(c.rgb))
            .map(|c| finite(c.share, 0.0, 1.0))
            .sum()
    };
    let green = share(|[r, g, b]| g > r && g as u16 > b as u16 + 10);
    let neon = share(|[r, g, b]| {
        let (high, low) = (r.max(g).max(b), r.min(g).min(b));
        high > 120 && high - low > 110 && b > g
    });
    say(green > 0.25 && warmth > -0.2, "nature");
    say(neon > 0.12 && light < 0.45, "neon");
    words
}

/// The style of that name; names may be written with spaces, underscores or capitals.
fn named<'a>(name: &str, styles: &'a [Style]) -> Result<&'a Style, ComposerError> {
    let plain = |s: &str| s.trim().to_lowercase().replace([' ', '_'], "-");
    let asked = plain(name);
    if let Some(style) = styles.iter().find(|s| plain(&s.name) == asked) {
        return Ok(style);
    }
    let mut near: Vec<(usize, &str)> = styles
        .iter()
        .map(|s| {
            let inside = !asked.is_empty() && (s.name.contains(&asked) || asked.contains(&s.name));
            let known = s.feeling.words.iter().any(|w| plain(w) == asked);
            (
                if known {
                    0
                } else if inside {
                    1
                } else {
                    1 + edits(&asked, &s.name)
                },
                s.name.as_str(),
            )
        })
        .collect();
    near.sort();
    let list: Vec<&str> = near.iter().take(3).map(|n| n.1).collect();
    let hint = format!(
        "the closest are {}; `synchresis styles` lists them all",
        list.join(", ")
    );
    Err(ComposerError::UnknownStyle {
        name: name.chars().take(80).collect(),
        hint,
    })
}

/// Levenshtein distance in characters, of at most 80 each.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(80).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(80).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// The style whose feeling, words and tempo fit best, and why.
fn fitting<'a>(seen: &Seen, reading: &Reading, valence: f64, arousal: f64, styles: &'a [Style]) -> (&'a Style, String) {
    let mut best: Option<(f64, &Style, Vec<String>)> = None;
    for style in styles {
        let (score, because) = fit(style, seen, reading, valence, arousal);
        if best.as_ref().is_none_or(|b| score > b.0) {
            best = Some((score, style, because));
        }
    }
    let Some((_, style, because)) = best else {
        return (&styles[0], String::new());
    };
    let mut reason = format!(
        "the feeling is {} (valence {valence:+.2}, arousal {arousal:+.2})",
        quarter(valence, arousal)
    );
    if !seen.words.is_empty() {
        reason.push_str(&format!(", the picture {}", seen.words.join(", ")));
    }
    if !seen.recognised.is_empty() {
        let mut shows = seen.recognised.clone();
        shows.dedup();
        shows.truncate(6);
        reason.push_str(&format!(", it shows {}", shows.join(", ")));
    }
    if !because.is_empty() {
        reason.push_str(&format!(", and the words ask for {}", because.join(", ")));
    }
    (style, reason)
}

fn quarter(valence: f64, arousal: f64) -> &'static str {
    match (valence, arousal) {
        (v, a) if v.abs() < 0.12 && a.abs() < 0.12 => "even",
        (v, a) if v >= 0.0 && a >= 0.0 => "lively and bright",
        (v, _) if v >= 0.0 => "calm and bright",
        (_, a) if a >= 0.0 => "tense and dark",
        _ => "quiet and dark",
    }
}

/// How well a style fits, higher is better, and the words that spoke for it.
fn fit(style: &Style, seen: &Seen, reading: &Reading, valence: f64, arousal: f64) -> (f64, Vec<String>) {
    let outside = |x: f64, (low, high): (f64, f64)| (low - x).max(x - high).max(0.0);
    let off_centre = |x: f64, (low, high): (f64, f64)| (x - 0.5 * (low + high)).abs();
    let (v, a) = (style.feeling.valence, style.feeling.arousal);
    let mut score = -(outside(valence, v) + 1.3 * outside(arousal, a));
    score -= 0.3 * (off_centre(valence, v) + 1.3 * off_centre(arousal, a));
    let mut because: Vec<String> = Vec::new();
    for (name, strength) in &reading.styles {
        if *name == style.name {
            score += 1.9 * strength;
            if *strength >= 0.9 {
                because.push(name.clone());
            }
        }
    }
    let mut matched = 0.0;
    for word in &style.feeling.words {
        let word = word.to_lowercase();
        let meant = words::concept(&word).unwrap_or(&word);
        if reading.tags.iter().any(|t| t == meant || *t == word) {
            matched += 0.35;
            because.push(word);
        } else if reading.refused.iter().any(|t| t == meant || *t == word) {
            matched -= 0.35;
        } else if seen.words.contains(&meant) || seen.words.contains(&word.as_str()) {
            score += 0.08;
        } else if seen.recognised.iter().any(|t| t == meant || *t == word) {
            score += 0.16;
        }
    }
    score += f64::clamp(matched, -1.4, 1.4);
    let plays = |voice: &String| style.layers.iter().any(|part| part.voices.contains(voice));
    let lead = |voice: &String| style.layers.iter().filter(|p| p.voices.contains(voice)).count();
    score += 0.25 * reading.wanted.iter().filter(|v| plays(v)).count().min(3) as f64;
    // A player who was asked for stands beside a style that has no place for them: a saxophone on a piano solo.
    score -= 0.35 * reading.wanted.iter().filter(|v| !plays(v)).count().min(2) as f64;
    // A style whose players are mostly refused would lose its face.
    let lost = reading.unwanted.iter().map(lead).sum::<usize>().min(style.layers.len());
    score -= 0.8 * lost as f64 / style.layers.len().max(1) as f64;
    // Nor does one that is made of its drums want to be without them.
    let refused = |part: &Part| part.voices.iter().all(|voice| reading.unwanted.contains(voice));
    let driven = |part: &&Part| part.plays == Plays::Drums && part.from <= 0.3;
    if style.layers.iter().filter(driven).any(refused) {
        score -= 0.7;
    }
    because.sort();
    because.dedup();
    if let Some((low, high)) = reading.tempo
        && (low > style.tempo.high * 1.05 || high < style.tempo.low * 0.95)
    {
        score -= 0.8;
    }
    (score, because)
}
