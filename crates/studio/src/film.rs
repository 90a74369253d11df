//! A song and artworks in, a music video out: `Track → Hearing → Storyboard → frames → film`.

mod ahead;
mod engines;
mod latent;
mod listen;
mod paint;
mod pictures;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_cue::{Hearing, Look, Pace, Rational, Section, Storyboard, Sync};
use synchresis_media::{Container, MediaError};
use synchresis_picture::paint::{ArtInfo, Artwork, FilmOptions, GENRES, GenreTable, Heard, storyboard};

use crate::cache::Key;
use crate::easel::PaintSteps;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::identity;
use crate::run::Outcome;
use crate::sections::{Captions, Licence, Licences, VideoReconstruction};
use crate::world::World;

use engines::Engines;
pub use engines::{FilmCaption, FilmPainter, FilmTransition};

/// Versions of the stages' code.
const HEARING: u32 = 3;
const STORYBOARD: u32 = 7;
const FILM: u32 = 10;

/// Longest side an artwork is kept at: a film's crop of it is never larger.
const LONGEST: u32 = 4096;

/// What a film should look like: the `film_options` section of the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FilmBrief {
    /// The look.
    pub look: Look,
    /// What drives the transitions.
    pub pace: Pace,
    /// Weight of the percussive part in the transitions.
    pub percussive: f64,
    /// Weight of the harmonic part in the transitions.
    pub harmonic: f64,
    /// Length of a section in seconds; the song's own sections where absent.
    pub section_seconds: Option<f64>,
    /// Width and height in pixels, even.
    pub size: (u32, u32),
    /// Frames a second.
    pub fps: Rational,
    /// Same song, pictures and seed: the same frames.
    pub seed: u64,
    /// A genre → art style table of the person's own.
    pub genres: Option<PathBuf>,
    /// Who paints the pictures.
    pub painter: FilmPainter,
    /// How a picture becomes the next.
    pub transition: FilmTransition,
    /// Who says what is heard.
    pub caption: FilmCaption,
    /// How much each artwork counts in what is painted; alike where none are given.
    pub art_weights: Vec<f32>,
    /// What painted pictures keep away from.
    pub negative_prompt: String,
    /// Steps and guidance of what is painted.
    pub paint: PaintSteps,
}

/// What painted pictures keep away from where nothing else is said.
const NEGATIVE: &str = "blurred, low quality, deformed, bad anatomy, text, watermark, nudity, gore";

impl Section for FilmBrief {
    const NAME: &'static str = "film_options";
}

impl Default for FilmBrief {
    fn default() -> Self {
        let options = FilmOptions::default();
        Self {
            look: options.look,
            pace: options.pace,
            percussive: options.percussive,
            harmonic: options.harmonic,
            section_seconds: options.section_seconds,
            size: options.size,
            fps: options.fps,
            seed: options.seed,
            genres: None,
            painter: FilmPainter::Morph,
            transition: FilmTransition::Morph,
            caption: FilmCaption::Hearing,
            art_weights: Vec::new(),
            negative_prompt: NEGATIVE.to_owned(),
            paint: PaintSteps::default(),
        }
    }
}

/// A film to be made.
#[derive(Debug, Clone)]
pub struct FilmOrder {
    /// The song.
    pub song: PathBuf,
    /// The artworks, one at least.
    pub artworks: Vec<PathBuf>,
    /// What it should look like.
    pub brief: FilmBrief,
    /// Where it goes.
    pub output: PathBuf,
    /// The document: read if it is there, so that edits by hand count, and written.
    pub document: Option<PathBuf>,
    /// Whether to replace what is there.
    pub force: bool,
    pub(crate) earlier: Option<synchresis_cue::Document>,
}

impl FilmOrder {
    /// An order for `song` and `artworks`.
    ///
    /// # Errors
    /// A document that is there but does not read.
    pub fn new(
        song: PathBuf,
        artworks: Vec<PathBuf>,
        brief: FilmBrief,
        output: PathBuf,
        document: Option<PathBuf>,
        force: bool,
    ) -> Result<Self, StudioError> {
        let earlier = document
            .as_deref()
            .map(crate::order::read_document)
            .transpose()?
            .flatten();
        Ok(Self {
            song,
            artworks,
            brief,
            output,
            document,
            force,
            earlier,
        })
    }
}

/// The song as the document names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TrackInput {
    /// Where the song lies.
    pub(crate) song: String,
    /// The artworks in order.
    pub(crate) artworks: Vec<String>,
    /// Where the film goes.
    pub(crate) output_path: String,
}

impl Section for TrackInput {
    const NAME: &'static str = "track";
}

