//! Against diffusers, which `tests/reference/painters.py` runs.

use std::path::Path;

use synchresis_cue::Silent;

use super::ancestral::Ancestral;
use super::movq::{self, Movq};
use super::prior::Diffusion;
use super::transformer::{self, Read};
use super::unet::{self, Unet};
use super::{Decoder, DecoderSteps, Embeddings, PriorSteps};
use crate::ModelError;
use crate::checkpoint::Weights;
use crate::graph::Operators;
use crate::parity::{Fixture, Wanted, apart, between, runtime, sampled};
use crate::runtime::Tensor;
use crate::torch_random::TorchRandom;

const WIDTH: usize = 24;
const TOKENS: usize = 20;

fn fixture() -> Fixture {
    Fixture::open("kandinsky.safetensors")
}

fn drawn(name: &str, shape: &[usize], limits: (f64, f64)) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        data: between(name, shape.iter().product(), limits),
    }
}

/// Writes a part's configuration, as the fixture has it.
fn configured(fixture: &Fixture, name: &str, folder: &Path, file: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(folder.join(file), fixture.bytes(name)).expect("writes");
}

fn weights(wanted: &Wanted, folder: &Path) {
    wanted.write(&folder.join("diffusion_pytorch_model.safetensors"), 3.0);
}

/// A prior's folder without its towers.
fn prior(fixture: &Fixture, folder: &Path) -> Diffusion {
    let own = folder.join("prior");
    configured(fixture, "prior.config", &own, "config.json");
    configured(
        fixture,
        "prior.scheduler",
        &folder.join("scheduler"),
        "scheduler_config.json",
    );
    let wanted = Wanted::default();
    let config = transformer::Config::read(&own).expect("a configuration");
    transformer::graph(&wanted, &config, Operators::default()).expect("a graph");
    for name in ["clip_mean", "clip_std"] {
        wanted.tensor("prior", name, &[1, WIDTH]).expect("noted");
    }
    weights(&wanted, &own);
    Diffusion::load(folder, &runtime()).expect("loads")
}

fn decoder(fixture: &Fixture, folder: &Path) {
    configured(
        fixture,
        "decoder.scheduler",
        &folder.join("scheduler"),
        "scheduler_config.json",
    );
    let at = folder.join("unet");
    configured(fixture, "unet.config", &at, "config.json");
    let wanted = Wanted::default();
    unet::graph(
        &wanted,
        &unet::Config::read(&at).expect("a configuration"),
        Operators::default(),
    )
    .expect("a graph");
    weights(&wanted, &at);
    let at = folder.join("movq");
    configured(fixture, "movq.config", &at, "config.json");
    let wanted = Wanted::default();
    movq::decoder(
        &wanted,
        &movq::Config::read(&at).expect("a configuration"),
        Operators::default(),
    )
    .expect("a graph");
    weights(&wanted, &at);
}

fn read(fixture: &Fixture, name: &str) -> Read {
    Read {
        words: fixture.floats(&format!("{name}.words")),
        hidden: fixture.floats(&format!("{name}.hidden")),
        mask: fixture.floats(&format!("{name}.mask")),
    }
}

