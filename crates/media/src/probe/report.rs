//! ffprobe's report, read leniently: a field that is missing or strange is absent, never an error.

use serde_json::Value;
use synchresis_cue::Rational;

/// The whole report.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) version: Option<String>,
    pub(super) container: String,
    pub(super) start_s: Option<f64>,
    pub(super) duration_s: Option<f64>,
    pub(super) streams: Vec<StreamReport>,
    pub(super) packets: Vec<Packet>,
    pub(super) chapters: u32,
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct StreamReport {
    pub(super) index: u32,
    pub(super) kind: String,
    pub(super) codec: String,
    pub(super) pixel_format: String,
    pub(super) transfer: String,
    pub(super) raw_bits: Option<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect: (u32, u32),
    /// Clockwise, to show it upright: 0, 90, 180, 270.
    pub(super) rotation: u16,
    pub(super) average_rate: Option<Rational>,
    pub(super) nominal_rate: Option<Rational>,
    pub(super) start_s: Option<f64>,
    pub(super) duration_s: Option<f64>,
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) cover: bool,
    pub(super) default: bool,
}

/// One packet of the beginning.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) stream: u32,
    pub(super) pts_s: Option<f64>,
}

impl Report {
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let root: Value = serde_json::from_slice(text).map_err(|e| format!("ffprobe's report does not read: {e}"))?;
        let list = |name: &str| {
            root.get(name)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default()
        };
        let format = root.get("format").unwrap_or(&Value::Null);
        Ok(Self {
            version: root.get("program_version").map(|v| string(v, "version")),
            container: string(format, "format_name"),
            start_s: number(format, "start_time"),
            duration_s: number(format, "duration").filter(|d| *d >= 0.0),
            streams: list("streams").iter().map(StreamReport::read).collect(),
            packets: list("packets")
                .iter()
                .map(|p| Packet {
                    stream: whole(p, "stream_index"),
                    pts_s: number(p, "pts_time"),
                })
                .collect(),
            chapters: u32::try_from(list("chapters").len()).unwrap_or(u32::MAX),
        })
    }

    /// The stream of a kind that a player would choose: the default one, else the first; never cover art.
    pub(super) fn best(&self, kind: &str) -> Option<&StreamReport> {
        let mut of_kind = self.streams.iter().filter(|s| s.kind == kind && !s.cover);
        let first = of_kind.next()?;
        if first.default {
            return Some(first);
        }
        Some(of_kind.find(|s| s.default).unwrap_or(first))
    }

    /// When a stream begins, in the container's seconds.
    pub(super) fn start_of(&self, stream: &StreamReport) -> Option<f64> {
        stream.start_s.or_else(|| {
            self.packets
                .iter()
                .filter(|p| p.stream == stream.index)
                .filter_map(|p| p.pts_s)
                .reduce(f64::min)
        })
    }

    /// The container's second at which the film's timeline begins. A codec's priming (Opus and AAC in Matroska begin a
    /// few milliseconds before 0) is not part of the film.
    pub(super) fn origin(&self, video: Option<&StreamReport>) -> f64 {
        let start = self.start_s.unwrap_or(0.0);
        if start >= 0.0 {
            return start;
        }
        match video.and_then(|v| self.start_of(v)) {
            Some(video_start) => video_start.min(0.0),
            None => start.min(0.0),
        }
    }
}

impl StreamReport {
    fn read(v: &Value) -> Self {
        let disposition = v.get("disposition").unwrap_or(&Value::Null);
        let tags = v.get("tags").unwrap_or(&Value::Null);
        let start_s = number(v, "start_time");
        let duration_s = number(v, "duration").or_else(|| {
            // Matroska: a clock time counted from the container's zero.
            let end = tags
                .as_object()?
                .iter()
                .find(|(name, _)| name.starts_with("DURATION"))?
                .1
                .as_str()?;
            clock_time(end).map(|end| end - start_s.unwrap_or(0.0).max(0.0))
        });
        Self {
            index: whole(v, "index"),
            kind: string(v, "codec_type"),
            codec: string(v, "codec_name"),
            pixel_format: string(v, "pix_fmt"),
            transfer: string(v, "color_transfer"),
            raw_bits: number(v, "bits_per_raw_sample")
                .filter(|b| (1.0..=32.0).contains(b))
                .map(|b| b as u8),
            width: whole(v, "width"),
            height: whole(v, "height"),
            sample_aspect: ratio(&string(v, "sample_aspect_ratio"), ':')
                .filter(|r| (0.05..=20.0).contains(&r.value()))
                .map_or((1, 1), |r| (r.num, r.den)),
            rotation: rotation(v),
            average_rate: ratio(&string(v, "avg_frame_rate"), '/').filter(|r| (1e-3..=1e4).contains(&r.value())),
            nominal_rate: ratio(&string(v, "r_frame_rate"), '/').filter(|r| (1e-3..=1e4).contains(&r.value())),
            start_s,
            duration_s: duration_s.filter(|d| *d > 0.0),
            sample_rate: whole(v, "sample_rate"),
            channels: u16::try_from(whole(v, "channels")).unwrap_or(0),
            cover: whole(disposition, "attached_pic") == 1,
            default: whole(disposition, "default") == 1,
        }
    }

    /// Bits a component: as the codec says, else as the pixel format's name does.
    pub(super) fn bit_depth(&self) -> u8 {
        if let Some(bits) = self.raw_bits {
            return bits;
        }
        let name = self.pixel_format.trim_end_matches("le").trim_end_matches("be");
        match name {
            "rgb48" | "bgr48" | "rgba64" | "bgra64" | "ya16" => return 16,
            _ => {}
        }
        [9, 10, 12, 14, 16]
            .into_iter()
            .find(|bits| {
                name.ends_with(&format!("p{bits}")) || name == format!("gray{bits}") || name == format!("p0{bits}")
            })
            .unwrap_or(8)
    }
}

