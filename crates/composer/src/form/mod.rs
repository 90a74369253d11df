//! The form: sections from shots, with roles, keys, intensity and cadences.
//!
//! A film has one cue, or several with silence between. Within a cue the borders of sections are found by dynamic
//! programming over bar lines: sections want to be 4, 8 or 2 bars long, and borders want heavy hits and changes of the
//! picture. Roles follow an arc whose peak is where the picture is most stirred, for preference about two thirds in.

mod borders;
mod keys;

use synchresis_cue::{Bar, Cadence, HitKind, Mood, Role, SectionCue, Sighting, Spotting};

use crate::dice::Dice;
use crate::style::Style;

/// Cues shorter than this are one gesture, seconds.
const STING_S: f64 = 6.0;

/// Cues shorter than this, but no sting, are a logo: one statement and its ending, seconds.
const LOGO_S: f64 = 14.0;

/// A section on its way.
struct Span {
    first: usize,
    bars: usize,
    silent: bool,
    role: Role,
    /// Look that fills most of it.
    look: Option<usize>,
    /// Mean arousal and valence of the picture, −1 to 1.
    arousal: f64,
    valence: f64,
    /// Weight of the hit on its first downbeat.
    hit: f64,
    /// Which cue it belongs to.
    cue: usize,
}

/// The sections of the piece, in order: together they cover every bar of the spotting, and every shot.
///
/// Layers are left to the orchestration. Two sections filled by shots that look alike share their material; `why` says
/// so, and names the section that had it first.
pub fn form(sighting: &Sighting, mood: &Mood, spotting: &Spotting, style: &Style, seed: u64) -> Vec<SectionCue> {
    let bars = &spotting.bars;
    let mut spans = Vec::new();
    for (cue, (first, end, silent)) in stretches(bars).into_iter().enumerate() {
        let cue_spans = if silent {
            vec![(first, end - first)]
        } else {
            borders::divide(first, end, sighting, mood, spotting)
        };
        let from = spans.len();
        spans.extend(
            cue_spans
                .into_iter()
                .map(|(first, bars)| span(first, bars, silent, cue, sighting, mood, spotting)),
        );
        if !silent {
            roles(&mut spans[from..], bars);
        }
    }
    let plan = keys::plan(&spans, mood, style, spotting.music_end_s, seed);
    let mut dice = Dice::of(seed, "form", 0);
    let mut sections: Vec<SectionCue> = Vec::with_capacity(spans.len());
    for (i, span) in spans.iter().enumerate() {
        let (start_s, end_s) = (bars[span.first].start_s, bars[span.first + span.bars - 1].end_s());
        let last = i + 1 == spans.len();
        let from = if i == 0 {
            0
        } else {
            sighting.shots.partition_point(|s| s.end_s <= start_s)
        };
        let shots: Vec<usize> = (from..sighting.shots.len())
            .take_while(|&s| last || sighting.shots[s].start_s < end_s)
            .collect();
        let next = spans.get(i + 1).filter(|n| n.cue == span.cue);
        let cadence = cadence(span, next, mood, style, &mut dice);
        let intensity = intensity(span, mood);
        let (key, moved) = plan[i];
        let why = why(span, &spans[..i], &sections, &shots, spotting, moved);
        let (first_bar, bars) = (span.first, span.bars);
        let layers = Vec::new();
        let role = span.role;
        sections.push(SectionCue {
            role,
            start_s,
            end_s,
            first_bar,
            bars,
            key,
            intensity,
            layers,
            cadence,
            shots,
            why,
        });
    }
    sections
}

/// Stretches of bars that sound or are silent: first, end, silent. A free bar after a free bar is silence.
fn stretches(bars: &[Bar]) -> Vec<(usize, usize, bool)> {
    let mut all: Vec<(usize, usize, bool)> = Vec::new();
    for i in 0..bars.len() {
        let silent = i > 0 && bars[i].free && bars[i - 1].free;
        match all.last_mut() {
            Some(last) if last.2 == silent => last.1 = i + 1,
            _ => all.push((i, i + 1, silent)),
        }
    }
    // What follows the last chord of the film is its ring, however many bars it takes: nothing comes after it.
    if let [.., (_, end, false), (_, rung, true)] = all.as_mut_slice() {
        *end = *rung;
        all.pop();
    }
    all
}

