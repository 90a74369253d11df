//! Sound in: samples at a given rate, aligned to the film.

use std::{
    io::Read,
    ops::ControlFlow,
    path::Path,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use synchresis_cue::{AudioStream, Footage, Watch};

use crate::{
    Limits, MediaError, Tools, child,
    child::{Finish, Halt, Job},
    decode::{enlarge, timeline_args},
    sniff,
    tools::Tool,
};

/// How samples are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioOptions {
    /// Samples a second, 8000 to 192000. Default 48000.
    pub rate: u32,
    /// 1 (the mean of left and right) or 2. Default 2.
    pub channels: u16,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self {
            rate: 48_000,
            channels: 2,
        }
    }
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Samples a channel.
    pub samples: u64,
    /// Samples that were no number or infinite and were made silent.
    pub repaired: u64,
}

/// Decodes the film's sound from film time 0 on: silence stands where it starts late, and what lies before 0 is left out,
/// so that sample n sounds at n / rate seconds. `each` gets interleaved samples, nominally −1 to 1 (a downmix may pass
/// it), in blocks of any length, and stops early by [`ControlFlow::Break`]. 5.1 and its like are mixed down after ITU-R
/// BS.775: centre and surrounds at −3 dB, no LFE, not normalised.
///
/// # Errors
/// [`MediaError::NoSound`] where the film has none; those of a child process.
pub fn decode_audio(
    footage: &Footage,
    input: &Path,
    options: AudioOptions,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    each: impl FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<Heard, MediaError> {
    let audio = footage.audio.as_ref().ok_or_else(|| MediaError::NoSound {
        input: input.to_owned(),
    })?;
    let mut before = timeline_args(footage);
    before.extend(sniff::input_args(&footage.container).into_iter().map(str::to_owned));
    let whole = footage.duration_s.max(audio.start_s + audio.duration_s);
    let source = Source {
        audio,
        before,
        whole,
        input,
    };
    decode(&source, options, tools, limits, watch, each)
}

/// Decodes a song, which may have cover art but needs no picture, from its first sample on.
///
/// # Errors
/// Those of [`crate::probe_audio`] and [`decode_audio`].
pub fn decode_song(
    input: &Path,
    options: AudioOptions,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    each: impl FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<Heard, MediaError> {
    let audio = crate::probe_audio(input, tools, limits, watch)?;
    let (_, sniffed) = sniff::open(input, limits)?;
    let before = sniff::sniffed_args(sniffed).into_iter().map(str::to_owned).collect();
    let source = Source {
        audio: &audio,
        before,
        whole: audio.start_s + audio.duration_s,
        input,
    };
    decode(&source, options, tools, limits, watch, each)
}

struct Source<'a> {
    audio: &'a AudioStream,
    /// Input options.
    before: Vec<String>,
    /// Seconds, for the progress alone.
    whole: f64,
    input: &'a Path,
}

fn decode(
    source: &Source<'_>,
    options: AudioOptions,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    mut each: impl FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<Heard, MediaError> {
    let rate = options.rate.clamp(8_000, 192_000);
    let wanted = usize::from(options.channels.clamp(1, 2));
    // One channel is asked as one and doubled here, two are averaged here: ffmpeg's own matrices change the level.
    let decoded = if source.audio.channels == 1 { 1 } else { 2 };
    // Filled and trimmed to the timestamps, never stretched; floating point throughout, so that nothing is normalised.
    let filter =
        format!("aformat=sample_fmts=fltp,aresample={rate}:async=1:first_pts=0:out_sample_fmt=flt,asetpts=N/SR/TB");
    let job = Job::new(Tool::Ffmpeg, "decoding the sound of", source.input)
        .args(["-v", "error", "-nostdin"])
        .args(source.before.iter().cloned())
        .args(["-vn", "-sn", "-dn", "-i"])
        .read(source.input)
        .args([
            "-map".to_owned(),
            format!("0:{}", source.audio.index),
            "-af".to_owned(),
            filter,
        ])
        .args([
            "-ac".to_owned(),
            decoded.to_string(),
            "-ar".to_owned(),
            rate.to_string(),
        ])
        .args(["-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]);
    let mut heard = Heard::default();
    let (result, _) = child::run(tools, limits, watch, job, |mut pipes| {
        enlarge(&pipes.out);
        thread::scope(|scope| {
            let (full, blocks) = sync_channel::<Vec<u8>>(4);
            scope.spawn(move || {
                loop {
                    let mut block = Vec::with_capacity(BLOCK);
                    match (&mut pipes.out).take(BLOCK as u64).read_to_end(&mut block) {
                        Ok(0) | Err(_) => return,
                        Ok(_) if full.send(block).is_err() => return,
                        Ok(_) => {}
                    }
                }
            });
            let mut samples = Vec::new();
            loop {
                let block = match blocks.recv_timeout(Duration::from_millis(50)) {
                    Ok(block) => block,
                    Err(RecvTimeoutError::Timeout) => {
                        watch.check()?;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return Ok::<_, Halt>(Finish::Wait(())),
                };
                watch.check()?;
                heard.repaired += arrange(&block, decoded, wanted, &mut samples);
                heard.samples += (samples.len() / wanted) as u64;
                if each(&samples).is_break() {
                    return Ok(Finish::Stop(()));
                }
                if source.whole > 0.0 {
                    watch.progress((heard.samples as f64 / f64::from(rate) / source.whole).clamp(0.0, 1.0));
                }
            }
        })
    })
    .map_err(|error| match error {
        MediaError::NotMedia { input, why } => MediaError::Undecodable {
            doing: "decoding the sound of",
            input,
            why,
        },
        other => other,
    })?;
    let () = result;
    Ok(heard)
}

/// Bytes a block: a whole number of stereo samples.
const BLOCK: usize = 1 << 16;

/// Little-endian floats with `from` channels become `samples` with `to`; returns how many were no finite number.
fn arrange(block: &[u8], from: usize, to: usize, samples: &mut Vec<f32>) -> u64 {
    samples.clear();
    let mut repaired = 0;
    let mut floats = block.chunks_exact(4).map(|b| {
        let value = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        if value.is_finite() {
            value
        } else {
            repaired += 1;
            0.0
        }
    });
    match (from, to) {
        (1, 2) => floats.for_each(|v| samples.extend([v, v])),
        (2, 1) => {
            while let (Some(left), Some(right)) = (floats.next(), floats.next()) {
                samples.push((left + right) * 0.5);
            }
        }
        _ => samples.extend(floats),
    }
    repaired
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn one_sample_that_is_no_number_spoils_the_mix() {
        let mut samples = Vec::new();
        let block = bytes(&[f32::NAN, 0.5, f32::INFINITY, -0.5]);
        assert_eq!(arrange(&block, 2, 2, &mut samples), 2);
        assert_eq!(samples, [0.0, 0.5, 0.0, -0.5]);
    }

    #[test]
    fn mono_and_stereo_change_the_level() {
        let mut samples = Vec::new();
        arrange(&bytes(&[0.25, 0.75]), 2, 1, &mut samples);
        assert_eq!(samples, [0.5]);
        arrange(&bytes(&[0.25]), 1, 2, &mut samples);
        assert_eq!(samples, [0.25, 0.25]);
    }
}
