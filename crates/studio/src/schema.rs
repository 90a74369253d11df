//! JSON schemas of everything a person may edit.

use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value, json};
use synchresis_cue::{CueSheet, Footage, Mood, Score, Section, Sighting, SoundDesign, Spotting, Sync};

use crate::brief::Brief;
use crate::sections::{
    AudioGeneration, Captions, FilmPainted, FilmPictures, FrameDescription, FrameExtraction, FrameSelection, Licences,
    Locks, MixReport, ObjectDetection, Painting, PromptCombiner, Provenance, Recut, Scene, SoundGeneration, Takes,
    VideoInput, VideoReconstruction,
};

/// The schemas by name: `document` and `style`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let mut sections = Map::new();
    sections.insert("schema".into(), json!({ "const": synchresis_cue::SCHEMA }));
    let mut definitions = Map::new();
    add::<VideoInput>(&mut sections, &mut definitions);
    add::<Brief>(&mut sections, &mut definitions);
    add::<Footage>(&mut sections, &mut definitions);
    add::<Sighting>(&mut sections, &mut definitions);
    add::<FrameExtraction>(&mut sections, &mut definitions);
    add::<ObjectDetection>(&mut sections, &mut definitions);
    add::<FrameSelection>(&mut sections, &mut definitions);
    add::<Scene>(&mut sections, &mut definitions);
    add::<FrameDescription>(&mut sections, &mut definitions);
    add::<Captions>(&mut sections, &mut definitions);
    add::<FilmPictures>(&mut sections, &mut definitions);
    add::<FilmPainted>(&mut sections, &mut definitions);
    add::<Painting>(&mut sections, &mut definitions);
    add::<PromptCombiner>(&mut sections, &mut definitions);
    add::<Recut>(&mut sections, &mut definitions);
    add::<Locks>(&mut sections, &mut definitions);
    add::<Takes>(&mut sections, &mut definitions);
    add::<Mood>(&mut sections, &mut definitions);
    add::<Spotting>(&mut sections, &mut definitions);
    add::<CueSheet>(&mut sections, &mut definitions);
    add::<Score>(&mut sections, &mut definitions);
    add::<SoundDesign>(&mut sections, &mut definitions);
    add::<AudioGeneration>(&mut sections, &mut definitions);
    add::<SoundGeneration>(&mut sections, &mut definitions);
    add::<MixReport>(&mut sections, &mut definitions);
    add::<Sync>(&mut sections, &mut definitions);
    add::<VideoReconstruction>(&mut sections, &mut definitions);
    add::<Licences>(&mut sections, &mut definitions);
    add::<Provenance>(&mut sections, &mut definitions);
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The document of Synchresis",
        "type": "object",
        "required": ["schema"],
        "properties": sections,
        "$defs": definitions,
    });
    vec![("document", document), ("style", synchresis_composer::style::schema())]
}

fn add<S: Section + JsonSchema>(sections: &mut Map<String, Value>, definitions: &mut Map<String, Value>) {
    let Value::Object(mut schema) = schema_for!(S).to_value() else {
        return;
    };
    schema.remove("$schema");
    if let Some(Value::Object(inner)) = schema.remove("$defs") {
        definitions.extend(inner);
    }
    sections.insert(S::NAME.into(), Value::Object(schema));
}