fn span(
    first: usize,
    count: usize,
    silent: bool,
    cue: usize,
    sighting: &Sighting,
    mood: &Mood,
    spotting: &Spotting,
) -> Span {
    let bars = &spotting.bars;
    let (start, end) = (bars[first].start_s, bars[first + count - 1].end_s());
    let mut looks: Vec<(usize, f64)> = Vec::new();
    let from = sighting.shots.partition_point(|s| s.end_s <= start);
    for shot in sighting.shots[from..].iter().take_while(|s| s.start_s < end) {
        let share = shot.end_s.min(end) - shot.start_s.max(start);
        match looks.iter_mut().find(|l| l.0 == shot.likeness) {
            Some(look) => look.1 += share,
            None => looks.push((shot.likeness, share)),
        }
    }
    let look = looks
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
        .map(|l| l.0);
    let hit = borders::weight_at(spotting, first);
    let role = if silent { Role::Silence } else { Role::Statement };
    let arousal = mean(&mood.arousal_curve, mood.step_s, start, end).unwrap_or(mood.arousal);
    let valence = mean(&mood.valence_curve, mood.step_s, start, end).unwrap_or(mood.valence);
    Span {
        first,
        bars: count,
        silent,
        role,
        look,
        arousal,
        valence,
        hit,
        cue,
    }
}

/// Mean of a mood's curve between two times.
fn mean(curve: &[f32], step_s: f64, from: f64, to: f64) -> Option<f64> {
    if curve.is_empty() || !(step_s.is_finite() && step_s > 0.0) {
        return None;
    }
    let last = curve.len() - 1;
    let at = |t: f64| ((t / step_s).max(0.0) as usize).min(last);
    let part = &curve[at(from)..=at(to - 1e-6).max(at(from))];
    let mean = part.iter().map(|&v| f64::from(v)).sum::<f64>() / part.len() as f64;
    mean.is_finite().then_some(mean)
}

/// Gives a cue's sections their roles.
fn roles(spans: &mut [Span], bars: &[Bar]) {
    let count = spans.len();
    let Some((first, last)) = spans.first().zip(spans.last()) else {
        return;
    };
    let length = bars[last.first + last.bars - 1].end_s() - bars[first.first].start_s;
    if length < STING_S || count == 1 {
        spans.iter_mut().for_each(|s| s.role = Role::Sting);
        return;
    }
    spans[count - 1].role = Role::Ending;
    if count == 2 {
        return;
    }
    // The peak is where the picture stirs most, for preference about two thirds in.
    let begins = |s: &Span| bars[s.first].start_s - bars[spans[0].first].start_s;
    let pull = |s: &Span| s.arousal + 0.3 * s.hit - 0.9 * (begins(s) / length - 0.62).abs();
    let inner = 1..count - 1;
    let peak = inner
        .max_by(|&a, &b| pull(&spans[a]).total_cmp(&pull(&spans[b])))
        .unwrap_or(count - 2);
    let mut known: Vec<usize> = Vec::new();
    for i in 0..count - 1 {
        let look = spans[i].look;
        let met = look.is_some_and(|l| known.contains(&l));
        known.extend(look.filter(|_| !met));
        let after_statement = i > 0 && matches!(spans[i - 1].role, Role::Statement | Role::Contrast);
        spans[i].role = match () {
            () if i == peak && count >= 4 => Role::Peak,
            () if i == 0 && count >= 4 && peak > 1 => Role::Intro,
            () if i + 1 == peak && i > 0 && count >= 5 => Role::Build,
            () if i == peak + 1 && count >= 5 => Role::Release,
            () if !met && after_statement => Role::Contrast,
            () => Role::Statement,
        };
    }
}

