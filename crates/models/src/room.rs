//! What the room refuses before or while a model runs.

use crate::device::Device;
use crate::error::ModelError;
use crate::graph::Operators;
use crate::parity::{Wanted, between, runtime};
use crate::resnet18::{self, ResNet18};

/// ResNet18 with weights drawn from its tensors' names.
fn folder() -> tempfile::TempDir {
    let wanted = Wanted::default();
    resnet18::graph(&wanted, Operators::default()).expect("a graph");
    let folder = tempfile::tempdir().expect("a folder");
    wanted.write(&folder.path().join("model.safetensors"), 6.0);
    folder
}

fn forward(net: &mut ResNet18) -> Result<(), ModelError> {
    net.forward(&between("image", 3 * 32 * 32, (-2.0, 2.0)), 32, 32)
        .map(drop)
}

#[test]
fn a_model_too_large_for_the_memory_is_tried() {
    let folder = folder();
    let told = ResNet18::load(folder.path(), &runtime().within(40_000_000))
        .expect_err("is refused")
        .to_string();
    assert!(
        told.contains("needs about 50 MB") && told.contains("40 MB are free") && told.contains("hint:"),
        "{told}"
    );
    ResNet18::load(folder.path(), &runtime().within(60_000_000)).expect("fits");
}

#[test]
fn weights_that_change_while_they_are_mapped_are_used_on() {
    let folder = folder();
    let mut net = ResNet18::load(folder.path(), &runtime()).expect("loads");
    forward(&mut net).expect("runs");
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).expect("reads");
    // As a download does that replaces a file: the old one stays mapped, the name is another file's.
    std::fs::write(folder.path().join("new"), &bytes[..bytes.len() - 4]).expect("writes");
    std::fs::rename(folder.path().join("new"), &path).expect("replaces");
    let told = forward(&mut net).expect_err("is refused").to_string();
    assert!(told.contains("changed while") && told.contains("hint:"), "{told}");
}

#[test]
fn a_device_that_the_library_lacks_is_used_or_a_name_is_lost() {
    let folder = folder();
    let missing = if cfg!(target_os = "macos") {
        Device::Cuda
    } else {
        Device::CoreMl
    };
    let told = ResNet18::load(folder.path(), &runtime().on(missing))
        .expect_err("is refused")
        .to_string();
    assert!(told.contains(missing.name()) && told.contains("hint:"), "{told}");
    for (name, device) in Device::ALL {
        assert_eq!((Device::named(name), device.name()), (Some(device), name));
    }
    assert_eq!(
        (Device::named("auto"), Device::named("abacus")),
        (Some(Device::Cpu), None)
    );
}
