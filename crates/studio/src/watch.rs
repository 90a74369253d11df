//! The one decoding pass: what is seen, and small pictures of it.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use serde::{Deserialize, Serialize};
use synchresis_cue::{FootageKind, Frame, Sighting};
use synchresis_media::{DecodeOptions, decode_frames};
use synchresis_picture::sight::{Matrix, Watcher};

use crate::cache::Key;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::Opened;
use crate::order::Order;
use crate::run::write_whole;
use crate::timeline::Thumbnail;
use crate::world::World;

/// Version of what is seen.
const SIGHTING: u32 = 1;
const FILMSTRIP: &str = "filmstrip";

/// What the decoding pass gave.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) sighting: Sighting,
    pub(crate) token: String,
    /// What ffmpeg complained of while decoding; empty where all was well.
    pub(crate) complaint: String,
}

/// What the cache keeps beside the small pictures' pixels, which lie in a file of their own.
#[derive(Debug, Serialize, Deserialize)]
struct Strip {
    /// Time in seconds, width, height.
    thumbnails: Vec<(f64, usize, usize)>,
    complaint: String,
}

/// Watches the clip. The file's MD5 is read meanwhile.
pub(crate) fn run(ledger: &mut Ledger, order: &Order, opened: &Opened, world: &dyn World) -> Result<Seen, StudioError> {
    world.begin("watching");
    let (footage, input) = (&opened.footage, order.input.as_path());
    let strip_key = strip_key(opened);
    thread::scope(|scope| {
        let token = scope.spawn(|| opened.token(input, world));
        let sighting: Sighting = ledger.section(SIGHTING, &(&opened.content, footage.duration_s), world, || {
            let mut watcher = Watcher::new(matrix(footage.video.height));
            let mut broken = None;
            let decoded = decode_frames(
                footage,
                input,
                DecodeOptions::default(),
                world.tools()?,
                world.limits(),
                world,
                |frame| match watcher.see(&frame) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        broken = Some(error);
                        ControlFlow::Break(())
                    }
                },
            )?;
            if let Some(error) = broken {
                return Err(error.into());
            }
            let length = match footage.kind {
                FootageKind::Picture => footage.duration_s,
                FootageKind::Video => footage.duration_s.max(decoded.end_s),
            };
            keep_strip(&watcher, decoded.complaint, &strip_key, world).map_err(StudioError::cache)?;
            Ok(watcher.finish(length))
        })?;
        let complaint = world
            .cache()
            .json::<Strip>(FILMSTRIP, &strip_key)
            .map_or_else(String::new, |strip| strip.complaint);
        let token = token
            .join()
            .unwrap_or_else(|_| Err(StudioError::Brief("reading the clip: the reading thread failed".into())))?;
        Ok(Seen {
            sighting,
            token,
            complaint,
        })
    })
}

fn keep_strip(watcher: &Watcher, complaint: String, key: &Key, world: &dyn World) -> io::Result<()> {
    let thumbnails = watcher.thumbnails();
    let mut pixels = world.cache().create(FILMSTRIP, key, "rgb")?;
    for thumbnail in &thumbnails {
        pixels.file().write_all(&thumbnail.rgb)?;
    }
    pixels.keep()?;
    let thumbnails = thumbnails.iter().map(|t| (t.time_s, t.width, t.height)).collect();
    world.cache().put_json(FILMSTRIP, key, &Strip { thumbnails, complaint })
}

/// The small pictures that the pass kept; none if the cache has forgotten them.
pub(crate) fn filmstrip(opened: &Opened, world: &dyn World) -> Vec<Thumbnail> {
    let key = strip_key(opened);
    let strip: Option<Strip> = world.cache().json(FILMSTRIP, &key);
    let pixels = world
        .cache()
        .file(FILMSTRIP, &key, "rgb")
        .and_then(|path| std::fs::read(path).ok());
    let (Some(strip), Some(pixels)) = (strip, pixels) else {
        return Vec::new();
    };
    let mut rest = pixels.as_slice();
    strip
        .thumbnails
        .iter()
        .map_while(|&(time_s, width, height)| {
            let (rgb, after) = rest.split_at_checked(width.checked_mul(height)?.checked_mul(3)?)?;
            rest = after;
            Some(Thumbnail {
                time_s,
                width,
                height,
                rgb: rgb.to_vec(),
            })
        })
        .collect()
}

/// Writes the frames with these numbers, as large as the film shows them, as `frame_000123.png` into `folder`.
pub(crate) fn extract(
    order: &Order,
    opened: &Opened,
    wanted: &[u64],
    folder: &Path,
    world: &dyn World,
) -> Result<(), StudioError> {
    world.begin("extracting");
    std::fs::create_dir_all(folder).map_err(|e| StudioError::file("making the folder", folder, e))?;
    let matrix = matrix(opened.footage.video.height);
    let last = wanted.iter().max().copied().unwrap_or(0);
    let whole = DecodeOptions {
        max_width: u32::MAX,
        max_height: u32::MAX,
        faithful: true,
    };
    let mut written = Ok(());
    decode_frames(
        &opened.footage,
        &order.input,
        whole,
        world.tools()?,
        world.limits(),
        world,
        |frame| {
            if wanted.contains(&frame.index) {
                let path = folder.join(format!("frame_{:06}.png", frame.index));
                written = png(&frame, matrix).and_then(|bytes| write_whole(&path, &bytes, "writing the frame"));
            }
            if written.is_err() || frame.index >= last {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )?;
    written
}

fn png(frame: &Frame<'_>, matrix: Matrix) -> Result<Vec<u8>, StudioError> {
    let half = frame.width.div_ceil(2);
    let picture = image::RgbImage::from_fn(frame.width as u32, frame.height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let at = |plane: &[u8], i: usize| plane.get(i).copied().unwrap_or(128);
        let chroma = y / 2 * half + x / 2;
        image::Rgb(matrix.rgb(
            at(frame.y, y * frame.width + x),
            at(frame.cb, chroma),
            at(frame.cr, chroma),
        ))
    });
    let mut bytes = io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|e| StudioError::Brief(format!("writing a frame as PNG: {e}")))?;
    Ok(bytes.into_inner())
}

fn strip_key(opened: &Opened) -> Key {
    Key::new(FILMSTRIP, SIGHTING, &(&opened.content, opened.footage.duration_s))
}

/// Clips of high definition are coded with BT.709's matrix, smaller ones with BT.601's, unless somebody was careless.
fn matrix(height: u32) -> Matrix {
    if height >= 720 { Matrix::Bt709 } else { Matrix::Bt601 }
}
