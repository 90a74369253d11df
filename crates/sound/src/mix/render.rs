//! A whole score through the desk, block by block: memory does not grow with its length.

use rayon::prelude::*;
use synchresis_cue::{Score, Watch};

use super::bus::{Glue, MonoBelow};
use super::envelope::Envelope;
use super::loudness::{CELL, Gate, KWeighting};
use super::peak::largest;
use super::source::Sink;
use super::spaces::{Spaces, Sums};
use super::strip::{self, GROUP, Group, Stereo, silent};
use crate::lanes::{Arithmetic, widened};
use crate::{BLOCK, Player, SAMPLE_RATE, SoundError};

/// Frames between two meetings of the threads: whole blocks, cells and reverb chunks; and few enough that what a dozen tracks
/// played is still near when the desk wants it.
pub(super) const SPAN: usize = 3 * BLOCK;

/// Spans between two entries into the pool: a second of sound, a hundredth of a second of work.
const STRETCH: usize = 16;

/// The longest piece, seconds.
const LONGEST_S: f64 = 24.0 * 3600.0;

/// Where stems go: called with the number of the track and interleaved stereo, 24-bit, in order; every track gets the
/// same number of frames.
pub type StemSink<'a> = dyn FnMut(usize, &[i32]) -> Result<(), SoundError> + Send + 'a;

/// What came out of [`render`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rendered {
    /// Sample frames: round(duration × 48,000), to the sample.
    pub frames: u64,
    /// Integrated loudness before the master (EBU R 128), LUFS; `None` for silence.
    pub loudness_lufs: Option<f64>,
    /// The largest sample before the master, linear.
    pub peak: f32,
    /// Correlation of the two sides, −1 to 1; 1 for silence.
    pub correlation: f64,
    /// Samples of stems that did not fit into 24 bits and were clipped.
    pub clipped: u64,
}

/// One track on its own way to a stem.
struct Stem {
    spaces: Spaces,
    bus: MonoBelow,
    sums: Sums,
    wet: Stereo,
    out: Stereo,
}

/// Mixes `score`, whose tracks `players` play in the same order, and hands the music before its master to `sink`.
///
/// `sink` gets interleaved stereo at 48 kHz, `round(score.duration_s · 48,000)` frames in all, a few thousand at a time.
/// Every sound has died by the last frame. Where `stems` are asked for, they are the tracks with all that the desk does
/// to them, reverberation included; the sum of the stems is the mix within one step of 24 bits. Tracks are played on the
/// threads of the current rayon pool; the bytes do not depend on how many there are, nor on whether stems are made.
///
/// # Errors
/// [`SoundError::Score`] where players and tracks differ in number or the duration is no duration;
/// [`SoundError::Cancelled`]; what the sinks return.
pub fn render(
    score: &Score,
    mut players: Vec<Box<dyn Player>>,
    sink: &mut Sink<'_>,
    mut stems: Option<&mut StemSink<'_>>,
    watch: &dyn Watch,
) -> Result<Rendered, SoundError> {
    let (mut desk, frames) = desk(score, players.len(), stems.is_some())?;
    let mut at = 0;
    while at < frames {
        // Within the pool as a whole, for each step would else be handed over to another thread and waited for; but not for
        // long, or another piece that is rendered at the same time would wait inside this one.
        rayon::scope(|_| {
            for _ in 0..STRETCH {
                let n = (frames - at).min(SPAN as u64) as usize;
                watch.check()?;
                desk.span(&mut players, at, n);
                sink(&desk.interleaved[..2 * n])?;
                if let Some(stems) = stems.as_deref_mut() {
                    desk.stems(n, stems)?;
                }
                at += n as u64;
                watch.progress(at as f64 / frames as f64);
                if at == frames {
                    break;
                }
            }
            Ok::<(), SoundError>(())
        })?;
    }
    Ok(desk.report(frames))
}

/// A desk for `score`, and how many frames it will give.
pub(super) fn desk(score: &Score, players: usize, apart: bool) -> Result<(Desk, u64), SoundError> {
    if players != score.tracks.len() {
        let reason = format!("it has {} tracks and {players} players", score.tracks.len());
        return Err(SoundError::Score { reason });
    }
    if !(0.0..=LONGEST_S).contains(&score.duration_s) {
        let reason = format!("{} s is not a length between 0 s and {LONGEST_S} s", score.duration_s);
        return Err(SoundError::Score { reason });
    }
    let frames = (score.duration_s * f64::from(SAMPLE_RATE)).round() as u64;
    Ok((Desk::new(score, frames, apart), frames))
}

