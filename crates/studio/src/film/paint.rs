//! Frames to the encoder, one after the other.

use synchresis_cue::Storyboard;
use synchresis_media::{FilmJob, MediaError, PixelLayout, Song, encode_film};
use synchresis_picture::paint::{Artwork, Painter};

use super::FilmOrder;
use crate::error::StudioError;
use crate::world::World;

/// Paints every frame of `board` and writes the film.
pub(super) fn run(
    order: &FilmOrder,
    board: &Storyboard,
    artworks: Vec<Artwork>,
    world: &dyn World,
) -> Result<(), StudioError> {
    let painter = Painter::new(board, artworks)?;
    let title = order.song.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let job = FilmJob {
        output: &order.output,
        width: board.width,
        height: board.height,
        frame_rate: board.fps,
        layout: PixelLayout::Yuv420p,
        song: Song::File(&order.song),
        title: title.as_deref(),
        comment: None,
        force: order.force,
        frames: board.frames,
    };
    let mut frame = vec![0; painter.frame_bytes()];
    let mut broken = None;
    encode_film(job, world.tools()?, world.limits(), world, |sink| {
        for i in 0..painter.frames() {
            if let Err(error) = painter.frame(i, &mut frame) {
                broken = Some(error);
                return Err(MediaError::BadSamples {
                    output: order.output.clone(),
                    why: "no frame".into(),
                });
            }
            sink.write(&frame)?;
        }
        Ok(())
    })
    .map_err(|error| {
        broken
            .take()
            .map_or_else(|| StudioError::from(error), StudioError::from)
    })?;
    Ok(())
}
