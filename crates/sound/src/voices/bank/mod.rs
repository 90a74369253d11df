//! Sound banks: SoundFont 2 and 3, read as the specification says (SoundFont Technical Specification 2.04, E-mu 1998; SF3:
//! the same with Vorbis samples), by range, so that a large bank costs only the samples that are played.

mod region;
mod riff;
mod sampler;
mod samples;
mod tables;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use synchresis_cue::{VoiceFamily, VoiceInfo};

use crate::{Player, SAMPLE_RATE, SoundError};

use super::phrase::phrase;
use super::track::{Band, Gesture, Instrument, gestures};
use riff::Source;
use sampler::{Layer, Sampler, band};
use samples::Samples;
use tables::Tables;

/// What a bank may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankLimits {
    /// Bytes of samples that one track may hold in memory; a track that needs more is played by our own voice.
    pub sample_bytes: usize,
    /// Records (presets, zones, generators, samples) that a bank may have of each kind.
    pub records: usize,
}

impl Default for BankLimits {
    fn default() -> Self {
        Self {
            sample_bytes: 48 << 20,
            records: 400_000,
        }
    }
}

/// A SoundFont, SF2 or SF3, opened: its tables in memory, its samples read as tracks need them and dropped with them.
/// Cloning shares it; threads may use it at once.
#[derive(Debug, Clone)]
pub struct Bank {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    limits: BankLimits,
    source: Source,
    tables: Tables,
    samples: Samples,
    /// Gains that bring each voice to the common loudness, as measured.
    gains: Mutex<BTreeMap<&'static str, f32>>,
}

/// Where in a General MIDI bank a voice is played better than by ours: the bank number and the program. Synthesisers,
/// machines, effects and places stay ours, and so do short bows and soft hammers, for which General MIDI has no place.
fn place(info: &VoiceInfo) -> Option<(u16, u16)> {
    Some(match info.name {
        "kit-acoustic" => (128, 0),
        "kit-rock" => (128, 16),
        "kit-brush" => (128, 40),
        "kit-orchestral" => (128, 48),
        "strings-low" => (0, 48),
        "strings-spiccato" | "felt-piano" | "drive-guitar" | "ukulele" | "harmonica" | "whistle" => return None,
        _ => match info.family {
            VoiceFamily::Strings
            | VoiceFamily::Keys
            | VoiceFamily::Mallet
            | VoiceFamily::Guitar
            | VoiceFamily::Brass
            | VoiceFamily::Wind => (0, u16::from(info.program)),
            VoiceFamily::Bass if info.program < 38 => (0, u16::from(info.program)),
            VoiceFamily::Pad if info.name == "choir-pad" => (0, u16::from(info.program)),
            _ => return None,
        },
    })
    .filter(|_| info.name != "bell-synth")
}

impl Bank {
    /// Opens the bank at `path`: reads its tables (a few megabytes at most), none of its samples.
    ///
    /// # Errors
    /// The file cannot be read, is no SoundFont, or breaks `limits`.
    pub fn open(path: &Path, limits: BankLimits) -> Result<Self, SoundError> {
        let file = |source| SoundError::BankFile {
            path: path.to_owned(),
            source,
        };
        let source = Source::new(File::open(path).map_err(file)?).map_err(file)?;
        let tables = Tables::read(&source, limits.records).map_err(|reason| SoundError::BankFormat {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                limits,
                source,
                tables,
                samples: Samples::default(),
                gains: Mutex::default(),
            }),
        })
    }

    /// Its title.
    pub fn name(&self) -> &str {
        &self.inner.tables.name
    }

    /// Its licence or copyright line, as its maker wrote it; may be empty.
    pub fn copyright(&self) -> &str {
        &self.inner.tables.copyright
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Whether this bank plays `voice` instead of our own voice (given that its samples are sound).
    pub fn serves(&self, voice: &str) -> bool {
        synchresis_cue::voice(voice)
            .and_then(place)
            .is_some_and(|(bank, program)| self.inner.tables.preset(bank, program).is_some())
    }

    /// The voice's instrument for these gestures and its gain, where the bank has it whole.
    pub(super) fn instrument(
        &self,
        info: &'static VoiceInfo,
        gestures: &[Gesture],
    ) -> Option<(Box<dyn Instrument>, f32)> {
        let sampler = self.sampler(info, gestures)?;
        let gain = self.gain(info)?;
        Some((Box::new(sampler), gain))
    }

    fn sampler(&self, info: &VoiceInfo, gestures: &[Gesture]) -> Option<Sampler> {
        let (bank, program) = place(info)?;
        let inner = &self.inner;
        let preset = inner.tables.preset(bank, program)?;
        let mut layers: BTreeMap<(u8, u8), Vec<Layer>> = BTreeMap::new();
        let mut held: BTreeMap<usize, Arc<samples::Sample>> = BTreeMap::new();
        let mut bytes = 0usize;
        let mut mute = 0;
        for g in gestures {
            let key = (g.pitch, band(g.velocity));
            if layers.contains_key(&key) {
                continue;
            }
            let mut list = Vec::new();
            for region in region::regions(&inner.tables, &preset, key.0, key.1) {
                let sample = match held.get(&region.sample) {
                    Some(sample) => Arc::clone(sample),
                    None => {
                        let Some(sample) = inner.samples.get(&inner.source, &inner.tables, region.sample) else {
                            continue;
                        };
                        bytes += sample.frames.bytes();
                        if bytes > inner.limits.sample_bytes {
                            return None;
                        }
                        held.insert(region.sample, Arc::clone(&sample));
                        sample
                    }
                };
                list.extend(Layer::new(region, sample));
            }
            mute += usize::from(list.is_empty());
            layers.insert(key, list);
        }
        // A bank that leaves notes out serves the voice worse than ours.
        (mute == 0).then(|| Sampler::new(layers, info.family == VoiceFamily::Kit))
    }

    /// The gain that brings the voice to −23 LUFS, measured once on its phrase's first notes.
    fn gain(&self, info: &'static VoiceInfo) -> Option<f32> {
        let known = |gains: &Mutex<BTreeMap<&'static str, f32>>| {
            gains
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(info.name)
                .copied()
        };
        if let Some(gain) = known(&self.inner.gains) {
            return Some(gain);
        }
        let mut track = phrase(info);
        if info.family == VoiceFamily::Kit {
            track.notes.truncate(9);
        } else {
            track.notes.truncate(4);
        }
        let gestures = gestures(&track, info);
        let sampler = self.sampler(info, &gestures)?;
        let mut player = Band::new(&track, gestures, Box::new(sampler), 1.0, 10.0);
        let length = (2.9 * f64::from(SAMPLE_RATE)) as usize;
        let (mut left, mut right) = (vec![0.0f32; length], vec![0.0f32; length]);
        player.play((&mut left, &mut right));
        let from = SAMPLE_RATE as usize / 2;
        let mut meter = ebur128::EbuR128::new(2, SAMPLE_RATE, ebur128::Mode::I).ok()?;
        meter.add_frames_planar_f32(&[&left[from..], &right[from..]]).ok()?;
        let lufs = meter.loudness_global().ok()?;
        if !lufs.is_finite() || lufs < -80.0 {
            return None;
        }
        let gain = 10f64.powf((-23.0 - lufs) / 20.0) as f32;
        self.inner
            .gains
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(info.name, gain);
        Some(gain)
    }
}

#[cfg(test)]
mod tests;
