//! One picture of what happened: filmstrip, sections, hits, beats and waveform over the same time.

mod canvas;

use canvas::{Canvas, Ink};
use synchresis_cue::{CueSheet, HitKind, Role, Sighting, Spotting, Sync};

/// A small picture of the film.
#[derive(Debug, Clone)]
pub(crate) struct Thumbnail {
    /// When it is shown, seconds.
    pub time_s: f64,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width × height` triples of sRGB.
    pub rgb: Vec<u8>,
}

/// The loudest sample of each of many equal spans of the film's sound, 0 to 1.
pub(crate) type Peaks = Vec<f32>;

/// Everything the picture shows. Without music there is no cue sheet, and its rows stay empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeline<'a> {
    /// The film's name.
    pub title: &'a str,
    /// What is seen.
    pub sighting: &'a Sighting,
    /// Pictures of it, in order of time.
    pub thumbnails: &'a [Thumbnail],
    /// Where the music lands.
    pub spotting: Option<&'a Spotting>,
    /// What was composed.
    pub cue_sheet: Option<&'a CueSheet>,
    /// What is heard.
    pub peaks: &'a [f32],
    /// How well it holds together.
    pub sync: Option<&'a Sync>,
}

const WIDTH: usize = 1800;
const MARGIN: usize = 28;
const PAPER: Ink = Ink(0x14, 0x16, 0x1a);
const PANEL: Ink = Ink(0x1e, 0x21, 0x27);
const TEXT: Ink = Ink(0xe8, 0xe6, 0xe1);
const QUIET: Ink = Ink(0x8d, 0x92, 0x9c);
const BAR: Ink = Ink(0x4a, 0x50, 0x5c);
const BEAT: Ink = Ink(0x2c, 0x30, 0x38);
const WAVE: Ink = Ink(0x6f, 0xb7, 0xc9);
const HEARD: Ink = Ink(0x8f, 0xd6, 0x8b);
const MISSED: Ink = Ink(0xe0, 0x6c, 0x5c);

impl Timeline<'_> {
    /// The picture as a PNG file's bytes.
    ///
    /// # Errors
    /// What the encoder said, in words.
    pub(crate) fn png(&self) -> Result<Vec<u8>, String> {
        self.draw().png()
    }

    fn x(&self, time_s: f64) -> f64 {
        let length = self.sighting.duration_s.max(1e-3);
        MARGIN as f64 + (time_s / length).clamp(0.0, 1.0) * (WIDTH - 2 * MARGIN) as f64
    }

    fn draw(&self) -> Canvas {
        let mut canvas = Canvas::new(WIDTH, 640, PAPER);
        canvas.text(MARGIN, 18, 22.0, TEXT, self.title);
        if let Some(cue) = self.cue_sheet {
            let tempo = cue.tempo_map.first().map_or(0.0, |mark| mark.bpm);
            let about = format!(
                "{}  ·  {} in {}  ·  {tempo:.1} bpm, {}",
                cue.title, cue.style, cue.key, cue.meter
            );
            let width = canvas.text_width(15.0, &about);
            canvas.text(WIDTH - MARGIN - width.min(WIDTH - 2 * MARGIN), 23, 15.0, QUIET, &about);
        }
        self.filmstrip(&mut canvas, 58, 108);
        self.shots(&mut canvas, 172);
        self.sections(&mut canvas, 204, 42);
        self.grid(&mut canvas, 254, 50);
        self.waveform(&mut canvas, 312, 190);
        self.hits(&mut canvas, 172, 312 + 190);
        self.ruler(&mut canvas, 516);
        self.legend(&mut canvas, 556);
        canvas
    }

    fn filmstrip(&self, canvas: &mut Canvas, top: usize, height: usize) {
        canvas.fill(MARGIN, top, WIDTH - 2 * MARGIN, height, PANEL);
        let Some(first) = self.thumbnails.first() else { return };
        if first.height == 0 || first.width == 0 {
            return;
        }
        let width = (first.width * height / first.height).clamp(8, WIDTH / 2);
        let room = WIDTH - 2 * MARGIN;
        let count = room.div_ceil(width);
        for i in 0..count {
            let x = MARGIN + i * width;
            let middle = (i as f64 + 0.5) * width as f64 / room as f64 * self.sighting.duration_s;
            // A frame of the shot that is on screen there, so that a cut shows where it is.
            let nearest = self
                .thumbnails
                .iter()
                .min_by(|a, b| (a.time_s - middle).abs().total_cmp(&(b.time_s - middle).abs()));
            if let Some(thumbnail) = nearest {
                canvas.picture(x, top, width.min(WIDTH - MARGIN - x), width, height, thumbnail);
            }
        }
    }

    fn shots(&self, canvas: &mut Canvas, top: usize) {
        for (i, shot) in self.sighting.shots.iter().enumerate() {
            let (from, to) = (self.x(shot.start_s) as usize, self.x(shot.end_s) as usize);
            let [r, g, b] = shot.palette.first().map_or([0x60, 0x60, 0x60], |colour| colour.rgb);
            canvas.fill(from, top, to.saturating_sub(from + 1).max(1), 22, Ink(r, g, b));
            let name = format!("{}", i + 1);
            if to.saturating_sub(from) > canvas.text_width(13.0, &name) + 8 {
                let light = 0.3 * f32::from(r) + 0.59 * f32::from(g) + 0.11 * f32::from(b) > 120.0;
                canvas.text(from + 4, top + 3, 13.0, if light { PAPER } else { TEXT }, &name);
            }
        }
    }

    fn sections(&self, canvas: &mut Canvas, top: usize, height: usize) {
        canvas.fill(MARGIN, top, WIDTH - 2 * MARGIN, height, PANEL);
        let Some(cue) = self.cue_sheet else { return };
        for section in &cue.form {
            let (from, to) = (self.x(section.start_s) as usize, self.x(section.end_s) as usize);
            let width = to.saturating_sub(from + 2).max(1);
            canvas.fill(from, top, width, height, role_ink(section.role));
            let name = format!("{:?}", section.role).to_lowercase();
            if width > canvas.text_width(14.0, &name) + 10 {
                canvas.text(from + 6, top + 4, 14.0, TEXT, &name);
                let key = section.key.to_string();
                if width > canvas.text_width(12.0, &key) + 10 {
                    canvas.text(from + 6, top + 22, 12.0, TEXT, &key);
                }
            }
        }
    }

    fn grid(&self, canvas: &mut Canvas, top: usize, height: usize) {
        let Some(spotting) = self.spotting else { return };
        let crowded = spotting.bars.len() > 160;
        for bar in &spotting.bars {
            let beats = usize::from(bar.meter.beats);
            for beat in (0..beats).filter(|beat| *beat == 0 || !(crowded || bar.free)) {
                let time = bar.start_s + beat as f64 * 4.0 / f64::from(bar.meter.unit) * bar.quarter_s();
                let x = self.x(time) as usize;
                let (ink, rise) = if beat == 0 { (BAR, height) } else { (BEAT, height / 2) };
                canvas.fill(
                    x,
                    top + height - rise,
                    if beat == 0 && !crowded { 2 } else { 1 },
                    rise,
                    ink,
                );
            }
        }
    }

    fn waveform(&self, canvas: &mut Canvas, top: usize, height: usize) {
        canvas.fill(MARGIN, top, WIDTH - 2 * MARGIN, height, PANEL);
        let room = WIDTH - 2 * MARGIN;
        if self.peaks.is_empty() {
            return;
        }
        for column in 0..room {
            let from = column * self.peaks.len() / room;
            let to = ((column + 1) * self.peaks.len()).div_ceil(room).min(self.peaks.len());
            let peak = self.peaks[from..to.max(from + 1)].iter().fold(0f32, |a, b| a.max(*b));
            let half = (f64::from(peak.clamp(0.0, 1.0)) * height as f64 / 2.0) as usize;
            canvas.fill(MARGIN + column, top + height / 2 - half, 1, 2 * half + 1, WAVE);
        }
    }

    fn hits(&self, canvas: &mut Canvas, top: usize, bottom: usize) {
        let Some(spotting) = self.spotting else { return };
        for hit in &spotting.hits {
            let x = self.x(hit.time_s) as usize;
            if !hit.taken {
                canvas.fill(x, top, 1, 30, QUIET);
                continue;
            }
            let offset = self.sync.and_then(|sync| {
                sync.offsets
                    .iter()
                    .find(|(time, _)| (time - hit.time_s).abs() < 1e-3)
                    .map(|(_, offset)| *offset)
            });
            let frame_ms = self.sync.map_or(40.0, |sync| sync.frame_s * 1000.0);
            let ink = match offset {
                Some(Some(ms)) if ms.abs() <= frame_ms => HEARD,
                Some(_) => MISSED,
                None => TEXT,
            };
            let width = if hit.weight > 0.7 { 3 } else { 2 };
            canvas.fill(x, top, width, bottom - top, ink);
            if matches!(hit.kind, HitKind::End) {
                canvas.fill(x.saturating_sub(5), bottom - 3, 12, 3, ink);
            }
        }
    }

    fn ruler(&self, canvas: &mut Canvas, top: usize) {
        let length = self.sighting.duration_s;
        let step = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0]
            .into_iter()
            .find(|step| length / step <= 16.0)
            .unwrap_or(3600.0);
        let mut time = 0.0;
        while time <= length + 1e-9 {
            let x = self.x(time) as usize;
            canvas.fill(x, top - 8, 1, 6, QUIET);
            let name = if step < 1.0 {
                format!("{time:.1}")
            } else {
                format!("{}:{:02}", time as u64 / 60, time as u64 % 60)
            };
            let width = canvas.text_width(13.0, &name);
            canvas.text(
                (x.saturating_sub(width / 2)).clamp(2, WIDTH - width - 2),
                top,
                13.0,
                QUIET,
                &name,
            );
            time += step;
        }
    }

    fn legend(&self, canvas: &mut Canvas, top: usize) {
        let taken = self
            .spotting
            .map_or(0, |s| s.hits.iter().filter(|hit| hit.taken).count());
        let all = self.spotting.map_or(0, |s| s.hits.len());
        let mut line = format!(
            "{} shots, {taken} of {all} moments taken as hits",
            self.sighting.shots.len()
        );
        if let Some(sync) = self.sync {
            line += &format!(
                ";  heard within a frame: {:.0} % (chance {:.0} %),  median offset {:+.0} ms,  beat alignment {:.2} (chance {:.2})",
                100.0 * sync.hit_rate_1f.value,
                100.0 * sync.hit_rate_1f.chance,
                sync.median_offset_ms.value,
                sync.beat_alignment.value,
                sync.beat_alignment.chance,
            );
        }
        canvas.text(MARGIN, top, 15.0, TEXT, &line);
        let mut x = MARGIN;
        for (ink, name) in [
            (HEARD, "hit, heard within a frame"),
            (MISSED, "hit, not heard"),
            (QUIET, "moment left"),
            (BAR, "bar"),
        ] {
            canvas.fill(x, top + 36, 14, 14, ink);
            canvas.text(x + 20, top + 34, 14.0, QUIET, name);
            x += 44 + canvas.text_width(14.0, name);
        }
    }
}

fn role_ink(role: Role) -> Ink {
    match role {
        Role::Intro => Ink(0x3b, 0x4a, 0x5e),
        Role::Statement => Ink(0x2f, 0x5d, 0x62),
        Role::Contrast => Ink(0x4f, 0x4a, 0x74),
        Role::Build => Ink(0x7a, 0x5a, 0x2e),
        Role::Peak => Ink(0x8c, 0x3b, 0x3b),
        Role::Release => Ink(0x4a, 0x66, 0x3f),
        Role::Ending => Ink(0x44, 0x44, 0x4c),
        Role::Silence => Ink(0x20, 0x22, 0x26),
        Role::Sting => Ink(0x6a, 0x3f, 0x6a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting() -> Sighting {
        serde_json::from_value(serde_json::json!({
            "frames": 50, "duration_s": 2.0, "frame_rate": 25.0, "shots": [],
            "curves": {"step_s": 0.1, "motion": [], "camera": [], "light": [], "saturation": [], "warmth": [], "density": []},
            "flashes": [], "motion_peaks": [], "palette": [], "samples": [{"frame": 0, "time_s": 0.0}],
            "third": {"frame": 16, "time_s": 0.64}, "two_thirds": {"frame": 33, "time_s": 1.32}, "medoid": 0, "words": ""
        }))
        .expect("a sighting")
    }

    #[test]
    fn a_film_with_nothing_in_it_has_no_picture() {
        let sighting = sighting();
        let timeline = Timeline {
            title: "ein sehr langer Name — 映画.mp4",
            sighting: &sighting,
            thumbnails: &[],
            spotting: None,
            cue_sheet: None,
            peaks: &[],
            sync: None,
        };
        let png = timeline.png().expect("draws");
        let picture = image::load_from_memory(&png).expect("reads");
        assert_eq!(picture.width() as usize, WIDTH);
    }

    #[test]
    fn the_waveform_is_drawn_off_the_paper_when_it_clips() {
        let sighting = sighting();
        let peaks = [0.0, 0.5, f32::NAN, 7.0];
        let timeline = Timeline {
            title: "x",
            sighting: &sighting,
            thumbnails: &[],
            spotting: None,
            cue_sheet: None,
            peaks: &peaks,
            sync: None,
        };
        let canvas = timeline.draw();
        assert_eq!(canvas.at(WIDTH - MARGIN - 5, 312 + 95), WAVE);
        assert_eq!(canvas.at(MARGIN + 5, 330), PANEL);
    }
}
