use std::io::Write;

use proptest::prelude::*;
use synchresis_cue::voice;

use super::riff::Source;
use super::samples::{Frames, Samples};
use super::tables::Tables;
use super::{Bank, BankLimits};
use crate::voices::{phrase, player};
use crate::{BLOCK, SAMPLE_RATE};

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    if data.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

fn list(name: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut data = name.to_vec();
    data.extend(chunks.concat());
    chunk(b"LIST", &data)
}

fn named(name: &str, rest: &[u16]) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(20, 0);
    bytes.extend(rest.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

/// A bank with one instrument for programs 0 and 73: a looped sine of 441 Hz sampled at 44,100 Hz, 100 frames a period, its
/// root A4.
fn small_bank() -> Vec<u8> {
    bank_with(&[])
}

/// The same with more chunks behind its samples.
fn bank_with(more: &[Vec<u8>]) -> Vec<u8> {
    let frames: Vec<u8> = (0..4000)
        .map(|i| ((f64::from(i) * std::f64::consts::TAU / 100.0).sin() * 12_000.0) as i16)
        .chain([0; 46])
        .flat_map(i16::to_le_bytes)
        .collect();
    let words = |list: &[[u16; 2]]| list.iter().flatten().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let presets = [
        named("one", &[0, 0, 0, 0, 0, 0, 0, 0, 0]),
        named("two", &[73, 0, 1, 0, 0, 0, 0, 0, 0]),
        named("EOP", &[0, 0, 2, 0, 0, 0, 0, 0, 0]),
    ]
    .concat();
    let header = |name: &str, values: [u32; 5], key: u8, kind: u16| {
        let mut bytes = named(name, &[]);
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend([key, 0, 0, 0]);
        bytes.extend(kind.to_le_bytes());
        bytes
    };
    let pdta = list(
        b"pdta",
        &[
            chunk(b"phdr", &presets),
            chunk(b"pbag", &words(&[[0, 0], [1, 0], [2, 0]])),
            chunk(b"pmod", &[0; 10]),
            chunk(b"pgen", &words(&[[41, 0], [41, 0], [0, 0]])),
            chunk(b"inst", &[named("sine", &[0]), named("EOI", &[1])].concat()),
            chunk(b"ibag", &words(&[[0, 0], [3, 0]])),
            chunk(b"imod", &[0; 10]),
            chunk(b"igen", &words(&[[54, 1], [38, (-3000i16) as u16], [53, 0], [0, 0]])),
            chunk(
                b"shdr",
                &[
                    header("sine", [0, 4000, 1000, 3000, 44_100], 69, 1),
                    header("EOS", [0; 5], 0, 0),
                ]
                .concat(),
            ),
        ],
    );
    let info = list(
        b"INFO",
        &[chunk(b"INAM", b"small\0"), chunk(b"ICOP", b"public domain\0")],
    );
    let mut data = b"sfbk".to_vec();
    data.extend([info, list(b"sdta", &[&[chunk(b"smpl", &frames)], more].concat()), pdta].concat());
    chunk(b"RIFF", &data)
}

fn saved(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it is written");
    file
}

fn play(bank: &Bank, name: &str, pitch: u8) -> Vec<f32> {
    let info = voice(name).expect("a voice");
    let mut track = phrase(info);
    track.notes.truncate(1);
    track.notes[0].pitch = pitch;
    track.notes[0].duration_s = 1.0;
    let length = SAMPLE_RATE as usize * 2;
    let (mut left, mut right) = (vec![0.0; length], vec![0.0; length]);
    let mut band = player(&track, 2.0, 1, Some(bank));
    for (l, r) in left.chunks_mut(BLOCK).zip(right.chunks_mut(BLOCK)) {
        band.play((l, r));
    }
    left
}

#[test]
fn a_bank_plays_out_of_tune_or_past_its_release() {
    let file = saved(&small_bank());
    let bank = Bank::open(file.path(), BankLimits::default()).expect("a sound bank");
    assert_eq!((bank.name(), bank.copyright()), ("small", "public domain"));
    assert!(bank.serves("flute") && !bank.serves("oboe") && !bank.serves("supersaw"));
    // The sample is 441 Hz where the key says 440: an octave up is 882.
    let wave = play(&bank, "flute", 81);
    let part = &wave[38_400..62_400];
    let crossings = part.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count();
    assert!((440..=442).contains(&crossings), "{crossings} periods in half a second");
    let end = wave[SAMPLE_RATE as usize * 17 / 10..]
        .iter()
        .fold(0.0f32, |p, x| p.max(x.abs()));
    assert!(end < 1e-3, "still {end} after its release");
}

#[test]
fn the_lower_bytes_of_a_24_bit_bank_are_lost() {
    let low: Vec<u8> = (0..4046u32).map(|i| (i * 37 % 256) as u8).collect();
    let frames = |bytes: &[u8]| {
        let file = saved(bytes);
        let source = Source::new(std::fs::File::open(file.path()).expect("the bank")).expect("its length");
        let tables = Tables::read(&source, 1000).expect("its tables");
        let sample = Samples::default().get(&source, &tables, 0).expect("its sample");
        match &sample.frames {
            Frames::Short(frames) => frames.iter().map(|f| f32::from(*f)).collect(),
            Frames::Fine(frames) => frames.clone(),
        }
    };
    let (short, fine): (Vec<f32>, Vec<f32>) = (frames(&small_bank()), frames(&bank_with(&[chunk(b"sm24", &low)])));
    assert_eq!(short.len(), fine.len());
    for (i, (high, whole)) in short.iter().zip(&fine).enumerate().take(4000) {
        assert_eq!(whole - high, f32::from(low[i]) / 256.0, "frame {i}");
    }
    // The specification has a chunk of another length ignored.
    assert_eq!(short, frames(&bank_with(&[chunk(b"sm24", &low[..100])])));
}

#[test]
fn a_text_file_opens_as_a_bank() {
    let file = saved(b"no bank at all, just words, and more than a few of them");
    assert!(Bank::open(file.path(), BankLimits::default()).is_err());
    assert!(Bank::open(std::path::Path::new("/nowhere/bank.sf2"), BankLimits::default()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_bank_breaks_the_player(
        changes in prop::collection::vec((0usize..9200, any::<u8>()), 1..40),
        tables in prop::collection::vec((0usize..700, prop::sample::select(vec![0u8, 1, 127, 128, 255])), 0..12),
        cut in 0usize..400,
    ) {
        let mut bytes = small_bank();
        let tail = bytes.len() - 700;
        for (at, value) in changes {
            if let Some(b) = bytes.get_mut(at) {
                *b = value;
            }
        }
        for (at, value) in tables {
            bytes[tail + at] = value;
        }
        bytes.truncate(bytes.len() - if cut > 300 { cut } else { 0 });
        let file = saved(&bytes);
        if let Ok(bank) = Bank::open(file.path(), BankLimits::default()) {
            let wave = play(&bank, "grand-piano", 64);
            prop_assert!(wave.iter().all(|x| x.is_finite()));
        }
    }
}
