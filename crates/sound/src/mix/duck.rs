//! How far the music steps aside, and when: a curve planned over the whole film, so that it is down when a word begins.

use super::character::{Character, Levels, STEP_S};

/// How far the music stays below what it makes room for, LU.
const BELOW: f64 = 11.0;

/// The least and the most it goes down, dB.
const DEPTH_DB: (f64, f64) = (4.0, 15.0);

/// How far it goes down where the film's own sound is music: two pieces at once are none.
const CLASH_DB: f64 = 22.0;

/// Seconds in which it goes down by its full depth, ending where the event begins.
const DOWN_S: f64 = 0.09;

/// Steps to each side over which corners of the curve are rounded.
const CORNER: usize = 2;

/// Seconds it stays down after an event: the pauses between words.
const HOLD_S: f64 = 0.45;

/// Seconds in which it comes back by 12 dB.
const BACK_S: f64 = 0.9;

/// What the film's own sound asks of the music.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// Gain of the music at each step, linear.
    pub(super) gain: Vec<f32>,
    /// How much room speech needs at 2 to 4 kHz at each step, 0 to 1.
    pub(super) presence: Vec<f32>,
    /// Deepest point, dB, 0 or below.
    pub(super) deepest_db: f64,
    /// Seconds in which the music is at least 3 dB down.
    pub(super) ducked_s: f64,
}

/// Plans for music of these levels, already multiplied by `music_gain`.
pub(super) fn plan(original: &Character, music: &Levels, music_gain: f64, steps: usize) -> Plan {
    let n = original.active.len();
    let gain_db = 20.0 * music_gain.max(1e-9).log10();
    let under: Vec<f64> = music.smooth(75).iter().map(|l| l + gain_db).collect();
    // A phrase's loudness, not a syllable's: power over 1.2 s, of the active steps alone.
    let phrase = phrase_levels(original, 60);
    let mut target = vec![0.0f64; steps];
    let mut presence = vec![0.0f32; steps];
    for i in 0..n.min(steps) {
        let under = under.get(i).copied().unwrap_or(-70.0);
        if original.music[i] {
            target[i] = -CLASH_DB;
        } else if original.active[i] {
            // What is far below the music is its background: no reason to step aside.
            let wanted = under + BELOW - phrase[i];
            if wanted < BELOW + 18.0 {
                target[i] = -wanted.clamp(DEPTH_DB.0, DEPTH_DB.1);
                presence[i] = 1.0;
            }
        }
    }
    // What the rounding of corners takes at the beginning of an event is given before it.
    let early: Vec<f64> = (0..steps)
        .map(|i| {
            target[i..(i + CORNER + 1).min(steps)]
                .iter()
                .copied()
                .fold(0.0, f64::min)
        })
        .collect();
    let mut gain = slopes(&hold(&early, (HOLD_S / STEP_S) as usize));
    smooth(&mut gain, CORNER);
    let presence = slopes(&hold(
        &presence.iter().map(|p| -12.0 * f64::from(*p)).collect::<Vec<_>>(),
        30,
    ));
    let deepest_db = gain.iter().copied().fold(0.0, f64::min);
    let ducked_s = gain.iter().filter(|g| **g <= -3.0).count() as f64 * STEP_S;
    Plan {
        gain: gain.iter().map(|db| 10f64.powf(db / 20.0) as f32).collect(),
        presence: presence.iter().map(|db| (-db / 12.0).clamp(0.0, 1.0) as f32).collect(),
        deepest_db,
        ducked_s,
    }
}

/// Loudness of the active steps within ± `reach` of each step, LUFS; very low where there are none.
fn phrase_levels(original: &Character, reach: usize) -> Vec<f64> {
    let masked = original
        .levels
        .power
        .iter()
        .zip(&original.active)
        .map(|(p, a)| if *a { *p } else { 0.0 });
    let share = Levels {
        power: original.active.iter().map(|a| f32::from(u8::from(*a))).collect(),
    };
    let levels = Levels {
        power: masked.collect(),
    };
    // Both are means over the same window: their ratio is the mean over the active steps.
    levels
        .smooth(reach)
        .iter()
        .zip(share.smooth(reach))
        .map(|(l, s)| l - (s + 0.691))
        .collect()
}

