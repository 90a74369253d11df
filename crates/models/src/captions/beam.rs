//! Beam search as `generate` of transformers does it (5.x, and in what it finds 4.26, which the original was written for).

/// How it searches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// Sequences kept at a time.
    pub(crate) beams: usize,
    /// Longest sequence, its first token and its last among them.
    pub(crate) max_length: usize,
    /// Before this length the last token is not allowed.
    pub(crate) min_length: usize,
    /// No run of so many tokens comes twice; 0 allows all.
    pub(crate) no_repeat: usize,
    /// What a sequence begins with.
    pub(crate) start: i64,
    /// What comes after it in any case.
    pub(crate) forced_first: Option<i64>,
    /// What ends it.
    pub(crate) last: i64,
    /// What is put at the longest length in any case.
    pub(crate) forced_last: Option<i64>,
    /// A sequence's score is its log probability divided by its length to this power.
    pub(crate) length_penalty: f32,
    /// Whether the search is over once there are as many finished sequences as beams.
    pub(crate) early: bool,
}

/// What a score loses so that it is never chosen.
const NEVER: f32 = -1.0e9;

/// Tokens that are looked at together.
const PART: usize = 64;

/// One search under way.
#[derive(Debug)]
pub(crate) struct Beams<'s> {
    search: &'s Search,
    running: Vec<(f32, Vec<i64>)>,
    parents: Vec<usize>,
    /// Best first.
    finished: Vec<(f32, Vec<i64>)>,
    over: bool,
}

/// A way to go on.
struct Candidate {
    score: f32,
    beam: usize,
    token: usize,
}

impl<'s> Beams<'s> {
    pub(crate) fn new(search: &'s Search) -> Self {
        let beams = search.beams.max(1);
        Self {
            search,
            // All begin alike: only the first may be chosen from.
            running: (0..beams)
                .map(|i| (if i == 0 { 0.0 } else { NEVER }, vec![search.start]))
                .collect(),
            parents: (0..beams).collect(),
            finished: Vec::new(),
            over: search.max_length < 2,
        }
    }

    /// Whether nothing better can come.
    pub(crate) const fn over(&self) -> bool {
        self.over
    }

    /// The token that each beam ends with now.
    pub(crate) fn ends(&self) -> impl Iterator<Item = i64> + '_ {
        self.running
            .iter()
            .map(|(_, tokens)| tokens.last().copied().unwrap_or_default())
    }

    /// The beam of the step before that each beam goes on from.
    pub(crate) fn parents(&self) -> &[usize] {
        &self.parents
    }

    /// One token further, by log probabilities beams × vocabulary.
    pub(crate) fn advance(&mut self, scores: &[f32], vocabulary: usize) {
        let search = self.search;
        let beams = self.running.len();
        if self.over || vocabulary == 0 || scores.len() != beams * vocabulary {
            self.over = true;
            return;
        }
        let length = self.running.first().map_or(0, |(_, tokens)| tokens.len());
        let mut best: Vec<Candidate> = Vec::with_capacity(2 * beams + 1);
        for (beam, (row, (score, tokens))) in scores.chunks_exact(vocabulary).zip(&self.running).enumerate() {
            let rule = Rule::of(search, tokens);
            for (first, part) in row.chunks(PART).enumerate() {
                // Most parts hold nothing that could be among the best, and no rule makes more of it.
                let full = best.len() == 2 * beams && rule.forced.is_none();
                if full && best.last().is_some_and(|worst| greatest(part) + score <= worst.score) {
                    continue;
                }
                for (place, x) in part.iter().enumerate() {
                    let token = first * PART + place;
                    let score = rule.of_token(token, *x) + score;
                    keep(&mut best, 2 * beams, Candidate { score, beam, token });
                }
            }
        }
        let ends = |c: &Candidate| c.token as i64 == search.last || length + 1 >= search.max_length;
        let extended = |c: &Candidate| {
            let mut tokens = self
                .running
                .get(c.beam)
                .map_or_else(Vec::new, |(_, tokens)| tokens.clone());
            tokens.push(c.token as i64);
            tokens
        };
        // Only what is among the best may end; the rest is there so that enough can go on.
        let mut finished = std::mem::take(&mut self.finished);
        for candidate in best.iter().take(beams).filter(|c| ends(c)) {
            let score = candidate.score / (length as f32).powf(search.length_penalty);
            finished.push((score, extended(candidate)));
        }
        finished.sort_by(|a, b| b.0.total_cmp(&a.0));
        finished.truncate(beams);
        let mut going: Vec<(f32, &Candidate)> = best
            .iter()
            .map(|c| (c.score + if ends(c) { NEVER } else { 0.0 }, c))
            .collect();
        going.sort_by(|a, b| b.0.total_cmp(&a.0));
        going.truncate(beams);
        let running: Vec<_> = going.iter().map(|(score, c)| (*score, extended(c))).collect();
        let parents = going.iter().map(|(_, c)| c.beam).collect();
        let stuck = best.iter().all(ends);
        self.finished = finished;
        self.running = running;
        self.parents = parents;
        let full = self.finished.len() == beams;
        let hopeless = full && {
            let length = length as f32;
            let possible = self
                .running
                .first()
                .map_or(NEVER, |(s, _)| s / length.powf(search.length_penalty));
            self.finished.last().is_none_or(|(worst, _)| possible <= *worst)
        };
        self.over = stuck || (full && search.early) || hopeless;
    }

    /// The best sequence: its first token, its words, its last.
    pub(crate) fn best(self) -> Vec<i64> {
        let all = if self.finished.is_empty() {
            self.running
        } else {
            self.finished
        };
        all.into_iter().next().map(|(_, tokens)| tokens).unwrap_or_default()
    }
}

