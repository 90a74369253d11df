//! Which sums of quarters of two matrices are multiplied, and what their product is made of (Strassen 1969).

/// Quarters with their signs: the upper ones first, of each the left one first.
pub(super) type Quarters = &'static [(usize, f32)];

/// A product of sums of quarters, and where it goes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) left: Quarters,
    pub(super) right: Quarters,
    /// Which quarters of the results, and whether this is the first that comes there.
    pub(super) to: &'static [(usize, f32, bool)],
}

/// Nothing is cut.
pub(super) const WHOLE: &[Part] = &[Part {
    left: &[(0, 1.0)],
    right: &[(0, 1.0)],
    to: &[(0, 1.0, true)],
}];

/// Seven products where eight stand.
pub(super) const STRASSEN: &[Part] = &[
    Part {
        left: &[(0, 1.0), (3, 1.0)],
        right: &[(0, 1.0), (3, 1.0)],
        to: &[(0, 1.0, true), (3, 1.0, true)],
    },
    Part {
        left: &[(2, 1.0), (3, 1.0)],
        right: &[(0, 1.0)],
        to: &[(2, 1.0, true), (3, -1.0, false)],
    },
    Part {
        left: &[(0, 1.0)],
        right: &[(1, 1.0), (3, -1.0)],
        to: &[(1, 1.0, true), (3, 1.0, false)],
    },
    Part {
        left: &[(3, 1.0)],
        right: &[(2, 1.0), (0, -1.0)],
        to: &[(0, 1.0, false), (2, 1.0, false)],
    },
    Part {
        left: &[(0, 1.0), (1, 1.0)],
        right: &[(3, 1.0)],
        to: &[(1, 1.0, false), (0, -1.0, false)],
    },
    Part {
        left: &[(2, 1.0), (0, -1.0)],
        right: &[(0, 1.0), (1, 1.0)],
        to: &[(3, 1.0, false)],
    },
    Part {
        left: &[(1, 1.0), (3, -1.0)],
        right: &[(2, 1.0), (3, 1.0)],
        to: &[(0, 1.0, false)],
    },
];
