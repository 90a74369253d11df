//! Voice leading: from every chord to the next by the least movement, without parallel fifths and octaves, without
//! crossing, in range. A shortest path through all voicings of all chords (as in Tymoczko, A Geometry of Music, 2011,
//! with the rules of counterpoint as costs).

use super::chord::Chord;

/// Most voicings that are weighed for a chord.
const KEPT: usize = 28;
/// Cost of a parallel fifth or octave: above every other sum that a transition can have.
const PARALLEL: f32 = 1000.0;

/// Ascending pitches for every chord: `count` voices within `register`. `bass` is the bass note under each chord.
pub(crate) fn lead(chords: &[Chord], bass: &[u8], register: (u8, u8), count: usize) -> Vec<Vec<u8>> {
    let mut layers: Vec<Vec<(Vec<u8>, f32)>> = Vec::with_capacity(chords.len());
    for (i, chord) in chords.iter().enumerate() {
        // A chord that stays keeps the voicings that were found for it.
        let same = i > 0 && chords[i - 1].tones == chord.tones && chords[i - 1].bass == chord.bass;
        let found = if same {
            layers[i - 1].clone()
        } else {
            voicings(chord, register, count)
        };
        layers.push(found);
    }
    let mut costs: Vec<f32> = Vec::new();
    let mut back: Vec<Vec<usize>> = Vec::with_capacity(chords.len());
    for (i, layer) in layers.iter().enumerate() {
        if i == 0 {
            costs = layer.iter().map(|(_, c)| *c).collect();
            back.push(vec![0; layer.len()]);
            continue;
        }
        let basses = (bass.get(i - 1).copied(), bass.get(i).copied());
        let mut next = vec![f32::INFINITY; layer.len()];
        let mut from = vec![0; layer.len()];
        for (b, (to, own)) in layer.iter().enumerate() {
            for (a, (prev, _)) in layers[i - 1].iter().enumerate() {
                if costs[a] + own >= next[b] {
                    continue;
                }
                let cost = costs[a] + own + movement(prev, to, basses);
                if cost < next[b] {
                    next[b] = cost;
                    from[b] = a;
                }
            }
        }
        costs = next;
        back.push(from);
    }
    let mut at = costs
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(i, _)| i);
    let mut path = vec![Vec::new(); chords.len()];
    for i in (0..chords.len()).rev() {
        path[i] = layers[i][at].0.clone();
        at = back[i][at];
    }
    path
}

/// What it costs to go from one voicing to the next.
fn movement(a: &[u8], b: &[u8], basses: (Option<u8>, Option<u8>)) -> f32 {
    let mut cost = 0.0;
    let n = a.len().min(b.len());
    if a.len() != b.len() {
        cost += 6.0;
    }
    for i in 0..n {
        let step = (f32::from(b[i]) - f32::from(a[i])).abs();
        cost += step + if step > 4.0 { (step - 4.0) * 1.5 } else { 0.0 };
        // A voice that passes where its neighbour was: overlap.
        if i + 1 < n && (b[i] > a[i + 1] || b[i + 1] < a[i]) {
            cost += 8.0;
        }
    }
    let voices = |i: usize| -> (i16, i16) { (i16::from(a[i]), i16::from(b[i])) };
    for i in 0..n {
        for j in i + 1..n {
            if parallel(voices(i), voices(j)) {
                cost += PARALLEL;
            }
        }
        if let (Some(x), Some(y)) = basses
            && parallel((i16::from(x), i16::from(y)), voices(i))
        {
            cost += PARALLEL;
        }
    }
    cost
}

/// Whether two voices move the same way from a fifth to a fifth, or from an octave (or unison) to an octave.
pub(crate) fn parallel(low: (i16, i16), high: (i16, i16)) -> bool {
    let (m, n) = (low.1 - low.0, high.1 - high.0);
    if m == 0 || n == 0 || m.signum() != n.signum() {
        return false;
    }
    let (before, after) = ((high.0 - low.0).rem_euclid(12), (high.1 - low.1).rem_euclid(12));
    before == after && (after == 7 || after == 0)
}

/// The best voicings of a chord by themselves, each with its cost.
fn voicings(chord: &Chord, register: (u8, u8), count: usize) -> Vec<(Vec<u8>, f32)> {
    let (low, high) = (register.0, register.1.max(register.0.saturating_add(12)).min(127));
    let pitches: Vec<u8> = (low..=high).filter(|p| chord.tones.contains(&(p % 12))).collect();
    let count = count.clamp(1, pitches.len().max(1));
    let mut found: Vec<(Vec<u8>, f32)> = Vec::new();
    let mut stack: Vec<u8> = Vec::new();
    grow(chord, &pitches, 0, count, (low, high), &mut stack, &mut found);
    if found.is_empty() {
        // A register too narrow for the rules still gives its tones.
        found.push((pitches.into_iter().take(count).collect(), 0.0));
    }
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(KEPT);
    found
}