/// The display matrix says counter-clockwise degrees, −180 to 180; a player turns the other way.
fn rotation(stream: &Value) -> u16 {
    let sides = stream
        .get("side_data_list")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let turned = sides.iter().find_map(|side| number(side, "rotation")).unwrap_or(0.0);
    if !turned.is_finite() {
        return 0;
    }
    let quarter = (-turned / 90.0).round().rem_euclid(4.0) as u16;
    quarter * 90 % 360
}

/// `00:01:30.033000000`.
fn clock_time(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':');
    let (h, m, s) = (parts.next()?, parts.next()?, parts.next()?);
    let (h, m, s): (f64, f64, f64) = (h.parse().ok()?, m.parse().ok()?, s.parse().ok()?);
    Some(h * 3600.0 + m * 60.0 + s).filter(|t| t.is_finite() && *t >= 0.0)
}

fn ratio(text: &str, between: char) -> Option<Rational> {
    let (num, den) = text.split_once(between)?;
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then_some(Rational { num, den })
}

/// A finite number, written as a number or as text.
fn number(v: &Value, name: &str) -> Option<f64> {
    let field = v.get(name)?;
    field
        .as_f64()
        .or_else(|| field.as_str()?.parse().ok())
        .filter(|n| n.is_finite())
}

/// A count; 0 where there is none.
fn whole(v: &Value, name: &str) -> u32 {
    number(v, name)
        .filter(|n| (0.0..=f64::from(u32::MAX)).contains(n))
        .map_or(0, |n| n as u32)
}

fn string(v: &Value, name: &str) -> String {
    v.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// First timestamp, end of the last frame and median step of `pts,duration` lines, in any order; where a raw stream has
/// no timestamps, its packets are counted at `rate` a second. Nothing without packets.
pub(super) fn extent(lines: &str, rate: f64) -> Option<(f64, f64, f64)> {
    let field = |text: Option<&str>| {
        text.and_then(|t| t.trim().parse::<f64>().ok())
            .filter(|t| t.is_finite())
    };
    let mut times = Vec::new();
    let mut count = 0u64;
    let mut last_duration = (f64::NEG_INFINITY, None);
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        count += 1;
        let mut fields = line.split(',');
        let (pts, duration) = (field(fields.next()), field(fields.next()));
        if let Some(pts) = pts {
            times.push(pts);
            if pts >= last_duration.0 {
                last_duration = (pts, duration.filter(|d| *d > 0.0));
            }
        }
    }
    if count == 0 {
        return None;
    }
    let step = if rate > 0.0 { 1.0 / rate } else { 0.04 };
    times.sort_by(f64::total_cmp);
    match (times.first(), times.last()) {
        (Some(first), Some(last)) if times.len() > 1 || count == 1 => {
            let mut steps: Vec<f64> = times
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .filter(|s| *s > 0.0)
                .collect();
            steps.sort_by(f64::total_cmp);
            let median = steps.get(steps.len() / 2).copied().unwrap_or(step);
            Some((*first, last + last_duration.1.unwrap_or(median), median))
        }
        _ => Some((0.0, count as f64 * step, step)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_phone_held_upright_is_turned_the_wrong_way() {
        let turned = |r: i32| rotation(&serde_json::json!({"side_data_list": [{"rotation": r}]}));
        assert_eq!(
            (turned(-90), turned(90), turned(180), turned(-180), turned(0)),
            (90, 270, 180, 180, 0)
        );
        assert_eq!(rotation(&serde_json::json!({})), 0);
    }

    #[test]
    fn a_raw_stream_without_timestamps_has_no_length() {
        let (first, end, _) = extent("N/A,0.04\nN/A,0.04\nN/A,0.04\n", 25.0).expect("packets");
        assert_eq!(first, 0.0);
        assert!((end - 0.12).abs() < 1e-9);
        let (first, end, step) = extent("1.00,0.50\n2.00,0.5\n1.50,N/A\n", 0.0).expect("packets");
        assert_eq!((first, end, step), (1.0, 2.5, 0.5));
        assert_eq!(extent("\n", 25.0), None);
    }

    #[test]
    fn the_depth_of_a_pixel_format_is_lost_in_its_name() {
        let depth = |name: &str| {
            StreamReport {
                pixel_format: name.into(),
                ..Default::default()
            }
            .bit_depth()
        };
        let depths = [
            "yuv420p",
            "yuv420p10le",
            "p010le",
            "gray12le",
            "rgb48be",
            "gbrp16le",
            "yuv444p9be",
        ]
        .map(depth);
        assert_eq!(depths, [8, 10, 10, 12, 16, 16, 9]);
    }

    proptest! {
        #[test]
        fn a_strange_report_brings_it_down(text in ".{0,200}", n in any::<f64>(), m in any::<i64>()) {
            let _ = Report::parse(text.as_bytes());
            let json = serde_json::json!({
                "format": {"start_time": text, "duration": n}, "chapters": m,
                "packets": [{"pts_time": n, "stream_index": m}, m, text],
                "streams": [{"index": m, "width": n, "height": m, "sample_aspect_ratio": text, "avg_frame_rate": text,
                    "side_data_list": [{"rotation": n}], "tags": {"DURATION": text}, "channels": m}],
            });
            let report = Report::parse(json.to_string().as_bytes()).expect("is JSON");
            let stream = &report.streams[0];
            prop_assert!(stream.rotation.is_multiple_of(90) && stream.rotation < 360);
            prop_assert!(report.origin(Some(stream)).is_finite());
            let _ = extent(&text, n);
        }
    }
}
