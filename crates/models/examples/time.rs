//! An engine that runs when it is told to, for `benches/models.py` and `benches/painters.py`, which take its time: a line of JSON on
//! stdout for what is done, and a line on stdin to go on.
//!
//!     time yolov9|resnet18|clip|moondream2|moondream2-q8|captions|vae|prior|embedding|decoder|audioldm2 LIBRARY WEIGHTS TOKENS [SIDE]
#![allow(clippy::print_stdout, reason = "its result is what it prints")]

use std::path::{Path, PathBuf};

use std::sync::Mutex;

use synchresis_cue::{Cancelled, Silent, Watch};
use synchresis_models::audioldm::{AudioLdm, Family, Wish};
use synchresis_models::captions::LpMusicCaps;
use synchresis_models::clip::ClipImage;
use synchresis_models::kandinsky::{Decoder, DecoderSteps, Embeddings, Piece, Prior, PriorSteps};
use synchresis_models::moondream::Moondream;
use synchresis_models::resnet18::ResNet18;
use synchresis_models::variations::Between;
use synchresis_models::yolov9::{Keep, YoloV9};
use synchresis_models::{ModelError, Picture, Runtime, Tensor, TorchRandom};

/// A picture of `width` × `height` with slopes and grain.
fn picture(width: usize, height: usize, seed: u32) -> Option<Picture> {
    let mut state = seed;
    let mut pixel = |i: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((i / 3 % width * 200 / width) as u8).wrapping_add((state >> 26) as u8)
    };
    Picture::new(width, height, (0..width * height * 3).map(&mut pixel).collect())
}

fn no_picture() -> ModelError {
    ModelError::Input {
        model: "time",
        reason: "no picture".to_owned(),
    }
}

/// Tells that `what` is done, and waits until the asker, who takes the time, says to go on; false when it has gone.
fn told(what: &serde_json::Value) -> bool {
    println!("{what}");
    matches!(std::io::stdin().read_line(&mut String::new()), Ok(n) if n > 0)
}

/// Runs as often as it is asked to.
fn rounds(mut run: impl FnMut() -> Result<(), ModelError>) -> Result<(), ModelError> {
    let loaded = serde_json::json!({"done": "load", "peak": peak()});
    let mut go_on = told(&loaded);
    while go_on {
        run()?;
        go_on = told(&serde_json::json!({"done": "run", "peak": peak()}));
    }
    Ok(())
}

/// The most memory that this process ever had, bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Tells of every step, of which the first stands for all that was before it.
struct Steps(Mutex<&'static str>);

impl Watch for Steps {
    fn cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _fraction: f64) {}
    fn check(&self) -> Result<(), Cancelled> {
        let mut done = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let said = std::mem::replace(&mut *done, "step");
        let told = told(&serde_json::json!({"done": said, "peak": peak()}));
        if told { Ok(()) } else { Err(Cancelled) }
    }
}

fn steps() -> Steps {
    Steps(Mutex::new("begin"))
}

