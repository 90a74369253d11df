//! Engines that put a picture in words, here or elsewhere, and the weights that are pulled for them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::eyes::{folder_of, library};

/// Small tokenizers and configurations that the model room is held against transformers with.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/fixtures")
}

fn tokenizer(name: &str, folder: &Path) {
    for file in [
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        fs::copy(fixtures().join("tokens").join(name).join(file), folder.join(file)).expect("copies");
    }
}

fn linear(all: &mut Vec<(String, Vec<usize>)>, name: &str, from: usize, to: usize) {
    all.push((format!("{name}.weight"), vec![to, from]));
    all.push((format!("{name}.bias"), vec![to]));
}

fn norm(all: &mut Vec<(String, Vec<usize>)>, name: &str, width: usize) {
    all.push((format!("{name}.weight"), vec![width]));
    all.push((format!("{name}.bias"), vec![width]));
}

/// A Moondream2 of two layers.
fn moondream(bench: &Bench) {
    let mut all = Vec::new();
    let eye = "vision_encoder.encoder.model.visual";
    linear(&mut all, &format!("{eye}.patch_embed.linear"), 588, 32);
    all.push((format!("{eye}.pos_embed"), vec![1, 4, 32]));
    for (from, to, name) in [
        (32, 96, "attn.qkv"),
        (32, 32, "attn.proj"),
        (32, 48, "mlp.fc1"),
        (48, 32, "mlp.fc2"),
    ] {
        linear(&mut all, &format!("{eye}.blocks.0.{name}"), from, to);
    }
    for name in ["blocks.0.norm1", "blocks.0.norm2", "norm"] {
        norm(&mut all, &format!("{eye}.{name}"), 32);
    }
    linear(&mut all, "vision_encoder.projection.mlp.fc1", 32, 64);
    linear(&mut all, "vision_encoder.projection.mlp.fc2", 64, 32);
    all.push(("text_model.transformer.embd.wte.weight".into(), vec![420, 32]));
    for layer in 0..2 {
        let at = format!("text_model.transformer.h.{layer}");
        norm(&mut all, &format!("{at}.ln"), 32);
        for (from, to, name) in [
            (32, 96, "mixer.Wqkv"),
            (32, 32, "mixer.out_proj"),
            (32, 64, "mlp.fc1"),
            (64, 32, "mlp.fc2"),
        ] {
            linear(&mut all, &format!("{at}.{name}"), from, to);
        }
    }
    norm(&mut all, "text_model.lm_head.ln", 32);
    linear(&mut all, "text_model.lm_head.linear", 32, 420);
    let folder = folder_of(bench, "moondream2", all);
    let config = json!({"model_type": "moondream1", "phi_config": {"vocab_size": 420, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}});
    fs::write(folder.join("config.json"), config.to_string()).expect("writes");
    tokenizer("gpt2", &folder);
}

/// A CLIP of one layer on each side.
fn clip(bench: &Bench) {
    let mut all = vec![("logit_scale".to_owned(), vec![])];
    for (tower, width, inner) in [("text_model", 48, 96), ("vision_model", 64, 112)] {
        let at = format!("{tower}.encoder.layers.0");
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            linear(&mut all, &format!("{at}.self_attn.{name}"), width, width);
        }
        linear(&mut all, &format!("{at}.mlp.fc1"), width, inner);
        linear(&mut all, &format!("{at}.mlp.fc2"), inner, width);
        norm(&mut all, &format!("{at}.layer_norm1"), width);
        norm(&mut all, &format!("{at}.layer_norm2"), width);
    }
    all.push(("text_model.embeddings.token_embedding.weight".into(), vec![702, 48]));
    all.push(("text_model.embeddings.position_embedding.weight".into(), vec![40, 48]));
    norm(&mut all, "text_model.final_layer_norm", 48);
    all.push(("vision_model.embeddings.class_embedding".into(), vec![64]));
    all.push((
        "vision_model.embeddings.patch_embedding.weight".into(),
        vec![64, 3, 8, 8],
    ));
    all.push(("vision_model.embeddings.position_embedding.weight".into(), vec![26, 64]));
    norm(&mut all, "vision_model.pre_layrnorm", 64);
    norm(&mut all, "vision_model.post_layernorm", 64);
    all.push(("text_projection.weight".into(), vec![40, 48]));
    all.push(("visual_projection.weight".into(), vec![40, 64]));
    let folder = folder_of(bench, "clip", all);
    let config = json!({"model_type": "clip", "projection_dim": 40,
        "text_config": {"vocab_size": 702, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 1,
            "num_attention_heads": 4, "max_position_embeddings": 40, "eos_token_id": 1},
        "vision_config": {"hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 1, "num_attention_heads": 4,
            "image_size": 40, "patch_size": 8}});
    fs::write(folder.join("config.json"), config.to_string()).expect("writes");
    tokenizer("clip", &folder);
}

