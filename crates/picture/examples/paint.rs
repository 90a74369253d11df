//! Paints a film from what was heard, as raw planar 4:2:0 on stdout, for an encoder to read:
//!
//! ```text
//! paint HEARD.json LOOK WIDTHxHEIGHT FPS [--at 0,15,30] [--seed N] [--section SECONDS] ART… | ffmpeg -f rawvideo …
//! ```
//!
//! HEARD.json holds `duration`, `tempo`, `tonic`, `minor`, `beats`, `onsets` ([time, strength]), `sections`, `step`,
//! `harmonic`, `percussive`, `energy`, `brightness`. Timing goes to stderr; the storyboard to the path in `--board`.

use std::io::Write;

use synchresis_cue::{Key, Look, Mode, Rational};
use synchresis_picture::paint::{ArtInfo, Artwork, FilmOptions, GenreTable, Heard, Painter, storyboard};

type Fails = Box<dyn std::error::Error>;

fn main() -> Result<(), Fails> {
    let mut at: Option<Vec<u64>> = None;
    let mut options = FilmOptions::default();
    let mut board_path = None;
    let mut plain = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or("an option without its value");
        match arg.as_str() {
            "--at" => at = Some(value()?.split(',').map(str::parse).collect::<Result<_, _>>()?),
            "--seed" => options.seed = value()?.parse()?,
            "--section" => options.section_seconds = Some(value()?.parse()?),
            "--board" => board_path = Some(value()?),
            _ => plain.push(arg),
        }
    }
    let [heard, look, size, fps, art @ ..] = plain.as_slice() else {
        return Err("usage: paint HEARD.json LOOK WIDTHxHEIGHT FPS ART…".into());
    };
    options.look = Look::named(look).ok_or("no such look")?;
    let (w, h) = size.split_once('x').ok_or("a size is WIDTHxHEIGHT")?;
    options.size = (w.parse()?, h.parse()?);
    options.fps = Rational {
        num: fps.parse()?,
        den: 1,
    };
    let song: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(heard)?)?;
    let numbers = |name: &str| -> Vec<f32> {
        song[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_f64().map(|v| v as f32))
            .collect()
    };
    let pairs = |name: &str| -> Vec<(f64, f64)> {
        song[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|p| Some((p[0].as_f64()?, p[1].as_f64()?)))
            .collect()
    };
    let step_s = song["step"].as_f64().unwrap_or(0.0);
    let heard = Heard {
        duration_s: song["duration"].as_f64().unwrap_or(0.0),
        tempo: song["tempo"].as_f64().unwrap_or(0.0),
        key: song["tonic"].as_u64().map(|tonic| Key {
            tonic: tonic as u8,
            mode: if song["minor"].as_bool() == Some(true) {
                Mode::Aeolian
            } else {
                Mode::Ionian
            },
        }),
        beats: numbers("beats").into_iter().map(f64::from).collect(),
        onsets: pairs("onsets").into_iter().map(|(t, s)| (t, s as f32)).collect(),
        sections: pairs("sections").into_iter().map(|(a, b)| (a, b, Vec::new())).collect(),
        parts_step_s: step_s,
        harmonic: numbers("harmonic"),
        percussive: numbers("percussive"),
        step_s,
        energy: numbers("energy"),
        brightness: numbers("brightness"),
        ..Heard::default()
    };
    let longest = 2 * options.size.0.max(options.size.1);
    let artworks = art
        .iter()
        .map(|p| Ok(Artwork::decode(p, &std::fs::read(p)?, longest)?))
        .collect::<Result<Vec<_>, Fails>>()?;
    let info: Vec<ArtInfo> = artworks.iter().map(|a| a.info().clone()).collect();
    let board = storyboard(&heard, &info, &options, &GenreTable::default());
    if let Some(path) = board_path {
        std::fs::write(path, serde_json::to_string_pretty(&board)?)?;
    }
    let painter = Painter::new(&board, artworks)?;
    let mut frame = vec![0u8; painter.frame_bytes()];
    let frames = at.unwrap_or_else(|| (0..painter.frames()).collect());
    let mut out = std::io::stdout().lock();
    let mut spent = std::time::Duration::ZERO;
    for i in &frames {
        let start = std::time::Instant::now();
        painter.frame(*i, &mut frame)?;
        spent += start.elapsed();
        out.write_all(&frame)?;
    }
    writeln!(
        std::io::stderr(),
        "{} frames, {:.2} ms each",
        frames.len(),
        1e3 * spent.as_secs_f64() / frames.len().max(1) as f64
    )?;
    Ok(())
}
