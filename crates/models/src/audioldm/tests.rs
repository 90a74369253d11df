//! Against diffusers and transformers: `tests/reference/audioldm.py` keeps what they compute. Weights are drawn from their names.

use std::path::Path;

use synchresis_cue::{Cancelled, Silent, Watch};

use super::clap_audio::{self, ClapAudio};
use super::clap_text::{self, ClapText};
use super::draw::{Sum, windows};
use super::features::Features;
use super::gpt2::{self, Gpt2};
use super::projection::{self, Projection};
use super::t5::{self, T5};
use super::vocoder::{self, Vocoder};
use super::{AudioLdm, Family, Wish};
use crate::diffusion::autoencoder::{self, Decoder};
use crate::diffusion::scheduler::Method;
use crate::diffusion::unet::{self, Given, Unet};
use crate::error::ModelError;
use crate::graph::Operators;
use crate::parity::{Fixture, Wanted, apart, between, runtime, sampled};
use crate::runtime::Tensor;
use crate::tokens::{Length, Tokens};

const PROMPT: &str = "fast techno, a choir sings 🎹";
const NEGATIVE: &str = "low quality, average quality, bad quality, poor quality";

fn drawn(name: &str, shape: &[usize], limits: (f64, f64)) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        data: between(name, shape.iter().product(), limits),
    }
}

/// A folder as diffusers saved it, but for its weights, which are drawn anew.
fn saved(name: &str, family: Family) -> (Fixture, tempfile::TempDir) {
    let fixture = Fixture::open(&format!("{name}.safetensors"));
    let root = tempfile::tempdir().expect("a folder");
    for file in fixture.names() {
        if let Some(path) = file.strip_prefix("folder/") {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes it");
            std::fs::write(path, fixture.bytes(&file)).expect("writes");
        }
    }
    let gain = |part: &str| f64::from_le_bytes(fixture.bytes(&format!("gain.{part}")).try_into().expect("one"));
    let at = |part: &str| root.path().join(part);
    let keep = |part: &str, gain: f64, build: &dyn Fn(&Wanted, &Path) -> Result<(), ModelError>| {
        let wanted = Wanted::default();
        build(&wanted, &at(part)).expect("a graph");
        wanted.write(&at(part).join("model.safetensors"), gain);
    };
    let vae =
        |w: &Wanted, f: &Path| autoencoder::decoder(w, &autoencoder::Config::read(f)?, Operators::default()).map(drop);
    let sing = |w: &Wanted, f: &Path| vocoder::graph(w, &vocoder::Config::read(f)?, Operators::default()).map(drop);
    let draw =
        |w: &Wanted, f: &Path| unet::graph(w, &unet::Config::read(f, family.looks())?, Operators::default()).map(drop);
    keep("vae", gain("vae"), &vae);
    keep("vocoder", gain("vocoder"), &sing);
    keep("unet", 3.0, &draw);
    let clap = |w: &Wanted, f: &Path| {
        clap_text::graph(w, &ClapText::config(f)?)?;
        if family == Family::AudioLdm2 {
            clap_audio::graph(w, &clap_audio::Config::read(f)?)?;
        }
        Ok(())
    };
    keep("text_encoder", 3.0, &clap);
    if family == Family::AudioLdm2 {
        keep("text_encoder_2", 3.0, &|w, f| {
            t5::graph(w, &t5::Config::read(f)?).map(drop)
        });
        keep("projection_model", 3.0, &|w, f| {
            projection::graph(w, &projection::Config::read(f)?).map(drop)
        });
        // The language model's weights carry the name of the model around it.
        let wanted = Wanted::default();
        let config = gpt2::Config::read(&at("language_model")).expect("a configuration");
        gpt2::graph(&wanted, &config).expect("a graph");
        wanted
            .within("transformer.")
            .write(&at("language_model").join("model.safetensors"), 3.0);
    }
    (fixture, root)
}

fn near(what: &str, ours: &[f32], theirs: &[f32], most: f32) {
    let off = apart(ours, theirs);
    assert!(off < most, "{what} is {off} off");
}

