//! A tempo map for music that exists already: where its attacks are bent to, so that they meet the picture.
//!
//! What a composer does with bars (`reach`), an editor does with a recording: let it begin a little earlier or later, and press
//! or stretch what lies between two hits, by as little and as evenly as will do. Dynamic programming over pairs of a hit and an attack,
//! with a beam a hit.

/// The farthest that anything between two hits is pressed or stretched, as a share.
pub const BEND: f64 = 0.06;

/// What the farthest bend costs, and a change from none to the farthest, in hits of weight 1 met by a beat.
const BENT: f64 = 0.06;
const UNEVEN: f64 = 0.12;
/// Nearer to the film's beginning or end than this there is nothing to be met, seconds.
const EDGE: f64 = 0.05;
/// How many hits further a pair looks.
const LOOK: usize = 6;
/// Pairs kept a hit.
const BEAM: usize = 32;

/// An attack in the music.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attack {
    /// When it begins, seconds.
    pub time_s: f64,
    /// How well a hit is met by it, 0 to 1: clear, and on the beat.
    pub worth: f64,
}

/// What is asked of [`bend`].
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Moment and weight (0 to 1) of each hit, in order of time.
    pub hits: &'a [(f64, f64)],
    /// In order of time.
    pub attacks: &'a [Attack],
    /// Length of the film, seconds.
    pub film_s: f64,
    /// Length of the music, seconds.
    pub music_s: f64,
    /// How late in the music the film may begin, seconds.
    pub spare_s: f64,
}

/// Music bent to a film.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bent {
    /// Moments of the music and of the film that belong together, from the film's beginning to its end; straight lines between.
    pub anchors: Vec<(f64, f64)>,
    /// Which hits are met.
    pub met: Vec<usize>,
}

/// A hit met by an attack.
#[derive(Debug, Clone, Copy)]
struct Pair {
    hit: usize,
    attack: usize,
    /// Lower is better.
    cost: f64,
    parent: Option<usize>,
    /// Seconds of film for each of music before it.
    ratio: f64,
    /// Where in the music the film begins.
    begins_s: f64,
}

/// How to bend music so that its attacks meet the most and weightiest hits, no part by more than [`BEND`]. None where no hit can be met.
pub fn bend(asked: Asked<'_>) -> Option<Bent> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut open: Vec<Vec<Pair>> = vec![Vec::new(); asked.hits.len()];
    for (hit, waiting) in open.iter_mut().enumerate().take(LOOK) {
        waiting.extend(firsts(&asked, hit));
    }
    for hit in 0..asked.hits.len() {
        let mut here = std::mem::take(open.get_mut(hit)?);
        here.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.attack.cmp(&b.attack)));
        here.truncate(BEAM);
        for pair in here {
            let index = pairs.len();
            pairs.push(pair);
            for next in hit + 1..(hit + 1 + LOOK).min(asked.hits.len()) {
                open.get_mut(next)?.extend(onward(&asked, pair, index, next));
            }
        }
    }
    let ends = pairs.iter().enumerate();
    let ends = ends.filter_map(|(i, pair)| Some((pair.cost + last(&asked, *pair)?.1, i)));
    let (_, best) = ends.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
    let end = last(&asked, *pairs.get(best)?)?.0;
    let mut bent = Bent {
        anchors: vec![(end, asked.film_s)],
        met: Vec::new(),
    };
    let mut at = Some(best);
    let mut begins_s = 0.0;
    while let Some(pair) = at.and_then(|i| pairs.get(i)) {
        let moments = (asked.attacks.get(pair.attack)?.time_s, asked.hits.get(pair.hit)?.0);
        bent.anchors.push(moments);
        bent.met.push(pair.hit);
        begins_s = pair.begins_s;
        at = pair.parent;
    }
    bent.anchors.push((begins_s, 0.0));
    bent.anchors.reverse();
    bent.met.reverse();
    Some(bent)
}

/// When a hit is to be met; none where the film begins or ends, for there the music does as well.
fn moment(asked: &Asked<'_>, hit: usize) -> Option<f64> {
    let time_s = asked.hits.get(hit)?.0;
    (EDGE..=asked.film_s - EDGE).contains(&time_s).then_some(time_s)
}

/// What meeting `hit` by `attack` is worth.
fn worth(asked: &Asked<'_>, hit: usize, attack: usize) -> f64 {
    let weight = asked.hits.get(hit).map_or(0.0, |h| h.1.clamp(0.0, 1.0));
    let clear = asked.attacks.get(attack).map_or(0.0, |a| a.worth.clamp(0.0, 1.0));
    (0.3 + 0.7 * weight) * (0.4 + 0.6 * clear)
}

fn bends(ratio: f64, before: f64) -> f64 {
    let share = |x: f64| (x / BEND).powi(2);
    BENT * share(ratio - 1.0) + UNEVEN * share(ratio - before)
}

fn possible(ratio: f64) -> bool {
    (ratio - 1.0).abs() <= BEND
}

/// Attacks that may be `long` seconds of film after `from` in the music.
fn reached<'a>(asked: &Asked<'a>, from: f64, long: f64) -> impl Iterator<Item = (usize, Attack)> + 'a {
    let attacks = asked.attacks;
    let first = attacks.partition_point(|a| a.time_s < from + long / (1.0 + BEND) - 1e-9);
    let end = from + long / (1.0 - BEND) + 1e-9;
    let rest = attacks.iter().enumerate().skip(first);
    rest.take_while(move |(_, a)| a.time_s <= end).map(|(i, a)| (i, *a))
}