/// A server on the loopback: what it was asked, and where it is. `answer` makes status and body of a request's first line.
fn server(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("another end"));
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).expect("a request");
            let mut head = first.clone();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).expect("headers") < 3 {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            seen.lock()
                .expect("unbroken")
                .push(head + &String::from_utf8_lossy(&body));
            let (status, body) = answer(&first);
            let length = body.len();
            let reply =
                format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    (url, asked)
}

#[test]
fn moondream_is_not_asked_or_asked_something_else() {
    let bench = Bench::new();
    moondream(&bench);
    bench.cuts("clip.mp4", 3, 1.0, 25);
    let lib = library();
    let args = [
        "describe",
        "clip.mp4",
        "--question",
        "Is it night?",
        "--frame",
        "33%",
        "--ort-lib",
        &lib,
    ];
    let with = |more: &[&str]| bench.document(&[&args[..], more].concat());
    let eight = with(&["--describe", "moondream2=moondream2"]);
    let described = &eight["frame_description"];
    assert_eq!(
        (&described["engine"], &described["question"]),
        (&json!("moondream2"), &json!("Is it night?"))
    );
    assert!(
        described["note"]
            .as_str()
            .is_some_and(|note| note.ends_with("in 8 bits")),
        "{described}"
    );
    let text = described["description"].as_str().unwrap_or_default();
    assert!(!text.is_empty() && text == text.trim(), "{described}");
    assert_eq!(
        &with(&["--describe", "moondream2=moondream2"])["frame_description"],
        described
    );
    let single = with(&["--describe", "moondream2=moondream2", "--dtype", "f32"]);
    assert!(
        single["frame_description"]["note"]
            .as_str()
            .is_some_and(|note| !note.contains("8 bits"))
    );
    // Found in the model folder, and asked by itself.
    let work = bench.work();
    let auto = with(&["--model-dir", &work.display().to_string()]);
    assert_eq!(auto["frame_description"]["engine"], "moondream2");
    let none = bench.document(&["describe", "clip.mp4"]);
    assert_eq!(none["frame_description"]["engine"], "measured");
    assert!(
        none["frame_description"]["note"]
            .as_str()
            .is_some_and(|note| note.contains("Moondream2"))
    );
    let config = bench.path("moondream2/config.json");
    fs::write(config, r#"{"model_type": "bert"}"#).expect("writes");
    let wrong = bench.run(&[&args[..], &["--describe", "moondream2=moondream2", "--no-cache"]].concat());
    assert_eq!(wrong.code, 3, "{}", wrong.err);
    assert!(
        wrong.err.contains("bert") && wrong.err.contains("hint:"),
        "{}",
        wrong.err
    );
}

#[test]
fn clip_moves_nothing_or_an_edited_list_is_not_read() {
    let bench = Bench::new();
    clip(&bench);
    bench.cuts("clip.mp4", 3, 1.0, 25);
    let lib = library();
    let args = ["generate", "clip.mp4", "--scene", "clip=clip", "--ort-lib", &lib];
    let document = bench.document(&args);
    let scene = &document["scene"];
    assert_eq!(scene["engine"], "clip");
    assert_eq!(scene["lists"].as_array().map(Vec::len), Some(5));
    assert!(
        scene["valence"].as_f64().is_some_and(|v| (-1.0..=1.0).contains(&v)),
        "{scene}"
    );
    let list = "[[list]]\nname = \"all\"\nprompt = \"a {}\"\nentries = [\n  {word = \"scary\", say = \"b\", feel = [-0.9, 0.9]},\n  {word = \"scary\", say = \"c\", feel = [-0.9, 0.9]},\n]\n";
    fs::write(bench.path("clip/scene.toml"), list).expect("writes");
    let scared = bench.document(&args);
    assert_eq!(
        (&scared["scene"]["valence"], &scared["scene"]["arousal"]),
        (&json!(-0.9), &json!(0.9))
    );
    let plain = bench.document(&["generate", "clip.mp4", "--scene", "none"]);
    assert_eq!(plain["scene"]["engine"], "none");
    let moved = |name: &str| scared["mood"][name].as_f64().unwrap_or(0.0) - plain["mood"][name].as_f64().unwrap_or(0.0);
    assert!(
        moved("valence") < -0.2 && moved("arousal") > 0.2,
        "{} {}",
        scared["mood"],
        plain["mood"]
    );
}

#[test]
fn an_endpoint_is_not_asked_or_its_failure_is_not_told() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 3, 1.0, 25);
    let (url, asked) = server(|_| {
        (
            200,
            r#"{"choices": [{"message": {"content": "A happy dog at the beach."}}]}"#.into(),
        )
    });
    let engine = format!("openai={url}/v1#llava:13b");
    let mut command = bench.command(&[
        "prompt",
        "clip.mp4",
        "--describe",
        &engine,
        "--question",
        "music",
        "--json",
    ]);
    let out = command.env("OPENAI_API_KEY", "sk-secret").output().expect("runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(!text.contains("sk-secret"));
    let document: Value = serde_json::from_str(&text).expect("a document");
    assert_eq!(
        document["frame_description"]["description"],
        "A happy dog at the beach."
    );
    assert!(
        document["prompt_combiner"]["prompt"]
            .as_str()
            .is_some_and(|prompt| prompt.contains("happy dog"))
    );
    let request = asked.lock().expect("unbroken")[0].clone();
    assert!(
        request.contains("Bearer sk-secret") && request.contains("fitting Background Music"),
        "{request}"
    );
    assert!(request.contains("data:image/jpeg;base64,/9j/"));
    let (refusing, _) = server(|_| (401, r#"{"error": {"message": "no such key"}}"#.into()));
    let refused = bench.run(&["describe", "clip.mp4", "--describe", &format!("openai={refusing}#m")]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("no such key") && refused.err.contains("hint:"),
        "{}",
        refused.err
    );
    let keyless = bench.run(&["describe", "clip.mp4", "--describe", "replicate"]);
    assert_eq!(keyless.code, 4, "{}", keyless.err);
    assert!(keyless.err.contains("REPLICATE_API_TOKEN"), "{}", keyless.err);
    let wrong = bench.run(&["describe", "clip.mp4", "--describe", "openai=nowhere"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}

#[test]
fn weights_are_pulled_without_a_yes_or_are_not_found_again() {
    let bench = Bench::new();
    let models = bench.path("models").display().to_string();
    let (url, _) = server(|line| {
        if line.contains("/api/models/timm/resnet18.tv_in1k/") {
            (200, r#"{"siblings": [{"rfilename": "config.json", "size": 2}, {"rfilename": "model.safetensors", "size": 7}]}"#.into())
        } else if line.contains("/resolve/main/config.json") {
            (200, "{}".into())
        } else {
            (200, "weights".into())
        }
    });
    let args = ["models", "pull", "resnet18", "--hub", &url, "--model-dir", &models];
    let unasked = bench.run(&args);
    assert_eq!(unasked.code, 5, "{}", unasked.err);
    assert!(
        unasked.err.contains("BSD-3-Clause") && unasked.err.contains("--yes"),
        "{}",
        unasked.err
    );
    assert!(!bench.path("models/resnet18").exists());
    let pulled = bench.good(&[&args[..], &["--yes"]].concat());
    assert!(pulled.out.trim_end().ends_with("resnet18"), "{}", pulled.out);
    assert_eq!(
        fs::read(bench.path("models/resnet18/model.safetensors")).expect("is there"),
        b"weights"
    );
    let path = bench.good(&["models", "path", "resnet18", "--model-dir", &models]);
    assert_eq!(path.out, pulled.out);
    let listed = bench.good(&["models", "list", "--json", "--model-dir", &models]);
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    let there: Vec<&str> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter(|shelf| shelf["there"] == true)
        .filter_map(|shelf| shelf["model"]["name"].as_str())
        .collect();
    assert_eq!(there, ["resnet18"]);
    bench.good(&["models", "remove", "resnet18", "--model-dir", &models]);
    let gone = bench.run(&["models", "path", "resnet18", "--model-dir", &models]);
    assert_eq!(gone.code, 4, "{}", gone.err);
    let money = bench.run(&[
        "models",
        "pull",
        "audioldm2",
        "--yes",
        "--commercial",
        "--hub",
        &url,
        "--model-dir",
        &models,
    ]);
    assert_eq!(money.code, 5, "{}", money.err);
    assert!(money.err.contains("CC-BY-NC-SA-4.0"), "{}", money.err);
    assert_eq!(bench.run(&["models", "pull", "nothing"]).code, 2);
}

#[test]
fn a_device_that_is_not_there_is_taken_for_one() {
    let bench = Bench::new();
    moondream(&bench);
    bench.cuts("clip.mp4", 2, 1.0, 25);
    let lib = library();
    let args = [
        "describe",
        "clip.mp4",
        "--describe",
        "moondream2=moondream2",
        "--ort-lib",
        &lib,
        "--device",
    ];
    let away = bench.run(&[&args[..], &["coreml"]].concat());
    assert_eq!(away.code, 4, "{}", away.err);
    assert!(
        away.err.contains("coreml") && away.err.contains("--device cpu"),
        "{}",
        away.err
    );
    assert_eq!(bench.run(&[&args[..], &["abacus"]].concat()).code, 2);
}
