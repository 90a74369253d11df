//! A picture for each section of a film, painted by Kandinsky from what is heard, the artworks and a style.

use std::io::Write;
use std::path::PathBuf;

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
const PICTURE: u32 = 5;

/// The seed's weights: words beside artworks; with a style the words count nothing.
const WORDS: f32 = 0.3;
const ARTWORKS: f32 = 0.7;
const STYLE: f32 = 0.3;

/// A picture for each section, as planned; some may be painted already.
pub(super) struct Planned {
    plan: Vec<PlannedPicture>,
    keys: Vec<Key>,
    /// Those that are not painted yet, in order.
    pub(super) missing: Vec<usize>,
}

/// Plans the pictures, and takes what a person changed in the plan.
pub(super) fn plan(
    ledger: &mut Ledger,
    order: &FilmOrder,
    place: &Place,
    (board, captions, genres): (&Storyboard, Option<&Captions>, &GenreTable),
    world: &dyn World,
) -> Result<Planned, StudioError> {
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
    let missing = (0..keys.len())
        .filter(|i| world.cache().file("picture", &keys[*i], "png").is_none())
        .collect();
    Ok(Planned {
        plan: plan.pictures,
        keys,
        missing,
    })
}

impl Planned {
    /// What each picture is known by.
    pub(super) fn names(&self) -> Vec<Option<String>> {
        self.keys.iter().map(|k| Some(k.as_str().to_owned())).collect()
    }

    fn file(&self, at: usize, world: &dyn World) -> Result<PathBuf, StudioError> {
        let file = self
            .keys
            .get(at)
            .and_then(|key| world.cache().file("picture", key, "png"));
        file.ok_or_else(|| StudioError::cache(std::io::Error::other("a picture went away")))
    }

    /// The picture of a section, which must be painted.
    pub(super) fn artwork(&self, at: usize, world: &dyn World) -> Result<Artwork, StudioError> {
        artwork(&self.file(at, world)?, LONGEST)
    }

    /// All of them, when they are painted, and in the document where they lie.
    pub(super) fn artworks(&self, ledger: &mut Ledger, world: &dyn World) -> Result<Vec<Artwork>, StudioError> {
        let mut files = Vec::new();
        let mut artworks = Vec::new();
        for at in 0..self.keys.len() {
            world.check()?;
            artworks.push(self.artwork(at, world)?);
            files.push(self.file(at, world)?.display().to_string());
        }
        ledger.put(&FilmPainted { files })?;
        Ok(artworks)
    }