/// What the listening left: the hearing, and the curves of the seed's pace at the film's frame rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listened {
    pub(crate) hearing: Hearing,
    pub(crate) harmonic: Vec<f32>,
    pub(crate) percussive: Vec<f32>,
    /// When something begins to sound, seconds, to a few milliseconds, and how clearly, 0 to 1.
    pub(crate) attacks: Vec<(f64, f32)>,
}

/// Makes the film.
///
/// # Errors
/// Every way in which a stage fails; nothing half-written is left behind.
pub fn film(order: &FilmOrder, world: &dyn World) -> Result<Outcome, StudioError> {
    let mut ledger = Ledger::new(order.earlier.clone());
    let result = synchresis_models::watched(world, || make(&mut ledger, order, world));
    world.cache().prune();
    let told = result?;
    ledger.provenance(order.brief.seed, world)?;
    let document = ledger.document().clone();
    if let Some(path) = &order.document {
        crate::run::write_whole(path, document.to_json().as_bytes(), "writing the document to")?;
    }
    Ok(Outcome {
        document,
        result: Some(order.output.clone()),
        told,
    })
}

fn make(ledger: &mut Ledger, order: &FilmOrder, world: &dyn World) -> Result<Vec<String>, StudioError> {
    check(order)?;
    ledger.put(&TrackInput {
        song: order.song.display().to_string(),
        artworks: order.artworks.iter().map(|art| art.display().to_string()).collect(),
        output_path: order.output.display().to_string(),
    })?;
    ledger.put(&order.brief)?;
    let engines = Engines::of(&order.brief, world)?;
    let mut gallery = Gallery::new(order);
    let listened = hear(ledger, order, &mut gallery, world)?;
    let captions = captions(ledger, order, &engines, world)?;
    let mut arts = names(&order.artworks);
    let began = world.seconds();
    // Whether the frames were made while the pictures were painted.
    let mut made_ahead = false;
    if let Some(place) = &engines.kandinsky {
        let genres = genres(&order.brief)?.1;
        let infos = gallery.infos(world)?;
        let board = drawn(order, &listened, &infos, &genres);
        let made_of = (&board, captions.as_ref(), &genres);
        let planned = pictures::plan(ledger, order, place, made_of, world)?;
        arts = planned.names();
        let fresh = !planned.missing.is_empty() && !stands(ledger, order, &listened, &arts, world)?;
        match engines.latent.as_deref() {
            Some(folder) if fresh => {
                let made_of = (&listened, &genres, &planned);
                ahead::run(order, (place, folder), made_of, world)?;
                made_ahead = true;
            }
            _ => planned.paint(order, place, &mut |_| true, world)?,
        }
        // From here on the film is one of the painted pictures.
        gallery.artworks = Some(planned.artworks(ledger, world)?);
    }
    let board = board(ledger, order, &listened, (&arts, &mut gallery), world)?;
    let song = identity(&order.song).map(|key| key.as_str().to_owned());
    let latent = engines.latent.as_deref();
    let through = latent.map(|folder| folder.display().to_string());
    let known = song.is_some() && arts.iter().all(Option::is_some);
    let container = order
        .output
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let key = Key::new("film-made", FILM, &(&board, song, arts, &container, through));
    let began = if made_ahead { began } else { world.seconds() };
    let kept = world.cache().file("film", &key, &container).filter(|_| known);
    let verdict = world.cache().json::<Sync>("film-judged", &key);
    let how = match (kept, verdict) {
        (Some(kept), Some(sync)) if !made_ahead => {
            world.begin("copying");
            put_copy(&kept, &order.output)?;
            ledger.put(&sync)?;
            ("cached", sync)
        }
        _ => {
            if !made_ahead {
                world.begin("painting");
                let artworks = gallery.take(world)?;
                match latent {
                    Some(folder) => {
                        let mut hung = latent::Hung {
                            board: &board,
                            artworks: &artworks,
                        };
                        latent::run(order, &board, &mut hung, folder, world)?;
                    }
                    None => paint::run(order, &board, artworks, world)?,
                }
            }
            let sync = crate::evaluate::of_film(ledger, &order.output, order.brief.seed, world)?;
            if known {
                keep(&order.output, &key, &container, &sync, world);
            }
            ("made", sync)
        }
    };
    let (how, sync) = how;
    let section = VideoReconstruction {
        output_path: order.output.display().to_string(),
        picture_copied: false,
        notes: engines.notes.clone(),
    };
    ledger.put(&section)?;
    ledger.note::<VideoReconstruction>(&key, world.seconds() - began, how);
    let own = Licence {
        what: "the song and the artworks".into(),
        licence: "theirs: the film has the rights that you have in them".into(),
        commercial: true,
        notice: String::new(),
    };
    ledger.put(&Licences {
        used: std::iter::once(own).chain(engines.licences()).collect(),
        summary: "The frames were painted by Synchresis, which claims no rights in them.".into(),
    })?;
    let mut told: Vec<String> = listened
        .hearing
        .words
        .lines()
        .map(|words| format!("heard: {words}"))
        .collect();
    told.extend(engines.notes);
    told.push(sync.verdict);
    Ok(told)
}

