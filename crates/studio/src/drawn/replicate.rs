//! Music by AudioLDM at Replicate, as Audiv has it.

use synchresis_models::ModelError;
use synchresis_models::openai::Patience;
use synchresis_models::replicate::{self, Account, SoundWish};
use synchresis_sound::SAMPLE_RATE;
use synchresis_sound::hear::decode;

use super::film::{DRAWN, Film, Kept, MUSIC, finished, keep, resampled};
use super::landing;
use crate::brief::Brief;
use crate::cache::Key;
use crate::error::StudioError;
use crate::render::Sound;
use crate::sections::{Candidate, Drawing, Licence};
use crate::weights::allowed;
use crate::world::World;

/// Audiv's settings.
const CANDIDATES: u32 = 3;
const GUIDANCE: f64 = 2.5;

/// Where the sound is shorter than the film it is heard again, and fades into itself over so many seconds.
const INTO_ITSELF: f64 = 0.5;

pub(super) fn licence() -> Licence {
    Licence {
        what: "AudioLDM at Replicate (haoheliu/audio-ldm)".into(),
        licence: "CC-BY-NC-SA-4.0, as the published weights (cvssp) have it".into(),
        commercial: false,
        notice: "AudioLDM, H. Liu et al. 2023".into(),
    }
}

/// One sound of `prompt`, brought onto the film's hits and to its length. It is another one each time it is asked for, so it is kept.
pub(super) fn run(
    brief: &Brief,
    prompt: &str,
    film: &Film<'_>,
    world: &dyn World,
) -> Result<(Sound, Drawing), StudioError> {
    allowed("audioldm", world)?;
    let wish = SoundWish {
        prompt,
        seconds: film.seconds() + landing::SPARE,
        candidates: if brief.takes > 1 { brief.takes } else { CANDIDATES },
        guidance: brief.guidance.unwrap_or(GUIDANCE),
    };
    let inputs = (
        ("replicate", replicate::AUDIOLDM, prompt, wish.candidates, wish.guidance),
        (film.frames, film.hits, film.frame_s, brief.seed),
    );
    let key = Key::new(MUSIC, DRAWN, &inputs);
    let cache = world.cache();
    if let (Some(path), Some(Kept(drawing))) = (cache.file(MUSIC, &key, "f32"), cache.json(MUSIC, &key)) {
        return Ok((Sound { key, path }, drawing));
    }
    let token = world.secret(replicate::KEY).ok_or(ModelError::NoKey {
        what: "Replicate",
        name: replicate::KEY,
    })?;
    let base = world.secret("REPLICATE_API_BASE_URL");
    let account = Account {
        base: base.as_deref().unwrap_or(replicate::BASE),
        token: &token,
    };
    world.begin("drawing");
    let file = replicate::sound(account, wish, Patience::default(), &|| world.cancelled())?;
    let sound = heard(file, world)?;
    if sound.is_empty() {
        return Err(StudioError::Brief(
            "drawing a sound: what Replicate made is empty\nhint: try again".into(),
        ));
    }
    let path = keep("drawn-music-0", &key, &sound, world)?;
    let (sound, landing) = landing::landed(&again(sound, film.frames as usize), film, brief.seed);
    let sound = finished(sound, film.frames as usize, film.fall());
    let drawing = Drawing {
        prompt: prompt.to_owned(),
        negative_prompt: String::new(),
        seed: 0,
        steps: 0,
        guidance: wish.guidance,
        scheduler: "the service's own".into(),
        seconds: wish.length(),
        windows: false,
        weights: format!("haoheliu/audio-ldm, version {}", replicate::AUDIOLDM),
        candidates: vec![Candidate {
            index: 0,
            score: None,
            path: Some(path.display().to_string()),
            landing,
        }],
        note: format!("the best of {} by the service's own ears", wish.candidates),
    };
    let path = keep(MUSIC, &key, &sound, world)?;
    cache
        .put_json(MUSIC, &key, &Kept(drawing.clone()))
        .map_err(StudioError::cache)?;
    Ok((Sound { key, path }, drawing))
}

/// One channel at 48 kHz of a sound file.
fn heard(file: Vec<u8>, world: &dyn World) -> Result<Vec<f32>, StudioError> {
    let (mut mono, mut rate) = (Vec::new(), SAMPLE_RATE);
    decode(std::io::Cursor::new(file), Some("wav"), world, |block| {
        rate = block.rate;
        let channels = block.channels.max(1);
        let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        mono.extend(block.samples.chunks_exact(channels).map(mean));
        Ok(())
    })?;
    Ok(resampled(&mono, rate))
}

/// As often as it takes for `frames` samples.
fn again(sound: Vec<f32>, frames: usize) -> Vec<f32> {
    let shared = ((INTO_ITSELF * f64::from(SAMPLE_RATE)) as usize).min(sound.len() / 4);
    let mut all = sound.clone();
    while all.len() < frames {
        let from = all.len() - shared;
        for (i, x) in sound.iter().enumerate() {
            if i < shared {
                let turn = (i as f32 + 0.5) / shared as f32 * std::f32::consts::FRAC_PI_2;
                all[from + i] = all[from + i] * turn.cos() + x * turn.sin();
            } else {
                all.push(*x);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_shorter_than_the_film_stops_or_dips_where_it_begins_again() {
        let tone: Vec<f32> = (0..48_000)
            .map(|i| {
                if (i * 2_654_435_761u64) >> 7 & 1 == 0 {
                    0.3
                } else {
                    -0.3
                }
            })
            .collect();
        let all = again(tone.clone(), 200_000);
        assert!(all.len() >= 200_000);
        for part in all.chunks_exact(4800) {
            let level = (part.iter().map(|x| x * x).sum::<f32>() / 4800.0).sqrt();
            assert!((0.2..0.45).contains(&level), "{level}");
        }
        assert_eq!(again(tone.clone(), 1000), tone);
        assert_eq!(again(vec![0.5], 10).len(), 10);
    }
}