#[test]
fn a_part_of_audioldm2_says_something_else_than_the_references() {
    let (fixture, folder) = saved("audioldm2", Family::AudioLdm2);
    let (at, run) = (|part: &str| folder.path().join(part), runtime());

    let ids = fixture.integers("clap.ids");
    let encoded = Tokens::open(&at("tokenizer"))
        .expect("reads")
        .encode(PROMPT, Length::Exactly(77))
        .expect("reads");
    assert_eq!(encoded.ids, ids, "CLAP's tokens");
    let place = ClapText::load(&at("text_encoder"), &run)
        .expect("loads")
        .place(&ids, &encoded.mask)
        .expect("runs");
    near("CLAP's place", &place.data, &fixture.floats("clap.place"), 1e-4);

    let tokens = Tokens::open(&at("tokenizer_2")).expect("reads");
    let encoded = tokens.encode(NEGATIVE, Length::Exactly(40)).expect("reads");
    assert_eq!(encoded.ids, fixture.integers("t5.ids"), "T5's tokens");
    assert_eq!(encoded.mask, fixture.integers("t5.mask"));
    let read = T5::load(&at("text_encoder_2"), &run)
        .expect("loads")
        .read(&[(&encoded.ids, &encoded.mask)])
        .expect("runs");
    near("what T5 reads", &read[0].data, &fixture.floats("t5.vectors"), 1e-4);

    let (clap, t5) = (
        drawn("clap", &[1, 20], (-1.0, 1.0)),
        drawn("t5", &[1, 7, 24], (-1.0, 1.0)),
    );
    let joined = Projection::load(&at("projection_model"), &run)
        .expect("loads")
        .join(&clap, &t5)
        .expect("runs");
    near("the projection", &joined.data, &fixture.floats("joined"), 1e-4);
    let mut gpt2 = Gpt2::load(&at("language_model"), &run).expect("loads");
    let mask = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1];
    let said = gpt2.go_on(&[(&joined, &mask)]).expect("runs");
    near("what GPT-2 says", &said[0].data, &fixture.floats("said"), 1e-4);
    // Nor when another text goes with it, of which more is seen.
    let other = drawn("other", &joined.shape, (-1.0, 1.0));
    let both = gpt2.go_on(&[(&other, &[1; 12]), (&joined, &mask)]).expect("runs");
    near("what it says beside another", &both[1].data, &said[0].data, 1e-5);
    let alone = gpt2.go_on(&[(&other, &[1; 12])]).expect("runs");
    near("what the other says", &both[0].data, &alone[0].data, 1e-5);
    assert!(apart(&both[0].data, &both[1].data) > 1e-3);
    let told = gpt2
        .go_on(&[(&joined, &mask), (&joined, &mask[1..])])
        .expect_err("is refused");
    assert!(told.to_string().contains("different lengths"), "{told}");

    let mut unet = Unet::load(&at("unet"), Family::AudioLdm2.looks(), &run).expect("loads");
    let mask = Tensor {
        shape: vec![2, 5],
        data: vec![1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    };
    let (context, context_1) = (
        drawn("context", &[2, 8, 16], (-1.0, 1.0)),
        drawn("context_1", &[2, 5, 24], (-1.0, 1.0)),
    );
    let given = Given {
        context: Some(&context),
        context_1: Some(&context_1),
        mask_1: Some(&mask),
        class: None,
    };
    let out = unet
        .step(&drawn("sample", &[2, 4, 13, 4], (-2.0, 2.0)), 481, given)
        .expect("runs");
    near("the U-Net", &out.data, &fixture.floats("unet"), 1e-4);

    let mut decoder = Decoder::load(&at("vae"), &run).expect("loads");
    let mel = decoder
        .decode(&drawn("latents", &[1, 4, 9, 4], (-2.0, 2.0)))
        .expect("runs");
    near("the spectrogram", &mel.data, &fixture.floats("mel"), 1e-4);
    let mut vocoder = Vocoder::load(&at("vocoder"), &run).expect("loads");
    let sound = vocoder.sing(&between("frames", 480, (-2.0, 2.0))).expect("runs");
    near("the sound", &sampled(&sound.data), &fixture.floats("sound"), 1e-4);
}

