//! Frames that lie between pictures in the latents of Stable Diffusion's autoencoder, as the seed system makes them.

use std::path::Path;

use synchresis_cue::{Pace, Storyboard};
use synchresis_media::{FilmJob, MediaError, PixelLayout, Song, encode_film};
use synchresis_models::image::Filter;
use synchresis_models::variations::{Between, slerp};
use synchresis_models::{Picture, Tensor};
use synchresis_picture::paint::Artwork;

use super::FilmOrder;
use crate::easel::picture;
use crate::error::StudioError;
use crate::eyes::runtime;
use crate::world::World;

/// Pixels decoded at a time, about: what the decoder holds grows with them.
const TOGETHER: usize = 1 << 20;
/// Ways that differ by less show the same frame.
const SAME: f64 = 1e-5;

/// How much longer than usual the encoder may take: it waits for what is painted.
const PATIENCE: u64 = 16;

/// What a section shows: its artwork, and the part of it (shares of its sides).
pub(super) trait Shown {
    /// Of the section of that number.
    fn of(&mut self, section: usize, world: &dyn World) -> Result<(Picture, [f64; 4]), StudioError>;
}

/// Artworks that are all there, as a board shows them.
pub(super) struct Hung<'a> {
    pub(super) board: &'a Storyboard,
    pub(super) artworks: &'a [Artwork],
}

impl Shown for Hung<'_> {
    fn of(&mut self, section: usize, _world: &dyn World) -> Result<(Picture, [f64; 4]), StudioError> {
        let shot = self.board.sections.get(section).and_then(|s| s.shots.first());
        let shown = shot.and_then(|shot| Some((self.artworks.get(shot.artwork)?, shot.crop)));
        let (art, crop) = shown
            .ok_or_else(|| StudioError::Brief(format!("painting a film: section {} shows no artwork", section + 1)))?;
        Ok((picture(art)?, crop))
    }
}

/// Paints every frame of `board` through the latents of `folder`'s autoencoder and writes the film.
pub(super) fn run(
    order: &FilmOrder,
    board: &Storyboard,
    shown: &mut dyn Shown,
    folder: &Path,
    world: &dyn World,
) -> Result<(), StudioError> {
    let between = Between::load(folder, &runtime(world)?).map_err(|e| StudioError::from(e).of_an_engine())?;
    let mut frames = Frames::new(board, shown, between);
    let mut limits = world.limits().clone();
    limits.wall_clock_s = limits.wall_clock_s.saturating_mul(PATIENCE);
    let title = order.song.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let job = FilmJob {
        output: &order.output,
        width: board.width,
        height: board.height,
        frame_rate: board.fps,
        layout: PixelLayout::Rgb24,
        song: Song::File(&order.song),
        title: title.as_deref(),
        comment: None,
        force: order.force,
        frames: board.frames,
    };
    let mut broken = None;
    encode_film(job, world.tools()?, &limits, world, |sink| {
        let mut written = Ok(());
        let walked = frames.all(world, |frame| {
            written = sink.write(frame);
            written.is_ok()
        });
        match (written, walked) {
            (Err(error), _) => Err(error),
            (Ok(()), Ok(())) => Ok(()),
            (Ok(()), Err(error)) => {
                broken = Some(error);
                Err(MediaError::BadSamples {
                    output: order.output.clone(),
                    why: "no frame".into(),
                })
            }
        }
    })
    .map_err(|error| broken.take().unwrap_or_else(|| StudioError::from(error)))?;
    Ok(())
}

/// The frames of a board, some at a time; of the pictures' latents two are held.
struct Frames<'a> {
    board: &'a Storyboard,
    shown: &'a mut dyn Shown,
    between: Between,
    /// Pixels that the autoencoder takes: the film's, up to the next multiples.
    size: (usize, usize),
    held: Vec<(usize, Tensor)>,
}

impl<'a> Frames<'a> {
    fn new(board: &'a Storyboard, shown: &'a mut dyn Shown, between: Between) -> Self {
        let factor = between.factor().max(1);
        let up = |side: u32| (side as usize).next_multiple_of(factor);
        Self {
            board,
            shown,
            size: (up(board.width), up(board.height)),
            between,
            held: Vec::new(),
        }
    }

