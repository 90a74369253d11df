//! The picture room.
