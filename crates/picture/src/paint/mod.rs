//! The frames of a film: a song that was heard and a few pictures become a plan ([`storyboard()`]) and the plan becomes
//! frames ([`Painter`]), without neural weights.
//!
//! Everything is done in linear light: an artwork's crop is resampled once into a plate a little denser than the film,
//! and every frame samples its plates through a coarse mesh that holds all that changes slowly over the picture
//! (camera, warp, order of the dissolve, glow, light leaks, vignette). A beat acts in the very frame it is nearest to
//! and dies away after it, so what is heard and what is seen fall together.

mod accents;
mod artwork;
mod flow;
mod framing;
mod genre;
mod heard;
mod leak;
mod manner;
mod mesh;
mod moments;
mod motes;
mod noise;
mod pace;
mod painter;
mod plate;
mod raster;
mod saliency;
mod still;
mod storyboard;
mod surge;
#[cfg(test)]
mod tests;
mod timeline;
mod tone;

pub use artwork::{ArtInfo, Artwork, LARGEST_SIDE, MOST_PIXELS};
pub use genre::{GENRES, Genre, GenreTable};
pub use heard::Heard;
pub use pace::progress;
pub use painter::{LARGEST_FRAME, Painter};
pub use saliency::Saliency;
pub use storyboard::{FilmOptions, storyboard};
