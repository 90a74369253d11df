//! Mood, scene, weather, time of day, indoors or out: what CLIP finds that the sampled frames fit.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use synchresis_cue::Sighting;
use synchresis_models::clip::Clip;
use synchresis_models::warm::Warm;

use crate::brief::Scenes;
use crate::error::StudioError;
use crate::eyes::{Weights, find, pictures, runtime};
use crate::ledger::Ledger;
use crate::open::Opened;
use crate::order::Order;
use crate::sections::{Scene, SceneList, SceneShare};
use crate::world::World;

/// Version of what CLIP's shares become.
const SCENE: u32 = 1;

/// Folders in the model folder that hold CLIP.
const CLIP_NAMES: [&str; 3] = ["clip", "openai/clip-vit-base-patch32", "clip-vit-base-patch32"];

/// A word stands where its share is this many times what it would be by chance.
const STANDS_OUT: f64 = 2.0;

/// The built-in lists.
const LISTS: &str = include_str!("../words/scene.toml");

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    list: Vec<List>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    name: String,
    prompt: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// What the composer reads; empty for what says nothing.
    word: String,
    /// What the picture is compared with.
    say: String,
    /// Valence and arousal.
    #[serde(default)]
    feel: Option<[f64; 2]>,
}

/// The lists' text: the file in the model's folder, else the built-in one.
fn lists(folder: &Path) -> Result<(String, Lists), StudioError> {
    let path = folder.join("scene.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => LISTS.to_owned(),
        Err(e) => return Err(StudioError::file("reading the words for scenes", &path, e)),
    };
    let wrong = |why: String| {
        StudioError::Brief(format!(
            "reading the words for scenes {}: {why}\nhint: take the program's own (crates/studio/words/scene.toml) as the pattern",
            path.display()
        ))
    };
    let lists: Lists = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let feels = lists
        .list
        .iter()
        .flat_map(|list| &list.entries)
        .filter_map(|entry| entry.feel);
    if feels.flatten().any(|x| !(-1.0..=1.0).contains(&x)) {
        return Err(wrong("a feeling lies outside −1 to 1".to_owned()));
    }
    if lists
        .list
        .iter()
        .any(|list| list.entries.len() < 2 || !list.prompt.contains("{}"))
    {
        return Err(wrong("a list has one entry, or a prompt without {}".to_owned()));
    }
    Ok((text, lists))
}

/// What the sampled frames fit.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Scene, StudioError> {
    let given = match &order.brief.scene {
        Scenes::None => return nobody(ledger, ""),
        Scenes::Auto => None,
        Scenes::Clip(path) => path.as_deref(),
    };
    let auto = order.brief.scene == Scenes::Auto;
    let made = find(given, &CLIP_NAMES, "CLIP", world).and_then(|folder| {
        let weights = Weights::of(&folder)?;
        // Before the ledger is asked: without the library `auto` goes on as without weights.
        runtime(world)?;
        by_clip(ledger, order, opened, sighting, (folder, weights), world)
    });
    match made {
        Err(why) if auto && why.exit_code() != 130 => {
            let why = why.tell();
            nobody(ledger, why.lines().next().unwrap_or_default())
        }
        made => made,
    }
}

fn nobody(ledger: &mut Ledger, why: &str) -> Result<Scene, StudioError> {
    let scene = Scene {
        engine: "none".into(),
        note: why.to_owned(),
        words: Vec::new(),
        valence: None,
        arousal: None,
        lists: Vec::new(),
    };
    ledger.put(&scene)?;
    Ok(scene)
}

