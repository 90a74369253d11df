//! What is known of a song when its film is planned.

use synchresis_cue::{Hearing, Key};

/// What the storyboard needs to know of a song. Times in seconds, in order. Made from a [`Hearing`] by `From`.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Length of the song.
    pub duration_s: f64,
    /// Beats a minute, 0 where there is no beat.
    pub tempo: f64,
    /// The key, where one is heard.
    pub key: Option<Key>,
    /// Beats.
    pub beats: Vec<f64>,
    /// How strongly each of `beats` is struck, as a share of the song's strongest onset, 0 to 1; where empty, told by the
    /// onsets near them.
    pub accents: Vec<f32>,
    /// First beats of bars; where empty, they are guessed from the onsets (four beats a bar).
    pub downbeats: Vec<f64>,
    /// Onsets with their strength, in any unit.
    pub onsets: Vec<(f64, f32)>,
    /// The song's own sections: start, end, and what was heard in them.
    pub sections: Vec<(f64, f64, Vec<String>)>,
    /// Seconds between the values of `harmonic` and `percussive`.
    pub parts_step_s: f64,
    /// Strength of the harmonic part over time. The seed's curve is exact where this and `percussive` hold, for each of
    /// its sections, the greatest value over 512 mel bands of the part (HPSS with margin 5) in every frame of the film.
    pub harmonic: Vec<f32>,
    /// Strength of the percussive part over time.
    pub percussive: Vec<f32>,
    /// Seconds between the values of `energy` and `brightness`.
    pub step_s: f64,
    /// Linear level, in any unit.
    pub energy: Vec<f32>,
    /// Brightness of the sound, in any unit; may be empty.
    pub brightness: Vec<f32>,
    /// What a listener or a captioner says of the whole song: words that the table of genres knows, or a genre's name.
    pub words: Vec<String>,
}

/// An onset of librosa's kind is the rise of its envelope, at most this long after the attack that a person hears,
/// seconds.
const RISE_S: f64 = 0.07;

impl Heard {
    /// The same with every onset at the attack that it belongs to, where one of `attacks` (when, and how clearly from 0 to
    /// 1, in order of time) lies within 70 ms of it: envelopes rise a frame or two after the ear has heard it.
    #[must_use]
    pub fn struck_at(mut self, attacks: &[(f64, f32)]) -> Self {
        for onset in &mut self.onsets {
            let from = attacks.partition_point(|a| a.0 < onset.0 - RISE_S);
            let near = attacks[from..].iter().take_while(|a| a.0 <= onset.0 + RISE_S);
            // Clear ones count as nearer.
            let far = |a: &(f64, f32)| (a.0 - onset.0).abs() - 0.03 * f64::from(a.1);
            if let Some(attack) = near.min_by(|a, b| far(a).total_cmp(&far(b))) {
                onset.0 = attack.0;
            }
        }
        self.onsets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.onsets.dedup_by(|later, earlier| {
            let same = later.0 - earlier.0 < 1e-6;
            if same {
                earlier.1 = earlier.1.max(later.1);
            }
            same
        });
        self
    }
}

impl From<&Hearing> for Heard {
    fn from(hearing: &Hearing) -> Self {
        let curves = &hearing.curves;
        Self {
            duration_s: hearing.duration_s,
            tempo: hearing.tempo,
            key: hearing.key.map(|k| k.key),
            beats: hearing.beats.iter().map(|b| b.time_s).collect(),
            accents: hearing.beats.iter().map(|b| b.strength as f32).collect(),
            downbeats: hearing.beats.iter().filter(|b| b.downbeat).map(|b| b.time_s).collect(),
            onsets: hearing.onsets.iter().map(|o| (o.time_s, o.strength as f32)).collect(),
            sections: hearing
                .sections
                .iter()
                .map(|s| (s.start_s, s.end_s, s.words.clone()))
                .collect(),
            parts_step_s: curves.step_s,
            harmonic: curves.harmonic.clone(),
            percussive: curves.percussive.clone(),
            step_s: curves.step_s,
            // The curve is in decibels over 60; the plan compares levels.
            energy: curves
                .loudness
                .iter()
                .map(|l| if *l > 0.0 { 10f32.powf(3.0 * (l - 1.0)) } else { 0.0 })
                .collect(),
            brightness: curves.brightness.clone(),
            words: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onsets(at: &[(f64, f32)]) -> Heard {
        Heard {
            onsets: at.to_vec(),
            ..Heard::default()
        }
    }

    #[test]
    fn an_onset_stays_behind_its_attack_or_goes_to_a_far_one() {
        let heard = onsets(&[(1.05, 0.5), (2.0, 0.9), (3.0, 0.2)]).struck_at(&[(1.02, 0.6), (2.08, 1.0), (2.95, 0.3)]);
        // The second one's nearest attack is 80 ms away: it is another's.
        assert_eq!(heard.onsets, vec![(1.02, 0.5), (2.0, 0.9), (2.95, 0.2)]);
    }

    #[test]
    fn a_faint_attack_wins_over_a_clear_one_as_near() {
        let heard = onsets(&[(1.00, 0.5)]).struck_at(&[(0.985, 0.1), (1.02, 1.0)]);
        assert_eq!(heard.onsets, vec![(1.02, 0.5)]);
        // But a clear one far off does not win over a faint one at hand.
        let heard = onsets(&[(1.00, 0.5)]).struck_at(&[(0.995, 0.1), (1.06, 1.0)]);
        assert_eq!(heard.onsets, vec![(0.995, 0.5)]);
    }

    #[test]
    fn two_onsets_of_one_attack_stay_two_or_lose_the_stronger() {
        let heard = onsets(&[(1.00, 0.3), (1.04, 0.8), (1.5, 0.1)]).struck_at(&[(1.02, 0.5)]);
        assert_eq!(heard.onsets, vec![(1.02, 0.8), (1.5, 0.1)]);
        assert_eq!(onsets(&[(1.0, 0.3)]).struck_at(&[]).onsets, vec![(1.0, 0.3)]);
    }
}
