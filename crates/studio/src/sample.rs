//! The house's own clip, for whoever has none at hand.

use std::path::Path;

use synchresis_media::{FilmJob, PixelLayout, Song, encode_film};
use synchresis_picture::sample;

use crate::Rational;
use crate::error::StudioError;
use crate::world::World;

/// Paints a silent clip of twelve seconds with four cuts and a flash, 640 × 360 at 25 frames a second, and writes it to `output`,
/// whose name says which container. A file of that name is replaced.
///
/// # Errors
/// An output that cannot be written, or no ffmpeg.
pub fn sample(output: &Path, world: &dyn World) -> Result<(), StudioError> {
    let job = FilmJob {
        output,
        width: sample::WIDTH as u32,
        height: sample::HEIGHT as u32,
        frame_rate: Rational {
            num: sample::RATE,
            den: 1,
        },
        layout: PixelLayout::Rgb24,
        song: Song::None,
        title: None,
        comment: None,
        force: true,
        frames: u64::from(sample::FRAMES),
    };
    encode_film(job, world.tools()?, world.limits(), world, |sink| {
        let mut frame = vec![0; sink.frame_bytes()];
        for index in 0..sample::FRAMES {
            sample::frame(index, &mut frame);
            sink.write(&frame)?;
        }
        Ok(())
    })?;
    Ok(())
}
