//! The stages in their order.

use std::io::Write;
use std::path::{Path, PathBuf};

use synchresis_composer::{midi, musicxml};
use synchresis_cue::{Document, FootageKind, Original, Sounds, Spotting};
use synchresis_media::extract_frames;
use synchresis_models::watched;
use synchresis_sound::SAMPLE_RATE;

use crate::brief::Objects;
use crate::compose::{self, Composed};
use crate::design::{self, Designed};
use crate::drawn::{self, Drawn};
use crate::early::Early;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::mix::{self, Mixed};
use crate::open::{self, Opened};
use crate::order::{Deliver, Order, Stage};
use crate::recut;
use crate::render::{self, Rendered};
use crate::sections::{Licence, Licences, MixReport, PromptCombiner, Takes};
use crate::timeline::Timeline;
use crate::watch::{self, Seen};
use crate::world::World;
use crate::{cue_sheet, describe, eyes, mux, scene, stills, takes, tell, weights};

/// Version of what is told in words.
const TOLD: u32 = 1;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The document.
    pub document: Document,
    /// The film or file that the last stage made, if it makes one.
    pub result: Option<PathBuf>,
    /// Sentences for the person.
    pub told: Vec<String>,
}

/// Runs `order` up to and including `until`. Stages whose inputs did not change are not run again.
///
/// # Errors
/// Every way in which a stage fails; nothing half-written is left behind.
pub fn run(order: &Order, until: Stage, world: &dyn World) -> Result<Outcome, StudioError> {
    let mut work = Work {
        ledger: Ledger::new(order.earlier.clone()),
        order,
        world,
        told: Vec::new(),
    };
    let result = watched(world, || work.until(until));
    world.cache().prune();
    let result = result?;
    work.ledger.provenance(order.brief.seed, world)?;
    let document = work.ledger.document().clone();
    if let Some(path) = order.deliver.cue_sheet.as_deref().filter(|_| until >= Stage::Generate) {
        cue_sheet::write(&document, path)?;
    }
    if let Some(path) = &order.deliver.document {
        write_whole(path, document.to_json().as_bytes(), "writing the document to")?;
    }
    Ok(Outcome {
        document,
        result,
        told: work.told,
    })
}

struct Work<'a> {
    ledger: Ledger,
    order: &'a Order,
    world: &'a dyn World,
    told: Vec<String>,
}