fn grow(
    chord: &Chord,
    pitches: &[u8],
    first: usize,
    count: usize,
    range: (u8, u8),
    stack: &mut Vec<u8>,
    found: &mut Vec<(Vec<u8>, f32)>,
) {
    if stack.len() == count {
        if let Some(cost) = judge(chord, stack, range) {
            found.push((stack.clone(), cost));
        }
        return;
    }
    for i in first..pitches.len() {
        if let Some(&last) = stack.last() {
            let gap = pitches[i] - last;
            // Two voices a semitone apart grind; more than a tenth apart they fall asunder.
            if gap < 2 {
                continue;
            }
            if gap > 15 {
                break;
            }
        }
        stack.push(pitches[i]);
        grow(chord, pitches, i + 1, count, range, stack, found);
        stack.pop();
    }
}

/// Cost of a voicing by itself; `None` if it lacks what makes the chord.
fn judge(chord: &Chord, voicing: &[u8], (low, high): (u8, u8)) -> Option<f32> {
    let count = |tone: u8| voicing.iter().filter(|&&p| p % 12 == tone).count();
    let mut cost = 0.0f32;
    let n = voicing.len();
    for (i, &tone) in chord.tones.iter().enumerate() {
        let here = count(tone);
        let needed = match i {
            1 => n >= 2 || chord.tones.len() == 1,
            3 => n >= 3,
            4 => n >= 4,
            0 => n >= 3 && chord.tones.len() <= 3,
            _ => n > 3 && chord.tones.len() == 3,
        };
        if here == 0 && needed && i < n + 1 {
            if n >= chord.tones.len() || i == 1 || i == 3 {
                return None;
            }
            cost += 4.0;
        }
        if here > 1 {
            // The root doubles best, then the fifth; a doubled third or seventh sounds thick.
            cost += [0.5, 3.0, 1.5, 5.0, 5.0][i.min(4)] * (here - 1) as f32;
        }
    }
    let centre = (f32::from(low) + f32::from(high)) / 2.0;
    let mean = voicing.iter().map(|&p| f32::from(p)).sum::<f32>() / n as f32;
    cost += (mean - centre).abs() * 0.35;
    for (i, w) in voicing.windows(2).enumerate() {
        let gap = w[1] - w[0];
        // Low intervals must be wide, high ones may be close.
        if w[0] < 50 && gap < 7 {
            cost += f32::from(7 - gap) * 1.2;
        }
        if i > 0 && gap > 9 {
            cost += f32::from(gap - 9) * 0.8;
        }
    }
    Some(cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::harmony::chord::Function;
    use crate::harmony::parse_roman;
    use synchresis_cue::{Key, Mode};

    #[test]
    fn led_voices_move_in_parallel_cross_or_leave_their_range() {
        const TEXTS: [&str; 16] = [
            "I", "ii", "iii", "IV", "V", "vi", "V7", "ii7", "bVII", "iv", "V/3", "I/3", "Imaj7", "bVI", "V7/ii",
            "IVadd9",
        ];
        for seed in 0..3000u64 {
            let mut dice = Dice::new(seed);
            let key = Key {
                tonic: dice.below(12) as u8,
                mode: Mode::Ionian,
            };
            let chords: Vec<Chord> = (0..12)
                .map(|_| {
                    let text = TEXTS[dice.below(TEXTS.len())];
                    Chord::new(&parse_roman(text).expect(text), key, Function::Tonic)
                })
                .collect();
            let bass: Vec<u8> = chords.iter().map(|c| 36 + c.bass).collect();
            let count = 3 + dice.below(2);
            let led = lead(&chords, &bass, (52, 79), count);
            for v in &led {
                assert!(v.iter().all(|p| (52..=79).contains(p)), "{seed}: {v:?}");
                assert!(v.windows(2).all(|w| w[0] < w[1]), "{seed}: {v:?} crosses");
            }
            for (k, w) in led.windows(2).enumerate() {
                let under = (i16::from(bass[k]), i16::from(bass[k + 1]));
                for i in 0..w[0].len().min(w[1].len()) {
                    let voice = (i16::from(w[0][i]), i16::from(w[1][i]));
                    assert!(
                        !parallel(under, voice),
                        "{seed}: bass {under:?}, {:?} to {:?}",
                        w[0],
                        w[1]
                    );
                }
                for i in 0..w[0].len().min(w[1].len()) {
                    for j in i + 1..w[0].len().min(w[1].len()) {
                        let voice = |k: usize| (i16::from(w[0][k]), i16::from(w[1][k]));
                        assert!(!parallel(voice(i), voice(j)), "{seed}: {:?} to {:?}", w[0], w[1]);
                    }
                }
            }
        }
    }
}