    /// Paints those that are missing, in order: first what all of them are to be like, then, with the prior gone from memory, each.
    /// `painted` hears which is there, and says whether to go on.
    pub(super) fn paint(
        &self,
        order: &FilmOrder,
        place: &Place,
        painted: &mut dyn FnMut(usize) -> bool,
        world: &dyn World,
    ) -> Result<(), StudioError> {
        paint(order, place, self, painted, world).map_err(StudioError::of_an_engine)
    }
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

fn paint(
    order: &FilmOrder,
    place: &Place,
    planned: &Planned,
    painted: &mut dyn FnMut(usize) -> bool,
    world: &dyn World,
) -> Result<(), StudioError> {
    let Planned { plan, keys, missing } = planned;
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
        let picture = sketch.paint(&mut decoder, how, order.brief.size, world)?;
        let bytes =
            encoded(&picture, image::ImageFormat::Png).map_err(|e| StudioError::cache(std::io::Error::other(e)))?;
        let keep = || -> std::io::Result<()> {
            let mut pending = world.cache().create("picture", &keys[*at], "png")?;
            pending.file().write_all(&bytes)?;
            pending.keep().map(drop)
        };
        keep().map_err(StudioError::cache)?;
        if !painted(*at) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use synchresis_cue::Look;
    use synchresis_picture::paint::{ArtInfo, FilmOptions, Heard, storyboard};

    use super::*;
    use crate::film::FilmBrief;
    use crate::sections::CaptionWindow;

    fn order(artworks: usize, weights: &[f32]) -> FilmOrder {
        let brief = FilmBrief {
            art_weights: weights.to_vec(),
            seed: 5,
            ..FilmBrief::default()
        };
        let arts = (0..artworks).map(|i| PathBuf::from(format!("{i}.png"))).collect();
        FilmOrder::new("song.mp3".into(), arts, brief, "film.mp4".into(), None, false).expect("an order")
    }

    fn board(seconds: f64) -> Storyboard {
        let heard = Heard {
            duration_s: seconds,
            ..Heard::default()
        };
        let info: Vec<ArtInfo> = vec![
            Artwork::from_rgb8("a", 4, 4, vec![9; 48])
                .expect("an artwork")
                .info()
                .clone(),
        ];
        // The seed's look parts a song to the second.
        let options = FilmOptions {
            look: Look::Seed,
            ..FilmOptions::default()
        };
        storyboard(&heard, &info, &options, &GenreTable::default())
    }

    fn captions(texts: &[&str]) -> Captions {
        let window = |(i, text): (usize, &&str)| CaptionWindow {
            start_s: 10.0 * i as f64,
            end_s: 10.0 * (i + 1) as f64,
            text: (*text).to_owned(),
        };
        Captions {
            engine: "lp-musiccaps".into(),
            note: String::new(),
            windows: texts.iter().enumerate().map(window).collect(),
        }
    }

    #[test]
    fn words_artworks_and_style_count_otherwise_than_in_the_seed() {
        let board = board(30.0);
        assert_eq!(board.sections.len(), 3);
        let said = captions(&["someone hums", "a blues, rock and jazz tune"]);
        let table = GenreTable::default();
        let plan = planned(&order(2, &[1.0, 3.0]), &board, Some(&said), &table);
        let plain = &plan[0];
        assert_eq!((plain.prompt.as_str(), plain.style.as_str()), ("someone hums", ""));
        assert_eq!((plain.prompt_weight, plain.style_weight), (0.3, 0.0));
        assert!((plain.artwork_weights[0] - 0.175).abs() < 1e-6 && (plain.artwork_weights[1] - 0.525).abs() < 1e-6);
        // Of three genres the first counts, alone; after the last caption it goes on.
        for styled in &plan[1..] {
            let blues = table.genres().iter().find(|g| g.name == "blues").expect("blues");
            assert_eq!(styled.style, blues.style);
            assert_eq!((styled.prompt_weight, styled.style_weight), (0.0, 0.3));
        }
        assert_eq!(plan.iter().map(|p| p.seed).collect::<Vec<_>>(), [5, 6, 7]);
        // Nobody captions: the hearing's words, and the style that they suggest.
        let heard = planned(&order(1, &[]), &board, None, &table);
        assert!(heard[0].prompt.ends_with("music") && !heard[0].style.is_empty());
        assert_eq!(heard[0].artwork_weights, [0.7]);
    }

    #[test]
    fn one_section_or_a_hundred_get_another_number_of_pictures() {
        for (seconds, count) in [(4.0, 1), (1000.0, 100)] {
            let board = board(seconds);
            let plan = planned(&order(1, &[]), &board, None, &GenreTable::default());
            assert_eq!((board.sections.len(), plan.len()), (count, count));
        }
    }

    #[test]
    fn a_picture_that_was_not_changed_is_painted_again() {
        let order = order(2, &[0.0, 1.0]);
        let board = board(30.0);
        let mut plan = planned(&order, &board, None, &GenreTable::default());
        let keys = |plan: &[PlannedPicture], art: &str| -> Vec<String> {
            let arts = [Some(art.to_owned()), Some("b".to_owned())];
            let how = PaintSteps::default();
            plan.iter()
                .map(|p| key(p, &arts, &"weights", &how, (768, 768)).as_str().to_owned())
                .collect()
        };
        let before = keys(&plan, "a");
        plan[1].prompt_weight = 0.5;
        let after = keys(&plan, "a");
        assert_eq!((&before[0], &before[2]), (&after[0], &after[2]));
        assert_ne!(before[1], after[1]);
        // An artwork that counts nothing changes nothing, and where a picture stands neither.
        assert_eq!(keys(&plan, "another"), after);
        plan[2].start_s += 1.0;
        assert_eq!(keys(&plan, "a"), after);
    }
}