impl Work<'_> {
    fn until(&mut self, until: Stage) -> Result<Option<PathBuf>, StudioError> {
        let (order, world) = (self.order, self.world);
        let deliver = &order.deliver;
        if until == Stage::Mux {
            mux::refuse_early(order, world)?;
            takes::refuse_early(order, world)?;
        }
        if let Some(path) = &deliver.cue_sheet {
            cue_sheet::refuse_early(path)?;
        }
        let files = [
            &deliver.midi,
            &deliver.musicxml,
            &deliver.cue_sheet,
            &deliver.timeline,
            &deliver.audio,
        ];
        for path in files.into_iter().flatten() {
            self.may_write(path)?;
        }
        // Named first, so that the document begins with it; length and token follow once the file is read.
        self.ledger.put(&open::video_input(order, 0.0, String::new()))?;
        self.ledger.put(&order.brief)?;
        let opened = open::run(&mut self.ledger, order, world)?;
        if order.brief.duration.is_some() && opened.footage.kind == FootageKind::Video {
            self.told
                .push("note: --duration is for pictures; the clip keeps its own length".into());
        }
        let early = Early::default();
        let eyes = (until > Stage::Frames && order.brief.objects != Objects::None).then_some(&early);
        let seen = watch::run(&mut self.ledger, order, &opened, world, eyes, || {
            if until >= Stage::Mix && order.brief.original != Some(Original::Drop) {
                // What goes wrong here goes wrong again when the mix asks for it, and is told then.
                let _ = mix::own_sound(&opened, order, world);
            }
        })?;
        self.ledger
            .put(&open::video_input(order, seen.sighting.duration_s, seen.token.clone()))?;
        if !seen.complaint.is_empty() {
            self.told
                .push(format!("note: ffmpeg complained while decoding: {}", seen.complaint));
            let (ends, promised) = (seen.sighting.duration_s, opened.footage.duration_s);
            if ends < promised {
                self.told.push(format!(
                    "note: the picture breaks off at {ends:.2} s of the {promised:.2} s that the file says it has, and the film ends there"
                ));
            }
        }
        let folder = self.frames(&opened, &seen)?;
        if let Some(path) = &deliver.filmstrip {
            stills::strip(&watch::filmstrip(&opened, world), path)?;
        }
        if let Some(path) = &deliver.thumbnail {
            stills::thumbnail_of(&watch::filmstrip(&opened, world), path)?;
        }
        self.ledger.put(&tell::extraction(
            &seen.sighting,
            folder.as_ref().map(|f| f.display().to_string()),
        ))?;
        if until == Stage::Frames {
            return Ok(folder);
        }
        self.tell(&opened, (&seen, &early), until)?;
        if until < Stage::Generate {
            return Ok(None);
        }
        let composed = compose::run(&mut self.ledger, order, until, &seen.sighting, world)?;
        if let Ok(takes) = self.ledger.document().get::<Takes>()
            && let Some(best) = takes.ranked.first()
        {
            let others: Vec<String> = takes.ranked.iter().skip(1).map(|take| take.seed.to_string()).collect();
            self.told.push(format!(
                "take: of {}, the one with --seed {} is best ({}); then {}",
                takes.ranked.len(),
                best.seed,
                best.reasons.join("; "),
                others.join(", ")
            ));
        }
        if let Some(composed) = &composed {
            self.told.extend(recut::told(&self.ledger, composed));
        }
        let designed = design::run(
            &mut self.ledger,
            order,
            &opened,
            &seen.sighting,
            composed.as_ref(),
            world,
        )?;
        if let Some(designed) = &designed {
            self.told.push(designed.told());
        }
        self.sheets(composed.as_ref())?;
        if until == Stage::Generate && deliver.audio.is_none() {
            return Ok(deliver.midi.clone());
        }
        // Where nobody composes, a drawn sound is asked to meet what the picture does.
        let alone = self.spotted(composed.is_none() && designed.is_none(), &seen)?;
        let spotting = composed
            .as_ref()
            .map(|composed| &composed.spotting)
            .or(designed.as_ref().and_then(|designed| designed.spotting.as_ref()))
            .or(alone.as_ref());
        let drawn = self.drawn(&seen, spotting)?;
        let rendered = self.render(composed.as_ref(), designed.as_ref(), drawn)?;
        if until <= Stage::Render {
            let sound = rendered.music.as_ref().or(rendered.effects.as_ref());
            return self.audio(sound.map(|sound| sound.path.as_path()));
        }
        let hits: Vec<f64> = spotting.map_or_else(Vec::new, |spotting| {
            let taken = spotting.hits.iter().filter(|hit| hit.taken);
            taken.map(|hit| hit.time_s).collect()
        });
        let mixed = mix::run(
            &mut self.ledger,
            order,
            &opened,
            &hits,
            &rendered,
            &seen.sighting,
            world,
        )?;
        self.licences(&rendered)?;
        if let Some(path) = &deliver.timeline {
            self.timeline(path, &opened, &seen, (spotting, composed.as_ref()), &mixed)?;
        }
        if let Some(path) = &deliver.waveform {
            let waveform = serde_json::json!({"seconds": seen.sighting.duration_s, "peaks": mixed.peaks});
            write_whole(path, waveform.to_string().as_bytes(), "writing the waveform to")?;
        }
        if until == Stage::Mix {
            return Ok(deliver.audio.clone());
        }
        let film = mux::run(&mut self.ledger, order, &opened, &mixed, world)?;
        self.told.extend(film.notes);
        if let Some(composed) = &composed {
            let choices = (&composed.mood, &composed.style);
            let kept = takes::keep(&self.ledger, order, &opened, &seen.sighting, choices, &rendered, world)?;
            self.told
                .extend(kept.iter().map(|path| format!("take: {}", path.display())));
        }
        self.report(&mixed);
        Ok(Some(film.path))
    }

    fn may_write(&self, path: &Path) -> Result<(), StudioError> {
        if path.exists() && !self.order.deliver.force {
            return Err(StudioError::Brief(format!(
                "writing {}: it exists already and is kept\nhint: --force replaces it",
                path.display()
            )));
        }
        Ok(())
    }

    /// The sampled frames as pictures, where they are asked for.
    fn frames(&self, opened: &Opened, seen: &Seen) -> Result<Option<PathBuf>, StudioError> {
        let Some(folder) = &self.order.deliver.frames else {
            return Ok(None);
        };
        self.world.begin("extracting");
        std::fs::create_dir_all(folder).map_err(|e| StudioError::file("making the folder", folder, e))?;
        let times: Vec<f64> = seen.sighting.samples.iter().map(|sample| sample.time_s).collect();
        let (tools, limits) = (self.world.tools()?, self.world.limits());
        extract_frames(
            &opened.footage,
            &self.order.input,
            &times,
            folder,
            tools,
            limits,
            self.world,
        )?;
        Ok(Some(folder.clone()))
    }

    fn tell(&mut self, opened: &Opened, (seen, early): (&Seen, &Early), until: Stage) -> Result<(), StudioError> {
        let (order, world) = (self.order, self.world);
        let objects = eyes::objects(&mut self.ledger, order, opened, (&seen.sighting, early), world)?;
        let mut described = tell::describe(&seen.sighting);
        if until >= Stage::Select {
            let selection = eyes::select(order, opened, &seen.sighting, world)?;
            self.ledger.put(&selection)?;
            if until >= Stage::Describe {
                scene::run(&mut self.ledger, order, opened, &seen.sighting, world)?;
                described = describe::run(&mut self.ledger, order, opened, &seen.sighting, selection.time_s, world)?;
            }
        }
        if until >= Stage::Prompt {
            let brief = &order.brief;
            let inputs = (&objects, &described, &brief.mood, &brief.style, &brief.prompt);
            let _: PromptCombiner = self.ledger.section(TOLD, &inputs, world, || {
                Ok(tell::combine(brief, &objects, &described.description))
            })?;
        }
        Ok(())
    }

    /// MIDI and lead sheet, where they are asked for.
    fn sheets(&self, composed: Option<&Composed>) -> Result<(), StudioError> {
        let Some(composed) = composed else { return Ok(()) };
        let Deliver { midi, musicxml, .. } = &self.order.deliver;
        if let Some(path) = midi {
            let bytes = midi::write(&composed.cue_sheet, &composed.spotting, &composed.score);
            write_whole(path, &bytes, "writing the MIDI file")?;
        }
        if let Some(path) = musicxml {
            let text = musicxml::write(&composed.cue_sheet, &composed.spotting, &composed.score);
            write_whole(path, text.as_bytes(), "writing the lead sheet")?;
        }
        Ok(())
    }

    /// The moments that matter, where an engine draws the music and nobody else has looked for them.
    fn spotted(&mut self, nobody: bool, seen: &Seen) -> Result<Option<Spotting>, StudioError> {
        if !nobody || !drawn::draws(&self.order.brief) {
            return Ok(None);
        }
        let spotting = design::alone(&mut self.ledger, &self.order.brief, &seen.sighting, self.world)?;
        Ok(Some(spotting))
    }

    /// What the brief's engines draw.
    fn drawn(&mut self, seen: &Seen, spotting: Option<&Spotting>) -> Result<Drawn, StudioError> {
        let brief = &self.order.brief;
        if !drawn::draws(brief) && brief.sounds != Sounds::Audioldm2 {
            return Ok(Drawn::default());
        }
        let words: PromptCombiner = self.ledger.document().get()?;
        let hits: Vec<(f64, f64)> = spotting.map_or_else(Vec::new, |spotting| {
            let taken = spotting.hits.iter().filter(|hit| hit.taken);
            taken.map(|hit| (hit.time_s, hit.weight)).collect()
        });
        let film = drawn::Film {
            frames: (seen.sighting.duration_s * f64::from(SAMPLE_RATE)).round() as u64,
            hits: &hits,
            frame_s: 1.0 / seen.sighting.frame_rate.max(1.0),
        };
        drawn::run(brief, &words, &film, self.world)
    }

    fn render(
        &mut self,
        composed: Option<&Composed>,
        designed: Option<&Designed>,
        drawn: Drawn,
    ) -> Result<Rendered, StudioError> {
        let Deliver { stems, force, .. } = &self.order.deliver;
        render::run(
            &mut self.ledger,
            &self.order.brief,
            (
                composed.map(|composed| (&composed.score, composed.cue_sheet.seed, composed.locks.as_ref())),
                designed.map(|designed| (&designed.score, design::seed(&self.order.brief, composed))),
            ),
            stems.as_deref(),
            *force,
            drawn,
            self.world,
        )
    }

    /// The music before its master as a WAV, where it is asked for.
    fn audio(&self, scratch: Option<&Path>) -> Result<Option<PathBuf>, StudioError> {
        let Some(path) = &self.order.deliver.audio else {
            return Ok(None);
        };
        render::wav(scratch, path, self.world)?;
        Ok(Some(path.clone()))
    }

    fn licences(&mut self, rendered: &Rendered) -> Result<(), StudioError> {
        let mut used = vec![Licence {
            what: "music and effects composed and synthesised by Synchresis".into(),
            licence: "yours: no rights are claimed in what the program makes".into(),
            commercial: true,
            notice: String::new(),
        }];
        let brief = &self.order.brief;
        if drawn::draws(brief) && brief.sounds != Sounds::Designer {
            // Nothing of it was composed.
            used.clear();
        }
        used.extend(rendered.licences.iter().cloned());
        if let Some(bank) = &rendered.bank {
            used.push(render::bank_licence(bank)?);
        }
        used.extend(weights::used(self.ledger.document()));
        let kept: Vec<&str> = used
            .iter()
            .filter(|part| !part.commercial)
            .map(|part| part.what.as_str())
            .collect();
        let summary = if !kept.is_empty() {
            format!("No money may be made with this film, because of: {}.", kept.join("; "))
        } else if used.iter().any(|part| !part.notice.is_empty()) {
            "The music may be published and sold with the film, where those are named who stand beside each part. The clip's own \
             rights are its own."
                .into()
        } else {
            "The music may be published and sold with the film, and nobody need be named. The clip's own rights are its own.".into()
        };
        self.ledger.put(&Licences { used, summary })
    }

    fn timeline(
        &self,
        path: &Path,
        opened: &Opened,
        seen: &Seen,
        (spotting, composed): (Option<&Spotting>, Option<&Composed>),
        mixed: &Mixed,
    ) -> Result<(), StudioError> {
        let title = self.order.called();
        let thumbnails = watch::filmstrip(opened, self.world);
        let picture = Timeline {
            title: &title,
            sighting: &seen.sighting,
            thumbnails: &thumbnails,
            spotting,
            cue_sheet: composed.map(|composed| &composed.cue_sheet),
            peaks: &mixed.peaks,
            sync: Some(&mixed.sync),
        };
        let png = picture
            .png()
            .map_err(|why| StudioError::Brief(format!("drawing the timeline: {why}")))?;
        write_whole(path, &png, "writing the timeline to")
    }

    /// What a person wants to know of the film at a glance.
    fn report(&mut self, mixed: &Mixed) {
        self.told.push(mixed.sync.verdict.clone());
        if let Ok(mix) = self.ledger.document().get::<MixReport>() {
            self.told.extend(mix.notes.iter().map(|note| format!("mix: {note}")));
        }
        let Deliver {
            stems,
            midi,
            musicxml,
            cue_sheet,
            timeline,
            document,
            ..
        } = &self.order.deliver;
        for (what, path) in [
            ("stems", stems),
            ("midi", midi),
            ("lead sheet", musicxml),
            ("cue sheet", cue_sheet),
            ("timeline", timeline),
            ("document", document),
        ] {
            if let Some(path) = path {
                self.told.push(format!("{what}: {}", path.display()));
            }
        }
    }
}

/// A file on its way into `folder`, gone if it is dropped; as readable to others as any that a program makes.
pub(crate) fn unfinished(folder: &Path, suffix: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".synchresis-").suffix(suffix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The person's mask takes away what it takes away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Writes a file under a temporary name beside its own, then renames it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], doing: &'static str) -> Result<(), StudioError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let failed = |e| StudioError::file(doing, path, e);
    let mut file = unfinished(folder, "").map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
