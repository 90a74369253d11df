//! What there is to choose from.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use synchresis_studio::options;
use synchresis_studio::{Brief, FilmBrief, Look};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use crate::engines::Engines;
use crate::job::{CONTAINERS, Extra, Kind};
use crate::service::App;

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
    scene: &'static [&'static str],
    describe: &'static [&'static str],
    caption: &'static [&'static str],
    painter: &'static [&'static str],
    transition: &'static [&'static str],
    pace: Vec<&'static str>,
    looks: Vec<LookView>,
    deliver: Vec<Extra>,
    containers: Vec<&'static str>,
    /// Of each option, the engines that could work on this server now: their weights, runtime and keys are there.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<String>>)]
    here: Engines,
    kinds: Vec<OptionsView>,
}

/// Words for the mood.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MoodAsked {
    /// `calm rainy evening, solo piano`, in English, Italian, German, Spanish, French, Portuguese or Chinese.
    #[param(max_length = 2000)]
    words: String,
}

/// What the composer reads in words for the mood.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MoodView {
    /// In order, as they were written.
    understood: Vec<String>,
    unknown: Vec<String>,
    /// −1 (sad) to 1 (glad); absent where the words do not speak of it.
    valence: Option<f64>,
    /// −1 (calm) to 1 (excited); absent where the words do not speak of it.
    arousal: Option<f64>,
    /// Beats a minute.
    slowest: Option<f64>,
    /// Beats a minute.
    fastest: Option<f64>,
    /// Styles that the words ask for, the most wanted first.
    styles: Vec<String>,
}

/// Say what is understood of words for the mood.
#[utoipa::path(
    get,
    path = "/api/v1/mood",
    tag = "catalogue",
    params(MoodAsked),
    responses(
        (status = 200, description = "What is understood", body = MoodView),
        (status = "4XX", description = "The request cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn mood(asked: Result<Query<MoodAsked>, QueryRejection>) -> Result<Json<MoodView>, Problem> {
    let Query(asked) = asked.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.body_text()))?;
    if asked.words.chars().count() > 2000 {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "words: at most 2000 characters").field("words"));
    }
    let read = synchresis_studio::read_mood(&asked.words);
    let mut styles: Vec<_> = read.styles.into_iter().filter(|(_, wish)| *wish > 0.0).collect();
    styles.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(Json(MoodView {
        understood: read.understood,
        unknown: read.unknown,
        valence: read.valence,
        arousal: read.arousal,
        slowest: read.tempo.map(|(low, _)| low),
        fastest: read.tempo.map(|(_, high)| high),
        styles: styles.into_iter().map(|(name, _)| name).collect(),
    }))
}

/// List the engines, looks and options.
#[utoipa::path(
    get,
    path = "/api/v1/engines",
    tag = "catalogue",
    responses((status = 200, description = "Engines", body = EnginesView))
)]
pub(super) async fn engines(State(app): State<App>) -> Json<EnginesView> {
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
        scene: engines("scene"),
        describe: engines("describe"),
        caption: engines("caption"),
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
        here: app.engines().await,
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