#[test]
fn a_stochastic_schedule_goes_another_way_than_diffusers() {
    let fixture = fixture();
    for name in [
        "unclip",
        "unclip-noise",
        "ddpm",
        "ddpm-plain",
        "ddpm-cosine",
        "ddpm-large",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!("schedule.{name}.config");
        configured(&fixture, &config, folder.path(), "scheduler_config.json");
        let schedule = Ancestral::read(folder.path()).expect("reads");
        for steps in [5, 25] {
            let timesteps = schedule.timesteps(steps).expect("steps");
            assert_eq!(
                timesteps,
                fixture.integers(&format!("schedule.{name}.{steps}.timesteps")),
                "{name} in {steps} steps"
            );
            let mut random = TorchRandom::seeded(3);
            let mut x = between("start", 24, (-2.0, 2.0));
            for (i, at) in timesteps.iter().enumerate() {
                let said: Vec<f32> = between(&format!("said{i}"), 24, (-0.5, 0.5))
                    .iter()
                    .zip(&x)
                    .map(|(said, x)| 0.7 * x + said)
                    .collect();
                let variance = between(&format!("variance{i}"), 24, (-1.0, 1.0));
                let noise = if *at > 0 { random.normal(24) } else { Vec::new() };
                let next = timesteps.get(i + 1).copied();
                schedule.step((*at, next), &said, Some(&variance), &noise, &mut x);
            }
            let apart = apart(&x, &fixture.floats(&format!("schedule.{name}.{steps}")));
            assert!(apart < 1e-4, "{name} in {steps} steps is {apart} off");
        }
        assert!(schedule.timesteps(0).is_err() && schedule.timesteps(1001).is_err());
    }
}

#[test]
fn the_prior_differs_from_diffusers() {
    let fixture = fixture();
    let folder = tempfile::tempdir().expect("a folder");
    let mut prior = prior(&fixture, folder.path());
    let (sample, words) = (
        drawn("sample", &[2, WIDTH], (-1.0, 1.0)),
        drawn("words", &[2, WIDTH], (-1.0, 1.0)),
    );
    let hidden = drawn("hidden", &[2, TOKENS, WIDTH], (-1.0, 1.0));
    let mask: Vec<f32> = (0..2 * TOKENS)
        .map(|i| f32::from(u8::from(!(5..TOKENS).contains(&i))))
        .collect();
    let each = |all: &[f32], i: usize| all[i * all.len() / 2..][..all.len() / 2].to_vec();
    let texts = [0, 1].map(|i| Read {
        words: each(&words.data, i),
        hidden: each(&hidden.data, i),
        mask: each(&mask, i),
    });
    let heard = prior.transformer.hear(&[&texts[0], &texts[1]]).expect("runs");
    let said = prior
        .transformer
        .says(321, &sample.data, (&heard, &[0, 1]))
        .expect("runs");
    let off = apart(&said, &fixture.floats("prior.said"));
    assert!(off < 1e-4, "{off}");
}

#[test]
fn an_embedding_differs_from_the_prior_pipelines() {
    let fixture = fixture();
    let folder = tempfile::tempdir().expect("a folder");
    let mut prior = prior(&fixture, folder.path());
    let [prompt, negative, empty] = ["prompt", "negative", "empty"].map(|name| read(&fixture, name));
    let how = |steps: usize, guidance: f32| PriorSteps { steps, guidance };
    let check = |name: &str, ours: &[f32]| {
        let off = apart(ours, &fixture.floats(name));
        assert!(off < 1e-3, "{name} is {off} off");
    };
    let random = || TorchRandom::seeded(7);

    let (image, away) = prior
        .plain((&prompt, &negative), true, how(5, 4.0), &mut random(), &Silent)
        .expect("runs");
    check("plain.image", &image);
    check("plain.negative", &away.expect("it was asked for"));
    let (image, away) = prior
        .plain((&prompt, &empty), false, how(4, 1.0), &mut random(), &Silent)
        .expect("runs");
    check("unguided.image", &image);
    assert!(away.is_none());

    // Two texts with a picture between them: the random numbers go on where the reference's do.
    let mut drawn = random();
    let (found, away) = prior
        .each(
            &[Some(&prompt), Some(&negative)],
            (&negative, true),
            how(5, 4.0),
            &mut drawn,
            &Silent,
        )
        .expect("runs");
    let art = fixture.floats("art.embedding");
    let image: Vec<f32> = (0..WIDTH)
        .map(|i| 0.3 * found[0][i] + 0.5 * art[i] + 0.2 * found[1][i])
        .collect();
    check("between.image", &image);
    check("between.negative", &away.expect("it was asked for"));
    check("between.after", &drawn.normal(20));
    // A text that does not count: the random numbers are those of one that does.
    let mut drawn = random();
    let (found, away) = prior
        .each(
            &[None, Some(&negative)],
            (&negative, true),
            how(5, 4.0),
            &mut drawn,
            &Silent,
        )
        .expect("runs");
    assert_eq!(found.len(), 1);
    check("between.negative", &away.expect("it was asked for"));
    check("between.after", &drawn.normal(20));
    let mut drawn = random();
    let (found, _) = prior
        .each(&[Some(&prompt)], (&empty, false), how(5, 4.0), &mut drawn, &Silent)
        .expect("runs");
    check("bare.image", &found[0]);
    check("bare.after", &drawn.normal(20));
}

