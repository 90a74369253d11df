//! The one decoding pass: what is seen, and small pictures of it.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::thread;

use serde::{Deserialize, Serialize};
use synchresis_cue::{Sample, Sighting, round_to};
use synchresis_media::{DecodeOptions, decode_frames};
use synchresis_picture::sight::{Matrix, Watcher};

use crate::cache::Key;
use crate::early::{Asking, Early};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::Opened;
use crate::order::Order;
use crate::timeline::Thumbnail;
use crate::world::World;

/// Version of what is seen.
const SIGHTING: u32 = 4;
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

/// Watches the clip. The file's MD5 is read meanwhile, `meanwhile` done, and `early` looks at sampled frames, where there is one: decoding
/// leaves some of the machine idle.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    world: &dyn World,
    early: Option<&Early>,
    meanwhile: impl FnOnce() + Send,
) -> Result<Seen, StudioError> {
    world.begin("watching");
    let (footage, input) = (&opened.footage, order.input.as_path());
    let strip_key = strip_key(opened);
    thread::scope(|scope| {
        let token = scope.spawn(|| opened.token(input, world));
        scope.spawn(meanwhile);
        let mut asking = early.map(|early| {
            scope.spawn(|| early.look(order, opened, world));
            Asking::begin(early, footage.duration_s)
        });
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
                    Ok(()) => {
                        if let Some(asking) = &mut asking {
                            asking.decoded(Sample {
                                frame: frame.index,
                                time_s: round_to(frame.time_s, 6),
                            });
                        }
                        ControlFlow::Continue(())
                    }
                    Err(error) => {
                        broken = Some(error);
                        ControlFlow::Break(())
                    }
                },
            )?;
            if let Some(error) = broken {
                return Err(error.into());
            }
            let length = decoded.length_s(footage);
            keep_strip(&watcher, decoded.complaint, &strip_key, world).map_err(StudioError::cache)?;
            Ok(watcher.finish(length))
        })?;
        // What was not looked at by now is looked at by the stage itself, which tells how far it is.
        drop(asking);
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

fn strip_key(opened: &Opened) -> Key {
    Key::new(FILMSTRIP, SIGHTING, &(&opened.content, opened.footage.duration_s))
}

/// Clips of high definition are coded with BT.709's matrix, smaller ones with BT.601's, unless somebody was careless.
fn matrix(height: u32) -> Matrix {
    if height >= 720 { Matrix::Bt709 } else { Matrix::Bt601 }
}
