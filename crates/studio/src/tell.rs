//! Which frame stands for the film, what it shows in words, and the words a generating engine would get.

use synchresis_cue::{Sample, Sighting};

use crate::brief::{Brief, FrameChoice};
use crate::sections::{
    FrameDescription, FrameExtraction, FrameObjects, FrameSelection, ObjectDetection, PromptCombiner,
};

/// The sampled frames, as the seed system counts them.
pub(crate) fn extraction(sighting: &Sighting, folder: Option<String>) -> FrameExtraction {
    FrameExtraction {
        frame_count: sighting.samples.len(),
        output_path: folder,
    }
}

/// Without an engine nothing is recognised, and the section says so.
pub(crate) fn objects(sighting: &Sighting, why: &str) -> ObjectDetection {
    ObjectDetection {
        total_keywords: 0,
        engine: "none".into(),
        note: why.to_owned(),
        frames: sighting
            .samples
            .iter()
            .map(|s| FrameObjects {
                frame: s.frame,
                labels: Vec::new(),
                boxes: Vec::new(),
            })
            .collect(),
    }
}

/// The frame that stands for the film.
pub(crate) fn select(sighting: &Sighting, choice: FrameChoice) -> FrameSelection {
    let medoid = || {
        sighting
            .samples
            .get(sighting.medoid)
            .copied()
            .unwrap_or(Sample { frame: 0, time_s: 0.0 })
    };
    let (sample, reason) = match choice {
        FrameChoice::Auto => (
            medoid(),
            "the medoid: nearest to all the other sampled frames".to_owned(),
        ),
        FrameChoice::Third => (sighting.third, "a third of the way in".to_owned()),
        FrameChoice::TwoThirds => (sighting.two_thirds, "two thirds of the way in".to_owned()),
        FrameChoice::At(time_s) => {
            let last = sighting.frames.saturating_sub(1);
            let frame = ((time_s * sighting.frame_rate).round().max(0.0) as u64).min(last);
            (
                Sample {
                    frame,
                    time_s: time_s.min(sighting.duration_s),
                },
                format!("asked for at {time_s} s"),
            )
        }
    };
    let nearest = sighting
        .samples
        .iter()
        .enumerate()
        .min_by(|(_, a), (_, b)| {
            (a.time_s - sample.time_s)
                .abs()
                .total_cmp(&(b.time_s - sample.time_s).abs())
        })
        .map_or(0, |(i, _)| i);
    FrameSelection {
        best_frame: sample.frame,
        best_frame_idx: nearest,
        time_s: sample.time_s,
        reason,
        moments: Vec::new(),
    }
}

/// What was measured, in words.
pub(crate) fn describe(sighting: &Sighting) -> FrameDescription {
    FrameDescription {
        description: sighting.words.clone(),
        engine: "measured".into(),
        question: String::new(),
        note: String::new(),
    }
}

/// The seed system's combiner: the mood and the description for the music; the labels, else the description, for the
/// effects.
pub(crate) fn combine(brief: &Brief, objects: &ObjectDetection, description: &str) -> PromptCombiner {
    let mut labels: Vec<&str> = objects
        .frames
        .iter()
        .flat_map(|frame| frame.labels.iter().map(String::as_str))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let mut parts = vec!["Background music".to_owned()];
    if !brief.mood.trim().is_empty() {
        parts.push(brief.mood.trim().to_owned());
    }
    if let Some(style) = &brief.style {
        parts.push(format!("{style} style"));
    }
    if !description.is_empty() {
        parts.push(format!("for {}", description.trim_end_matches('.')));
    }
    if !labels.is_empty() {
        parts.push(format!("with {}", labels.join(", ")));
    }
    let prompt = brief.prompt.clone().unwrap_or_else(|| parts.join(", "));
    let sound_prompt = if labels.is_empty() {
        format!("Sound effects for {}", description.trim_end_matches('.'))
    } else {
        format!("Sounds of {}", labels.join(", "))
    };
    PromptCombiner { prompt, sound_prompt }
}