#[test]
fn the_decoders_parts_differ_from_diffusers() {
    let fixture = fixture();
    let folder = tempfile::tempdir().expect("a folder");
    decoder(&fixture, folder.path());
    // By our operators, and by those of other devices.
    for runtime in [runtime(), runtime().elsewhere()] {
        let mut unet = Unet::load(&folder.path().join("unet"), &runtime).expect("loads");
        let sample = drawn("sample", &[2, 4, 16, 8], (-2.0, 2.0));
        let image = drawn("image", &[2, WIDTH], (-1.0, 1.0));
        let said = unet.step(&sample, 321, &image.data).expect("runs");
        assert_eq!(said.shape, [2, 8, 16, 8]);
        let off = apart(&sampled(&said.data), &fixture.floats("unet.said"));
        assert!(off < 1e-4, "the U-Net is {off} off");
        let mut movq = Movq::load(&folder.path().join("movq"), &runtime).expect("loads");
        let picture = movq
            .decode(&drawn("latents", &[2, 4, 6, 5], (-2.0, 2.0)))
            .expect("runs");
        assert_eq!(picture.shape, [2, 3, 48, 40]);
        let off = apart(&sampled(&picture.data), &fixture.floats("movq.picture"));
        assert!(off < 1e-4, "MoVQ is {off} off");
    }
}

#[test]
fn a_picture_differs_from_the_decoder_pipelines() {
    let fixture = fixture();
    let folder = tempfile::tempdir().expect("a folder");
    decoder(&fixture, folder.path());
    let mut decoder = Decoder::load(folder.path(), &runtime()).expect("loads");
    let embeddings = Embeddings {
        image: between("image", WIDTH, (-1.0, 1.0)),
        negative: between("negative", WIDTH, (-1.0, 1.0)),
    };
    let how = DecoderSteps {
        steps: 6,
        guidance: 3.5,
        size: (100, 64),
    };
    let random = || TorchRandom::seeded(7);
    let latents = decoder.latents(&embeddings, how, &mut random(), &Silent).expect("runs");
    assert_eq!(latents.shape, [1, 4, 8, 16]);
    let off = apart(&latents.data, &fixture.floats("decoder.latents"));
    assert!(off < 1e-3, "latents are {off} off");
    let picture = decoder.paint(&embeddings, how, &mut random(), &Silent).expect("runs");
    assert_eq!((picture.width(), picture.height()), (128, 64));
    let ours: Vec<f32> = picture.rgb().iter().map(|x| f32::from(*x) / 255.0).collect();
    let off = apart(&sampled(&ours), &fixture.floats("decoder.picture"));
    assert!(off < 5e-3, "the picture is {off} off");

    let narrow = Embeddings {
        image: vec![0.0; 3],
        negative: vec![0.0; 3],
    };
    let refused = decoder.paint(&narrow, how, &mut random(), &Silent);
    assert!(matches!(refused, Err(ModelError::Input { .. })));
    for size in [(0, 64), (64, 100_000)] {
        let refused = decoder.paint(&embeddings, DecoderSteps { size, ..how }, &mut random(), &Silent);
        assert!(matches!(refused, Err(ModelError::Input { .. })), "{size:?}");
    }
}
