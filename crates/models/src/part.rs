//! Parts of a model that take turns in memory.

use std::fmt;

use crate::error::ModelError;
use crate::runtime::Runtime;

/// How a part is loaded.
type Load<T> = Box<dyn Fn() -> Result<T, ModelError> + Send + Sync>;

/// A part whose weights are gigabytes of a file. On the processor they are mapped while it works and gone when it is done, and mapped
/// again, in less than a second, when there is something to do again; on other devices, to which they are copied, it stays.
pub(crate) struct Part<T> {
    load: Load<T>,
    there: Option<T>,
    stays: bool,
}

impl<T> Part<T> {
    /// `there`, which `load` loaded and will load again.
    pub(crate) fn new(
        there: T,
        runtime: &Runtime,
        load: impl Fn(&Runtime) -> Result<T, ModelError> + Send + Sync + 'static,
    ) -> Self {
        let stays = !runtime.maps();
        let runtime = runtime.clone();
        Self {
            load: Box::new(move || load(&runtime)),
            there: Some(there),
            stays,
        }
    }

    /// What `work` makes of it.
    pub(crate) fn within<R>(&mut self, work: impl FnOnce(&mut T) -> Result<R, ModelError>) -> Result<R, ModelError> {
        let mut part = match self.there.take() {
            Some(part) => part,
            None => (self.load)()?,
        };
        let made = work(&mut part);
        if self.stays {
            self.there = Some(part);
        }
        made
    }
}

impl<T> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (there, stays) = (self.there.is_some(), self.stays);
        f.debug_struct("Part")
            .field("there", &there)
            .field("stays", &stays)
            .finish_non_exhaustive()
    }
}
