//! The studio room.
