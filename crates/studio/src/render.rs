//! Notes to sound: music and effects, each before its master, in the stage cache; stems beside where they are asked for.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Serialize;
use synchresis_cue::Score;
use synchresis_sound::mix::{
    self, Broadcast, Earlier, RawReader, RawWriter, SampleFormat, Source, StemSink, WavWriter,
};
use synchresis_sound::voices::{self, Bank, BankLimits};
use synchresis_sound::{Player, SoundError};

use crate::brief::{Brief, Music, Soundbank};
use crate::cache::Key;
use crate::drawn::Drawn;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::locks::Heard;
use crate::mix::Wav;
use crate::open::identity;
use crate::sections::{AudioGeneration, Licence, Locks, SoundGeneration};
use crate::world::World;

/// Version of the voices and the desk.
const RENDER: u32 = 8;

/// Banks that may be used without asking, best first: their licences ask nothing of the film.
const FREE_BANKS: &[&str] = &[
    "MuseScore_General.sf3",
    "MuseScore_General_Lite.sf3",
    "MuseScore_General.sf2",
    "FluidR3_GM.sf2",
    "FluidR3Mono_GM.sf3",
    "sf_GMbank.sf2",
];

/// The rendered sound.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) music: Option<Sound>,
    pub(crate) effects: Option<Sound>,
    pub(crate) bank: Option<PathBuf>,
    /// What the engines that drew ask.
    pub(crate) licences: Vec<Licence>,
}

/// One scratch file of interleaved stereo at 48 kHz, 32-bit float, and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Sound {
    pub(crate) key: Key,
    pub(crate) path: PathBuf,
}

/// Music to be played: its notes, the seed of the hands that play it, and what of it is kept as it was.
pub(crate) type Part<'a> = (&'a Score, u64, Option<&'a Locks>);

/// Renders what is not rendered yet, each by the hands of the seed beside it; of the music that which is kept as it was.
pub(crate) fn run(
    ledger: &mut Ledger,
    brief: &Brief,
    (music, effects): (Option<Part<'_>>, Option<(&Score, u64)>),
    stems: Option<&Path>,
    force: bool,
    drawn: Drawn,
    world: &dyn World,
) -> Result<Rendered, StudioError> {
    world.begin("rendering");
    let bank = bank(brief, world);
    let mut desk = Desk {
        world,
        bank,
        stems,
        force,
        written: 0,
    };
    let music = music
        .map(|(score, seed, locks)| desk.part("music", score, seed, locks))
        .transpose()?
        .flatten();
    let effects = effects
        .map(|(score, seed)| desk.part("effects", score, seed, None))
        .transpose()?
        .flatten();
    let played = music.is_some() || effects.is_some();
    // What was drawn takes the place of what was not composed.
    let (drawn_music, drawn_effects) = (drawn.music, drawn.effects);
    let (music, music_drawing) = match drawn_music {
        Some((sound, drawing)) => (Some(sound), Some(drawing)),
        None => (music, None),
    };
    let (effects, effects_drawing) = match drawn_effects {
        Some((sound, drawing)) => (Some(sound), Some(drawing)),
        None => (effects, None),
    };
    if let Some(folder) = stems {
        premaster(folder, [&music, &effects], force, world)?;
    }
    let shown = |sound: &Option<Sound>| sound.as_ref().map(|sound| sound.path.display().to_string());
    let engine = |sound: &Option<Sound>, name: &str| {
        if sound.is_some() {
            name.to_owned()
        } else {
            "none".into()
        }
    };
    ledger.put(&AudioGeneration {
        path: shown(&music),
        engine: engine(
            &music,
            match (&music_drawing, &brief.music) {
                (None, _) => "composer",
                (_, Music::Audioldm(_)) => "audioldm",
                (_, Music::Replicate) => "replicate haoheliu/audio-ldm",
                _ => "audioldm2",
            },
        ),
        drawn: music_drawing,
    })?;
    ledger.put(&SoundGeneration {
        path: shown(&effects),
        engine: engine(
            &effects,
            if effects_drawing.is_some() {
                "audioldm2"
            } else {
                "designer"
            },
        ),
        drawn: effects_drawing,
    })?;
    Ok(Rendered {
        music,
        effects,
        // A bank that nobody played asks nothing.
        bank: desk.bank.filter(|_| played),
        licences: drawn.licences,
    })
}

/// The music of `score` alone, played by the hands of `seed`, but for what `locks` keep.
pub(crate) fn music(
    score: &Score,
    seed: u64,
    locks: Option<&Locks>,
    brief: &Brief,
    world: &dyn World,
) -> Result<Option<Sound>, StudioError> {
    let mut desk = Desk {
        world,
        bank: bank(brief, world),
        stems: None,
        force: false,
        written: 0,
    };
    desk.part("music", score, seed, locks)
}

fn bank(brief: &Brief, world: &dyn World) -> Option<PathBuf> {
    match &brief.soundbank {
        Soundbank::Auto => found_bank(world),
        Soundbank::None => None,
        Soundbank::File(path) => Some(path.clone()),
    }
}

/// What the bank of this brief is known by; none without a bank.
pub(crate) fn bank_identity(brief: &Brief, world: &dyn World) -> Option<String> {
    let identity = identity(&bank(brief, world)?)?;
    Some(identity.as_str().to_owned())
}

/// The best bank at the usual places whose licence asks nothing of the film.
pub(crate) fn found_bank(world: &dyn World) -> Option<PathBuf> {
    FREE_BANKS
        .iter()
        .flat_map(|name| world.bank_folders().iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

struct Desk<'a> {
    world: &'a dyn World,
    bank: Option<PathBuf>,
    stems: Option<&'a Path>,
    force: bool,
    /// Stems that parts before this one have written.
    written: usize,
}

/// What a rendered part was made from.
#[derive(Debug, Serialize)]
struct PartInputs<'a> {
    score: &'a Score,
    bank: Option<String>,
    seed: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    around: &'a [Heard<'a>],
}