/// Refuses, before any work is done, what would be refused at the end.
fn check(order: &FilmOrder) -> Result<(), StudioError> {
    let (width, height) = order.brief.size;
    if width % 2 == 1 || height % 2 == 1 || width < 16 || height < 16 {
        return Err(StudioError::Brief(format!(
            "making a film of {width}×{height} pixels: both sides must be even, 16 or more\nhint: --size 768x768, or 9:16, 1:1, 16:9"
        )));
    }
    let (given, arts) = (order.brief.art_weights.len(), order.artworks.len());
    if given != 0 && given != arts {
        return Err(StudioError::Brief(format!(
            "making a film: {given} weights for {arts} artworks\nhint: --weights takes one for each: 1,2"
        )));
    }
    if order.artworks.is_empty() {
        return Err(StudioError::Brief(
            "making a film: there is no artwork\nhint: name one picture or more after the song".into(),
        ));
    }
    Container::of(&order.output)?;
    if order.output.exists() && !order.force {
        return Err(MediaError::OutputExists {
            output: order.output.clone(),
        }
        .into());
    }
    let inputs = order.artworks.iter().chain([&order.song]);
    let real = order.output.canonicalize().ok();
    if real.is_some() && inputs.into_iter().any(|input| input.canonicalize().ok() == real) {
        return Err(MediaError::OutputIsInput {
            output: order.output.clone(),
        }
        .into());
    }
    Ok(())
}

fn names(paths: &[PathBuf]) -> Vec<Option<String>> {
    paths
        .iter()
        .map(|path| identity(path).map(|key| key.as_str().to_owned()))
        .collect()
}

/// Keeps a film that was made, so that the same command takes no time again.
fn keep(film: &Path, key: &Key, container: &str, sync: &Sync, world: &dyn World) {
    let copy = || -> std::io::Result<()> {
        let mut pending = world.cache().create("film", key, container)?;
        std::io::copy(&mut std::fs::File::open(film)?, pending.file())?;
        pending.keep()?;
        world.cache().put_json("film-judged", key, sync)
    };
    if let Err(error) = copy() {
        world.cache().lose(error);
    }
}

/// Puts a film that was kept under its name, whole or not at all.
fn put_copy(kept: &Path, output: &Path) -> Result<(), StudioError> {
    let failed = |e| StudioError::file("writing the film to", output, e);
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = crate::run::unfinished(folder, "").map_err(failed)?;
    let mut from = std::fs::File::open(kept).map_err(failed)?;
    std::io::copy(&mut from, file.as_file_mut()).map_err(failed)?;
    file.persist(output).map_err(|e| failed(e.error))?;
    Ok(())
}

/// The artworks, opened when they are first needed.
struct Gallery<'a> {
    order: &'a FilmOrder,
    artworks: Option<Vec<Artwork>>,
}

impl<'a> Gallery<'a> {
    fn new(order: &'a FilmOrder) -> Self {
        Self { order, artworks: None }
    }

    fn open(&mut self, world: &dyn World) -> Result<&[Artwork], StudioError> {
        if self.artworks.is_none() {
            self.artworks = Some(artworks(self.order, world)?);
        }
        Ok(self.artworks.as_deref().unwrap_or_default())
    }

    fn infos(&mut self, world: &dyn World) -> Result<Vec<ArtInfo>, StudioError> {
        Ok(self.open(world)?.iter().map(|art| art.info().clone()).collect())
    }

    fn take(mut self, world: &dyn World) -> Result<Vec<Artwork>, StudioError> {
        self.open(world)?;
        Ok(self.artworks.unwrap_or_default())
    }
}

fn artworks(order: &FilmOrder, world: &dyn World) -> Result<Vec<Artwork>, StudioError> {
    world.begin("opening");
    let mut artworks = Vec::new();
    for path in &order.artworks {
        world.check()?;
        artworks.push(artwork(path, LONGEST)?);
    }
    Ok(artworks)
}

/// A picture of any kind, upright, its longest side `longest` at most.
pub(crate) fn artwork(path: &Path, longest: u32) -> Result<Artwork, StudioError> {
    let bytes = match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(MediaError::IsFolder { input: path.to_owned() }.into()),
        Ok(meta) if meta.len() == 0 => return Err(MediaError::Empty { input: path.to_owned() }.into()),
        Ok(_) => std::fs::read(path),
        Err(e) => Err(e),
    };
    let bytes = bytes.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => MediaError::NotFound { input: path.to_owned() },
        _ => MediaError::Unreadable {
            input: path.to_owned(),
            why: e.to_string(),
        },
    })?;
    Ok(Artwork::decode(&path.display().to_string(), &bytes, longest)?)
}

