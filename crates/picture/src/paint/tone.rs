//! Between coded (sRGB) and linear light.

use std::sync::OnceLock;

/// Linear light, 0 to 65,535, of each 8-bit sRGB code (IEC 61966-2-1).
pub(crate) fn decode_table() -> &'static [u16; 256] {
    static TABLE: OnceLock<[u16; 256]> = OnceLock::new();
    TABLE.get_or_init(|| std::array::from_fn(|i| (decode(i as f32 / 255.0) * 65535.0).round() as u16))
}

/// The 8-bit sRGB code nearest to linear light of 0 to 65,535.
pub(crate) fn encode_u8(linear: u16) -> u8 {
    (encode(f32::from(linear) / 65535.0) * 255.0).round() as u8
}

/// sRGB code, 0 to 1, of linear light, 0 to 1.
pub(crate) fn encode(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

/// Linear light, 0 to 1, of an sRGB code, 0 to 1.
pub(crate) fn decode(code: f32) -> f32 {
    if code <= 0.040_45 {
        code / 12.92
    } else {
        ((code + 0.055) / 1.055).powf(2.4)
    }
}

/// Steps of the curve between the square root of linear light and code values.
pub(crate) const STEPS: usize = 4096;
/// Linear light up to which the curve tells values apart: what is brighter than white rolls off below it.
pub(crate) const CEILING: f32 = 2.0;

/// The tone curve: code value, 0 to 255, by the square root of linear light (index = √(light / [`CEILING`]) · (STEPS − 1)).
///
/// The root spreads the dark codes, so 4,096 steps stay below half a code apart everywhere.
pub(crate) struct ToneCurve(pub(crate) Box<[f32; STEPS]>);

impl ToneCurve {
    /// `contrast` −1 to 1 bends around middle grey; `shoulder` 0 to 1 rolls highlights off instead of clipping them.
    pub(crate) fn new(contrast: f32, shoulder: f32) -> Self {
        let mut curve = vec![0f32; STEPS];
        for (i, v) in curve.iter_mut().enumerate() {
            let root = i as f32 / (STEPS - 1) as f32;
            let light = root * root * CEILING;
            // The shoulder is a curve through (knee, knee) with slope 1 that reaches 1 at the ceiling.
            let knee = 1.0 - 0.30 * shoulder;
            let rolled = if light <= knee || shoulder <= 0.0 {
                light.min(1.0)
            } else {
                let x = (light - knee) / (CEILING - knee);
                let steep = (CEILING - knee) / (1.0 - knee);
                knee + (1.0 - knee) * (1.0 - (1.0 - x).powf(steep))
            };
            let code = encode(rolled).clamp(0.0, 1.0);
            // A cubic with fixed ends and middle: its slope at the middle is 1 + contrast / 2.
            let bent = code + contrast * 2.0 * code * (1.0 - code) * (code - 0.5);
            *v = bent.clamp(0.0, 1.0) * 255.0;
        }
        let mut fixed = Box::new([0f32; STEPS]);
        fixed.copy_from_slice(&curve);
        Self(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_do_not_come_back_from_linear_light() {
        let table = decode_table();
        for code in 0..=255u8 {
            assert_eq!(encode_u8(table[usize::from(code)]), code);
        }
    }

    #[test]
    fn the_tone_curve_falls_somewhere_or_leaves_steps_that_band() {
        for (contrast, shoulder) in [(0.0, 0.0), (0.4, 1.0), (-0.4, 1.0), (1.0, 0.5), (-1.0, 0.0)] {
            let curve = ToneCurve::new(contrast, shoulder);
            for pair in curve.0.windows(2) {
                assert!(
                    pair[1] >= pair[0] - 1e-3 && pair[1] - pair[0] < 0.6,
                    "{pair:?} at {contrast} {shoulder}"
                );
            }
        }
    }
}