/// The score without the tracks that play nothing.
fn sounding(score: &Score) -> Score {
    let tracks = score.tracks.iter().filter(|track| !track.notes.is_empty());
    Score {
        duration_s: score.duration_s,
        tracks: tracks.cloned().collect(),
        marks: score.marks.clone(),
    }
}

impl Desk<'_> {
    /// The tracks of `score`, rendered round what `locks` keep; `None` if none of them plays.
    fn part(
        &mut self,
        name: &'static str,
        score: &Score,
        seed: u64,
        locks: Option<&Locks>,
    ) -> Result<Option<Sound>, StudioError> {
        let part = sounding(score);
        if part.tracks.is_empty() {
            return Ok(None);
        }
        let around = locks.map_or_else(Vec::new, |locks| locks.heard(score));
        let bank_identity = self
            .bank
            .as_deref()
            .and_then(identity)
            .map(|key| key.as_str().to_owned());
        let inputs = PartInputs {
            score: &part,
            bank: bank_identity,
            seed,
            around: &around,
        };
        let key = Key::new(name, RENDER, &inputs);
        let cache = self.world.cache();
        if self.stems.is_none()
            && let Some(path) = cache.file(name, &key, "f32")
        {
            return Ok(Some(Sound { key, path }));
        }
        let bank = self
            .bank
            .as_deref()
            .map(|path| Bank::open(path, BankLimits::default()))
            .transpose()?;
        let players = |score: &Score, seed: u64| -> Vec<Box<dyn Player>> {
            let tracks = score.tracks.iter();
            tracks
                .map(|track| voices::player(track, score.duration_s, seed, bank.as_ref()))
                .collect()
        };
        let takes: Vec<(Score, &Heard<'_>)> = around.iter().map(|take| (sounding(take.score), take)).collect();
        let earlier: Vec<Earlier<'_>> = takes
            .iter()
            .map(|(score, take)| Earlier {
                score,
                players: players(score, take.seed),
                spans: take.spans.clone(),
            })
            .collect();
        let names = mix::stem_names(&part, takes.iter().map(|(score, _)| score));
        let mut pending = cache.create(name, &key, "f32").map_err(StudioError::cache)?;
        let mut stems = self
            .stems
            .map(|folder| Stems::create(folder, &names, self.written, self.force))
            .transpose()?;
        {
            let mut scratch = RawWriter::new("the rendered music", pending.file());
            let mut keep = |samples: &[f32]| scratch.write(samples);
            let mut split = |track: usize, samples: &[i32]| match &mut stems {
                Some(stems) => stems.write(track, samples),
                None => Ok(()),
            };
            let split: Option<&mut StemSink<'_>> = if self.stems.is_some() { Some(&mut split) } else { None };
            mix::render_around(&part, players(&part, seed), earlier, &mut keep, split, self.world)?;
            scratch.finish()?;
        }
        if let Some(stems) = stems {
            stems.keep()?;
            self.written += names.len();
        }
        let path = pending.keep().map_err(StudioError::cache)?;
        Ok(Some(Sound { key, path }))
    }
}

/// One 24-bit WAV a track, under their names only once all are whole.
struct Stems {
    files: Vec<(WavWriter<File>, tempfile::TempPath, PathBuf)>,
}

