//! The work itself: a job in the studio's terms, and what it made in the client's.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use serde_json::Value;
use synchresis_studio::{Deliver, FilmOrder, Order, Outcome, Stage, StudioError, Trial, World};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::ServerError;
use crate::history::Job;
use crate::job::{Extra, Input, Kind, Role};
use crate::tidy::Tidy;

/// The longer side of the frames to choose from, pixels.
pub(crate) const STILL_SIDE: u32 = 960;

/// What stands for a job in a list.
pub(crate) const THUMBNAIL: &str = "thumbnail.jpg";

/// A file that was made.
#[derive(Debug)]
pub(crate) struct Product {
    /// What the client asks for it by.
    pub(crate) name: String,
    pub(crate) media_type: &'static str,
    pub(crate) path: PathBuf,
}

/// What came of a job.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) products: Vec<Product>,
    pub(crate) told: Vec<String>,
}

impl Made {
    fn add(&mut self, name: &str, path: PathBuf) {
        if path.is_file() {
            self.products.push(Product {
                name: name.to_owned(),
                media_type: media_type(name),
                path,
            });
        }
    }
}

/// By the names that we give.
pub(crate) fn media_type(name: &str) -> &'static str {
    match Path::new(name)
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase()
        .as_str()
    {
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "mid" => "audio/midi",
        "musicxml" => "application/vnd.recordare.musicxml+xml",
        "json" => "application/json",
        "html" => "text/html; charset=utf-8",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

struct Files<'a> {
    job: &'a Job,
    paths: &'a [PathBuf],
}

impl Files<'_> {
    fn all(&self, role: Role) -> Vec<(&Input, &Path)> {
        let inputs = self.job.inputs.iter().zip(self.paths);
        inputs
            .filter(|(input, _)| input.role == role)
            .map(|(input, path)| (input, path.as_path()))
            .collect()
    }

    fn one(&self, role: Role, what: &str) -> Result<(&Input, &Path), StudioError> {
        self.all(role)
            .first()
            .copied()
            .ok_or_else(|| StudioError::Brief(format!("doing the job: it has no {what}")))
    }
}

/// Does `job` with the inputs at `paths` in `folder`, which is its own.
pub(crate) fn carry_out(
    job: &Job,
    paths: &[PathBuf],
    folder: &Path,
    tidy: &Tidy,
    world: &dyn World,
) -> Result<Made, ServerError> {
    let files = Files { job, paths };
    let mut made = match job.kind {
        Kind::Score => score(&files, folder, world)?,
        Kind::Watch => look(&files, folder, world)?,
        Kind::Film => film(&files, folder, world)?,
        Kind::Evaluate => evaluate(&files, folder, world)?,
    };
    for line in &mut made.told {
        *line = tidy.text(line);
    }
    for product in &made.products {
        if product.name == "document.json" {
            tidy_document(&product.path, &files, tidy)?;
        }
    }
    Ok(made)
}

/// The earlier document where the stages look for it.
fn earlier(files: &Files<'_>, folder: &Path) -> Result<PathBuf, ServerError> {
    let path = folder.join("document.json");
    if let Some((_, document)) = files.all(Role::Document).first() {
        std::fs::read(document)
            .and_then(|text| std::fs::write(&path, text))
            .map_err(|why| ServerError::file("copying the document to", &path, why))?;
    }
    Ok(path)
}