/// What may come after a sequence.
struct Rule {
    /// This and nothing else.
    forced: Option<i64>,
    never: Vec<i64>,
}

impl Rule {
    fn of(search: &Search, tokens: &[i64]) -> Self {
        let mut never = Vec::new();
        let n = search.no_repeat;
        if n > 0 && tokens.len() + 1 >= n {
            let recent = &tokens[tokens.len() + 1 - n..];
            let runs = tokens.windows(n).filter(|run| run.starts_with(recent));
            never.extend(runs.filter_map(|run| run.last()));
        }
        if tokens.len() < search.min_length {
            never.push(search.last);
        }
        let forced = match tokens.len() {
            1 if search.forced_first.is_some() => search.forced_first,
            n if n + 1 == search.max_length => search.forced_last,
            _ => None,
        };
        Self { forced, never }
    }

    /// A token's log probability under it.
    fn of_token(&self, token: usize, x: f32) -> f32 {
        match self.forced {
            Some(forced) if forced == token as i64 => 0.0,
            Some(_) => f32::NEG_INFINITY,
            None if self.never.contains(&(token as i64)) => f32::NEG_INFINITY,
            None => x,
        }
    }
}

/// The greatest of them; what is no number does not count.
fn greatest(part: &[f32]) -> f32 {
    let (eights, rest) = part.as_chunks::<8>();
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let mut most = [f32::NEG_INFINITY; 8];
    for eight in eights {
        most = std::array::from_fn(|n| greater(most[n], eight[n]));
    }
    most.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| greater(a, *b))
}

/// Puts a candidate among the `most` best, which are in order; of equals the earlier stays first.
fn keep(best: &mut Vec<Candidate>, most: usize, candidate: Candidate) {
    if best.len() == most && best.last().is_some_and(|worst| candidate.score <= worst.score) {
        return;
    }
    if candidate.score.is_nan() {
        return;
    }
    let place = best.partition_point(|c| c.score >= candidate.score);
    best.insert(place, candidate);
    best.truncate(most);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> Search {
        Search {
            beams: 2,
            max_length: 6,
            min_length: 2,
            no_repeat: 0,
            start: 0,
            forced_first: None,
            last: 1,
            forced_last: Some(1),
            length_penalty: 1.0,
            early: true,
        }
    }

    /// Runs over probabilities of what follows each token.
    fn found(search: &Search, follows: &[[f32; 4]; 4]) -> Vec<i64> {
        let mut beams = Beams::new(search);
        while !beams.over() {
            let scores: Vec<f32> = beams.ends().flat_map(|t| follows[t as usize].map(f32::ln)).collect();
            beams.advance(&scores, 4);
        }
        beams.best()
    }

    #[test]
    fn the_greedy_way_is_taken_where_another_is_likelier() {
        // 2 looks better at first, but all that follows it is unlikely.
        let follows = [
            [0.0, 0.0, 0.6, 0.4],
            [0.25; 4],
            [0.3, 0.2, 0.25, 0.25],
            [0.02, 0.95, 0.02, 0.01],
        ];
        assert_eq!(found(&search(), &follows), [0, 3, 1]);
    }

    #[test]
    fn a_sequence_ends_too_early_too_late_or_comes_twice() {
        let eager = [[0.01, 0.97, 0.01, 0.01]; 4];
        let late = Search {
            min_length: 4,
            ..search()
        };
        assert_eq!(found(&late, &eager).len(), 5);
        let never = [[0.1, 0.0, 0.5, 0.4]; 4];
        let long = found(&search(), &never);
        assert_eq!((long.len(), long.last()), (6, Some(&1)));
        let once = Search {
            no_repeat: 2,
            max_length: 12,
            ..search()
        };
        let tokens = found(&once, &[[0.05, 0.05, 0.5, 0.4]; 4]);
        for (i, pair) in tokens.windows(2).enumerate() {
            assert!(!tokens[..i + 1].windows(2).any(|earlier| earlier == pair), "{tokens:?}");
        }
        let forced = Search {
            forced_first: Some(3),
            ..search()
        };
        assert_eq!(found(&forced, &eager)[..2], [0, 3]);
    }
}