    /// Gives every frame to `write`, until it says no.
    fn all(&mut self, world: &dyn World, mut write: impl FnMut(&[u8]) -> bool) -> Result<(), StudioError> {
        let together = (TOGETHER / (self.size.0 * self.size.1).max(1)).clamp(1, 16);
        let mut waiting: Vec<Tensor> = Vec::new();
        // How often each of the waiting is shown.
        let mut times: Vec<usize> = Vec::new();
        let mut last: Option<(usize, f64)> = None;
        for frame in 0..self.board.frames {
            world.check()?;
            let (section, way) = way(self.board, frame);
            let same = last.is_some_and(|(s, w)| s == section && (w - way).abs() < SAME);
            if same && let Some(shown) = times.last_mut() {
                *shown += 1;
                continue;
            }
            if waiting.len() == together && !self.flush(&mut waiting, &mut times, &mut write)? {
                return Ok(());
            }
            waiting.push(self.at(section, way, world)?);
            times.push(1);
            last = Some((section, way));
        }
        self.flush(&mut waiting, &mut times, &mut write)?;
        Ok(())
    }

    fn flush(
        &mut self,
        waiting: &mut Vec<Tensor>,
        times: &mut Vec<usize>,
        write: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<bool, StudioError> {
        let (width, height) = (self.board.width as usize, self.board.height as usize);
        let pictures = self.between.pictures(waiting)?;
        waiting.clear();
        for (picture, times) in pictures.iter().zip(times.drain(..)) {
            let fitted;
            let frame = if (picture.width(), picture.height()) == (width, height) {
                picture.rgb()
            } else {
                fitted = picture.resized(width, height, Filter::Lanczos);
                fitted.rgb()
            };
            for _ in 0..times {
                if !write(frame) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn at(&mut self, section: usize, way: f64, world: &dyn World) -> Result<Tensor, StudioError> {
        let from = self.latents(section, world)?;
        if way <= 0.0 {
            return Ok(from);
        }
        let to = self.latents(section + 1, world)?;
        Ok(slerp(&from, &to, way))
    }

    /// The latents of a section's picture.
    fn latents(&mut self, section: usize, world: &dyn World) -> Result<Tensor, StudioError> {
        if let Some((_, latents)) = self.held.iter().find(|(held, _)| *held == section) {
            return Ok(latents.clone());
        }
        let (whole, crop) = self.shown.of(section, world)?;
        let cut = cut(&whole, crop)?;
        let (width, height) = self.size;
        let latents = self.between.latents(&cut.resized(width, height, Filter::Lanczos))?;
        self.held.retain(|(held, _)| *held + 1 == section);
        self.held.push((section, latents.clone()));
        Ok(latents)
    }
}

/// The section that a frame belongs to, and how far it is on the way to the next one's picture.
fn way(board: &Storyboard, frame: u64) -> (usize, f64) {
    let fps = board.fps.value();
    let first = |s: f64| (s * fps).round() as u64;
    let section = board
        .sections
        .partition_point(|s| first(s.start_s) <= frame)
        .saturating_sub(1);
    let Some(shown) = board.sections.get(section) else {
        return (section, 0.0);
    };
    if board.pace == Pace::Constant || section + 1 >= board.sections.len() {
        return (section, 0.0);
    }
    let at = (frame - first(shown.start_s).min(frame)) as usize;
    let way = shown.progress.get(at).or(shown.progress.last()).copied().unwrap_or(0.0);
    (section, f64::from(way).clamp(0.0, 1.0))
}

/// The part of a picture between shares of its width and height.
fn cut(picture: &Picture, crop: [f64; 4]) -> Result<Picture, StudioError> {
    let (width, height) = (picture.width(), picture.height());
    let place = |share: f64, side: usize| ((share.clamp(0.0, 1.0) * side as f64).round() as usize).min(side);
    let (x0, y0) = (
        place(crop[0], width).min(width - 1),
        place(crop[1], height).min(height - 1),
    );
    let (x1, y1) = (place(crop[2], width).max(x0 + 1), place(crop[3], height).max(y0 + 1));
    let mut rgb = Vec::with_capacity((x1 - x0) * (y1 - y0) * 3);
    for row in picture.rgb().chunks_exact(width * 3).skip(y0).take(y1 - y0) {
        rgb.extend_from_slice(&row[x0 * 3..x1 * 3]);
    }
    Picture::new(x1 - x0, y1 - y0, rgb)
        .ok_or_else(|| StudioError::Brief("painting a film: a section's crop is empty".into()))
}
