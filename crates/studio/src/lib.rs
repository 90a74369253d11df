//! The library people use: `score`, stage by stage, over one growing document.

pub mod brief;
pub mod cache;
pub mod sections;
pub mod timeline;
