//! Pictures of single frames, for a person to choose from.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageReader, RgbImage};
use synchresis_media::{extract_frames, probe};

use crate::error::StudioError;
use crate::open::Quietly;
use crate::run::write_whole;
use crate::timeline::Thumbnail;
use crate::world::World;

const QUALITY: u8 = 82;

/// Writes the frame shown at each of `times_s` (seconds) of `input` to `folder` as `still-0.jpg`, `still-1.jpg`, …, upright,
/// no side longer than `longest` pixels.
///
/// # Errors
/// An input without a picture, or a time at which nothing is shown.
pub fn stills(
    input: &Path,
    times_s: &[f64],
    longest: u32,
    folder: &Path,
    world: &dyn World,
) -> Result<Vec<PathBuf>, StudioError> {
    let (tools, limits) = (world.tools()?, world.limits());
    let footage = probe(input, tools, limits, &Quietly(world))?;
    let scratch = tempfile::Builder::new()
        .prefix(".stills-")
        .tempdir_in(folder)
        .map_err(|e| StudioError::file("making a folder in", folder, e))?;
    let frames = extract_frames(&footage, input, times_s, scratch.path(), tools, limits, &Quietly(world))?;
    let mut paths = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        let picture = ImageReader::open(frame)
            .map_err(|e| StudioError::file("reading the frame", frame, e))?
            .decode()
            .map_err(|e| StudioError::Brief(format!("reading a frame of {}: {e}", input.display())))?;
        let picture = if picture.width().max(picture.height()) > longest {
            picture.resize(longest, longest, FilterType::Triangle)
        } else {
            picture
        };
        let path = folder.join(format!("still-{number}.jpg"));
        jpeg(&picture.to_rgb8(), &path)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Small pictures side by side, and beside them, as JSON, how large each is and when it is shown.
pub(crate) fn strip(thumbnails: &[Thumbnail], path: &Path) -> Result<(), StudioError> {
    let width = thumbnails.iter().map(|t| t.width).max().unwrap_or(0);
    let height = thumbnails.iter().map(|t| t.height).max().unwrap_or(0);
    // A JPEG is at most 65535 pixels wide; every n-th picture then.
    let most = (65_000 / width.max(1)).max(1);
    let step = thumbnails.len().div_ceil(most).max(1);
    let chosen: Vec<&Thumbnail> = thumbnails.iter().step_by(step).collect();
    let mut sheet = RgbImage::new((width * chosen.len()).max(1) as u32, height.max(1) as u32);
    for (number, thumbnail) in chosen.iter().enumerate() {
        for (row, line) in thumbnail.rgb.chunks_exact((thumbnail.width * 3).max(1)).enumerate() {
            for (column, pixel) in line.chunks_exact(3).enumerate() {
                if let [red, green, blue] = *pixel {
                    sheet.put_pixel(
                        (number * width + column) as u32,
                        row as u32,
                        image::Rgb([red, green, blue]),
                    );
                }
            }
        }
    }
    jpeg(&sheet, path)?;
    let times: Vec<f64> = chosen.iter().map(|t| t.time_s).collect();
    let told = serde_json::json!({"width": width, "height": height, "times_s": times});
    write_whole(
        &path.with_extension("json"),
        told.to_string().as_bytes(),
        "writing the filmstrip to",
    )
}

fn jpeg(picture: &RgbImage, path: &Path) -> Result<(), StudioError> {
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(picture)
        .map_err(|e| StudioError::Brief(format!("drawing {}: {e}", path.display())))?;
    write_whole(path, bytes.get_ref(), "writing the picture to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_of_nothing_or_of_too_many_pictures_does_not_draw() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("strip.jpg");
        strip(&[], &path).expect("draws nothing");
        let thumbnail = |i: usize| Thumbnail {
            time_s: i as f64,
            width: 160,
            height: 2,
            rgb: vec![i as u8; 160 * 2 * 3],
        };
        let many: Vec<_> = (0..1000).map(thumbnail).collect();
        strip(&many, &path).expect("draws");
        let drawn = image::open(&path).expect("reads");
        let text = std::fs::read_to_string(path.with_extension("json")).expect("is there");
        let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let times = told["times_s"].as_array().expect("times").len();
        assert_eq!(drawn.width() as usize, times * 160);
        assert!((200..=406).contains(&times), "{times}");
    }
}