/// The pairs of `hit` before which no hit is met.
fn firsts(asked: &Asked<'_>, hit: usize) -> Vec<Pair> {
    let Some(time_s) = moment(asked, hit) else {
        return Vec::new();
    };
    let attacks = asked.attacks.iter().enumerate();
    let pairs = attacks.filter_map(|(attack, at)| {
        let begins_s = (at.time_s - time_s).clamp(0.0, asked.spare_s.max(0.0));
        let long = at.time_s - begins_s;
        let ratio = if (long - time_s).abs() < 1e-9 {
            1.0
        } else {
            time_s / long
        };
        possible(ratio).then(|| Pair {
            hit,
            attack,
            cost: bends(ratio, ratio) - worth(asked, hit, attack),
            parent: None,
            ratio,
            begins_s,
        })
    });
    pairs.collect()
}

/// The pairs of hit `next` after `pair`, which is the one numbered `index`.
fn onward(asked: &Asked<'_>, pair: Pair, index: usize, next: usize) -> Vec<Pair> {
    let moments = (
        moment(asked, pair.hit),
        moment(asked, next),
        asked.attacks.get(pair.attack),
    );
    let (Some(from), Some(to), Some(at)) = moments else {
        return Vec::new();
    };
    let long = to - from;
    if long <= 0.0 {
        return Vec::new();
    }
    let pairs = reached(asked, at.time_s, long).filter(|(_, a)| a.time_s > at.time_s);
    let pairs = pairs.filter_map(|(attack, a)| {
        let ratio = long / (a.time_s - at.time_s);
        possible(ratio).then(|| Pair {
            hit: next,
            attack,
            cost: pair.cost + bends(ratio, pair.ratio) - worth(asked, next, attack),
            parent: Some(index),
            ratio,
            begins_s: pair.begins_s,
        })
    });
    pairs.collect()
}

/// Where the music ends after the last hit, and what that costs; none where there is too little of it.
fn last(asked: &Asked<'_>, pair: Pair) -> Option<(f64, f64)> {
    let at = asked.attacks.get(pair.attack)?.time_s;
    let long = asked.film_s - moment(asked, pair.hit)?;
    let rest = (asked.music_s - at).min(long);
    let ratio = long / rest;
    // Not so where nothing is left.
    possible(ratio).then(|| (at + rest, bends(ratio, ratio)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every(step_s: f64, count: usize) -> Vec<Attack> {
        let attack = |i: usize| Attack {
            time_s: 0.1 + i as f64 * step_s,
            worth: 1.0,
        };
        (0..count).map(attack).collect()
    }

    #[test]
    fn music_that_is_on_the_cuts_is_bent() {
        let hits = [(0.5, 1.0), (1.5, 1.0), (3.0, 1.0)];
        let asked = Asked {
            hits: &hits,
            attacks: &every(0.5, 12),
            film_s: 4.0,
            music_s: 6.0,
            spare_s: 1.0,
        };
        let bent = bend(asked).expect("meets them");
        assert_eq!(bent.met, [0, 1, 2]);
        for pair in bent.anchors.windows(2) {
            let ratio = (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0);
            assert!((ratio - 1.0).abs() < 1e-9, "{:?}", bent.anchors);
        }
        assert_eq!((bent.anchors[0].1, bent.anchors[4].1), (0.0, 4.0));
    }

    #[test]
    fn a_beat_a_little_too_slow_misses_the_cuts() {
        // 104 in the picture, 100 in the music.
        let step = 60.0 / 104.0;
        let hits: Vec<(f64, f64)> = (1..9).map(|i| (f64::from(i * 2) * step, 0.8)).collect();
        let asked = Asked {
            hits: &hits,
            attacks: &every(0.6, 30),
            film_s: 10.0,
            music_s: 12.0,
            spare_s: 1.0,
        };
        assert_eq!(bend(asked).expect("meets them").met.len(), 8);
        // A pulse that is 12 % off meets none but a few.
        let slow = every(0.65, 30);
        let few = bend(Asked {
            attacks: &slow,
            ..asked
        })
        .expect("meets some")
        .met
        .len();
        assert!(few < 5, "{few}");
        assert_eq!(bend(Asked { attacks: &[], ..asked }), None);
        assert_eq!(bend(Asked { hits: &[], ..asked }), None);
    }

    proptest! {
        #[test]
        fn something_is_bent_further_than_allowed(
            mut hits in prop::collection::vec((0.0f64..20.0, 0.0f64..1.0), 0..24),
            mut times in prop::collection::vec(0.0f64..21.0, 0..90),
            film_s in 20.0f64..20.5,
        ) {
            hits.sort_by(|a, b| a.0.total_cmp(&b.0));
            times.sort_by(f64::total_cmp);
            let attacks: Vec<Attack> = times.iter().map(|t| Attack { time_s: *t, worth: 0.7 }).collect();
            let asked = Asked { hits: &hits, attacks: &attacks, film_s, music_s: film_s + 1.0, spare_s: 1.0 };
            let Some(bent) = bend(asked) else { return Ok(()) };
            prop_assert_eq!(bent.anchors[0].1, 0.0);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&bent.anchors[0].0));
            prop_assert_eq!(bent.anchors.last().map(|a| a.1), Some(film_s));
            for pair in bent.anchors.windows(2) {
                let (music, film) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                prop_assert!(music > 0.0 && film > 0.0 && (film / music - 1.0).abs() <= BEND + 1e-6, "{:?}", bent.anchors);
            }
            prop_assert!(bent.met.is_sorted() && !bent.met.is_empty());
            prop_assert_eq!(bend(asked), Some(bent));
        }
    }
}
