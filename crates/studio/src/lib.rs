//! The library people use: `score`, stage by stage, over one growing document.
//!
//! [`run`] carries out an [`Order`] up to a [`Stage`]; the machine is reached through a [`World`] alone.

mod brief;
mod cache;
mod captions;
mod compare;
mod compose;
mod cue_sheet;
mod describe;
mod design;
mod doctor;
mod drawn;
mod easel;
mod error;
mod evaluate;
mod eyes;
mod film;
mod ledger;
mod mix;
mod mux;
mod open;
pub mod options;
mod order;
mod recut;
mod render;
mod run;
mod scene;
mod schema;
pub mod sections;
mod stills;
mod takes;
mod tell;
mod timeline;
mod watch;
pub mod weights;
mod world;

pub use brief::{Brief, Describe, Features, FrameChoice, Music, Objects, Scenes, Soundbank};
pub use cache::{Cache, Key, Pending};
pub use captions::caption_song;
pub use compare::{Comparison, Side, compare};
pub use compose::styles;
pub use doctor::{Line, Report, examine};
pub use drawn::{DrawOrder, draw};
pub use easel::{PaintEngine, PaintOrder, PaintSteps, paint};
pub use error::StudioError;
pub use evaluate::{Trial, evaluate};
pub use eyes::select_pictures;
pub use film::{FilmBrief, FilmCaption, FilmOrder, FilmPainter, FilmTransition, film, film_name};
pub use order::{Deliver, Order, Stage, scored_name};
pub use run::{Outcome, run};
pub use schema::schemas;
pub use stills::stills;
pub use synchresis_cue::{Document, Look, Original, Pace, Rational, Sounds, Watch};
pub use synchresis_media::{Admitted, Limits, Tools, admit};
pub use synchresis_models::{Device, Precision};
pub use world::World;
