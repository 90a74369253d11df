//! A picture for each section of a film, painted by Kandinsky from what is heard, the artworks and a style.

use std::io::Write;

use serde::Serialize;
use synchresis_cue::Storyboard;
use synchresis_models::Picture;
use synchresis_models::kandinsky::Piece;
use synchresis_picture::paint::{Artwork, GenreTable};

use crate::cache::Key;
use crate::easel::{PaintSteps, Place, Sketch, encoded, picture};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::sections::{Captions, FilmPainted, FilmPictures, PlannedPicture};
use crate::world::World;

use super::{FilmOrder, LONGEST, artwork, names};

/// Versions of the plan and of the pictures.
const PLAN: u32 = 1;
const PICTURE: u32 = 1;

/// The seed's weights: words beside artworks; with a style the words count nothing.
const WORDS: f32 = 0.3;
const ARTWORKS: f32 = 0.7;
const STYLE: f32 = 0.3;

/// Pictures that were painted, one a section, and what they are known by.
pub(crate) struct Painted {
    pub(crate) artworks: Vec<Artwork>,
    pub(crate) keys: Vec<Option<String>>,
}

/// Plans the pictures, takes what a person changed in the plan, and paints those that are not there yet.
pub(super) fn run(
    ledger: &mut Ledger,
    order: &FilmOrder,
    place: &Place,
    (board, captions, genres): (&Storyboard, Option<&Captions>, &GenreTable),
    world: &dyn World,
) -> Result<Painted, StudioError> {
    let brief = &order.brief;
    let heard: Vec<_> = board
        .sections
        .iter()
        .map(|s| (s.start_s, s.end_s, &s.words, &s.genre, &s.style))
        .collect();
    let inputs = (
        &heard,
        captions.map(|c| &c.windows),
        (
            brief.seed,
            &brief.art_weights,
            &brief.negative_prompt,
            order.artworks.len(),
        ),
    );
    let plan = ledger.section(PLAN, &inputs, world, || {
        Ok(FilmPictures {
            engine: "kandinsky".into(),
            note: format!("weights of {}", place.folder().display()),
            pictures: planned(order, board, captions, genres),
        })
    })?;
    if plan.pictures.len() != board.sections.len() {
        return Err(StudioError::Brief(format!(
            "painting a film: its document plans {} pictures for {} sections\nhint: change pictures, but leave one for each section",
            plan.pictures.len(),
            board.sections.len()
        )));
    }
    let weights = place.weights()?;
    let arts = names(&order.artworks);
    let keys: Vec<Key> = plan
        .pictures
        .iter()
        .map(|planned| key(planned, &arts, &weights, &brief.paint, brief.size))
        .collect();
    let missing: Vec<usize> = (0..keys.len())
        .filter(|i| world.cache().file("picture", &keys[*i], "png").is_none())
        .collect();
    paint(order, place, (&plan.pictures, &keys), &missing, world).map_err(StudioError::of_an_engine)?;
    let mut files = Vec::new();
    let mut artworks = Vec::new();
    for key in &keys {
        world.check()?;
        let file = world.cache().file("picture", key, "png");
        let file = file.ok_or_else(|| StudioError::cache(std::io::Error::other("a picture went away")))?;
        artworks.push(artwork(&file, LONGEST)?);
        files.push(file.display().to_string());
    }
    ledger.put(&FilmPainted { files })?;
    Ok(Painted {
        artworks,
        keys: keys.iter().map(|k| Some(k.as_str().to_owned())).collect(),
    })
}