fn hear(
    ledger: &mut Ledger,
    order: &FilmOrder,
    gallery: &mut Gallery<'_>,
    world: &dyn World,
) -> Result<Listened, StudioError> {
    let fps = order.brief.fps.value();
    let song = identity(&order.song).map(|key| key.as_str().to_owned());
    let key = Key::new("listened", HEARING, &(&song, fps.to_string()));
    let listened = match world
        .cache()
        .json::<Listened>("listened", &key)
        .filter(|_| song.is_some())
    {
        Some(listened) => listened,
        None => {
            // A broken picture is told before a song is heard.
            gallery.open(world)?;
            world.begin("listening");
            let listened = listen::run(&order.song, fps, world)?;
            world.cache().remember("listened", &key, &listened);
            listened
        }
    };
    let hearing = ledger.section(HEARING, &(&song, fps.to_string()), world, || {
        Ok(listened.hearing.clone())
    })?;
    Ok(Listened { hearing, ..listened })
}

/// What is said of the song, where somebody says it.
fn captions(
    ledger: &mut Ledger,
    order: &FilmOrder,
    engines: &Engines,
    world: &dyn World,
) -> Result<Option<Captions>, StudioError> {
    let Some((path, weights)) = &engines.caption else {
        return Ok(None);
    };
    let song = identity(&order.song).map(|key| key.as_str().to_owned());
    let made = ledger.section(crate::captions::CAPTIONS, &(song, weights), world, || {
        crate::captions::captions(&order.song, Some(path.as_path()), world)
    });
    made.map(Some).map_err(StudioError::of_an_engine)
}

/// The table of genres: its text, and read.
fn genres(brief: &FilmBrief) -> Result<(String, GenreTable), StudioError> {
    let table = match &brief.genres {
        None => GENRES.to_owned(),
        Some(path) => {
            std::fs::read_to_string(path).map_err(|e| StudioError::file("reading the table of genres", path, e))?
        }
    };
    let genres = GenreTable::parse(&table)?;
    Ok((table, genres))
}

fn board(
    ledger: &mut Ledger,
    order: &FilmOrder,
    listened: &Listened,
    (arts, gallery): (&[Option<String>], &mut Gallery<'_>),
    world: &dyn World,
) -> Result<Storyboard, StudioError> {
    let (table, genres) = genres(&order.brief)?;
    ledger.section(STORYBOARD, &board_of(order, listened, &table, arts), world, || {
        Ok(drawn(order, listened, &gallery.infos(world)?, &genres))
    })
}

/// What a board is made of.
fn board_of<'a>(
    order: &'a FilmOrder,
    listened: &'a Listened,
    table: &'a str,
    arts: &'a [Option<String>],
) -> impl Serialize + 'a {
    (
        &listened.hearing,
        &listened.harmonic,
        &listened.percussive,
        &listened.attacks,
        &order.brief,
        table,
        arts,
    )
}

/// Whether there is a board of these artworks already, or a person's.
fn stands(
    ledger: &Ledger,
    order: &FilmOrder,
    listened: &Listened,
    arts: &[Option<String>],
    world: &dyn World,
) -> Result<bool, StudioError> {
    let (table, _) = genres(&order.brief)?;
    ledger.stands::<Storyboard>(STORYBOARD, &board_of(order, listened, &table, arts), world)
}

/// The storyboard of what was heard with these artworks.
fn drawn(order: &FilmOrder, listened: &Listened, infos: &[ArtInfo], genres: &GenreTable) -> Storyboard {
    let brief = &order.brief;
    // The parts come at the film's own frame rate, so that the seed's curve is the seed's.
    let heard = Heard {
        parts_step_s: 1.0 / brief.fps.value().max(1.0),
        harmonic: listened.harmonic.clone(),
        percussive: listened.percussive.clone(),
        ..Heard::from(&listened.hearing).struck_at(&listened.attacks)
    };
    let options = FilmOptions {
        look: brief.look,
        pace: brief.pace,
        percussive: brief.percussive,
        harmonic: brief.harmonic,
        section_seconds: brief.section_seconds,
        fps: brief.fps,
        size: brief.size,
        seed: brief.seed,
    };
    storyboard(&heard, infos, &options, genres)
}

/// `song.mp3` → `song.film.mp4`, beside it.
pub fn film_name(song: &Path) -> PathBuf {
    let stem = song.file_stem().unwrap_or_default().to_string_lossy();
    song.with_file_name(format!("{stem}.film.mp4"))
}
