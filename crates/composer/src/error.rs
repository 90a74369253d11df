//! What can go wrong between the picture and the notes.

/// Errors of the composer's room.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ComposerError {
    /// A style was asked for by a name that nothing has.
    #[error("choosing the style: there is no style {name:?}\nhint: {hint}")]
    UnknownStyle {
        /// What was asked for.
        name: String,
        /// The closest names, in a sentence.
        hint: String,
    },
    /// A style's file does not read.
    #[error("reading the style {file:?}: {why}\nhint: `docs/styles.md` lists every key of a style's file")]
    BadStyle {
        /// The file, or the name of a built-in style.
        file: String,
        /// What is wrong, with the line where it is known.
        why: String,
    },
    /// Not one style to choose from.
    #[error("choosing the style: the list of styles is empty\nhint: pass the built-in styles, or one of your own")]
    NoStyles,
    /// What an earlier stage made does not fit, after an edit by hand say.
    #[error("{doing}: {why}")]
    Unfit {
        /// What was being done.
        doing: &'static str,
        /// What does not fit.
        why: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] synchresis_cue::Cancelled),
}