fn score(files: &Files<'_>, folder: &Path, world: &dyn World) -> Result<Made, ServerError> {
    let request = &files.job.request;
    let wants = |extra| request.deliver.contains(&extra);
    let place = |extra, name: &str| wants(extra).then(|| folder.join(name));
    let (input, clip) = files.one(Role::File, "clip")?;
    let document = earlier(files, folder)?;
    let deliver = Deliver {
        stems: place(Extra::Stems, "stems"),
        midi: place(Extra::Midi, "music.mid"),
        musicxml: place(Extra::Musicxml, "music.musicxml"),
        cue_sheet: place(Extra::CueSheet, "cue-sheet.html"),
        timeline: place(Extra::Timeline, "timeline.png"),
        waveform: place(Extra::Waveform, "waveform.json"),
        filmstrip: place(Extra::Filmstrip, "filmstrip.jpg"),
        document: Some(document),
        audio: place(Extra::Wav, "sound.wav"),
        thumbnail: Some(folder.join(THUMBNAIL)),
        force: true,
        ..Deliver::default()
    };
    let mut order = Order::new(clip.to_owned(), deliver)?;
    order.name = Some(input.name.clone());
    order.brief = request.score(order.brief)?;
    let film = folder.join(format!("film.{}", request.container));
    order.output = Some(film.clone());
    let outcome = synchresis_studio::run(&order, Stage::Mux, world)?;
    let mut made = Made {
        told: told(&outcome, folder),
        ..Made::default()
    };
    made.add(&format!("film.{}", request.container), film.clone());
    made.add("document.json", folder.join("document.json"));
    for name in [
        "music.mid",
        "music.musicxml",
        "cue-sheet.html",
        "timeline.png",
        "waveform.json",
        "filmstrip.jpg",
        "filmstrip.json",
        "sound.wav",
        THUMBNAIL,
    ] {
        made.add(name, folder.join(name));
    }
    for rank in 2..=order.brief.takes {
        made.add(
            &format!("take-{rank}.wav"),
            folder.join(format!("film.take-{rank}.wav")),
        );
    }
    if wants(Extra::Stems) {
        let path = folder.join("stems.zip");
        pack(&folder.join("stems"), &path).map_err(|why| ServerError::file("packing the stems into", &path, why))?;
        made.add("stems.zip", path);
    }
    if wants(Extra::Frames) {
        frames(&mut made, &outcome, clip, folder, world)?;
    }
    if wants(Extra::Report) {
        let report = folder.join("report.html");
        let trial = Trial {
            video: film,
            name: Some(input.name.clone()),
            audio: None,
            document: Some(folder.join("document.json")).filter(|_| outcome.document.has("spotting")),
            seed: order.brief.seed,
            report: Some(report.clone()),
        };
        synchresis_studio::evaluate(&trial, world)?;
        made.add("report.html", report);
    }
    Ok(made)
}

/// What a person wants to see before choosing: shots, frames, the words.
fn look(files: &Files<'_>, folder: &Path, world: &dyn World) -> Result<Made, ServerError> {
    let request = &files.job.request;
    let (input, clip) = files.one(Role::File, "clip")?;
    let filmstrip = request
        .deliver
        .contains(&Extra::Filmstrip)
        .then(|| folder.join("filmstrip.jpg"));
    let deliver = Deliver {
        document: Some(earlier(files, folder)?),
        filmstrip,
        thumbnail: Some(folder.join(THUMBNAIL)),
        force: true,
        ..Deliver::default()
    };
    let mut order = Order::new(clip.to_owned(), deliver)?;
    order.name = Some(input.name.clone());
    order.brief = request.score(order.brief)?;
    let outcome = synchresis_studio::run(&order, Stage::Prompt, world)?;
    let mut made = Made {
        told: told(&outcome, folder),
        ..Made::default()
    };
    made.add("document.json", folder.join("document.json"));
    made.add("filmstrip.jpg", folder.join("filmstrip.jpg"));
    made.add("filmstrip.json", folder.join("filmstrip.json"));
    made.add(THUMBNAIL, folder.join(THUMBNAIL));
    if request.deliver.contains(&Extra::Frames) {
        frames(&mut made, &outcome, clip, folder, world)?;
    }
    Ok(made)
}

/// When the frames to choose from are shown, seconds: a third of the way, two thirds, the medoid.
pub(crate) fn choices(document: &Value) -> Option<[f64; 3]> {
    let sighting = document.get("sighting")?;
    let time = |sample: &Value| sample.get("time_s").and_then(Value::as_f64);
    let medoid = sighting.get("medoid")?.as_u64()? as usize;
    Some([
        time(sighting.get("third")?)?,
        time(sighting.get("two_thirds")?)?,
        time(sighting.get("samples")?.get(medoid)?)?,
    ])
}

