//! Bends samples in time, for those who listen or compare: `warp RATE IN.f32 OUT.f32 FROM:TO…`.
//!
//! One channel of 32-bit floats; each FROM:TO is an anchor in seconds, the first one's TO is 0. Attacks are heard, and kept.

use std::error::Error;

use synchresis_sound::hear::onsets;
use synchresis_sound::warp::{TimeMap, warped};

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [rate, input, output, anchors @ ..] = given.as_slice() else {
        return Err("warp RATE IN.f32 OUT.f32 FROM:TO…".into());
    };
    let rate: u32 = rate.parse()?;
    let bytes = std::fs::read(input)?;
    let samples: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let anchors = anchors.iter().map(|text| -> Result<(f64, f64), Box<dyn Error>> {
        let (from, to) = text.split_once(':').ok_or("an anchor is FROM:TO")?;
        Ok((from.parse()?, to.parse()?))
    });
    let map = TimeMap::new(anchors.collect::<Result<_, _>>()?).ok_or("these anchors bend too far, or go back")?;
    let attacks: Vec<f64> = onsets(&samples, rate, 1).iter().map(|onset| onset.time_s).collect();
    let out: Vec<u8> = warped(&samples, rate, &map, &attacks)
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    std::fs::write(output, out)?;
    Ok(())
}
