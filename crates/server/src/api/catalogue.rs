//! What there is to choose from.

use axum::Json;
use serde::Serialize;
use synchresis_studio::options;
use synchresis_studio::{Brief, FilmBrief, Look};
use utoipa::ToSchema;

use crate::job::{CONTAINERS, Extra, Kind};

/// A style of music.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StyleView {
    name: String,
    description: String,
    /// Beats a minute.
    slowest: f64,
    /// Beats a minute.
    fastest: f64,
}

/// List the styles.
#[utoipa::path(
    get,
    path = "/api/v1/styles",
    tag = "catalogue",
    responses((status = 200, description = "Styles", body = Vec<StyleView>))
)]
pub(super) async fn styles() -> Json<Vec<StyleView>> {
    let styles = synchresis_studio::styles().iter().map(|style| StyleView {
        name: style.name.clone(),
        description: style.description.clone(),
        slowest: style.tempo.low,
        fastest: style.tempo.high,
    });
    Json(styles.collect())
}

/// A look of films.
#[derive(Debug, Serialize, ToSchema)]
struct LookView {
    name: &'static str,
    description: &'static str,
}

/// The options of a kind of job, with what they are where nothing is said.
#[derive(Debug, Serialize, ToSchema)]
struct OptionsView {
    kind: Kind,
    options: &'static [&'static str],
    /// What is made where nothing is said.
    deliver: Vec<Extra>,
    /// The document's section of options as it would be where nothing is said.
    #[schema(value_type = Object)]
    defaults: serde_json::Value,
}

/// What this server has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnginesView {
    music: &'static [&'static str],
    sounds: &'static [&'static str],
    objects: &'static [&'static str],
    features: &'static [&'static str],
    describe: &'static [&'static str],
    painter: &'static [&'static str],
    transition: &'static [&'static str],
    pace: Vec<&'static str>,
    looks: Vec<LookView>,
    deliver: Vec<Extra>,
    containers: Vec<&'static str>,
    kinds: Vec<OptionsView>,
}

/// List the engines, looks and options.
#[utoipa::path(
    get,
    path = "/api/v1/engines",
    tag = "catalogue",
    responses((status = 200, description = "Engines", body = EnginesView))
)]
pub(super) async fn engines() -> Json<EnginesView> {
    let engines = options::engines;
    let defaults = |kind| match kind {
        Kind::Score | Kind::Watch => serde_json::to_value(Brief::default()),
        Kind::Film => serde_json::to_value(FilmBrief::default()),
        Kind::Evaluate => Ok(serde_json::json!({"seed": 0})),
    };
    Json(EnginesView {
        music: engines("music"),
        sounds: engines("sounds"),
        objects: engines("objects"),
        features: engines("features"),
        describe: engines("describe"),
        painter: engines("painter"),
        transition: engines("transition"),
        pace: vec!["energy", "linear", "constant"],
        looks: Look::ALL
            .iter()
            .map(|look| LookView {
                name: look.name(),
                description: look.says(),
            })
            .collect(),
        deliver: Extra::ALL.to_vec(),
        containers: CONTAINERS.to_vec(),
        kinds: Kind::ALL
            .into_iter()
            .map(|kind| OptionsView {
                kind,
                options: kind.options(),
                deliver: Extra::usual(kind),
                defaults: defaults(kind).unwrap_or_default(),
            })
            .collect(),
    })
}