#[test]
fn clap_hears_something_else_than_the_references() {
    let (fixture, folder) = saved("audioldm2", Family::AudioLdm2);
    let features = Features::read(&folder.path().join("feature_extractor")).expect("reads");
    // Three samples of 48 kHz for each of 16 kHz, so that no resampling comes between.
    let sound: Vec<f32> = between("ears", 16_000, (-1.0, 1.0))
        .iter()
        .flat_map(|x| [0.5 * x; 3])
        .collect();
    let heard = features.hear(&sound, 48_000);
    near("the mel spectrogram", &sampled(&heard), &fixture.floats("heard"), 1e-4);
    let mut ears = ClapAudio::load(&folder.path().join("text_encoder"), &runtime()).expect("loads");
    let place = ears.place(&heard).expect("runs");
    near("the place of the sound", &place.data, &fixture.floats("ears"), 1e-4);
}

/// The wishes of `WISHES` in the script, in its order.
fn wishes() -> Vec<Wish<'static>> {
    let wish = |method, steps, seed, guidance, seconds, waveforms, negative| Wish {
        prompt: PROMPT,
        negative,
        seed,
        steps,
        guidance,
        seconds,
        waveforms,
        method: Some(method),
        windows: false,
    };
    let (ddim, dpm) = (Method::Ddim, Method::DpmSolver);
    vec![
        wish(ddim, 5, 42, 3.5, 0.64, 1, Some(NEGATIVE)),
        wish(dpm, 5, 42, 3.5, 0.64, 1, Some(NEGATIVE)),
        wish(ddim, 25, u64::MAX, 2.5, 0.5, 1, None),
        wish(dpm, 25, 0, 3.5, 1.15, 1, Some(NEGATIVE)),
        wish(dpm, 5, 7, 3.5, 0.7304, 1, Some(NEGATIVE)),
        wish(ddim, 5, 3, 1.0, 0.3333, 1, None),
        wish(dpm, 5, 1, 3.5, 0.64, 3, Some(NEGATIVE)),
    ]
}

fn pipeline_agrees(name: &str, family: Family) {
    let (fixture, folder) = saved(name, family);
    let mut model = AudioLdm::open(folder.path(), family, &runtime()).expect("opens");
    for (i, wish) in wishes().into_iter().enumerate() {
        let scheduler = folder.path().join("scheduler/scheduler_config.json");
        let plain = std::fs::read_to_string(&scheduler).expect("reads");
        if i == 4 {
            let karras = plain.replacen('{', "{\"use_karras_sigmas\": true,", 1);
            std::fs::write(&scheduler, karras).expect("writes");
        }
        let made = model.make(wish, &Silent).expect("makes");
        std::fs::write(&scheduler, plain).expect("writes");
        assert_eq!(made.rate, 16_000);
        let theirs = fixture.floats(&format!("wish{i}"));
        let each = theirs.len() / wish.waveforms;
        for (n, (ours, theirs)) in made.waveforms.iter().zip(theirs.chunks(each)).enumerate() {
            near(
                &format!("{name}: wish {i}, sound {n}"),
                &sampled(&ours.samples),
                theirs,
                1e-3,
            );
        }
        if wish.waveforms > 1 && family == Family::AudioLdm2 {
            assert_eq!(made.unranked, None);
            let scores: Vec<f32> = made.waveforms.iter().filter_map(|w| w.score).collect();
            assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        }
    }
}

#[test]
fn audioldm2_makes_other_sounds_than_diffusers() {
    pipeline_agrees("audioldm2", Family::AudioLdm2);
}

#[test]
fn audioldm_makes_other_sounds_than_diffusers() {
    pipeline_agrees("audioldm", Family::AudioLdm);
}

