//! Pictures of single frames, for a person to choose from.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageReader, RgbImage};
use synchresis_cue::FootageKind;
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

/// Width and height of the small picture that stands for a film in a list, pixels.
const CARD: (u32, u32) = (660, 90);
/// Pixels between the moments on it.
const GAP: u32 = 2;
const CARD_QUALITY: u8 = 68;
/// How many moments are drawn where each costs a seek: at 16:9 as many as have room.
const MOMENTS: u32 = 4;

/// Writes the small picture that stands for `input` in a list: moments of it side by side, 660 × 90 pixels, some ten kilobytes.
///
/// # Errors
/// An input without a picture.
pub fn thumbnail(input: &Path, path: &Path, world: &dyn World) -> Result<(), StudioError> {
    let (tools, limits) = (world.tools()?, world.limits());
    let footage = probe(input, tools, limits, &Quietly(world))?;
    let scratch = tempfile::Builder::new()
        .prefix(".thumbnail-")
        .tempdir_in(path.parent().unwrap_or(Path::new(".")))
        .map_err(|e| StudioError::file("making a folder beside", path, e))?;
    let moments = if footage.kind == FootageKind::Picture {
        1
    } else {
        MOMENTS
    };
    let times: Vec<f64> = (0..moments)
        .map(|n| footage.duration_s * (f64::from(n) + 0.5) / f64::from(moments))
        .collect();
    let frames = extract_frames(&footage, input, &times, scratch.path(), tools, limits, &Quietly(world))?;
    let mut pictures = Vec::new();
    for frame in &frames {
        let picture = ImageReader::open(frame)
            .map_err(|e| StudioError::file("reading the frame", frame, e))?
            .decode()
            .map_err(|e| StudioError::Brief(format!("reading a frame of {}: {e}", input.display())))?;
        pictures.push(picture.to_rgb8());
    }
    card(&pictures, path)
}

/// The same from the small pictures that a pass over the film kept.
pub(crate) fn thumbnail_of(thumbnails: &[Thumbnail], path: &Path) -> Result<(), StudioError> {
    let picture = |t: &Thumbnail| RgbImage::from_raw(t.width as u32, t.height as u32, t.rgb.clone());
    let (width, height) = thumbnails.first().map_or((1, 1), |t| (t.width.max(1), t.height.max(1)));
    let across = (width as u32 * CARD.1).div_ceil(height as u32).max(1) + GAP;
    let room = (CARD.0.div_ceil(across) as usize).min(thumbnails.len());
    let spread = (0..room).filter_map(|n| thumbnails.get((2 * n + 1) * thumbnails.len() / (2 * room)));
    let pictures: Vec<RgbImage> = spread.filter_map(picture).collect();
    card(&pictures, path)
}

/// Pictures side by side, each as high as the card, the last cut where the card ends.
fn card(pictures: &[RgbImage], path: &Path) -> Result<(), StudioError> {
    let mut card = RgbImage::from_pixel(CARD.0, CARD.1, image::Rgb([13, 15, 16]));
    let mut left = 0;
    for picture in pictures.iter().cycle().take(CARD.0 as usize) {
        if left >= CARD.0 || picture.width() == 0 || picture.height() == 0 {
            break;
        }
        let width = (u64::from(picture.width()) * u64::from(CARD.1) / u64::from(picture.height()))
            .clamp(1, 4 * u64::from(CARD.0)) as u32;
        let small = image::imageops::resize(picture, width, CARD.1, FilterType::Triangle);
        image::imageops::replace(&mut card, &small, i64::from(left), 0);
        left += width + GAP;
    }
    write_jpeg(&card, CARD_QUALITY, path)
}

fn jpeg(picture: &RgbImage, path: &Path) -> Result<(), StudioError> {
    write_jpeg(picture, QUALITY, path)
}

fn write_jpeg(picture: &RgbImage, quality: u8, path: &Path) -> Result<(), StudioError> {
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(picture)
        .map_err(|e| StudioError::Brief(format!("drawing {}: {e}", path.display())))?;
    write_whole(path, bytes.get_ref(), "writing the picture to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_heavy_or_has_holes() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("thumbnail.jpg");
        for (width, height, many) in [
            (160, 90, 300),
            (51, 90, 3),
            (160, 90, 1),
            (160, 2, 4),
            (2, 320, 5),
            (0, 0, 0),
        ] {
            let thumbnail = |i: usize| Thumbnail {
                time_s: i as f64,
                width,
                height,
                rgb: (0..width * height * 3)
                    .map(|n| 60 + ((n / 3 % width + n / (3 * width) + n % 3 * 37 + i * 11) % 180) as u8)
                    .collect(),
            };
            let film: Vec<_> = (0..many).map(thumbnail).collect();
            thumbnail_of(&film, &path).expect("draws");
            let drawn = image::open(&path).expect("reads").to_rgb8();
            assert_eq!(drawn.dimensions(), CARD);
            let dark = drawn.pixels().filter(|p| p.0.iter().all(|&v| v < 24)).count();
            let share = dark as f64 / f64::from(CARD.0 * CARD.1);
            assert!(
                many == 0 || share < if width == 2 { 0.8 } else { 0.1 },
                "{width} × {height}: {share}"
            );
            assert!(std::fs::metadata(&path).expect("is there").len() < 40_000);
        }
    }

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