fn by_clip(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    sighting: &Sighting,
    (folder, weights): (PathBuf, Weights),
    world: &dyn World,
) -> Result<Scene, StudioError> {
    let (text, lists) = lists(&folder)?;
    let inputs = (&opened.content, &sighting.samples, &weights, &text);
    ledger.section(SCENE, &inputs, world, || {
        world.begin("loading");
        let mut clip = Warm::shared().held(&weights.key("clip", world), weights.bytes, || {
            Clip::load(&folder, &runtime(world)?).map_err(StudioError::from)
        })?;
        let times: Vec<f64> = sighting.samples.iter().map(|s| s.time_s).collect();
        world.begin("extracting");
        let pictures = pictures(&opened.footage, &order.input, &times, world)?;
        world.begin("comparing");
        let mut frames = Vec::new();
        for (i, picture) in pictures.iter().enumerate() {
            world.check()?;
            frames.push(clip.picture(picture)?);
            world.progress((i + 1) as f64 / (2 * pictures.len()) as f64);
        }
        let mut compared = Vec::new();
        for (i, list) in lists.list.iter().enumerate() {
            world.check()?;
            let says: Vec<String> = list
                .entries
                .iter()
                .map(|entry| list.prompt.replace("{}", &entry.say))
                .collect();
            let texts = clip.texts(&says.iter().map(String::as_str).collect::<Vec<_>>())?;
            let mut shares = vec![0.0; texts.len()];
            for frame in &frames {
                for (sum, share) in shares.iter_mut().zip(clip.shares(frame, &texts)) {
                    *sum += f64::from(share) / frames.len() as f64;
                }
            }
            compared.push((list, shares));
            world.progress(0.5 + (i + 1) as f64 / (2 * lists.list.len()) as f64);
        }
        Ok(told(&compared, format!("weights of {}", weights.path.display())))
    })
}

/// What the shares come to.
fn told(compared: &[(&List, Vec<f64>)], note: String) -> Scene {
    let mut words: Vec<String> = Vec::new();
    let (mut feeling, mut weight) = ([0.0; 2], 0.0);
    let mut lists = Vec::new();
    for (list, shares) in compared {
        let chance = 1.0 / shares.len() as f64;
        let mut ranked: Vec<(&Entry, f64)> = list.entries.iter().zip(shares.iter().copied()).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        // The likeliest, and no other: a list's entries exclude each other.
        if let Some((entry, share)) = ranked.first()
            && !entry.word.is_empty()
            && *share >= (STANDS_OUT * chance).min(0.75)
            && !words.contains(&entry.word)
        {
            words.push(entry.word.clone());
        }
        for (entry, share) in &ranked {
            if let Some(feel) = entry.feel {
                feeling = [feeling[0] + share * feel[0], feeling[1] + share * feel[1]];
                weight += share;
            }
        }
        lists.push(SceneList {
            name: list.name.clone(),
            shares: ranked
                .iter()
                .take(3)
                .map(|(entry, share)| SceneShare {
                    what: entry.say.clone(),
                    share: (share * 1e4).round() / 1e4,
                })
                .collect(),
        });
    }
    let mean = |sum: f64| (weight > 0.0).then(|| (sum / weight * 1e4).round() / 1e4);
    Scene {
        engine: "clip".into(),
        note,
        words,
        valence: mean(feeling[0]),
        arousal: mean(feeling[1]),
        lists,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_lists_do_not_read_or_an_edited_one_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, built_in) = lists(folder.path()).expect("reads");
        assert!(built_in.list.len() >= 4);
        let own = "[[list]]\nname = \"x\"\nprompt = \"a {}\"\nentries = [{word = \"a\", say = \"a\"}, {word = \"b\", say = \"b\"}]\n";
        let path = folder.path().join("scene.toml");
        std::fs::write(&path, own).expect("writes");
        assert_eq!(lists(folder.path()).expect("reads").1.list.len(), 1);
        for wrong in [
            own.replace("{}", ""),
            own.replace("say = \"b\"", "say = \"b\", feel = [2, 0]"),
            own.replace("prompt", "promt"),
        ] {
            std::fs::write(&path, wrong).expect("writes");
            let told = lists(folder.path()).expect_err("is refused").tell();
            assert!(told.contains("scene.toml") && told.contains("hint:"), "{told}");
        }
    }

    #[test]
    fn a_word_that_hardly_fits_is_told_or_a_feeling_is_lost() {
        let (_, lists) = lists(Path::new("/nowhere")).expect("reads");
        let mood = &lists.list[0];
        let mut shares = vec![0.02; mood.entries.len()];
        shares[6] = 1.0 - 0.02 * (shares.len() - 1) as f64;
        let place = &lists.list[4];
        let scene = told(&[(mood, shares), (place, vec![0.6, 0.4])], String::new());
        assert_eq!(scene.words, ["epic"], "indoors by six to four is no finding");
        assert!(
            scene.arousal.is_some_and(|a| a > 0.5) && scene.valence.is_some_and(|v| v > 0.0),
            "{scene:?}"
        );
        let sure = told(&[(place, vec![0.9, 0.1])], String::new());
        assert_eq!((sure.words, sure.valence), (vec!["indoors".to_owned()], None));
    }
}