/// Stops after so many questions.
struct Stops(std::sync::atomic::AtomicUsize);

impl Watch for Stops {
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) <= 1
    }
    fn progress(&self, fraction: f64) {
        assert!((0.0..=1.0).contains(&fraction), "{fraction}");
    }
}

#[test]
fn a_wish_that_cannot_be_met_is_tried_or_cannot_be_stopped() {
    let (_, folder) = saved("audioldm", Family::AudioLdm);
    let mut model = AudioLdm::open(folder.path(), Family::AudioLdm, &runtime()).expect("opens");
    let good = wishes()[0];
    let refused = [
        Wish { seconds: 0.0, ..good },
        Wish {
            seconds: 3600.0,
            ..good
        },
        Wish {
            seconds: f64::NAN,
            ..good
        },
        Wish { steps: 0, ..good },
        Wish { steps: 2000, ..good },
        Wish {
            guidance: f32::INFINITY,
            ..good
        },
        Wish { waveforms: 0, ..good },
    ];
    for wish in refused {
        let said = model.make(wish, &Silent);
        assert!(matches!(said, Err(ModelError::Input { .. })), "{wish:?}");
    }
    let words = "many words ".repeat(5000);
    for prompt in ["", "🎹🐕", "下雨的傍晚", words.as_str()] {
        let wish = Wish {
            prompt,
            steps: 1,
            guidance: 100.0,
            ..good
        };
        let made = model.make(wish, &Silent).expect("makes");
        assert!(made.waveforms[0].samples.iter().all(|x| x.is_finite()), "{prompt:.20}");
    }
    let stopped = model.make(good, &Stops(std::sync::atomic::AtomicUsize::new(5)));
    assert!(matches!(stopped, Err(ModelError::Cancelled(Cancelled))));
}

#[test]
fn a_folder_with_a_part_missing_or_of_another_family_is_opened() {
    let (_, folder) = saved("audioldm2", Family::AudioLdm2);
    let open = |family| AudioLdm::open(folder.path(), family, &runtime()).map(drop);
    assert!(matches!(open(Family::AudioLdm), Err(ModelError::Config { .. })));
    open(Family::AudioLdm2).expect("it is whole");
    let weights = folder.path().join("unet/model.safetensors");
    let whole = std::fs::read(&weights).expect("reads");
    std::fs::write(&weights, &whole[..whole.len() / 2]).expect("writes");
    assert!(matches!(open(Family::AudioLdm2), Err(ModelError::Checkpoint { .. })));
    std::fs::write(&weights, &whole).expect("writes");
    std::fs::remove_dir_all(folder.path().join("vocoder")).expect("removes");
    assert!(matches!(open(Family::AudioLdm2), Err(ModelError::Config { .. })));
    std::fs::remove_file(folder.path().join("model_index.json")).expect("removes");
    assert!(matches!(open(Family::AudioLdm2), Err(ModelError::NoWeights { .. })));
}

/// How much the spectrum changes from each 64 samples to the next, in mean decibels.
fn flux(samples: &[f32]) -> Vec<f32> {
    let plan = realfft::RealFftPlanner::<f32>::new().plan_fft_forward(256);
    let (mut time, mut bins) = (plan.make_input_vec(), plan.make_output_vec());
    let mut before: Option<Vec<f32>> = None;
    let mut all = Vec::new();
    for frame in samples.windows(256).step_by(64) {
        for (i, (t, x)) in time.iter_mut().zip(frame).enumerate() {
            *t = x * (0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / 256.0).cos());
        }
        plan.process(&mut time, &mut bins).expect("transforms");
        let now: Vec<f32> = bins.iter().map(|z| 10.0 * (z.norm_sqr() + 1e-6).log10()).collect();
        if let Some(before) = &before {
            let change: f32 = before.iter().zip(&now).map(|(a, b)| (a - b).abs()).sum();
            all.push(change / now.len() as f32);
        }
        before = Some(now);
    }
    all
}

