//! Pictures painted while those before them are shown: one thread paints, the other makes frames of what is there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use synchresis_cue::{Cancelled, Storyboard, Watch};
use synchresis_media::{Limits, Tools};
use synchresis_models::{Device, Picture, Precision};
use synchresis_picture::paint::{ArtInfo, Artwork, GenreTable};

use crate::cache::Cache;
use crate::easel::{Place, picture};
use crate::error::StudioError;
use crate::world::World;

use super::latent::{self, Shown};
use super::pictures::Planned;
use super::{FilmOrder, Listened, drawn};

/// Paints the pictures that are missing, makes the frames between those that are there through the latents of the autoencoder in the
/// folder meanwhile, and writes the film: the same film as if all had been painted first.
pub(super) fn run(
    order: &FilmOrder,
    (place, folder): (&Place, &Path),
    (listened, genres, planned): (&Listened, &GenreTable, &Planned),
    world: &dyn World,
) -> Result<(), StudioError> {
    let paint = |easel: &Easel, world: &dyn World| planned.paint(order, place, &mut |at| easel.painted(at), world);
    while_painting(&planned.missing, world, paint, |coming| {
        world.begin("imagining");
        coming.wait(0, world)?;
        let first = planned.artwork(0, world)?;
        // A section's place in time and what it shows do not depend on the other sections' pictures.
        let count = planned.names().len();
        let board = |info: &ArtInfo| drawn(order, listened, &vec![info.clone(); count], genres);
        let mut shown = Painted {
            coming,
            planned,
            board: &board,
        };
        world.begin("painting");
        latent::run(order, &board(first.info()), &mut shown, folder, world)?;
        // A section that is shorter than a frame shows nothing, and has its picture.
        planned.missing.iter().try_for_each(|at| coming.wait(*at, world))
    })
}

/// Painted pictures, each waited for.
struct Painted<'a, 'c> {
    coming: &'a mut Coming<'c>,
    planned: &'a Planned,
    /// The board of a film in which every section has a picture like this.
    board: &'a dyn Fn(&ArtInfo) -> Storyboard,
}

impl Shown for Painted<'_, '_> {
    fn of(&mut self, section: usize, world: &dyn World) -> Result<(Picture, [f64; 4]), StudioError> {
        self.coming.wait(section, world)?;
        let art: Artwork = self.planned.artwork(section, world)?;
        let board = (self.board)(art.info());
        let shot = board.sections.get(section).and_then(|s| s.shots.first());
        let crop = shot.map_or([0.0, 0.0, 1.0, 1.0], |shot| shot.crop);
        Ok((picture(&art)?, crop))
    }
}

/// Pictures that may be painted and not yet asked for, beside the one being painted.
const AHEAD: usize = 1;
/// How long to wait for a picture before asking whether to go on.
const MOMENT: Duration = Duration::from_millis(50);

/// Where the painter puts the numbers of the pictures that it has painted, in their order.
pub(super) struct Easel(SyncSender<usize>);

impl Easel {
    /// Says that picture `at` is there, and waits where [`AHEAD`] are there already; false once nobody wants any more.
    pub(super) fn painted(&self, at: usize) -> bool {
        self.0.send(at).is_ok()
    }
}

/// Where the frames' maker waits for pictures.
pub(super) struct Coming<'a> {
    painted: Receiver<usize>,
    /// The pictures that are not there yet, in the order in which they are painted.
    awaited: Vec<usize>,
    state: &'a State,
    /// Whether the painter ended before it painted what was waited for.
    broken: bool,
}

/// What the two threads know of each other.
#[derive(Default)]
struct State {
    /// Nobody wants any more pictures.
    over: AtomicBool,
    /// The frames' maker waits: what is to be seen is how far the painter is.
    waiting: AtomicBool,
}

impl Coming<'_> {
    /// Waits until picture `at` is there.
    ///
    /// # Errors
    /// Cancellation, and that the painter ended without it: [`while_painting`] tells why.
    pub(super) fn wait(&mut self, at: usize, world: &dyn World) -> Result<(), StudioError> {
        while self.awaited.contains(&at) {
            self.state.waiting.store(true, Ordering::Relaxed);
            let came = self.painted.recv_timeout(MOMENT);
            self.state.waiting.store(false, Ordering::Relaxed);
            match came {
                Ok(painted) => self.awaited.retain(|awaited| *awaited != painted),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.broken = true;
                    return Err(StudioError::Brief("painting a film: a picture did not come".into()));
                }
            }
            world.check()?;
        }
        Ok(())
    }
}

/// Runs `paint` on a thread of its own, which is to paint the pictures `missing` in this order, and meanwhile `show`. One that fails
/// ends the other; told is what failed first.
pub(super) fn while_painting<T>(
    missing: &[usize],
    world: &dyn World,
    paint: impl FnOnce(&Easel, &dyn World) -> Result<(), StudioError> + Send,
    show: impl FnOnce(&mut Coming<'_>) -> Result<T, StudioError>,
) -> Result<T, StudioError> {
    let state = State::default();
    let (sender, painted) = sync_channel(AHEAD);
    thread::scope(|scope| {
        let painter = scope.spawn(|| {
            // Moved in, so that it is gone when the painter is.
            let easel = Easel(sender);
            let studio = Studio { world, state: &state };
            synchresis_models::watched(&studio, || paint(&easel, &studio))
        });
        let mut coming = Coming {
            painted,
            awaited: missing.to_vec(),
            state: &state,
            broken: false,
        };
        let shown = show(&mut coming);
        state.over.store(true, Ordering::Relaxed);
        let broken = coming.broken;
        // A painter that waits for room is woken.
        drop(coming);
        let painted = painter
            .join()
            .unwrap_or_else(|_| Err(StudioError::Brief("painting a film: the painting thread failed".into())));
        match (shown, painted) {
            (Err(_), Err(why)) if broken => Err(why),
            (shown, _) => shown,
        }
    })
}

/// The world as the painter sees it: it stops when nobody wants its pictures, and shows how far it is while somebody waits for them.
struct Studio<'a> {
    world: &'a dyn World,
    state: &'a State,
}

