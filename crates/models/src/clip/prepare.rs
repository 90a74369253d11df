//! A picture as CLIP's towers want it: transformers' `CLIPImageProcessor` on Pillow, to the bit.

use std::path::Path;

use serde_json::Value;

use super::MODEL;
use crate::error::ModelError;
use crate::image::{Filter, Picture};

/// `preprocessor_config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Preparation {
    resize: Option<Resize>,
    /// The middle square that is cut out, pixels.
    crop: Option<usize>,
    side: usize,
    filter: Filter,
    factor: f64,
    mean: [f32; 3],
    deviation: [f32; 3],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Resize {
    Shorter(usize),
    To(usize, usize),
}

impl Preparation {
    /// CLIP's own, for pictures of `side` × `side`.
    pub fn usual(side: usize) -> Self {
        Self {
            resize: Some(Resize::Shorter(side)),
            crop: Some(side),
            side,
            filter: Filter::Bicubic,
            factor: 1.0 / 255.0,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }

    /// As `preprocessor_config.json` in `folder` says, for a tower that looks at `side` × `side`; [`Preparation::usual`] where
    /// there is none.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a file that does not read or says something that no picture tower wants.
    pub fn open(folder: &Path, side: usize) -> Result<Self, ModelError> {
        let path = folder.join("preprocessor_config.json");
        let refused = |reason: String| ModelError::Config {
            path: path.clone(),
            model: MODEL,
            reason,
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::usual(side)),
            Err(e) => return Err(refused(e.to_string())),
        };
        let json: Value = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
        let usual = Self::usual(side);
        let does = |name: &str| json.get(name).and_then(Value::as_bool).unwrap_or(true);
        let pixels = |value: Option<&Value>| value.and_then(Value::as_u64).map(|n| n as usize);
        let part = |name: &str, key: &str| pixels(json.get(name).and_then(|v| v.get(key)));
        let resize = match (pixels(json.get("size")), part("size", "shortest_edge")) {
            _ if !does("do_resize") => None,
            (Some(shorter), _) | (_, Some(shorter)) => Some(Resize::Shorter(shorter)),
            _ => match (part("size", "width"), part("size", "height")) {
                (Some(width), Some(height)) => Some(Resize::To(width, height)),
                _ => usual.resize,
            },
        };
        let crop = pixels(json.get("crop_size"))
            .or(part("crop_size", "height"))
            .unwrap_or(side);
        let three = |name: &str, usual: [f32; 3]| -> Result<[f32; 3], ModelError> {
            let Some(list) = json.get(name).and_then(Value::as_array) else {
                return Ok(usual);
            };
            let numbers: Vec<f32> = list.iter().filter_map(Value::as_f64).map(|x| x as f32).collect();
            numbers
                .try_into()
                .map_err(|_| refused(format!("{name} is not three numbers")))
        };
        let (mean, deviation) = if does("do_normalize") {
            (three("image_mean", usual.mean)?, three("image_std", usual.deviation)?)
        } else {
            ([0.0; 3], [1.0; 3])
        };
        let factor = json
            .get("rescale_factor")
            .and_then(Value::as_f64)
            .unwrap_or(usual.factor);
        let prepared = Self {
            resize,
            crop: does("do_center_crop").then_some(crop),
            side,
            filter: match json.get("resample").and_then(Value::as_u64) {
                Some(1) => Filter::Lanczos,
                Some(2) => Filter::Bilinear,
                _ => Filter::Bicubic,
            },
            factor: if does("do_rescale") { factor } else { 1.0 },
            mean,
            deviation,
        };
        let ends = prepared.crop.unwrap_or(match prepared.resize {
            Some(Resize::To(width, height)) if width == height => width,
            _ => 0,
        });
        if ends != side {
            return Err(refused(format!(
                "pictures end {ends} pixels wide, the model looks at {side}"
            )));
        }
        Ok(prepared)
    }

    /// Three planes of the tower's size.
    pub fn planes(&self, picture: &Picture) -> Vec<f32> {
        let sized = match self.resize {
            Some(Resize::Shorter(side)) => picture.shorter_side(side, self.filter),
            Some(Resize::To(width, height)) => picture.resized(width, height, self.filter),
            None => picture.clone(),
        };
        let mut cut = match self.crop {
            Some(side) => sized.centre(side),
            None => sized,
        };
        // What is smaller than the tower's view after all this was not made for it; it is grown rather than framed in black.
        if (cut.width(), cut.height()) != (self.side, self.side) {
            cut = cut.resized(self.side, self.side, self.filter);
        }
        let n = self.side * self.side;
        let mut planes = vec![0.0; 3 * n];
        for (c, plane) in planes.chunks_exact_mut(n).enumerate() {
            for (to, pixel) in plane.iter_mut().zip(cut.rgb().chunks_exact(3)) {
                let x = (f64::from(pixel[c]) * self.factor) as f32;
                *to = (x - self.mean[c]) / self.deviation[c];
            }
        }
        planes
    }
}