/// The mean change of the spectrum within 12 ms of `edges` (samples), as a share of that elsewhere.
fn at_edges(samples: &[f32], edges: &[usize]) -> f32 {
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for (i, change) in flux(samples).into_iter().enumerate() {
        // Between the middles of frames i and i + 1.
        let at = i * 64 + 160;
        if edges.iter().any(|edge| at.abs_diff(*edge) < 192) {
            near.push(change);
        } else {
            far.push(change);
        }
    }
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    mean(&near) / mean(&far)
}

#[test]
fn a_long_sound_has_seams_between_its_windows() {
    let (_, folder) = saved("audioldm", Family::AudioLdm);
    let mut model = AudioLdm::open(folder.path(), Family::AudioLdm, &runtime()).expect("opens");
    let mut together = Vec::new();
    for seed in 0..3 {
        let wish = Wish {
            seconds: 2.3,
            windows: true,
            seed,
            ..wishes()[1]
        };
        assert!(wish.seconds > 3.0 * model.usual_seconds());
        let (rows, length) = model.size(&wish).expect("a size");
        let made = model.make(wish, &Silent).expect("makes");
        let samples = &made.waveforms[0].samples;
        assert_eq!((samples.len(), length), (36_800, 36_800));
        let row = model.factor * model.hop;
        let edges = windows(rows, model.trained)
            .into_iter()
            .flat_map(|w| [w.0 * row, w.1 * row]);
        let edges: Vec<usize> = edges.filter(|e| (1..length).contains(e)).collect();
        assert!(edges.len() > 5);
        together.push(at_edges(samples, &edges));
    }
    let mean = together.iter().sum::<f32>() / together.len() as f32;
    assert!((mean - 1.0).abs() < 0.06, "{together:?}");
}

#[test]
fn windows_that_say_different_things_meet_in_a_step() {
    for (rows, trained) in [(57, 16), (100, 16), (17, 16), (700, 256), (1300, 256)] {
        let windows = windows(rows, trained);
        assert_eq!((windows[0].0, windows[windows.len() - 1].1), (0, rows));
        let mut sum = Sum::new((2, rows, 3));
        for (i, (from, to)) in windows.iter().enumerate() {
            let says = if i % 2 == 0 { 1.0 } else { -1.0 };
            sum.add(&vec![says; 2 * (to - from) * 3], (*from, *to));
        }
        let mean = sum.mean();
        assert!(mean.iter().all(|x| x.abs() <= 1.0 + 1e-6));
        // A raised cosine over a third of a window, from one to the other, and its counterpart of the other window.
        let step = mean.chunks_exact(3).map(|row| row[0]).collect::<Vec<f32>>();
        let largest = step[..rows].windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        let edge = (trained / 3) as f32;
        assert!(largest < 2.0 * 2.0 / edge, "{rows} rows of {trained}: {largest}");
    }
    // All that one window says stays as it is.
    let said: Vec<f32> = between("said", 2 * 9 * 3, (-1.0, 1.0));
    let mut sum = Sum::new((2, 9, 3));
    sum.add(&said, (0, 9));
    assert_eq!(sum.mean(), said);
}

#[test]
fn a_wish_that_does_not_fit_into_memory_is_begun() {
    let (_, folder) = saved("audioldm2", Family::AudioLdm2);
    let scarce = runtime().within(100_000);
    let mut model = AudioLdm::open(folder.path(), Family::AudioLdm2, &scarce).expect("opens");
    let wish = Wish {
        prompt: PROMPT,
        negative: None,
        seed: 1,
        steps: 1,
        guidance: 1.0,
        seconds: 0.5,
        waveforms: 1,
        method: Some(Method::Ddim),
        windows: false,
    };
    let refused = model.make(wish, &Silent).expect_err("there is too little memory");
    let ModelError::Memory { needed, free, .. } = &refused else {
        panic!("{refused}");
    };
    assert!(*needed > *free && *free == 100_000, "{refused}");
    assert!(refused.to_string().contains("memory"), "{refused}");
}