/// The painters, `runs` steps each, pictures of `side` × `side` pixels.
fn painted(engine: &str, weights: &Path, (runs, side): (usize, usize), runtime: &Runtime) -> Result<(), ModelError> {
    match engine {
        "captions" => {
            let mut net = LpMusicCaps::load(weights, runtime)?;
            // Four windows of ten seconds.
            let noise = TorchRandom::seeded(1).normal(640_000);
            let samples: Vec<i16> = noise.iter().map(|x| (x * 3000.0) as i16).collect();
            rounds(|| net.captions(&samples, &Silent).map(drop))
        }
        "vae" => {
            let mut net = Between::load(weights, runtime)?;
            let latents = Tensor {
                shape: vec![1, 4, side / 8, side / 8],
                data: TorchRandom::seeded(1).normal(4 * (side / 8) * (side / 8)),
            };
            rounds(|| net.pictures(std::slice::from_ref(&latents)).map(drop))
        }
        "prior" => {
            let mut net = Prior::load(weights, runtime)?;
            let how = PriorSteps {
                steps: runs,
                ..PriorSteps::default()
            };
            rounds(|| {
                net.embed("rain", Some("fog"), how, &mut TorchRandom::seeded(1), &steps())
                    .map(drop)
            })
        }
        "embedding" => {
            let mut net = Prior::load(weights, runtime)?;
            let how = PriorSteps {
                steps: runs,
                ..PriorSteps::default()
            };
            let mut seed = 0;
            rounds(|| {
                // Another picture each time: one that was seen before is remembered.
                seed += 1;
                let picture = picture(224, 224, seed).ok_or_else(no_picture)?;
                let pieces = [
                    (Piece::Text("rain over the harbour"), 0.3),
                    (Piece::Picture(&picture), 0.7),
                ];
                net.interpolate(&pieces, None, how, &mut TorchRandom::seeded(1), &Silent)
                    .map(drop)
            })
        }
        _ => {
            let mut net = Decoder::load(weights, runtime)?;
            let how = DecoderSteps {
                steps: runs,
                size: (side, side),
                ..DecoderSteps::default()
            };
            let mut random = TorchRandom::seeded(1);
            let embeddings = Embeddings {
                image: random.normal(1280),
                negative: random.normal(1280),
            };
            rounds(|| net.paint(&embeddings, how, &mut random, &steps()).map(drop))
        }
    }
}

fn measured(engine: &str, weights: &Path, (tokens, side): (usize, usize), runtime: &Runtime) -> Result<(), ModelError> {
    let square = |side: usize| picture(side, side, 1).ok_or_else(no_picture);
    match engine {
        "audioldm2" => {
            let mut net = AudioLdm::open(weights, Family::AudioLdm2, runtime)?;
            let wish = Wish {
                prompt: "fast techno, a choir sings",
                negative: Some("low quality"),
                seed: 1,
                steps: tokens,
                guidance: 3.5,
                seconds: 10.0,
                waveforms: 1,
                method: None,
                windows: true,
            };
            rounds(|| net.make(wish, &Silent).map(drop))
        }
        "captions" | "vae" | "prior" | "embedding" | "decoder" => painted(engine, weights, (tokens, side), runtime),
        "yolov9" => {
            let mut net = YoloV9::load(weights, runtime)?;
            let picture = square(640)?;
            rounds(|| net.detect(&picture, &Keep::default()).map(drop))
        }
        "resnet18" => {
            let mut net = ResNet18::load(weights, runtime)?;
            let picture = square(512)?;
            rounds(|| net.latent(&picture).map(drop))
        }
        "clip" => {
            let mut net = ClipImage::load(weights, runtime)?;
            let picture = square(224)?;
            rounds(|| net.look(&picture).map(drop))
        }
        _ => {
            let eight = weights.join("eight.safetensors");
            let eight = (engine == "moondream2-q8").then_some(eight.as_path());
            if let Some(eight) = eight.filter(|path| !path.exists()) {
                Moondream::in_eight_bits(weights, eight, &mut |_| true)?;
                // A process of its own measures: this one's memory is what packing took.
                println!("{}", serde_json::json!({"done": "packing", "peak": peak()}));
                return Ok(());
            }
            let mut net = Moondream::load(weights, eight, runtime)?;
            let picture = square(378)?;
            rounds(|| {
                let mut begun = false;
                // Asked before every token, and as it is told.
                net.answer(&picture, "What is it?", tokens, &mut |words| {
                    if words.is_empty() && !begun {
                        begun = true;
                        return told(&serde_json::json!({"done": "first", "peak": peak()}));
                    }
                    true
                })
                .map(drop)
            })
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, engine, library, weights, tokens, side @ ..] = args.as_slice() else {
        return Err("time ENGINE LIBRARY WEIGHTS TOKENS [SIDE]".into());
    };
    let side = side.first().map_or(Ok(768), |side| side.parse())?;
    let runtime = Runtime::load(&[PathBuf::from(library)], 2)?;
    Ok(measured(engine, Path::new(weights), (tokens.parse()?, side), &runtime)?)
}
