//! Engines that look at frames, with weights made up here: what they say is checked in the model room, this is how they are called.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::bench::Bench;

/// Weights of ResNet18, random but the same each time, as its hub repository names them.
fn resnet18(bench: &Bench) -> PathBuf {
    let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
    let norm = |tensors: &mut Vec<(String, Vec<usize>)>, name: &str, width: usize| {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push((format!("{name}.{part}"), vec![width]));
        }
    };
    tensors.push(("conv1.weight".into(), vec![64, 3, 7, 7]));
    norm(&mut tensors, "bn1", 64);
    let mut from = 64;
    for (stage, to) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let at = format!("layer{}.{block}", stage + 1);
            tensors.push((format!("{at}.conv1.weight"), vec![to, from, 3, 3]));
            norm(&mut tensors, &format!("{at}.bn1"), to);
            tensors.push((format!("{at}.conv2.weight"), vec![to, to, 3, 3]));
            norm(&mut tensors, &format!("{at}.bn2"), to);
            if stage > 0 && block == 0 {
                tensors.push((format!("{at}.downsample.0.weight"), vec![to, from, 1, 1]));
                norm(&mut tensors, &format!("{at}.downsample.1"), to);
            }
            from = to;
        }
    }
    folder_of(bench, "resnet18", tensors)
}

/// A folder with weights of these names and shapes, random but the same each time.
pub(crate) fn folder_of(bench: &Bench, name: &str, tensors: Vec<(String, Vec<usize>)>) -> PathBuf {
    let (mut header, mut data, mut state) = (serde_json::Map::new(), Vec::new(), 1u32);
    for (name, shape) in tensors {
        let begin = data.len();
        let reach = (2.0 / shape.iter().skip(1).product::<usize>() as f32).sqrt();
        for _ in 0..shape.iter().product::<usize>() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = match shape.len() {
                0 => 1.0,
                // Some tokens are likelier than others, whatever is asked.
                1 if name.ends_with("lm_head.linear.bias") => ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * 3.0,
                1 if name.ends_with("mean") || name.ends_with("bias") => 0.0,
                1 => 1.0,
                _ => ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * reach,
            };
            data.extend(x.to_le_bytes());
        }
        header.insert(
            name,
            json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]}),
        );
    }
    let header = serde_json::to_vec(&header).expect("a header");
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    let folder = bench.path(name);
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("model.safetensors"), file).expect("weights");
    folder
}

pub(crate) fn library() -> String {
    let named = std::env::var("SYNCHRESIS_ORT_LIB");
    named.expect("SYNCHRESIS_ORT_LIB names libonnxruntime; `make test` unpacks it and says where")
}

#[test]
fn two_heaps_of_pictures_have_their_two_moments_in_one() {
    let bench = Bench::new();
    resnet18(&bench);
    let mut args = vec!["select"];
    let names = ["a0.png", "a1.png", "a2.png", "b0.png", "b1.png"];
    for name in names {
        let source = if name.starts_with('a') {
            "smptehdbars"
        } else {
            "mandelbrot"
        };
        let at = &name[1..2];
        bench.ffmpeg(&format!(
            "-f lavfi -ss {at} -i {source}=s=160x120:r=1 -frames:v 1 {name}"
        ));
        args.push(name);
    }
    let lib = library();
    args.extend(["--features", "resnet18=resnet18", "--moments", "2", "--ort-lib", &lib]);
    let document = bench.document(&args);
    let moments: Vec<u64> = document["frame_selection"]["moments"]
        .as_array()
        .expect("moments")
        .iter()
        .filter_map(|m| m.as_u64())
        .collect();
    assert_eq!(moments.len(), 2);
    assert!(moments[0] < 3 && moments[1] >= 3, "{moments:?}");
}

#[test]
fn a_clip_without_the_eyes_weights_is_refused_by_auto_or_taken_when_they_were_asked_for() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 3, 1.0, 25);
    let document = bench.document(&["objects", "clip.mp4"]);
    assert_eq!(document["object_detection"]["engine"], "none");
    let note = document["object_detection"]["note"].as_str().unwrap_or_default();
    assert!(note.contains("YOLOv9"), "{note}");
    let missing = bench.run(&["objects", "clip.mp4", "--objects", "yolov9=nowhere.pt"]);
    assert_eq!(missing.code, 4, "{}", missing.err);
    assert!(missing.err.contains("hint:"), "{}", missing.err);
    fs::write(bench.path("text.pt"), "no weights").expect("a file");
    let broken = bench.run(&["objects", "clip.mp4", "--objects", "yolov9=text.pt"]);
    assert_eq!(broken.code, 3, "{}", broken.err);
    assert!(broken.err.contains("zip"), "{}", broken.err);
    resnet18(&bench);
    let other = bench.run(&[
        "objects",
        "clip.mp4",
        "--objects",
        "yolov9=resnet18",
        "--ort-lib",
        &library(),
    ]);
    assert_eq!(other.code, 3, "{}", other.err);
    let no_library = [
        "select",
        "clip.mp4",
        "--features",
        "resnet18=resnet18",
        "--ort-lib",
        "nowhere.so",
    ];
    let no_library = bench.run(&no_library);
    assert_eq!(no_library.code, 4, "{}", no_library.err);
    assert!(no_library.err.contains("--ort-lib"), "{}", no_library.err);
}

#[test]
fn the_frame_that_stands_for_a_clip_is_not_chosen_by_resnet18() {
    let bench = Bench::new();
    resnet18(&bench);
    bench.cuts("clip.mp4", 3, 1.5, 25);
    let lib = library();
    let args = [
        "select",
        "clip.mp4",
        "--features",
        "resnet18=resnet18",
        "--moments",
        "3",
        "--ort-lib",
        &lib,
    ];
    let document = bench.document(&args);
    let selection = &document["frame_selection"];
    assert!(
        selection["reason"].as_str().is_some_and(|r| r.contains("ResNet18")),
        "{selection}"
    );
    assert_eq!(selection["moments"].as_array().map(Vec::len), Some(3));
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_that_is_too_old_or_another_one_panics() {
    let bench = Bench::new();
    resnet18(&bench);
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x48 -frames:v 1 a.png");
    let base = "struct Base { const void *(*api)(unsigned); const char *(*version)(void); };\
        static const void *api(unsigned n) { (void)n; return 0; }\
        static const char *version(void) { return \"1.19.2\"; }\
        static const struct Base base = { api, version };\
        const struct Base *OrtGetApiBase(void) { return &base; }";
    for (name, source) in [("old", base), ("other", "int something_else(void) { return 1; }")] {
        fs::write(bench.path(&format!("{name}.c")), source).expect("writes");
        let built = std::process::Command::new("cc")
            .args(["-shared", "-fPIC", "-o", &format!("{name}.so"), &format!("{name}.c")])
            .current_dir(bench.work())
            .status()
            .expect("a C compiler");
        assert!(built.success());
    }
    fs::write(bench.path("text.so"), "no library").expect("writes");
    for (library, told) in [
        ("old.so", "1.19.2"),
        ("other.so", "OrtGetApiBase"),
        ("text.so", "text.so"),
    ] {
        let refused = bench.run(&[
            "select",
            "a.png",
            "--features",
            "resnet18=resnet18",
            "--ort-lib",
            library,
        ]);
        assert_eq!(refused.code, 4, "{library}: {}", refused.err);
        assert!(
            refused.err.contains(told) && refused.err.contains("hint:"),
            "{library}: {}",
            refused.err
        );
        assert!(!refused.err.contains("panicked"), "{}", refused.err);
    }
}
