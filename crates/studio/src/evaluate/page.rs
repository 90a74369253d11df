//! The report: one HTML file with everything in it, which any browser opens without a network.

use std::fmt::Write;

use synchresis_cue::{Figure, Sync, figures};

use super::plot::{area, clock, escaped, heat, jpeg, step};
use super::witness::{Mel, Rhythmic, Strip, Witnessed};
use crate::error::StudioError;

/// What is shown of one film.
pub(crate) struct Exhibit<'a> {
    pub(crate) name: String,
    pub(crate) sync: &'a Sync,
    /// Absent where only a document is known.
    pub(crate) scene: Option<Scene<'a>>,
}

/// What lies behind the figures.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) witnessed: &'a Witnessed,
    pub(crate) rhythmic: &'a Rhythmic,
}

const STYLE: &str = include_str!("page.css");

/// Height of the lanes, pixels.
const MEL_H: f64 = 176.0;
const CURVE_H: f64 = 84.0;
const STRIP_H: f64 = 60.0;

/// The page of one film, or of two beside each other under `verdict`.
///
/// # Errors
/// None that a person can bring about: writing to memory.
pub(crate) fn of(exhibits: &[Exhibit<'_>], verdict: Option<&str>) -> Result<String, StudioError> {
    let mut out = String::new();
    page(&mut out, exhibits, verdict)
        .map_err(|_| StudioError::Brief("writing the report: there is no memory for it".into()))?;
    Ok(out)
}

fn page(out: &mut String, exhibits: &[Exhibit<'_>], verdict: Option<&str>) -> std::fmt::Result {
    let names: Vec<String> = exhibits.iter().map(|e| escaped(&e.name)).collect();
    let title = names.join(" · ");
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{title}: sound and picture</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )?;
    match (exhibits, verdict) {
        ([one], _) => {
            header(out, &title, &one.sync.verdict)?;
            cards(out, one.sync)?;
        }
        (several, verdict) => {
            header(out, &names.join(" beside "), verdict.unwrap_or_default())?;
            table(out, several)?;
        }
    }
    for (k, exhibit) in exhibits.iter().enumerate() {
        if exhibits.len() > 1 {
            writeln!(
                out,
                "<h2 class=\"film\">{}</h2>\n<p class=\"lead\">{}</p>",
                escaped(&exhibit.name),
                escaped(&exhibit.sync.verdict)
            )?;
        }
        if let Some(scene) = &exhibit.scene {
            timeline(out, k, exhibit.sync, scene)?;
        }
        below(out, exhibit.sync)?;
    }
    out.push_str(
        "<footer><p>Hits are what the picture does: cuts, flashes, bursts and breaks of motion. Events are onsets heard in \
         the sound. Chance is the mean over 1,000 circular shifts of the same hits: what the same number of hits would \
         score at any other place of the same film.</p><p>Made by Synchresis.</p></footer>\n</main>\n</body>\n</html>\n",
    );
    Ok(())
}

fn header(out: &mut String, title: &str, verdict: &str) -> std::fmt::Result {
    writeln!(
        out,
        "<header><p class=\"kicker\">Sound and picture</p><h1>{title}</h1><p class=\"lead\">{}</p></header>",
        escaped(verdict)
    )
}

/// A figure as a person reads it.
struct Row {
    name: &'static str,
    says: &'static str,
    figure: Figure,
    /// Milliseconds around 0 rather than a share.
    ms: bool,
}

fn rows(sync: &Sync) -> Vec<Row> {
    let row = |name, says, figure| Row {
        name,
        says,
        figure,
        ms: false,
    };
    let mut rows = vec![
        row(
            "Hits within a frame",
            "share of hits with an event within one frame",
            sync.hit_rate_1f,
        ),
        row(
            "Beat alignment",
            "nearness of each hit to its event, σ = 50 ms",
            sync.beat_alignment,
        ),
        row("Recall", "share of hits with an event within 50 ms", sync.recall),
        row("Precision", "share of events with a hit within 50 ms", sync.precision),
        Row {
            name: "Median offset",
            says: "event minus hit; negative: the sound comes early",
            figure: sync.median_offset_ms,
            ms: true,
        },
    ];
    if let Some(figure) = sync.rhythm_consistency {
        rows.push(row(
            "Rhythm consistency",
            "beats beside picture changes by DTW; it hardly tells sync from chance",
            figure,
        ));
    }
    rows
}

fn value(row: &Row, v: f64) -> String {
    if row.ms {
        format!("{v:+.0} ms").replace('-', "−")
    } else {
        format!("{v:.2}")
    }
}

/// Where a value stands on its bar, 0 to 100.
fn place(row: &Row, v: f64) -> f64 {
    if row.ms {
        (50.0 + v / 2.0).clamp(0.0, 100.0)
    } else {
        (v * 100.0).clamp(0.0, 100.0)
    }
}

fn bar(out: &mut String, row: &Row) -> std::fmt::Result {
    let (v, c) = (place(row, row.figure.value), place(row, row.figure.chance));
    let (from, length) = if row.ms {
        (v.min(50.0), (v - 50.0).abs().max(1.0))
    } else {
        (0.0, v.max(0.5))
    };
    write!(
        out,
        "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}, chance {}\">\
         <rect class=\"trough\" width=\"100\" height=\"8\"/><rect class=\"full\" x=\"{from:.1}\" width=\"{length:.1}\" height=\"8\"/>\
         <rect class=\"chance\" x=\"{:.1}\" width=\"0.8\" height=\"8\"/></svg>",
        value(row, row.figure.value),
        value(row, row.figure.chance),
        (c - 0.4).clamp(0.0, 99.2)
    )
}

fn cards(out: &mut String, sync: &Sync) -> std::fmt::Result {
    out.push_str("<section class=\"cards\" aria-label=\"Figures\">\n");
    for row in rows(sync) {
        write!(
            out,
            "<div class=\"card\"><h3>{}</h3><p class=\"value\">{}<span class=\"beside\">chance {}</span></p>",
            row.name,
            value(&row, row.figure.value),
            value(&row, row.figure.chance)
        )?;
        bar(out, &row)?;
        writeln!(out, "<p class=\"says\">{}</p></div>", row.says)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// Two films beside each other.
fn table(out: &mut String, exhibits: &[Exhibit<'_>]) -> std::fmt::Result {
    out.push_str("<div class=\"wide\"><table><thead><tr><th scope=\"col\">Figure</th>");
    for exhibit in exhibits {
        write!(out, "<th scope=\"col\">{}</th>", escaped(&exhibit.name))?;
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let columns: Vec<Vec<Row>> = exhibits.iter().map(|e| rows(e.sync)).collect();
    let most = columns.iter().map(Vec::len).max().unwrap_or(0);
    for k in 0..most {
        let Some(name) = columns.iter().find_map(|c| c.get(k)) else {
            continue;
        };
        write!(
            out,
            "<tr><th scope=\"row\">{}<span class=\"says\">{}</span></th>",
            name.name, name.says
        )?;
        for column in &columns {
            match column.get(k) {
                Some(row) => {
                    write!(
                        out,
                        "<td><span class=\"value\">{}</span> <span class=\"beside\">chance {}</span>",
                        value(row, row.figure.value),
                        value(row, row.figure.chance)
                    )?;
                    bar(out, row)?;
                    out.push_str("</td>");
                }
                None => out.push_str("<td>not measured</td>"),
            }
        }
        out.push_str("</tr>\n");
    }
    write!(out, "<tr><th scope=\"row\">Hits and events</th>")?;
    for exhibit in exhibits {
        write!(
            out,
            "<td>{} hits, {} events</td>",
            exhibit.sync.hits, exhibit.sync.events
        )?;
    }
    out.push_str("</tr>\n</tbody></table></div>\n");
    Ok(())
}

/// Everything over the same time.
fn timeline(out: &mut String, which: usize, sync: &Sync, scene: &Scene<'_>) -> std::fmt::Result {
    let length = scene.witnessed.sighting.duration_s.max(0.1);
    let width = (length * 30.0).clamp(1080.0, 4800.0);
    let x = |t: f64| (t / length).clamp(0.0, 1.0) * width;
    let lane = |out: &mut String, name: &str, says: &str, height: f64| {
        write!(
            out,
            "<div class=\"lane\"><p class=\"label\"><b>{name}</b> {says}</p>\
             <svg width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{name}\">"
        )
    };
    let close = "</svg></div>\n";
    out.push_str("<section class=\"time\"><div class=\"scroll\" tabindex=\"0\" aria-label=\"The film over time\">\n");

    lane(
        out,
        "Picture",
        "and what it does: ▲ a hit that is heard within a frame, △ one that is not",
        STRIP_H + 20.0,
    )?;
    filmstrip(out, which, &scene.witnessed.strip, length, width)?;
    marks(out, sync, x, STRIP_H + 2.0)?;
    out.push_str(close);

    let tempo = scene.rhythmic.tempo;
    let says =
        format!("mel spectrogram; lines are beats ({tempo:.0} a minute), triangles hits, ticks below the events heard");
    lane(out, "Sound", &says, MEL_H + 12.0)?;
    write!(
        out,
        "<image width=\"{width:.0}\" height=\"{MEL_H}\" preserveAspectRatio=\"none\" href=\"data:image/jpeg;base64,{}\"/>",
        spectrogram(&scene.rhythmic.mel, length)
    )?;
    out.push_str("<g class=\"beats\">");
    for (t, strength) in &scene.rhythmic.beats {
        let class = if *strength > figures::BEAT_FLOOR {
            " class=\"strong\""
        } else {
            ""
        };
        write!(out, "<path{class} d=\"M{:.1} 0V{MEL_H}\"/>", x(*t))?;
    }
    out.push_str("</g>");
    marks(out, sync, x, 4.0)?;
    out.push_str("<path class=\"events\" d=\"");
    for t in &scene.witnessed.events {
        write!(out, "M{:.1} {:.0}v9", x(*t), MEL_H + 2.0)?;
    }
    out.push_str("\"/>");
    out.push_str(close);

    lane(
        out,
        "Onset strength",
        "how hard the sound strikes; dots are beats above 0.40 of the strongest",
        CURVE_H,
    )?;
    let onset: Vec<f64> = scene.rhythmic.onset.iter().map(|v| f64::from(*v)).collect();
    let span = onset.len() as f64 * scene.rhythmic.onset_step_s;
    let reach = if span > 0.0 {
        (span / length * width).min(width * 1.02)
    } else {
        width
    };
    write!(
        out,
        "<path class=\"onset\" d=\"{}\"/><path class=\"floor\" d=\"M0 {y:.1}H{width:.0}\"/><g class=\"dots\">",
        area(&onset, reach, CURVE_H, 2400),
        y = CURVE_H * (1.0 - figures::BEAT_FLOOR)
    )?;
    for (t, strength) in scene.rhythmic.beats.iter().filter(|b| b.1 > figures::BEAT_FLOOR) {
        write!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
            x(*t),
            (CURVE_H * (1.0 - strength)).max(3.0)
        )?;
    }
    out.push_str("</g>");
    out.push_str(close);

    changes(out, sync, scene, length, width, &lane)?;

    write!(
        out,
        "<div class=\"lane\"><svg width=\"{width:.0}\" height=\"22\" viewBox=\"0 0 {width:.0} 22\" class=\"axis\" aria-hidden=\"true\">"
    )?;
    let step_s = step(length, width / 90.0);
    for k in 0..=((length / step_s) as usize) {
        let t = k as f64 * step_s;
        let anchor = if k == 0 {
            "start"
        } else if length - t < 0.3 * step_s {
            "end"
        } else {
            "middle"
        };
        write!(
            out,
            "<path d=\"M{0:.1} 0v5\"/><text x=\"{0:.1}\" y=\"18\" text-anchor=\"{anchor}\">{1}</text>",
            x(t),
            clock(t)
        )?;
    }
    out.push_str("</svg></div>\n</div></section>\n");
    Ok(())
}

fn filmstrip(out: &mut String, which: usize, strip: &Strip, length: f64, width: f64) -> std::fmt::Result {
    let n = strip.times.len();
    if n == 0 || strip.jpeg.is_empty() {
        return Ok(());
    }
    let (w, h) = (Strip::WIDTH, Strip::HEIGHT);
    write!(
        out,
        "<defs><image id=\"strip{which}\" width=\"{}\" height=\"{h}\" href=\"data:image/jpeg;base64,{}\"/></defs>",
        w * n,
        strip.jpeg
    )?;
    let own = STRIP_H * w as f64 / h as f64;
    let slots = ((width / own).round() as usize).clamp(1, n);
    for slot in 0..slots {
        let middle = (slot as f64 + 0.5) / slots as f64 * length;
        let near = |k: &usize| (strip.times[*k] - middle).abs();
        let k = (0..n).min_by(|a, b| near(a).total_cmp(&near(b))).unwrap_or(0);
        let (x, wide) = (slot as f64 * width / slots as f64, width / slots as f64);
        write!(
            out,
            "<svg x=\"{x:.1}\" width=\"{wide:.1}\" height=\"{STRIP_H}\" viewBox=\"{} 0 {w} {h}\" preserveAspectRatio=\"xMidYMid slice\">\
             <use href=\"#strip{which}\"/></svg>",
            k * w
        )?;
    }
    Ok(())
}

/// The hits as triangles.
fn marks(out: &mut String, sync: &Sync, x: impl Fn(f64) -> f64, y: f64) -> std::fmt::Result {
    let frame_ms = sync.frame_s * 1e3 + 1e-3;
    for (t, offset) in &sync.offsets {
        let heard = offset.is_some_and(|d| d.abs() <= frame_ms);
        write!(
            out,
            "<path class=\"{}\" d=\"M{:.1} {y:.0}l6 12h-12z\"><title>{} {}</title></path>",
            if heard { "heard" } else { "missed" },
            x(*t),
            clock(*t),
            offset.map_or_else(|| "no event".to_owned(), |d| format!("{d:+.0} ms"))
        )?;
    }
    Ok(())
}

fn changes(
    out: &mut String,
    sync: &Sync,
    scene: &Scene<'_>,
    length: f64,
    width: f64,
    lane: &dyn Fn(&mut String, &str, &str, f64) -> std::fmt::Result,
) -> std::fmt::Result {
    let Some(changes) = scene.rhythmic.changes.as_deref().filter(|c| !c.is_empty()) else {
        return Ok(());
    };
    let most = changes
        .iter()
        .map(|c| c.1)
        .max()
        .unwrap_or(1)
        .max(2 * figures::CHANGE_FLOOR) as f64;
    // A root shows both a shimmer and a cut.
    let up = |v: f64| (v / most).sqrt();
    lane(
        out,
        "Picture change",
        "colour values that differ from the frame before; dots are the events above 225,000, a second apart",
        CURVE_H,
    )?;
    // Evenly spread over time: the greatest value of each part.
    let parts = (width as usize).min(2400);
    let mut values = vec![0.0f64; parts];
    for (t, v) in changes {
        let k = ((t / length) * parts as f64) as usize;
        if let Some(value) = values.get_mut(k.min(parts - 1)) {
            *value = value.max(up(*v as f64));
        }
    }
    // Parts between two frames have none of their own.
    let frames = changes.len() as f64;
    if frames < parts as f64 * 1.5 {
        let own: Vec<f64> = changes.iter().map(|c| up(c.1 as f64)).collect();
        values = own;
    }
    let floor = CURVE_H * (1.0 - up(figures::CHANGE_FLOOR as f64));
    write!(
        out,
        "<path class=\"change\" d=\"{}\"/><path class=\"floor\" d=\"M0 {floor:.1}H{width:.0}\"/><g class=\"dots\">",
        area(&values, width, CURVE_H, 2400)
    )?;
    for t in sync.rhythm.iter().flat_map(|r| &r.events) {
        write!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
            (t / length).clamp(0.0, 1.0) * width,
            (floor - 6.0).max(4.0)
        )?;
    }
    out.push_str("</g></svg></div>\n");
    Ok(())
}

/// The spectrogram over the film's length as a JPEG.
fn spectrogram(mel: &Mel, length: f64) -> String {
    let Some(bands) = mel.columns.first().map(Vec::len).filter(|b| *b > 0) else {
        return String::new();
    };
    let columns = ((length / mel.step_s.max(1e-6)).ceil() as usize).clamp(1, 4096);
    let top = mel.columns.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
    let height = bands * 2;
    let mut rgb = vec![0; columns * height * 3];
    for y in 0..height {
        for x in 0..columns {
            let db = mel.columns.get(x).and_then(|c| c.get(bands - 1 - y / 2)).copied();
            // 70 dB from dark to light; silence stays dark.
            let v = db.filter(|_| top > -95.0).map_or(0.0, |db| 1.0 + (db - top) / 70.0);
            rgb[(y * columns + x) * 3..][..3].copy_from_slice(&heat(v));
        }
    }
    jpeg(&rgb, columns, height, 85)
}

/// Offsets and the DTW path.
fn below(out: &mut String, sync: &Sync) -> std::fmt::Result {
    out.push_str("<section class=\"pair\">\n");
    offsets(out, sync)?;
    if let Some(rhythm) = sync.rhythm.as_ref().filter(|r| !r.path.is_empty()) {
        const SIDE: f64 = 320.0;
        let last = |times: &[f64]| times.last().copied().unwrap_or(0.0);
        let length = last(&rhythm.beats).max(last(&rhythm.events)).max(0.1) * 1.02;
        let at = |t: f64| t / length * SIDE;
        write!(
            out,
            "<figure><figcaption><b>Beats beside picture changes</b> by DTW: {} beats, {} events, {:.2} s apart a step. \
             On the diagonal they fall together.</figcaption><svg class=\"square\" viewBox=\"-34 -6 {box_side:.0} {box_side:.0}\" role=\"img\" \
             aria-label=\"DTW path\"><rect class=\"trough\" width=\"{SIDE}\" height=\"{SIDE}\"/><path class=\"diagonal\" d=\"M0 {SIDE}L{SIDE} 0\"/>\
             <path class=\"way\" d=\"",
            rhythm.beats.len(),
            rhythm.events.len(),
            rhythm.distance / rhythm.path.len() as f64,
            box_side = SIDE + 42.0
        )?;
        let mut first = true;
        for (i, j) in &rhythm.path {
            if let (Some(b), Some(e)) = (rhythm.beats.get(*i), rhythm.events.get(*j)) {
                write!(
                    out,
                    "{}{:.1} {:.1}",
                    if first { "M" } else { "L" },
                    at(*b),
                    SIDE - at(*e)
                )?;
                first = false;
            }
        }
        writeln!(
            out,
            "\"/><text x=\"0\" y=\"{0:.0}\">0:00</text><text x=\"{SIDE}\" y=\"{0:.0}\" text-anchor=\"end\">{1} beats</text>\
             <text x=\"-6\" y=\"10\" text-anchor=\"end\">{1}</text><text transform=\"translate(-10 {2:.0}) rotate(-90)\" \
             text-anchor=\"middle\">events</text></svg></figure>",
            SIDE + 16.0,
            clock(length),
            SIDE / 2.0
        )?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// How far each hit is from its event.
fn offsets(out: &mut String, sync: &Sync) -> std::fmt::Result {
    const REACH: f64 = 200.0;
    const BINS: usize = 40;
    let mut bins = [0usize; BINS];
    let mut beyond = 0;
    for d in sync.offsets.iter().filter_map(|o| o.1) {
        if d.abs() < REACH {
            bins[(((d + REACH) / (2.0 * REACH) * BINS as f64) as usize).min(BINS - 1)] += 1;
        } else {
            beyond += 1;
        }
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let frame = sync.frame_s * 1e3;
    let (w, h) = (420.0, 200.0);
    let x = |ms: f64| (ms + REACH) / (2.0 * REACH) * w;
    write!(
        out,
        "<figure><figcaption><b>Offsets</b> of the nearest event from each hit; the band is one frame. {beyond} of {} lie \
         beyond ±200 ms.</figcaption><svg viewBox=\"-8 -6 {:.0} {:.0}\" role=\"img\" aria-label=\"Histogram of offsets\">\
         <rect class=\"trough\" width=\"{w}\" height=\"{h}\"/><rect class=\"band\" x=\"{:.1}\" width=\"{:.1}\" height=\"{h}\"/><g class=\"full\">",
        sync.offsets.len(),
        w + 16.0,
        h + 30.0,
        x(-frame),
        x(frame) - x(-frame)
    )?;
    for (k, n) in bins.iter().enumerate().filter(|b| *b.1 > 0) {
        let high = *n as f64 / most * (h - 8.0);
        write!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\"/>",
            k as f64 * w / BINS as f64 + 0.75,
            h - high,
            w / BINS as f64 - 1.5
        )?;
    }
    out.push_str("</g>");
    for (ms, anchor) in [
        (-200.0, "start"),
        (-100.0, "middle"),
        (0.0, "middle"),
        (100.0, "middle"),
        (200.0, "end"),
    ] {
        write!(
            out,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{}</text>",
            x(ms),
            h + 18.0,
            if ms == 0.0 {
                "0 ms".to_owned()
            } else {
                format!("{ms:+.0}").replace('-', "−")
            }
        )?;
    }
    out.push_str("</svg></figure>\n");
    Ok(())
}