/// What each section's picture is made of.
fn planned(
    order: &FilmOrder,
    board: &Storyboard,
    captions: Option<&Captions>,
    genres: &GenreTable,
) -> Vec<PlannedPicture> {
    let brief = &order.brief;
    let count = order.artworks.len();
    let given = |i: usize| brief.art_weights.get(i).copied().unwrap_or(1.0);
    let sum: f32 = (0..count).map(given).sum();
    let artwork_weights: Vec<f32> = (0..count)
        .map(|i| ARTWORKS * if sum > 0.0 { given(i) / sum } else { 1.0 / count as f32 })
        .collect();
    let sections = board.sections.iter().enumerate();
    sections
        .map(|(i, section)| {
            let caption = captions.and_then(|c| said(c, section.start_s, section.end_s));
            let (prompt, style) = match caption {
                Some(caption) => {
                    let genre = genres.named(&caption);
                    (caption, genre.map(|g| g.style.clone()).unwrap_or_default())
                }
                None => (format!("{} music", section.words.join(", ")), section.style.clone()),
            };
            let styled = !style.is_empty();
            PlannedPicture {
                section: i,
                start_s: section.start_s,
                prompt,
                prompt_weight: if styled { 0.0 } else { WORDS },
                artwork_weights: artwork_weights.clone(),
                style,
                style_weight: if styled { STYLE } else { 0.0 },
                negative_prompt: brief.negative_prompt.clone(),
                seed: brief.seed.wrapping_add(i as u64),
            }
        })
        .collect()
}

/// The caption of the window that a stretch lies in most; after the last window, the last one's.
fn said(captions: &Captions, start_s: f64, end_s: f64) -> Option<String> {
    let shared = |w: &crate::sections::CaptionWindow| (w.end_s.min(end_s) - w.start_s.max(start_s)).max(0.0);
    let mut best = captions.windows.last()?;
    for window in &captions.windows {
        if shared(window) > shared(best) + 1e-9 {
            best = window;
        }
    }
    Some(best.text.trim().to_owned())
}

/// A picture is made of its plan, the artworks that count in it, the weights, the steps and the size.
fn key(
    planned: &PlannedPicture,
    arts: &[Option<String>],
    weights: &impl Serialize,
    how: &PaintSteps,
    size: (u32, u32),
) -> Key {
    // Where it stands in the film changes nothing in it.
    let made_of = PlannedPicture {
        section: 0,
        start_s: 0.0,
        ..planned.clone()
    };
    let counting: Vec<_> = arts
        .iter()
        .zip(&planned.artwork_weights)
        .filter(|(_, w)| **w != 0.0)
        .map(|(art, _)| art)
        .collect();
    Key::new("picture", PICTURE, &(made_of, counting, weights, how, size))
}

/// Paints the pictures at the places of `missing`: first what all of them are to be like, then, with the prior gone from memory, each.
fn paint(
    order: &FilmOrder,
    place: &Place,
    (plan, keys): (&[PlannedPicture], &[Key]),
    missing: &[usize],
    world: &dyn World,
) -> Result<(), StudioError> {
    if missing.is_empty() {
        return Ok(());
    }
    world.begin("imagining");
    let arts = order
        .artworks
        .iter()
        .map(|path| artwork(path, LONGEST).and_then(|art| picture(&art)))
        .collect::<Result<Vec<Picture>, _>>()?;
    let how = &order.brief.paint;
    let mut sketches = Vec::new();
    {
        let mut prior = place.prior(world)?;
        for at in missing {
            let planned = &plan[*at];
            let mut pieces = vec![(Piece::Text(&planned.prompt), planned.prompt_weight)];
            let counted = arts.iter().zip(planned.artwork_weights.iter().copied());
            pieces.extend(counted.map(|(art, weight)| (Piece::Picture(art), weight)));
            if !planned.style.is_empty() {
                pieces.push((Piece::Text(&planned.style), planned.style_weight));
            }
            let negative = Some(planned.negative_prompt.as_str());
            sketches.push(Sketch::draw(&mut prior, &pieces, negative, (how, planned.seed), world)?);
        }
    }
    world.begin("painting");
    let mut decoder = place.decoder(world)?;
    for (at, sketch) in missing.iter().zip(sketches) {
        let painted = sketch.paint(&mut decoder, how, order.brief.size, world)?;
        let bytes =
            encoded(&painted, image::ImageFormat::Png).map_err(|e| StudioError::cache(std::io::Error::other(e)))?;
        let keep = || -> std::io::Result<()> {
            let mut pending = world.cache().create("picture", &keys[*at], "png")?;
            pending.file().write_all(&bytes)?;
            pending.keep().map(drop)
        };
        keep().map_err(StudioError::cache)?;
    }
    Ok(())
}
