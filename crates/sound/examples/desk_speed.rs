//! How long the desk takes for a minute of ten tracks on one core: `cargo run --release -p synchresis-sound --example
//! desk_speed`.

use std::io::Write as _;
use std::time::Instant;

use synchresis_cue::{Layer, Score, Silent, Track};
use synchresis_sound::Player;
use synchresis_sound::mix::{Samples, Target, master, render};

const SECONDS: f64 = 60.0;
const TRACKS: usize = 10;

/// Plays a second of noise bursts again and again: next to nothing beside the desk.
struct Tape {
    tape: Vec<f32>,
    at: usize,
}

impl Player for Tape {
    fn play(&mut self, (left, right): (&mut [f32], &mut [f32])) -> bool {
        for (l, r) in left.iter_mut().zip(right) {
            *l = self.tape[self.at];
            *r = self.tape[self.at + 1];
            self.at = (self.at + 1) % (self.tape.len() - 1);
        }
        true
    }
}

fn tape(seed: u32) -> Vec<f32> {
    let mut state = seed * 2_654_435_769 + 1;
    (0..48_000)
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state as f32 / u32::MAX as f32 - 0.5) * (-((i % 12_000) as f32) / 2_500.0).exp()
        })
        .collect()
}

/// Seconds of processor time of this thread where the system tells (other programs may be busy), else of the clock.
fn now(start: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let busy = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    busy.map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn score() -> Score {
    let voices = [
        "grand-piano",
        "electric-bass",
        "kit-rock",
        "warm-pad",
        "flute",
        "strings-legato",
    ];
    let track = |i: usize| Track {
        name: format!("track {i}"),
        layer: Layer::Chords,
        voice: voices[i % voices.len()].into(),
        level_db: -4.0,
        pan: (i as f64 * 0.37).fract() - 0.5,
        room: 0.3,
        hall: 0.3,
        notes: Vec::new(),
        pedal: Vec::new(),
        bends: Vec::new(),
        expression: Vec::new(),
        moves: Vec::new(),
    };
    Score {
        duration_s: SECONDS,
        tracks: (0..TRACKS).map(track).collect(),
        marks: Vec::new(),
    }
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    pool.install(|| {
        let score = score();
        let clock = Instant::now();
        let mut best = [f64::MAX; 3];
        for _ in 0..3 {
            let players = |tracks: usize| -> Vec<Box<dyn Player>> {
                (0..tracks)
                    .map(|i| {
                        Box::new(Tape {
                            tape: tape(i as u32 + 1),
                            at: 0,
                        }) as Box<dyn Player>
                    })
                    .collect()
            };
            let start = now(clock);
            let (mut l, mut r) = (vec![0.0; 1024], vec![0.0; 1024]);
            for mut player in players(TRACKS) {
                for _ in 0..(SECONDS * 48_000.0) as usize / 1024 {
                    player.play((&mut l, &mut r));
                }
            }
            let playing = now(clock) - start;
            let mut music = Vec::new();
            let start = now(clock);
            let mut sink = |frames: &[f32]| {
                music.extend_from_slice(frames);
                Ok(())
            };
            render(&score, players(TRACKS), &mut sink, None, &Silent).expect("renders");
            best[0] = best[0].min(now(clock) - start - playing);
            let start = now(clock);
            master(&mut Samples::new(&music), &Target::default(), &mut |_| Ok(()), &Silent).expect("masters");
            best[1] = best[1].min(now(clock) - start);
            best[2] = best[2].min(playing);
        }
        let out = &mut std::io::stdout();
        for (name, seconds) in ["mix", "master", "(the tapes)"].iter().zip(best) {
            let per_second = 1000.0 * seconds / SECONDS;
            writeln!(
                out,
                "{name:12} {per_second:6.3} ms a second, {:5.0} x real time",
                1000.0 / per_second
            )
            .expect("out");
        }
    });
}
