//! Numbers that several threads write, each where no other does.

use std::marker::PhantomData;

/// A slice whose parts go to several threads.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    numbers: *mut f32,
    length: usize,
    of: PhantomData<&'a mut [f32]>,
}

// SAFETY: whoever takes a part promises that nobody else has it.
#[expect(unsafe_code, reason = "tiles of a picture are no slices of it")]
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(super) fn new(numbers: &'a mut [f32]) -> Self {
        Self {
            numbers: numbers.as_mut_ptr(),
            length: numbers.len(),
            of: PhantomData,
        }
    }

    /// So many numbers from a place on.
    ///
    /// # Safety
    /// No two parts that are used at the same time overlap.
    ///
    /// # Panics
    /// Where the slice ends before.
    #[expect(unsafe_code, reason = "the one who calls knows which parts are apart")]
    #[expect(clippy::mut_from_ref, reason = "that is what it is for")]
    pub(super) unsafe fn part(&self, at: usize, length: usize) -> &mut [f32] {
        assert!(at.checked_add(length).is_some_and(|end| end <= self.length));
        // SAFETY: within the slice, and the caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.numbers.add(at), length) }
    }
}