impl Watch for Studio<'_> {
    fn cancelled(&self) -> bool {
        self.state.over.load(Ordering::Relaxed) || self.world.cancelled()
    }
    fn progress(&self, fraction: f64) {
        if self.state.waiting.load(Ordering::Relaxed) {
            self.world.progress(fraction);
        }
    }
    fn check(&self) -> Result<(), Cancelled> {
        if self.state.over.load(Ordering::Relaxed) {
            return Err(Cancelled);
        }
        self.world.check()
    }
}

impl World for Studio<'_> {
    fn tools(&self) -> Result<&Tools, StudioError> {
        self.world.tools()
    }
    fn limits(&self) -> &Limits {
        self.world.limits()
    }
    fn cache(&self) -> &Cache {
        self.world.cache()
    }
    fn bank_folders(&self) -> &[PathBuf] {
        self.world.bank_folders()
    }
    fn ort_libraries(&self) -> Vec<PathBuf> {
        self.world.ort_libraries()
    }
    fn model_folder(&self) -> Option<PathBuf> {
        self.world.model_folder()
    }
    fn device(&self) -> Device {
        self.world.device()
    }
    fn precision(&self) -> Precision {
        self.world.precision()
    }
    fn secret(&self, name: &str) -> Option<String> {
        self.world.secret(name)
    }
    fn commercial(&self) -> bool {
        self.world.commercial()
    }
    fn seconds(&self) -> f64 {
        self.world.seconds()
    }
    /// What is shown is what the frames' maker does.
    fn begin(&self, _stage: &'static str) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Bare {
        cache: Cache,
        limits: Limits,
        cancelled: AtomicBool,
        _folder: tempfile::TempDir,
    }

    fn bare() -> Bare {
        let folder = tempfile::tempdir().expect("a folder");
        Bare {
            cache: Cache::open(folder.path(), 1 << 20).expect("a cache"),
            limits: Limits::default(),
            cancelled: AtomicBool::new(false),
            _folder: folder,
        }
    }

    impl Watch for Bare {
        fn cancelled(&self) -> bool {
            self.cancelled.load(Ordering::Relaxed)
        }
        fn progress(&self, _fraction: f64) {}
    }

    impl World for Bare {
        fn tools(&self) -> Result<&Tools, StudioError> {
            Err(StudioError::Brief("there are no tools".into()))
        }
        fn limits(&self) -> &Limits {
            &self.limits
        }
        fn cache(&self) -> &Cache {
            &self.cache
        }
        fn bank_folders(&self) -> &[PathBuf] {
            &[]
        }
        fn seconds(&self) -> f64 {
            0.0
        }
        fn begin(&self, _stage: &'static str) {}
    }

    #[test]
    fn a_picture_is_shown_before_it_is_painted_or_many_are_painted_ahead() {
        let (painted, furthest) = (Mutex::new(0), Mutex::new(0));
        let missing: Vec<usize> = (0..20).collect();
        let paint = |easel: &Easel, _: &dyn World| {
            for at in 0..20 {
                *painted.lock().expect("unpoisoned") = at + 1;
                if !easel.painted(at) {
                    break;
                }
            }
            Ok(())
        };
        let world = bare();
        let shown = while_painting(&missing, &world, paint, |coming| {
            let mut shown = Vec::new();
            for at in 0..20 {
                coming.wait(at, &world)?;
                thread::sleep(Duration::from_millis(2));
                let there = *painted.lock().expect("unpoisoned");
                assert!(there > at);
                let mut furthest = furthest.lock().expect("unpoisoned");
                *furthest = (there - at).max(*furthest);
                assert!(there - at <= AHEAD + 2, "{there} painted while {at} is shown");
                shown.push(at);
            }
            Ok(shown)
        });
        assert_eq!(shown.expect("shows"), missing);
        // Something was painted meanwhile.
        assert!(*furthest.lock().expect("unpoisoned") > 1);
    }

    #[test]
    fn why_the_painter_failed_is_not_told() {
        let world = bare();
        let paint = |easel: &Easel, _: &dyn World| {
            easel.painted(0);
            Err(StudioError::Brief("no paint left".into()))
        };
        let shown = while_painting(&[0, 1], &world, paint, |coming| {
            coming.wait(0, &world)?;
            coming.wait(1, &world)
        });
        assert!(shown.expect_err("fails").to_string().contains("no paint left"));
    }

    #[test]
    fn a_painter_goes_on_when_the_film_failed_or_was_cancelled() {
        let world = bare();
        let paint = |easel: &Easel, seen: &dyn World| {
            // One picture waits for ever to be fetched, and one is never finished.
            while easel.painted(0) {}
            loop {
                seen.check()?;
                thread::sleep(Duration::from_millis(1));
            }
        };
        let failed: Result<(), _> = while_painting(&[0, 1], &world, paint, |coming| {
            coming.wait(0, &world)?;
            Err(StudioError::Brief("the disk is full".into()))
        });
        assert!(failed.expect_err("fails").to_string().contains("the disk is full"));
        let never = |_: &Easel, seen: &dyn World| {
            loop {
                seen.check()?;
                thread::sleep(Duration::from_millis(1));
            }
        };
        let cancelled = while_painting(&[0], &world, never, |coming| {
            world.cancelled.store(true, Ordering::Relaxed);
            coming.wait(0, &world)
        });
        assert!(matches!(cancelled, Err(StudioError::Cancelled)));
    }
}
