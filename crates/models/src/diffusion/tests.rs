//! Against diffusers: `tests/reference/diffusion.py` keeps what it computes.

use std::path::Path;

use super::autoencoder::{self, Decoder, Encoder};
use super::scheduler::{Method, Scheduler};
use super::unet::{self, Given, Looks, Unet};
use crate::graph::Operators;
use crate::parity::{Fixture, Wanted, apart, between, runtime, sampled};
use crate::runtime::Tensor;

fn drawn(name: &str, shape: &[usize], limits: (f64, f64)) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        data: between(name, shape.iter().product(), limits),
    }
}

/// A folder with a configuration of the fixture, under the name that hub repositories give it.
fn folder(fixture: &Fixture, name: &str, file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(file), fixture.bytes(name)).expect("writes");
    folder
}

fn weights(wanted: &Wanted, folder: &Path) {
    wanted.write(&folder.join("diffusion_pytorch_model.safetensors"), 3.0);
}

#[test]
fn a_schedule_goes_another_way_than_diffusers() {
    let fixture = Fixture::open("diffusion.safetensors");
    for name in ["ddim", "ddim-v", "ddim-x", "dpm", "dpm-karras", "dpm-third", "dpm-heun"] {
        let folder = folder(&fixture, &format!("{name}.config"), "scheduler_config.json");
        let scheduler = Scheduler::read(folder.path(), None).expect("reads");
        for steps in [5, 25] {
            let mut sampler = scheduler.start(steps).expect("starts");
            let theirs = fixture.integers(&format!("{name}.{steps}.timesteps"));
            assert_eq!(sampler.timesteps(), theirs, "{name} in {steps} steps");
            let mut x = between("start", 24, (-2.0, 2.0));
            for i in 0..steps {
                let said: Vec<f32> = between(&format!("said{i}"), 24, (-0.5, 0.5))
                    .iter()
                    .zip(&x)
                    .map(|(said, x)| 0.7 * x + said)
                    .collect();
                sampler.step(i, &said, &mut x);
            }
            let apart = apart(&x, &fixture.floats(&format!("{name}.{steps}")));
            assert!(apart < 1e-5, "{name} in {steps} steps is {apart} off");
        }
    }
}

#[test]
fn another_method_is_not_taken_when_asked_for() {
    let fixture = Fixture::open("diffusion.safetensors");
    let folder = folder(&fixture, "ddim.config", "scheduler_config.json");
    let scheduler = Scheduler::read(folder.path(), Some(Method::DpmSolver)).expect("reads");
    assert_eq!(scheduler.method(), Method::DpmSolver);
    // The same numbers as the DPM-Solver++ of the fixture has, leading and one later: the same way.
    let sampler = scheduler.start(5).expect("starts");
    assert_eq!(sampler.timesteps(), fixture.integers("dpm.5.timesteps"));
    assert!(scheduler.start(0).is_err() && scheduler.start(1001).is_err());
}

#[test]
fn the_autoencoder_differs_from_diffusers() {
    let fixture = Fixture::open("diffusion.safetensors");
    let folder = folder(&fixture, "vae.config", "config.json");
    let config = autoencoder::Config::read(folder.path()).expect("a configuration");
    let wanted = Wanted::default();
    autoencoder::decoder(&wanted, &config, Operators::default()).expect("a graph");
    autoencoder::encoder(&wanted, &config, Operators::default()).expect("a graph");
    weights(&wanted, folder.path());
    let mut decoder = Decoder::load(folder.path(), &runtime()).expect("loads");
    let picture = decoder
        .decode(&drawn("latents", &[2, 4, 5, 7], (-2.0, 2.0)))
        .expect("runs");
    assert_eq!(picture.shape, [2, 3, 20, 28]);
    let off = apart(&sampled(&picture.data), &fixture.floats("vae.picture"));
    assert!(off < 1e-4, "the picture is {off} off");
    let mut encoder = Encoder::load(folder.path(), &runtime()).expect("loads");
    let said = encoder
        .encode(&drawn("picture", &[1, 3, 24, 20], (-1.0, 1.0)))
        .expect("runs");
    assert_eq!(said.mean.shape, [1, 4, 6, 5]);
    let off = apart(&said.mean.data, &fixture.floats("vae.mean"));
    assert!(off < 1e-4, "the mean is {off} off");
    let off = apart(&said.deviation, &fixture.floats("vae.deviation"));
    assert!(off < 1e-4, "the deviation is {off} off");
    let draw = said.sample(&[0.0; 120]);
    assert_eq!(draw, said.mean);
}

#[test]
fn the_u_net_of_one_context_differs_from_diffusers() {
    let fixture = Fixture::open("diffusion.safetensors");
    let folder = folder(&fixture, "unet.config", "config.json");
    let config = unet::Config::read(folder.path(), Looks::Context).expect("a configuration");
    let wanted = Wanted::default();
    unet::graph(&wanted, &config, Operators::default()).expect("a graph");
    weights(&wanted, folder.path());
    let mut unet = Unet::load(folder.path(), Looks::Context, &runtime()).expect("loads");
    // Seven rows are no multiple of what it halves them by.
    let sample = drawn("sample", &[2, 4, 7, 6], (-2.0, 2.0));
    let context = drawn("context", &[2, 5, 12], (-1.0, 1.0));
    let given = Given {
        context: Some(&context),
        ..Given::default()
    };
    let said = unet.step(&sample, 321, given).expect("runs");
    assert_eq!(said.shape, [2, 4, 7, 6]);
    let off = apart(&said.data, &fixture.floats("unet.said"));
    assert!(off < 1e-4, "{off}");
    // Of another family.
    assert!(unet::Config::read(folder.path(), Looks::TwoContexts).is_err());
}
