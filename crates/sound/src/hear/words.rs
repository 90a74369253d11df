//! A song in words.

use synchresis_cue::{HeardKey, Hearing, SongSection};

/// A key is named from this strength on.
const CLEAR: f64 = 0.55;

/// The song in a sentence: "a fast, bright, percussive piece in A minor at 128 beats a minute".
pub(super) fn song(hearing: &Hearing) -> String {
    if hearing.loudness_lufs.is_none() {
        return "silence".into();
    }
    let rate = hearing.onsets.len() as f64 / hearing.duration_s.max(0.1);
    let mut adjectives = vec![pace(hearing.tempo, rate)];
    adjectives.extend(shade(hearing.brightness_hz));
    adjectives.extend(touch(hearing.percussive));
    adjectives.extend(match hearing.loudness_lufs {
        Some(level) if level < -26.0 => Some("quiet"),
        Some(level) if level > -9.0 => Some("loud"),
        _ => None,
    });
    let article = if adjectives[0].starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let mut out = format!("{article} {} piece", adjectives.join(", "));
    if let Some(key) = named(hearing.key) {
        out += &format!(" {key}");
    }
    if hearing.tempo > 0.0 && !hearing.beats.is_empty() {
        out += &format!(" at {:.0} beats a minute", hearing.tempo);
    }
    out
}

/// What is heard in a part of a song, a word or two each.
pub(super) fn section(section: &SongSection, brightness_hz: f64) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let level = match section.energy {
        e if e > 0.8 => "loud",
        e if e < 0.35 => "quiet",
        _ => "medium loud",
    };
    out.push(level.into());
    out.extend(shade(brightness_hz).map(Into::into));
    out.extend(touch(section.percussive).map(Into::into));
    match section.onset_rate {
        r if r > 5.0 => out.push("busy".into()),
        r if r < 1.0 => out.push("sparse".into()),
        _ => {}
    }
    out.extend(named(section.key));
    out
}

fn pace(tempo: f64, onset_rate: f64) -> &'static str {
    match (tempo, onset_rate) {
        (_, r) if r < 0.5 => "still",
        (t, _) if t <= 0.0 => "free",
        (t, r) if t < 76.0 || r < 1.2 => "slow",
        (t, r) if t >= 120.0 && r > 3.0 => "fast",
        _ => "moderate",
    }
}

fn shade(hz: f64) -> Option<&'static str> {
    match hz {
        hz if hz > 2400.0 => Some("bright"),
        hz if hz < 1300.0 => Some("dark"),
        _ => None,
    }
}

fn touch(percussive: f64) -> Option<&'static str> {
    match percussive {
        p if p > 0.4 => Some("percussive"),
        p if p < 0.2 => Some("sustained"),
        _ => None,
    }
}

fn named(key: Option<HeardKey>) -> Option<String> {
    key.filter(|k| k.strength >= CLEAR).map(|k| format!("in {}", k.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use synchresis_cue::{Beat, Key, Mode, Moment};

    #[test]
    fn a_song_is_told_in_other_words() {
        let mut hearing = Hearing {
            duration_s: 10.0,
            tempo: 128.0,
            beats: vec![Beat {
                time_s: 0.5,
                strength: 1.0,
                downbeat: true,
            }],
            onsets: vec![
                Moment {
                    time_s: 1.0,
                    strength: 1.0
                };
                40
            ],
            key: Some(HeardKey {
                key: Key {
                    tonic: 9,
                    mode: Mode::Aeolian,
                },
                strength: 0.8,
                margin: 0.1,
            }),
            loudness_lufs: Some(-14.0),
            brightness_hz: 3000.0,
            percussive: 0.5,
            ..Default::default()
        };
        assert_eq!(
            song(&hearing),
            "a fast, bright, percussive piece in A minor at 128 beats a minute"
        );
        hearing.loudness_lufs = None;
        assert_eq!(song(&hearing), "silence");
    }
}
