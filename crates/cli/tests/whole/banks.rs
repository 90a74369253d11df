//! Sound banks with Vorbis samples (SoundFont 3), whole and broken.

use std::fs;

use crate::bench::Bench;

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
    chunk(b"LIST", &[name.to_vec(), chunks.concat()].concat())
}

fn named(name: &str, rest: &[u16]) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(20, 0);
    bytes.extend(rest.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

fn words(pairs: &[[u16; 2]]) -> Vec<u8> {
    pairs.iter().flatten().flat_map(|v| v.to_le_bytes()).collect()
}

/// A bank whose one instrument, the grand piano, is an Ogg Vorbis stream.
fn bank(ogg: &[u8]) -> Vec<u8> {
    let header = |name: &str, numbers: [u32; 5], key: u8, kind: u16| {
        let mut bytes = named(name, &[]);
        bytes.extend(numbers.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend([key, 0, 0, 0]);
        bytes.extend(kind.to_le_bytes());
        bytes
    };
    let presets = [
        named("piano", &[0, 0, 0, 0, 0, 0, 0, 0, 0]),
        named("EOP", &[0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ];
    let samples = [
        header("tone", [0, ogg.len() as u32, 4_000, 40_000, 44_100], 69, 0x11),
        header("EOS", [0; 5], 0, 0),
    ];
    let tables = [
        chunk(b"phdr", &presets.concat()),
        chunk(b"pbag", &words(&[[0, 0], [1, 0]])),
        chunk(b"pmod", &[0; 10]),
        chunk(b"pgen", &words(&[[41, 0], [0, 0]])),
        chunk(b"inst", &[named("tone", &[0]), named("EOI", &[1])].concat()),
        chunk(b"ibag", &words(&[[0, 0], [2, 0]])),
        chunk(b"imod", &[0; 10]),
        chunk(b"igen", &words(&[[54, 1], [53, 0], [0, 0]])),
        chunk(b"shdr", &samples.concat()),
    ];
    let mut data = b"sfbk".to_vec();
    data.extend(list(
        b"INFO",
        &[chunk(b"INAM", b"tone\0"), chunk(b"ICOP", b"public domain\0")],
    ));
    data.extend(list(b"sdta", &[chunk(b"smpl", ogg)]));
    data.extend(list(b"pdta", &tables));
    chunk(b"RIFF", &data)
}

#[test]
fn a_vorbis_bank_is_not_played_or_a_broken_one_brings_the_program_down() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 2, 1.0, 25);
    bench.ffmpeg("-v error -f lavfi -i sine=f=440:d=1 -ac 2 -c:a vorbis -strict -2 tone.ogg");
    let ogg = fs::read(bench.path("tone.ogg")).expect("reads");
    let whole = bank(&ogg);
    let score = |name: &str, bytes: &[u8]| {
        fs::write(bench.path(name), bytes).expect("writes");
        bench.run(&[
            "mix",
            "clip.mp4",
            "--style",
            "piano-solo",
            "--soundbank",
            name,
            "--force",
            "-o",
            "out.wav",
            "--json",
        ])
    };
    let run = score("whole.sf3", &whole);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.out.contains("public domain"),
        "the bank's licence is not told: {}",
        run.out
    );
    // Bytes of the stream, of its headers, of the tables, and the end cut off.
    let begin = whole.len() - ogg.len();
    for (i, step) in [7usize, 13, 29, 61, 97, 211, 499, 1009].into_iter().enumerate() {
        let mut bytes = whole.clone();
        for at in (200 + i..bytes.len()).step_by(step) {
            bytes[at] ^= 0x55;
        }
        let broken = score("broken.sf3", &bytes);
        assert!(
            [0, 3].contains(&broken.code),
            "every {step}th byte: {} {}",
            broken.code,
            broken.err
        );
        assert!(!broken.err.contains("panicked"), "{}", broken.err);
    }
    for keep in [12, 40, begin, whole.len() / 2, whole.len() - 30] {
        let cut = score("cut.sf3", &whole[..keep.min(whole.len())]);
        assert!([0, 3].contains(&cut.code), "cut at {keep}: {} {}", cut.code, cut.err);
        assert!(!cut.err.contains("panicked"), "{}", cut.err);
    }
}