/// Everything between players and sink.
pub(super) struct Desk {
    played: Vec<(Stereo, bool)>,
    groups: Vec<Group>,
    sums: Sums,
    wet: Stereo,
    spaces: Spaces,
    envelope: Envelope,
    gains: [Vec<f32>; 3],
    bus: MonoBelow,
    glue: Glue,
    /// The mix of the last span.
    pub(super) interleaved: Vec<f32>,
    stems: Vec<Stem>,
    /// The stems of the last span, after [`Desk::quantise`].
    pub(super) quantised: Vec<Vec<i32>>,
    weighting: KWeighting,
    gate: Gate,
    peak: f32,
    products: [f64; 3],
    clipped: u64,
}

impl Desk {
    fn new(score: &Score, frames: u64, apart: bool) -> Self {
        let tracks = score.tracks.len();
        let stem = || Stem {
            spaces: Spaces::new(SPAN),
            bus: MonoBelow::new(),
            sums: Sums::new(SPAN),
            wet: silent(SPAN),
            out: silent(SPAN),
        };
        Self {
            played: (0..tracks).map(|_| (silent(SPAN), false)).collect(),
            groups: strip::groups(score, SPAN, apart),
            sums: Sums::new(SPAN),
            wet: silent(SPAN),
            spaces: Spaces::new(SPAN),
            envelope: Envelope::new(&score.marks, frames),
            gains: std::array::from_fn(|_| vec![0.0; SPAN]),
            bus: MonoBelow::new(),
            glue: Glue::new(),
            interleaved: vec![0.0; 2 * SPAN],
            stems: if apart {
                (0..tracks).map(|_| stem()).collect()
            } else {
                Vec::new()
            },
            quantised: vec![vec![0; 2 * SPAN]; if apart { tracks } else { 0 }],
            weighting: KWeighting::new(),
            gate: Gate::default(),
            peak: 0.0,
            products: [0.0; 3],
            clipped: 0,
        }
    }

    /// Plays and mixes the `n` frames from `at` on into `interleaved` (and the stems' `out`).
    pub(super) fn span(&mut self, players: &mut [Box<dyn Player>], at: u64, n: usize) {
        players
            .par_iter_mut()
            .zip(&mut self.played)
            .for_each(|(player, ([l, r], sounded))| {
                *sounded = false;
                for (l, r) in l[..n].chunks_mut(BLOCK).zip(r[..n].chunks_mut(BLOCK)) {
                    *sounded |= player.play((l, r));
                }
            });
        self.groups
            .par_iter_mut()
            .zip(self.played.par_chunks(GROUP))
            .for_each(|(g, p)| g.process(p, n));
        // In the order of the groups, whoever was ready first.
        let sounding = self.groups.iter().filter(|g| g.sounded);
        self.sums.collect(sounding.map(|g| &g.sums), n);
        self.spaces.answer(&mut self.sums, &mut self.wet, n);
        let [gain_dry, gain_wet, gain_all] = &mut self.gains;
        self.envelope
            .fill(at, &mut gain_dry[..n], &mut gain_wet[..n], &mut gain_all[..n]);
        let [left, right] = &mut self.sums.dry;
        for (dry, wet) in [&mut *left, &mut *right].into_iter().zip(&self.wet) {
            return_wet(&mut dry[..n], gain_dry, wet, gain_wet);
        }
        let (left, right) = (&mut left[..n], &mut right[..n]);
        self.bus.process(left, right);
        self.glue.process(&self.bus, &mut gain_all[..n]);
        let products = interleave(left, right, gain_all, &mut self.interleaved);
        self.products
            .iter_mut()
            .zip(products)
            .for_each(|(sum, x)| *sum += f64::from(x));
        let mixed = &self.interleaved[..2 * n];
        self.peak = self.peak.max(largest(mixed));
        let (gate, mut left_over) = (&mut self.gate, n);
        self.weighting.process(mixed, |energy| {
            gate.push(f64::from(energy), left_over.min(CELL));
            left_over = left_over.saturating_sub(CELL);
        });
        let (groups, gains) = (&self.groups, &self.gains);
        self.stems
            .par_iter_mut()
            .enumerate()
            .for_each(|(i, stem)| stem.span(&groups[i / GROUP], i % GROUP, gains, n));
    }

