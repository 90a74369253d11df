//! Samples: frames of 16 or 24 bits by range from the file, or Vorbis decoded on the way (SoundFont 3).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::{codecs::VorbisDecoder, formats::OggReader};

use super::riff::{Source, Span};
use super::tables::{Header, Tables};

/// Frames of one sample that are ever held: 60 s at 48 kHz.
const MOST_FRAMES: usize = 60 * 48_000;
/// The flag of a Vorbis sample.
const VORBIS: u16 = 0x10;
/// The flag of a sample in a synthesiser's ROM, which nobody has.
const ROM: u16 = 0x8000;

/// Frames as they are held: full scale is 32,768 in both.
#[derive(Debug)]
pub(super) enum Frames {
    /// 16 bits, and what was decoded from Vorbis.
    Short(Vec<i16>),
    /// 24 bits: whole and 256ths, which a float holds exactly.
    Fine(Vec<f32>),
}

impl Frames {
    fn len(&self) -> usize {
        match self {
            Self::Short(frames) => frames.len(),
            Self::Fine(frames) => frames.len(),
        }
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Short(frames) => frames.len() * 2,
            Self::Fine(frames) => frames.len() * 4,
        }
    }
}

/// A sample in memory.
#[derive(Debug)]
pub(super) struct Sample {
    /// Frames, with four of silence behind them.
    pub(super) frames: Frames,
    pub(super) loop_start: usize,
    pub(super) loop_end: usize,
    pub(super) rate: f32,
    /// Frames to the attack: where the level first comes near that of the first quarter second.
    pub(super) onset: usize,
}

impl Sample {
    fn new(mut frames: Frames, header: &Header, base: u32) -> Option<Self> {
        let length = frames.len();
        if length < 8 {
            return None;
        }
        let inside = |at: u32| (at.saturating_sub(base) as usize).min(length);
        let onset = match &mut frames {
            Frames::Short(frames) => {
                let onset = onset(frames, header.rate);
                frames.extend([0; 4]);
                onset
            }
            Frames::Fine(frames) => {
                let onset = onset(frames, header.rate);
                frames.extend([0.0; 4]);
                onset
            }
        };
        Some(Self {
            frames,
            loop_start: inside(header.loop_start),
            loop_end: inside(header.loop_end),
            rate: header.rate.clamp(400, 192_000) as f32,
            onset,
        })
    }

    /// Frames that may be read.
    pub(super) fn len(&self) -> usize {
        self.frames.len() - 4
    }
}

/// The first 2 ms whose level is within 9 dB of the loudest of the first 250 ms.
fn onset<T: Copy + Into<f32>>(frames: &[T], rate: u32) -> usize {
    let step = (rate as usize / 500).max(8);
    let levels: Vec<f32> = frames
        .chunks(step)
        .take(125)
        .map(|c| c.iter().map(|x| -> f32 { (*x).into() }).map(|x| x.powi(2)).sum::<f32>() / c.len() as f32)
        .collect();
    let most = levels.iter().copied().fold(0.0, f32::max);
    levels.iter().position(|l| *l >= most * 0.125).unwrap_or(0) * step
}

/// The samples that tracks hold at the moment; each is read once however many tracks need it.
#[derive(Debug, Default)]
pub(super) struct Samples {
    held: Mutex<BTreeMap<usize, Weak<Sample>>>,
}

impl Samples {
    /// The sample of that number; `None` where it is broken.
    pub(super) fn get(&self, source: &Source, tables: &Tables, number: usize) -> Option<Arc<Sample>> {
        let held = |map: &BTreeMap<usize, Weak<Sample>>| map.get(&number).and_then(Weak::upgrade);
        if let Some(sample) = held(&self.held.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Some(sample);
        }
        // Decoded outside the lock: two tracks may do it at once, with the same result.
        let sample = Arc::new(load(source, tables, number)?);
        let mut map = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, s| s.strong_count() > 0);
        map.insert(number, Arc::downgrade(&sample));
        Some(sample)
    }
}

fn load(source: &Source, tables: &Tables, number: usize) -> Option<Sample> {
    let header = tables.headers.get(number)?;
    if header.kind & ROM != 0 || header.end <= header.start {
        return None;
    }
    let most = MOST_FRAMES as u64 * 2;
    if header.kind & VORBIS != 0 {
        let span = inside(tables.samples, u64::from(header.start), u64::from(header.end))?;
        let frames = Frames::Short(vorbis(source.read(span, most).ok()?)?);
        return Sample::new(frames, header, 0);
    }
    let end = u64::from(header.end).min(u64::from(header.start) + MOST_FRAMES as u64);
    let span = inside(tables.samples, u64::from(header.start) * 2, end * 2)?;
    let bytes = source.read(span, most).ok()?;
    let short = bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b));
    // Bits 9 to 16 of a 24-bit bank lie in a chunk of their own, a byte a frame (specification 6.2); one of another length is
    // to be ignored.
    let low = tables.low_bytes();
    let low = low.and_then(|low| inside(low, u64::from(header.start), end));
    let low = low.and_then(|span| source.read(span, most).ok());
    let frames = match low {
        Some(low) if low.len() * 2 == bytes.len() => {
            let fine = short
                .zip(low)
                .map(|(high, low)| f32::from(high) + f32::from(low) / 256.0);
            Frames::Fine(fine.collect())
        }
        _ => Frames::Short(short.collect()),
    };
    Sample::new(frames, header, header.start)
}

fn inside(samples: Span, from: u64, to: u64) -> Option<Span> {
    let to = to.min(samples.length);
    (from < to).then(|| Span {
        at: samples.at + from,
        length: to - from,
    })
}

/// Decodes a Vorbis stream's first channel, until it ends or breaks.
fn vorbis(bytes: Vec<u8>) -> Option<Vec<i16>> {
    let stream = MediaSourceStream::new(
        Box::new(std::io::Cursor::new(bytes)),
        MediaSourceStreamOptions::default(),
    );
    let mut reader = OggReader::try_new(stream, FormatOptions::default()).ok()?;
    let (id, parameters) = reader.tracks().iter().find_map(|t| match &t.codec_params {
        Some(CodecParameters::Audio(a)) => Some((t.id, a.clone())),
        _ => None,
    })?;
    let mut decoder = VorbisDecoder::try_new(&parameters, &AudioDecoderOptions::default()).ok()?;
    let mut frames: Vec<i16> = Vec::new();
    let mut planes: Vec<Vec<i16>> = Vec::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        if packet.track_id != id {
            continue;
        }
        let Ok(buffer) = decoder.decode(&packet) else { break };
        buffer.copy_to_vecs_planar(&mut planes);
        let Some(first) = planes.first() else { break };
        frames.extend(first.iter().take(MOST_FRAMES - frames.len()));
        if frames.len() >= MOST_FRAMES {
            break;
        }
    }
    Some(frames)
}
