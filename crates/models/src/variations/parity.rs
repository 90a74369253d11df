//! Against diffusers, which `tests/reference/painters.py` runs.

use synchresis_cue::Silent;

use super::plms::Plms;
use super::{Between, Schedule, VariationSteps, slerp};
use crate::ModelError;
use crate::diffusion::autoencoder;
use crate::diffusion::unet::{self, Looks, Unet};
use crate::graph::Operators;
use crate::image::Picture;
use crate::parity::{Fixture, Wanted, apart, between, runtime, sampled};
use crate::runtime::Tensor;
use crate::torch_random::TorchRandom;

fn row(data: Vec<f32>) -> Tensor {
    Tensor {
        shape: vec![1, data.len()],
        data,
    }
}

#[test]
fn what_lies_between_two_latents_differs_from_the_reference() {
    let fixture = Fixture::open("variations.safetensors");
    let a = row(between("from", 64, (-1.0, 1.0)));
    let near = row(a.data.iter().map(|x| 1.01 * x + 0.001).collect());
    let far = row(between("to", 64, (-1.0, 1.0)));
    for (name, b) in [("near", &near), ("far", &far)] {
        for t in [0.0, 0.25, 0.5, 1.0] {
            let off = apart(&slerp(&a, b, t).data, &fixture.floats(&format!("slerp.{name}.{t}")));
            assert!(off < 1e-5, "{name} at {t} is {off} off");
        }
    }
    let nothing = row(vec![0.0; 64]);
    assert!(slerp(&nothing, &a, 0.5).data.iter().all(|x| x.is_finite()));
}

#[test]
fn a_multistep_schedule_goes_another_way_than_diffusers() {
    let fixture = Fixture::open("variations.safetensors");
    for name in ["pndm", "pndm-v"] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = fixture.bytes(&format!("{name}.config"));
        std::fs::write(folder.path().join("scheduler_config.json"), config).expect("writes");
        let plms = Plms::read(folder.path()).expect("reads");
        assert!(matches!(Schedule::read(folder.path()), Ok(Schedule::Plms(_))));
        for steps in [3, 25] {
            let mut way = plms.start(steps).expect("starts");
            let timesteps = way.timesteps().to_vec();
            assert_eq!(timesteps, fixture.integers(&format!("{name}.{steps}.timesteps")));
            let mut x = between("start", 24, (-2.0, 2.0));
            for i in 0..timesteps.len() {
                let said: Vec<f32> = between(&format!("said{i}"), 24, (-0.5, 0.5))
                    .iter()
                    .zip(&x)
                    .map(|(said, x)| 0.7 * x + said)
                    .collect();
                way.step(i, &said, &mut x);
            }
            let off = apart(&x, &fixture.floats(&format!("{name}.{steps}")));
            assert!(off < 1e-4, "{name} in {steps} steps is {off} off");
        }
        assert!(plms.start(1).is_err() && plms.start(1001).is_err());
    }
}

#[test]
fn a_picture_differs_from_the_variation_pipelines() {
    let fixture = Fixture::open("variations.safetensors");
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str, file: &str, config: &str| {
        let part = folder.path().join(name);
        std::fs::create_dir_all(&part).expect("a folder");
        std::fs::write(part.join(file), fixture.bytes(config)).expect("writes");
        part
    };
    let scheduler = at("scheduler", "scheduler_config.json", "pndm.config");
    let unet_at = at("unet", "config.json", "unet.config");
    let vae_at = at("vae", "config.json", "vae.config");
    let file = "diffusion_pytorch_model.safetensors";
    let wanted = Wanted::default();
    let config = unet::Config::read(&unet_at, Looks::Context).expect("a configuration");
    unet::graph(&wanted, &config, Operators::default()).expect("a graph");
    wanted.write(&unet_at.join(file), 3.0);
    let wanted = Wanted::default();
    let config = autoencoder::Config::read(&vae_at).expect("a configuration");
    autoencoder::encoder(&wanted, &config, Operators::default()).expect("a graph");
    autoencoder::decoder(&wanted, &config, Operators::default()).expect("a graph");
    wanted.write(&vae_at.join(file), 3.0);

    let mut whole = super::Painted {
        unet: Unet::load(&unet_at, Looks::Context, &runtime()).expect("loads"),
        decoder: autoencoder::Decoder::load(&vae_at, &runtime()).expect("loads"),
        schedule: Schedule::read(&scheduler).expect("reads"),
    };
    let how = VariationSteps {
        steps: 4,
        guidance: 3.0,
        size: (64, 48),
    };
    let embedding = between("embedding", 24, (-1.0, 1.0));
    let random = || TorchRandom::seeded(7);
    let latents = whole.latents(&embedding, how, &mut random(), &Silent).expect("runs");
    let off = apart(&latents.data, &fixture.floats("latents"));
    assert!(off < 1e-3, "latents are {off} off");
    let picture = whole.paint(&embedding, how, &mut random(), &Silent).expect("runs");
    let ours: Vec<f32> = picture.rgb().iter().map(|x| f32::from(*x) / 255.0).collect();
    let off = apart(&sampled(&ours), &fixture.floats("picture"));
    assert!(off < 5e-3, "the picture is {off} off");
    let odd = VariationSteps { size: (63, 48), ..how };
    let refused = whole.paint(&embedding, odd, &mut random(), &Silent);
    assert!(matches!(refused, Err(ModelError::Input { .. })));

    // The same autoencoder both ways, and several latents at once.
    let mut both = Between::load(folder.path(), &runtime()).expect("loads");
    assert_eq!(both.factor(), 8);
    let (a, b) = (photo("a", 64, 48), photo("b", 64, 48));
    let (a, b) = (both.latents(&a).expect("runs"), both.latents(&b).expect("runs"));
    let off = apart(&sampled(&a.data), &fixture.floats("encoded"));
    assert!(off < 1e-4, "latents of a picture are {off} off");
    let middle = slerp(&a, &b, 0.25);
    let together = both.pictures(&[middle.clone(), b]).expect("runs");
    let alone = both.pictures(&[middle]).expect("runs");
    assert_eq!(together.len(), 2);
    let ours: Vec<f32> = alone[0].rgb().iter().map(|x| f32::from(*x) / 255.0).collect();
    let off = apart(&sampled(&ours), &fixture.floats("between"));
    assert!(off < 5e-3, "what lies between is {off} off");
    let differ = together[0].rgb().iter().zip(alone[0].rgb());
    assert!(
        differ.into_iter().all(|(x, y)| x.abs_diff(*y) <= 1),
        "together is another than alone"
    );
    assert!(both.latents(&photo("a", 63, 48)).is_err());
    assert!(both.pictures(&[]).expect("nothing to do").is_empty());
}

fn photo(name: &str, width: usize, height: usize) -> Picture {
    crate::parity::photo(name, width, height)
}
