//! What ends the loading or the run of a graph in its middle when the person asks to stop.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ort::session::RunOptions;
use ort::session::builder::LoadCanceler;
use synchresis_cue::{Cancelled, Watch};

/// How often the watch is asked.
const LOOK: Duration = Duration::from_millis(30);

thread_local! {
    /// The stop that graphs run under on this thread, if any.
    static UNDER: RefCell<Option<Arc<Stop>>> = const { RefCell::new(None) };
}

/// Does `work`; whatever graph this thread loads or runs meanwhile ends with [`ModelError::Cancelled`](crate::ModelError::Cancelled) as
/// soon as `watch` says that the person asked to stop: after the layer that is being computed, most often within a tenth of a second.
/// A graph that is being loaded ends where ONNX Runtime looks, which it does not while it rewrites a graph.
///
/// One thread asks the watch for as long as `work` takes, however many graphs run, and costs next to nothing. Graphs of other
/// threads are not ended. Of two within each other the inner one counts.
pub fn watched<T>(watch: &dyn Watch, work: impl FnOnce() -> T) -> T {
    let stop = Arc::new(Stop::default());
    std::thread::scope(|scope| {
        scope.spawn(|| stop.look(watch));
        let _over = Over::begin(&stop);
        work()
    })
}

/// Whether to stop, and what to stop.
#[derive(Default)]
struct Stop {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    asked: bool,
    over: bool,
    running: Option<Work>,
}

impl Stop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the work is over, or the person asks to stop.
    fn look(&self, watch: &dyn Watch) {
        let mut state = self.state();
        while !state.over {
            // The watch may take its time; the work need not wait for it.
            drop(state);
            let asked = watch.cancelled();
            state = self.state();
            if asked {
                state.asked = true;
                if let Some(running) = &state.running {
                    running.end();
                }
                return;
            }
            if state.over {
                return;
            }
            let waited = self.over.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Ends the looking, and puts back the stop that was there before, also when the work panics.
struct Over<'s> {
    stop: &'s Stop,
    before: Option<Arc<Stop>>,
}

impl<'s> Over<'s> {
    fn begin(stop: &'s Arc<Stop>) -> Self {
        let before = UNDER.with(|under| under.replace(Some(Arc::clone(stop))));
        Self { stop, before }
    }
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        UNDER.with(|under| under.replace(self.before.take()));
        self.stop.state().over = true;
        self.stop.over.notify_all();
    }
}

/// What can be ended.
pub(crate) enum Work {
    Run(Arc<RunOptions>),
    Load(LoadCanceler),
}

impl Work {
    fn end(&self) {
        // Either says only that the library is gone, and then nothing is at work.
        let _ = match self {
            Self::Run(options) => options.terminate(),
            Self::Load(canceler) => canceler.cancel(),
        };
    }
}

/// Work that is ended when this thread's watch stops, for as long as this lives.
pub(crate) struct Running(Option<Arc<Stop>>);

impl Running {
    /// `Err` where the person asked to stop before.
    pub(crate) fn begin(work: Work) -> Result<Self, Cancelled> {
        let running = Self(UNDER.with(|under| under.borrow().clone()));
        if let Some(stop) = &running.0 {
            stop.state().running = Some(work);
        }
        running.check()?;
        Ok(running)
    }

    /// `Err` once the person asked to stop.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        match &self.0 {
            Some(stop) if stop.state().asked => Err(Cancelled),
            _ => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.state().running = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::error::ModelError;
    use crate::graph::Graph;
    use crate::onnx::{Dim, Element};
    use crate::parity::{Wanted, runtime};
    use crate::runtime::{Feed, Net};

    const SIDE: usize = 768;

    /// Says that the person asked to stop once it was told so.
    #[derive(Default)]
    struct Button(AtomicBool);

    impl Watch for Button {
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
        fn progress(&self, _fraction: f64) {}
    }

    /// A graph of `layers` products of matrices, and where its weights lie.
    fn long(layers: usize) -> (Net, tempfile::TempDir) {
        let build = |g: &mut Graph<'_>| {
            let mut x = g.input("x", Element::F32, &[Dim::Known(SIDE), Dim::Known(SIDE)]);
            for layer in 0..layers {
                x = g.linear(&x, "layer", (SIDE, SIDE), false).expect("a layer");
                if layer % 8 == 7 {
                    x = g.tanh(&x);
                }
            }
            g.output("y", &x);
        };
        let wanted = Wanted::default();
        build(&mut Graph::new("a long graph", &wanted));
        let folder = tempfile::tempdir().expect("a folder");
        wanted.write(&folder.path().join("model.safetensors"), 3.0);
        let checkpoint = Checkpoint::open(folder.path()).expect("opens");
        let mut graph = Graph::new("a long graph", &checkpoint);
        build(&mut graph);
        let net = runtime().session(&graph.finish(), &checkpoint).expect("builds");
        (net, folder)
    }

    #[test]
    fn a_long_run_goes_on_after_the_person_asked_to_stop() {
        let (mut net, _folder) = long(2_500);
        let x = vec![0.01; SIDE * SIDE];
        let feeds = [("x", Feed::F32(&[SIDE, SIDE], &x))];
        let button = Button::default();
        let began = Instant::now();
        let told = watched(&button, || {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(200));
                    button.0.store(true, Ordering::Relaxed);
                });
                net.run(&feeds)
            })
        });
        assert!(matches!(told, Err(ModelError::Cancelled(Cancelled))), "{told:?}");
        // Whole, it takes more than ten seconds.
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        // Nothing more is begun under a watch that stopped, and another watch knows nothing of it.
        assert!(matches!(
            watched(&button, || {
                std::thread::sleep(2 * LOOK);
                net.run(&feeds)
            }),
            Err(ModelError::Cancelled(_))
        ));
    }

    #[test]
    fn a_run_under_a_watch_that_never_stops_is_ended() {
        let (mut net, _folder) = long(3);
        let x = vec![0.01; SIDE * SIDE];
        let feeds = [("x", Feed::F32(&[SIDE, SIDE], &x))];
        let alone = net.run(&feeds).expect("runs");
        let stopped = Button(AtomicBool::new(true));
        let within = watched(&stopped, || {
            std::thread::sleep(2 * LOOK);
            // The inner watch counts, and afterwards the outer one again.
            let inner = watched(&synchresis_cue::Silent, || net.run(&feeds).expect("runs"));
            (inner, net.run(&feeds).is_err())
        });
        assert_eq!(within, (alone.clone(), true));
        assert_eq!(net.run(&feeds).expect("runs"), alone);
    }

    #[test]
    fn work_that_panics_leaves_its_watch_behind() {
        let stopped = Button(AtomicBool::new(true));
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            watched(&stopped, || panic!("as it was meant to"));
        }));
        assert!(broken.is_err());
        assert!(UNDER.with(|under| under.borrow().is_none()));
    }
}