impl Stems {
    fn create(folder: &Path, names: &[&str], before: usize, force: bool) -> Result<Self, StudioError> {
        let failed = |path: &Path, e| StudioError::file("writing the stems to", path, e);
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
        let mut files = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let path = folder.join(format!("{:02}-{}.wav", before + number + 1, file_name(name)));
            if path.exists() && !force {
                return Err(StudioError::Brief(format!(
                    "writing the stems to {}: it exists already and is kept\nhint: --force replaces it",
                    path.display()
                )));
            }
            let (file, temporary) = crate::run::unfinished(folder, ".wav")
                .map_err(|e| failed(folder, e))?
                .into_parts();
            let about = Broadcast {
                description: format!("stem of {name}"),
                originator: "Synchresis".into(),
                ..Broadcast::default()
            };
            let writer = WavWriter::new(path.display().to_string(), file, SampleFormat::Pcm24, Some(&about))?;
            files.push((writer, temporary, path));
        }
        Ok(Self { files })
    }

    fn write(&mut self, track: usize, samples: &[i32]) -> Result<(), SoundError> {
        match self.files.get_mut(track) {
            Some((writer, ..)) => writer.write_24(samples),
            None => Ok(()),
        }
    }

    fn keep(self) -> Result<(), StudioError> {
        for (writer, temporary, path) in self.files {
            writer.finish()?;
            temporary
                .persist(&path)
                .map_err(|e| StudioError::file("writing the stems to", &path, e.error))?;
        }
        Ok(())
    }
}

/// The sum of music and effects before volumes and master, beside the stems, which add up to it.
fn premaster(folder: &Path, parts: [&Option<Sound>; 2], force: bool, world: &dyn World) -> Result<(), StudioError> {
    let path = folder.join("premaster.wav");
    let failed = |e| StudioError::file("writing the mix before its master to", &path, e);
    if path.exists() && !force {
        return Err(StudioError::Brief(format!(
            "writing the stems to {}: it exists already and is kept\nhint: --force replaces it",
            path.display()
        )));
    }
    let mut readers = Vec::new();
    for sound in parts.into_iter().flatten() {
        let file = File::open(&sound.path).map_err(StudioError::cache)?;
        readers.push(RawReader::new("a rendered part", file));
    }
    if readers.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let (file, temporary) = crate::run::unfinished(folder, ".wav").map_err(failed)?.into_parts();
    let about = Broadcast {
        description: "mix before its master: the sum of the stems".into(),
        originator: "Synchresis".into(),
        ..Broadcast::default()
    };
    let mut wav = WavWriter::new(path.display().to_string(), file, SampleFormat::Pcm24, Some(&about))?;
    let (mut sum, mut part) = (vec![0f32; 1 << 16], vec![0f32; 1 << 16]);
    loop {
        world.check()?;
        sum.fill(0.0);
        let mut longest = 0;
        for reader in &mut readers {
            // A part that ends sooner is followed by silence; a short read is no end.
            let mut filled = 0;
            while filled < part.len() {
                match reader.read(&mut part[filled..])? {
                    0 => break,
                    n => filled += n,
                }
            }
            sum.iter_mut().zip(&part[..filled]).for_each(|(sum, x)| *sum += x);
            longest = longest.max(filled);
        }
        if longest == 0 {
            break;
        }
        wav.write(&sum[..longest])?;
    }
    wav.finish()?;
    temporary.persist(&path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// `Strings (low)` → `strings-low`.
fn file_name(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}

/// A scratch file as a WAV of 32-bit floats; silence where there is none.
pub(crate) fn wav(scratch: Option<&Path>, path: &Path, world: &dyn World) -> Result<(), StudioError> {
    let mut wav = Wav::create(path, SampleFormat::Float32)?;
    if let Some(scratch) = scratch {
        let file = File::open(scratch).map_err(StudioError::cache)?;
        let mut reader = RawReader::new("the rendered music", file);
        let mut buffer = vec![0f32; 1 << 16];
        loop {
            world.check()?;
            let n = reader.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            wav.writer.write(&buffer[..n])?;
        }
    }
    wav.keep()
}

/// What a bank's licence asks, in its own words.
pub(crate) fn bank_licence(path: &Path) -> Result<Licence, StudioError> {
    let bank = Bank::open(path, BankLimits::default())?;
    Ok(Licence {
        what: format!("sound bank {} ({})", bank.name(), path.display()),
        licence: bank.copyright().to_owned(),
        commercial: true,
        notice: bank.copyright().to_owned(),
    })
}