/// The lowest of each value and the `length` before it.
fn hold(target: &[f64], length: usize) -> Vec<f64> {
    let mut lows: std::collections::VecDeque<(usize, f64)> = std::collections::VecDeque::new();
    let mut held = Vec::with_capacity(target.len());
    for (i, x) in target.iter().enumerate() {
        while lows.back().is_some_and(|(_, low)| low >= x) {
            lows.pop_back();
        }
        lows.push_back((i, *x));
        while lows.front().is_some_and(|(at, _)| at + length < i) {
            lows.pop_front();
        }
        held.push(lows.front().map_or(0.0, |l| l.1));
    }
    held
}

/// Never above `target`, down and up no faster than the slopes allow.
fn slopes(target: &[f64]) -> Vec<f64> {
    let down = DEPTH_DB.1 * STEP_S / DOWN_S;
    let up = 12.0 * STEP_S / BACK_S;
    let mut gain = target.to_vec();
    for i in (1..gain.len()).rev() {
        gain[i - 1] = gain[i - 1].min(gain[i] + down);
    }
    for i in 1..gain.len() {
        gain[i] = gain[i].min(gain[i - 1] + up);
    }
    gain
}

/// Rounds the corners: mean over ± `reach` steps.
fn smooth(values: &mut [f64], reach: usize) {
    let old = values.to_vec();
    for (i, value) in values.iter_mut().enumerate() {
        let near = &old[i.saturating_sub(reach)..(i + reach + 1).min(old.len())];
        *value = near.iter().sum::<f64>() / near.len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech from 2 to 4 s and 4.3 to 6 s at `speech` LUFS over music at `music` LUFS.
    fn ducked(speech: f64, music: f64, is_music: bool) -> Plan {
        let power = |lufs: f64| 10f64.powf((lufs + 0.691) / 10.0) as f32;
        let active: Vec<bool> = (0..1000)
            .map(|i| (200..400).contains(&i) || (430..600).contains(&i))
            .collect();
        let levels = Levels {
            power: active
                .iter()
                .map(|a| if *a { power(speech) } else { power(-70.0) })
                .collect(),
        };
        let flags = active.iter().map(|a| *a && is_music).collect();
        let original = Character {
            levels,
            active,
            music: flags,
        };
        plan(
            &original,
            &Levels {
                power: vec![power(music); 1000],
            },
            1.0,
            1000,
        )
    }

    fn db(plan: &Plan, step: usize) -> f64 {
        20.0 * f64::from(plan.gain[step]).log10()
    }

    #[test]
    fn the_music_covers_speech_or_never_comes_back() {
        let plan = ducked(-20.0, -18.0, false);
        assert!(
            (db(&plan, 300) + 13.0).abs() < 0.1,
            "eleven below speech: {}",
            db(&plan, 300)
        );
        assert!(
            db(&plan, 199) < -12.0,
            "down when the first word begins: {}",
            db(&plan, 199)
        );
        assert!(db(&plan, 182) > -1.0, "and not long before: {}", db(&plan, 182));
        assert!(db(&plan, 415) < -12.0, "a pause between words is no pause");
        assert!(
            db(&plan, 640) < -12.0 && db(&plan, 800) > -0.1,
            "{} {}",
            db(&plan, 640),
            db(&plan, 800)
        );
        let steps = plan
            .gain
            .windows(2)
            .map(|w| f64::from(w[1] / w[0]).log10().abs() * 20.0)
            .fold(0.0, f64::max);
        assert!(steps < 2.0, "{steps} dB in 10 ms is a click");
        assert!((4.0..6.0).contains(&plan.ducked_s) && plan.presence[300] == 1.0 && plan.presence[900] == 0.0);
    }

    #[test]
    fn the_depth_ignores_how_loud_speech_is() {
        let depth = |speech| db(&ducked(speech, -18.0, false), 300);
        assert!((depth(-10.0) + DEPTH_DB.0).abs() < 0.1);
        assert!((depth(-14.0) + 7.0).abs() < 0.1);
        assert!((depth(-30.0) + DEPTH_DB.1).abs() < 0.1);
        assert_eq!(depth(-60.0), 0.0, "a murmur far below the music");
    }

    #[test]
    fn two_pieces_of_music_play_at_once() {
        assert!((db(&ducked(-20.0, -18.0, true), 300) + CLASH_DB).abs() < 0.1);
    }
}