    /// Rounds the stems of the last span so that their sum stays the mix: what rounding took from one is given to the
    /// next that sounds.
    pub(super) fn quantise(&mut self, n: usize) {
        const FULL: f64 = 8_388_608.0;
        for t in 0..2 * n {
            let sum: f64 = self.stems.iter().map(|s| f64::from(s.out[t % 2][t / 2])).sum();
            let mut carry = f64::from(self.interleaved[t]) - sum;
            for (stem, out) in self.stems.iter().zip(&mut self.quantised) {
                let x = f64::from(stem.out[t % 2][t / 2]);
                if x == 0.0 {
                    out[t] = 0;
                    continue;
                }
                let wanted = (x + carry) * FULL;
                let got = wanted.round().clamp(-FULL, FULL - 1.0);
                self.clipped += u64::from((got - wanted).abs() > 1.0);
                carry = (wanted - got) / FULL;
                out[t] = got as i32;
            }
        }
    }

    /// Hands the stems of the last span on.
    fn stems(&mut self, n: usize, sink: &mut StemSink<'_>) -> Result<(), SoundError> {
        self.quantise(n);
        for (i, samples) in self.quantised.iter().enumerate() {
            sink(i, &samples[..2 * n])?;
        }
        Ok(())
    }

    fn report(&self, frames: u64) -> Rendered {
        let [lr, ll, rr] = self.products;
        let power = (ll * rr).sqrt();
        Rendered {
            frames,
            loudness_lufs: self.gate.integrated(),
            peak: self.peak,
            correlation: if power > 0.0 { lr / power } else { 1.0 },
            clipped: self.clipped,
        }
    }
}

widened! {
    /// Dry and wet together, each with its gain.
    fn return_wet(dry: &mut [f32], gain_dry: &[f32], wet: &[f32], gain_wet: &[f32]) {
        for (((dry, gain_dry), wet), gain_wet) in dry.iter_mut().zip(gain_dry).zip(wet).zip(gain_wet) {
            *dry = Unit::fused(*dry, *gain_dry, wet * gain_wet);
        }
    }
}

widened! {
    /// Both sides times `gain`, frame by frame; returns the sums of left × right, left², right².
    fn interleave(left: &[f32], right: &[f32], gain: &[f32], out: &mut [f32]) -> [f32; 3] {
        const LANES: usize = 8;
        let mut products = [[0.0f32; LANES]; 3];
        let cells = left.chunks(LANES).zip(right.chunks(LANES)).zip(gain.chunks(LANES));
        for (((l, r), gain), out) in cells.zip(out.chunks_mut(2 * LANES)) {
            let mut frames = [[0.0f32; LANES]; 2];
            for i in 0..l.len().min(LANES) {
                (frames[0][i], frames[1][i]) = (l[i] * gain[i], r[i] * gain[i]);
            }
            let [l, r] = &frames;
            for i in 0..LANES {
                products[0][i] = Unit::fused(l[i], r[i], products[0][i]);
                products[1][i] = Unit::fused(l[i], l[i], products[1][i]);
                products[2][i] = Unit::fused(r[i], r[i], products[2][i]);
            }
            for (i, frame) in out.chunks_exact_mut(2).enumerate().take(LANES) {
                (frame[0], frame[1]) = (l[i], r[i]);
            }
        }
        products.map(|lanes| lanes.iter().sum())
    }
}

impl Stem {
    /// The same way as the sum's, for track `i` of `group` alone, with the gains that the sum was given.
    fn span(&mut self, group: &Group, i: usize, gains: &[Vec<f32>; 3], n: usize) {
        let [gain_dry, gain_wet, gain_all] = gains;
        let (room, hall) = group.sends(i);
        let track = &group.tracks[i];
        for (side, track) in track.iter().enumerate() {
            for (t, x) in track[..n].iter().enumerate() {
                self.sums.room[side][t] = room * x;
                self.sums.hall[side][t] = hall * x;
            }
        }
        self.spaces.answer(&mut self.sums, &mut self.wet, n);
        let [left, right] = &mut self.out;
        let (left, right) = (&mut left[..n], &mut right[..n]);
        for ((out, track), wet) in [&mut *left, &mut *right].into_iter().zip(track).zip(&self.wet) {
            for t in 0..n {
                out[t] = track[t] * gain_dry[t] + wet[t] * gain_wet[t];
            }
        }
        self.bus.process(left, right);
        for t in 0..n {
            left[t] *= gain_all[t];
            right[t] *= gain_all[t];
        }
    }
}