/// How strongly a section plays: the picture's own stir, what sets it off from the film's mean, and its role.
fn intensity(span: &Span, mood: &Mood) -> f64 {
    let lift = match span.role {
        Role::Silence => return 0.0,
        Role::Intro => -0.16,
        Role::Build => 0.06,
        Role::Peak => 0.2,
        Role::Release => -0.12,
        Role::Ending => -0.06,
        Role::Contrast => -0.05,
        Role::Statement | Role::Sting => 0.0,
    };
    (0.5 * (mood.arousal + 1.0) + 0.7 * (span.arousal - mood.arousal) + lift).clamp(0.05, 1.0)
}

/// How a section closes: on the weight of the hit that follows, and on what comes next.
fn cadence(span: &Span, next: Option<&Span>, mood: &Mood, style: &Style, dice: &mut Dice) -> Cadence {
    let drawn = dice.unit();
    let Some(next) = next.filter(|n| !n.silent) else {
        if span.silent {
            return Cadence::None;
        }
        let mild = style.tempo.steady < 0.35 && mood.arousal < 0.0;
        return if mild && drawn < 0.4 {
            Cadence::Plagal
        } else {
            Cadence::Authentic
        };
    };
    match (span.role, next.role) {
        (Role::Build, _) | (_, Role::Peak) => Cadence::Half,
        (Role::Intro, _) if next.hit < 0.5 => Cadence::None,
        (_, Role::Ending) => {
            if drawn < 0.35 {
                Cadence::Deceptive
            } else {
                Cadence::Half
            }
        }
        (_, Role::Build) => Cadence::Half,
        _ if next.hit >= 0.7 => Cadence::Authentic,
        (_, Role::Contrast) if drawn < 0.4 => Cadence::Deceptive,
        _ if next.hit >= 0.5 || drawn < 0.5 => Cadence::Half,
        _ => Cadence::None,
    }
}

fn why(
    span: &Span,
    before: &[Span],
    sections: &[SectionCue],
    shots: &[usize],
    spotting: &Spotting,
    moved: Option<&'static str>,
) -> String {
    let bars = if span.bars == 1 {
        "1 bar".to_owned()
    } else {
        format!("{} bars", span.bars)
    };
    if span.silent {
        return format!("{bars} of silence: music that never stops is not scoring");
    }
    let mut why = match shots {
        [] => bars,
        [one] => format!("{bars} on shot {}", one + 1),
        [first, .., last] => format!("{bars} on shots {} to {}", first + 1, last + 1),
    };
    let opening = spotting
        .hits
        .iter()
        .find(|h| h.taken && h.bar == Some(span.first) && h.beat == Some(0.0));
    if let Some(hit) = opening.filter(|h| h.kind != HitKind::Start) {
        let kind = match hit.kind {
            HitKind::Flurry => "flurry of cuts",
            HitKind::Motion => "peak of motion",
            HitKind::Light => "jump of light",
            HitKind::Manual => "moment asked for by hand",
            HitKind::Cut | HitKind::Start => "cut",
            HitKind::Fade => "fade",
            HitKind::Dissolve => "dissolve",
            HitKind::Flash => "flash",
            HitKind::End => "end",
        };
        why.push_str(&format!(
            ", from the {kind} at {:.2} s (weight {:.2})",
            hit.time_s, hit.weight
        ));
    }
    let alike = before
        .iter()
        .position(|s| !s.silent && s.look.is_some() && s.look == span.look);
    if let Some(first) = alike
        && !matches!(span.role, Role::Ending | Role::Sting)
    {
        why.push_str(&format!(
            "; it looks like section {} ({}), so its material returns",
            first + 1,
            name(sections[first].role)
        ));
    }
    match span.role {
        Role::Peak => why.push_str("; the picture stirs most here"),
        Role::Build => why.push_str("; it leads to the peak"),
        Role::Release => why.push_str("; it lets the peak go"),
        Role::Ending => why.push_str("; the music resolves and rings out"),
        Role::Sting => why.push_str("; the clip is one gesture long"),
        _ => {}
    }
    if let Some(moved) = moved {
        why.push_str("; ");
        why.push_str(moved);
    }
    why
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Intro => "intro",
        Role::Statement => "statement",
        Role::Contrast => "contrast",
        Role::Build => "build",
        Role::Peak => "peak",
        Role::Release => "release",
        Role::Ending => "ending",
        Role::Silence => "silence",
        Role::Sting => "sting",
    }
}
