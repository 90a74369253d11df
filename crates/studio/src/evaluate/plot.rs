//! Pieces of a report's plots: pictures as text, curves as paths, escaped words.

use std::fmt::Write;

/// A JPEG of `rgb` (`width` by `height`) as base64; empty where there is nothing to show.
pub(crate) fn jpeg(rgb: &[u8], width: usize, height: usize, quality: u8) -> String {
    let (Ok(w), Ok(h)) = (u32::try_from(width), u32::try_from(height)) else {
        return String::new();
    };
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    if rgb.is_empty() || encoder.encode(rgb, w, h, image::ExtendedColorType::Rgb8).is_err() {
        return String::new();
    }
    base64(&bytes)
}

/// RFC 4648, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| three.get(i).copied().map_or(0, u32::from);
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// Text that means nothing to a browser.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What XML does not know as a letter.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A closed area under `values` (0 to 1, evenly spread) in a box of `width` by `height`: the greatest value of each of
/// at most `most` parts.
pub(crate) fn area(values: &[f64], width: f64, height: f64, most: usize) -> String {
    let parts = values.len().min(most.max(1));
    let mut path = format!("M0 {height:.1}");
    for k in 0..parts {
        let (a, b) = (k * values.len() / parts, (k + 1) * values.len() / parts);
        let top = values[a..b.max(a + 1)]
            .iter()
            .copied()
            .fold(0.0, f64::max)
            .clamp(0.0, 1.0);
        let x = (k as f64 + 0.5) / parts as f64 * width;
        let _ = write!(path, "L{x:.1} {:.1}", height * (1.0 - top));
    }
    let _ = write!(path, "L{width:.1} {height:.1}Z");
    path
}

/// The colours of a spectrogram, from silence to the loudest.
const HEAT: [[f32; 3]; 6] = [
    [12.0, 12.0, 26.0],
    [46.0, 30.0, 96.0],
    [124.0, 42.0, 122.0],
    [214.0, 74.0, 92.0],
    [246.0, 158.0, 84.0],
    [252.0, 244.0, 208.0],
];

/// The colour of `value`, 0 to 1.
pub(crate) fn heat(value: f32) -> [u8; 3] {
    let x = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f32;
    let i = (x as usize).min(HEAT.len() - 2);
    let t = x - i as f32;
    std::array::from_fn(|c| (HEAT[i][c] + (HEAT[i + 1][c] - HEAT[i][c]) * t).round() as u8)
}

/// `0:07`, `3:20`, `1:02:05`.
pub(crate) fn clock(time_s: f64) -> String {
    let s = time_s.max(0.0).round() as u64;
    if s >= 3600 {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    } else {
        format!("{}:{:02}", s / 60, s % 60)
    }
}

/// The least round step that makes at most `most` marks over `length_s`.
pub(crate) fn step(length_s: f64, most: f64) -> f64 {
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0]
        .into_iter()
        .find(|step| length_s / step <= most)
        .unwrap_or(3600.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_not_the_standards() {
        let all = [b"".as_slice(), b"f", b"fo", b"foo", b"foob", b"fooba", b"foobar"].map(base64);
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn a_name_becomes_markup() {
        assert_eq!(escaped("a<b>&\"c'\u{1}"), "a&lt;b&gt;&amp;&quot;c&#39;\u{fffd}");
    }

    #[test]
    fn an_area_leaves_its_box() {
        assert_eq!(area(&[], 10.0, 4.0, 100), "M0 4.0L10.0 4.0Z");
        assert_eq!(area(&[0.5, 7.0], 10.0, 4.0, 100), "M0 4.0L2.5 2.0L7.5 0.0L10.0 4.0Z");
        assert_eq!(
            area(&[0.0, 1.0, 0.0, 0.5], 8.0, 2.0, 2),
            "M0 2.0L2.0 0.0L6.0 1.0L8.0 2.0Z"
        );
    }
}