fn frames(
    made: &mut Made,
    outcome: &Outcome,
    clip: &Path,
    folder: &Path,
    world: &dyn World,
) -> Result<(), ServerError> {
    world.begin("extracting");
    let document: Value = serde_json::from_str(&outcome.document.to_json())?;
    let Some(times) = choices(&document) else { return Ok(()) };
    let stills = synchresis_studio::stills(clip, &times, STILL_SIDE, folder, world)?;
    for (name, path) in ["frame-33.jpg", "frame-66.jpg", "frame-medoid.jpg"]
        .into_iter()
        .zip(stills)
    {
        made.add(name, path);
    }
    Ok(())
}

fn film(files: &Files<'_>, folder: &Path, world: &dyn World) -> Result<Made, ServerError> {
    let (_, song) = files.one(Role::Song, "song")?;
    let artworks = files
        .all(Role::Art)
        .iter()
        .map(|(_, path)| (*path).to_owned())
        .collect();
    let name = format!("film.{}", files.job.request.container);
    let film = folder.join(&name);
    let document = earlier(files, folder)?;
    let order = FilmOrder::new(
        song.to_owned(),
        artworks,
        files.job.request.film()?,
        film.clone(),
        Some(document),
        true,
    )?;
    let outcome = synchresis_studio::film(&order, world)?;
    let mut made = Made {
        told: told(&outcome, folder),
        ..Made::default()
    };
    thumbnail(&mut made, &film, folder, world);
    made.add(&name, film);
    made.add("document.json", folder.join("document.json"));
    Ok(made)
}

fn evaluate(files: &Files<'_>, folder: &Path, world: &dyn World) -> Result<Made, ServerError> {
    let (input, video) = files.one(Role::File, "film")?;
    let audio = files.all(Role::Audio).first().map(|(_, path)| (*path).to_owned());
    let document = files.all(Role::Document).first().map(|(_, path)| (*path).to_owned());
    let report = folder.join("report.html");
    let trial = Trial {
        video: video.to_owned(),
        name: Some(input.name.clone()),
        audio,
        document,
        seed: files.job.request.seed()?,
        report: Some(report.clone()),
    };
    let outcome = synchresis_studio::evaluate(&trial, world)?;
    let path = folder.join("document.json");
    std::fs::write(&path, outcome.document.to_json()).map_err(|why| ServerError::file("writing", &path, why))?;
    let mut made = Made {
        told: told(&outcome, folder),
        ..Made::default()
    };
    made.add("document.json", path);
    made.add("report.html", report);
    thumbnail(&mut made, video, folder, world);
    Ok(made)
}

/// What stands for the film in a list. A job is as good without it.
fn thumbnail(made: &mut Made, film: &Path, folder: &Path, world: &dyn World) {
    let path = folder.join(THUMBNAIL);
    match synchresis_studio::thumbnail(film, &path, world) {
        Ok(()) => made.add(THUMBNAIL, path),
        Err(why) => tracing::debug!(%why, "no thumbnail"),
    }
}

/// What is told, but for where files were put: the client has them by other names.
fn told(outcome: &Outcome, folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let lines = outcome.told.iter().filter(|line| !line.contains(&folder));
    lines.cloned().collect()
}

/// The document as the client gets it: the clip under the name of its content, so that the document alone is enough to go on.
fn tidy_document(path: &Path, files: &Files<'_>, tidy: &Tidy) -> Result<(), ServerError> {
    let failed = |why| ServerError::file("writing the document to", path, why);
    let mut document: Value = serde_json::from_slice(&std::fs::read(path).map_err(failed)?)?;
    tidy.value(&mut document);
    if let Some((input, _)) = files.all(Role::File).first()
        && let Some(place) = document.pointer_mut("/video_input/video_path")
    {
        *place = Value::String(format!("{CONTENT}{}", input.blob));
    }
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    std::fs::write(path, text).map_err(failed)
}

/// What stands before the name of content in a document.
pub(crate) const CONTENT: &str = "content:";

/// Puts the files of a folder in an archive, as they are: sound does not shrink.
fn pack(folder: &Path, archive: &Path) -> io::Result<()> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    names.sort();
    let mut zip = ZipWriter::new(BufWriter::new(File::create(archive)?));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true);
    for path in names.iter().filter(|path| path.is_file()) {
        zip.start_file(path.file_name().unwrap_or_default().to_string_lossy(), options)?;
        io::copy(&mut File::open(path)?, &mut zip)?;
    }
    zip.finish()?;
    Ok(())
}
