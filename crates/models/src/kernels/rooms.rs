//! Room that threads compute in, kept from run to run.

use std::sync::{Mutex, PoisonError};

/// As many rooms as ever were needed at once.
#[derive(Debug, Default)]
pub(super) struct Rooms<R>(Mutex<Vec<R>>);

impl<R: Default> Rooms<R> {
    /// `work` in a room that nobody else is in.
    pub(super) fn within(&self, work: impl FnOnce(&mut R)) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = rooms.pop().unwrap_or_default();
        drop(rooms);
        work(&mut room);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }
}
