//! Regions: what one key and one velocity call for, preset and instrument added up, in the units of sound.

use super::tables::{Modulator, Tables, Zone, generator as g};

/// An envelope: seconds, and the sustain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Envelope {
    pub(super) delay: f32,
    pub(super) attack: f32,
    pub(super) hold: f32,
    pub(super) decay: f32,
    /// Linear gain (volume) or share (modulation).
    pub(super) sustain: f32,
    pub(super) release: f32,
}

/// Everything a sampler needs for one layer of one note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Region {
    pub(super) sample: usize,
    /// Changes of the sample's ends and loop, frames.
    pub(super) shift: [i64; 4],
    pub(super) looped: u8,
    /// Cents against the sample's own pitch.
    pub(super) cents: f32,
    pub(super) gain: f32,
    pub(super) pan: f32,
    pub(super) filter_hz: f32,
    pub(super) filter_q: f32,
    pub(super) volume: Envelope,
    pub(super) modulation: Envelope,
    pub(super) env_pitch: f32,
    pub(super) env_filter: f32,
    /// Delay seconds, hertz, cents, filter cents, decibels.
    pub(super) mod_lfo: (f32, f32, f32, f32, f32),
    pub(super) vib_lfo: (f32, f32, f32),
    pub(super) class: u16,
}

fn seconds(timecents: f32) -> f32 {
    if timecents <= -11_900.0 {
        0.0
    } else {
        (timecents.clamp(-12_000.0, 8_000.0) / 1200.0).exp2()
    }
}

fn hertz(cents: f32) -> f32 {
    8.176 * (cents.clamp(-16_000.0, 14_000.0) / 1200.0).exp2()
}

/// Low and high of a range generator.
fn range(zone: &Zone, kind: usize) -> (u8, u8) {
    zone.values
        .get(kind)
        .copied()
        .flatten()
        .map_or((0, 127), |v| ((v as u16 & 0xff) as u8, (v as u16 >> 8) as u8))
}

fn matches(zone: &Zone, key: u8, velocity: u8) -> bool {
    let (k, v) = (range(zone, g::KEYS), range(zone, g::VELOCITIES));
    (k.0..=k.1).contains(&key) && (v.0..=v.1).contains(&velocity)
}

/// A modulator source's value for this note, 0 to 1 or −1 to 1 (specification, section 8.2): velocity and key are known,
/// controllers stand where they stand at power-on.
fn source(code: u16, key: u8, velocity: u8) -> f32 {
    let index = code & 0x7f;
    let value = if code & 0x80 != 0 {
        match index {
            7 => 100.0 / 127.0,
            10 => 64.0 / 127.0,
            11 => 1.0,
            _ => 0.0,
        }
    } else {
        match index {
            0 => return 1.0,
            2 => f32::from(velocity) / 127.0,
            3 => f32::from(key) / 127.0,
            14 => 0.5,
            16 => 2.0 / 127.0,
            _ => 0.0,
        }
    };
    let x = if code & 0x100 != 0 { 1.0 - value } else { value };
    let curve = |x: f32| match code >> 10 {
        1 => {
            if x >= 1.0 {
                1.0
            } else {
                (-(20.0 / 96.0) * (1.0 - x).powi(2).log10()).clamp(0.0, 1.0)
            }
        }
        2 => {
            if x <= 0.0 {
                0.0
            } else {
                (1.0 + (20.0 / 96.0) * x.powi(2).log10()).clamp(0.0, 1.0)
            }
        }
        3 => f32::from(u8::from(x >= 0.5)),
        _ => x,
    };
    if code & 0x200 != 0 {
        let y = x * 2.0 - 1.0;
        curve(y.abs()).copysign(y)
    } else {
        curve(x)
    }
}

/// Whether the standard would let this modulator do what the player does itself: level by velocity.
fn is_level_by_velocity(m: &Modulator) -> bool {
    usize::from(m.destination) == g::ATTENUATION && m.source & 0xff == 2
}

fn sum(preset: &Zone, instrument: &Zone, kind: usize, default: f32) -> f32 {
    let at = |z: &Zone| z.values.get(kind).copied().flatten().map(f32::from);
    at(instrument).unwrap_or(default) + at(preset).unwrap_or(0.0)
}

/// The regions that sound for `key` at `velocity` (1 to 127), at most 16.
pub(super) fn regions(tables: &Tables, preset: &[(Zone, Vec<Zone>)], key: u8, velocity: u8) -> Vec<Region> {
    let mut list = Vec::new();
    for (p, zones) in preset.iter().filter(|z| matches(&z.0, key, velocity)) {
        for i in zones.iter().filter(|z| matches(z, key, velocity)) {
            if list.len() < 16
                && let Some(region) = region(tables, p, i, key, velocity)
            {
                list.push(region);
            }
        }
    }
    list
}

fn region(tables: &Tables, p: &Zone, i: &Zone, key: u8, velocity: u8) -> Option<Region> {
    let sample = usize::from(i.values[g::SAMPLE]? as u16);
    let header = tables.headers.get(sample)?;
    let own = |kind: usize| i.values[kind].filter(|v| *v >= 0);
    let key = own(g::FIXED_KEY).map_or(key, |k| k.clamp(0, 127) as u8);
    let velocity = own(g::FIXED_VELOCITY).map_or(velocity, |v| v.clamp(1, 127) as u8);
    let mut more = [0.0f32; g::COUNT];
    for m in i
        .modulators
        .iter()
        .chain(&p.modulators)
        .filter(|m| !is_level_by_velocity(m))
    {
        if let Some(slot) = more.get_mut(usize::from(m.destination)) {
            *slot += f32::from(m.amount) * source(m.source, key, velocity) * source(m.scale, key, velocity);
        }
    }
    let value = |kind: usize, default: f32| sum(p, i, kind, default) + more[kind];
    let root = own(g::ROOT).map_or(if header.key <= 127 { header.key } else { 60 }, |r| {
        r.clamp(0, 127) as u8
    });
    let scale = value(g::SCALE, 100.0);
    let cents = (f32::from(key) - f32::from(root)) * scale
        + value(g::COARSE_TUNE, 0.0) * 100.0
        + value(g::FINE_TUNE, 0.0)
        + f32::from(header.correction);
    let from_middle = 60.0 - f32::from(key);
    let envelope = |base: usize, volume: bool| {
        let sustain = value(base + 4, 0.0);
        Envelope {
            delay: seconds(value(base, -12_000.0)),
            attack: seconds(value(base + 1, -12_000.0)),
            hold: seconds(value(base + 2, -12_000.0) + value(base + 6, 0.0) * from_middle),
            decay: seconds(value(base + 3, -12_000.0) + value(base + 7, 0.0) * from_middle),
            sustain: if volume {
                10f32.powf(-sustain.clamp(0.0, 1440.0) / 200.0)
            } else {
                1.0 - sustain.clamp(0.0, 1000.0) / 1000.0
            },
            release: seconds(value(base + 5, -12_000.0)),
        }
    };
    let offset = |fine: usize, coarse: usize| {
        i.values[fine].map_or(0, i64::from) + 32_768 * i.values[coarse].map_or(0, i64::from)
    };
    Some(Region {
        sample,
        shift: [
            offset(g::START, g::START_COARSE),
            offset(g::END, g::END_COARSE),
            offset(g::LOOP_START, g::LOOP_START_COARSE),
            offset(g::LOOP_END, g::LOOP_END_COARSE),
        ],
        looped: i.values[g::MODES].map_or(0, |m| (m & 3) as u8),
        cents: cents.clamp(-12_000.0, 12_000.0),
        // Banks are written against hardware that took 0.4 of what it was told (as other players know).
        gain: 10f32.powf(-(value(g::ATTENUATION, 0.0) * 0.4).clamp(-120.0, 1440.0) / 200.0),
        pan: (value(g::PAN, 0.0) / 500.0).clamp(-1.0, 1.0),
        filter_hz: hertz(value(g::FILTER_FC, 13_500.0)),
        filter_q: 10f32.powf(value(g::FILTER_Q, 0.0).clamp(0.0, 960.0) / 200.0) * 0.707,
        volume: envelope(g::VOL_ENV, true),
        modulation: envelope(g::MOD_ENV, false),
        env_pitch: value(g::MOD_ENV_PITCH, 0.0).clamp(-12_000.0, 12_000.0),
        env_filter: value(g::MOD_ENV_FILTER, 0.0).clamp(-12_000.0, 12_000.0),
        mod_lfo: (
            seconds(value(g::MOD_LFO_DELAY, -12_000.0)),
            hertz(value(g::MOD_LFO_RATE, 0.0)).min(100.0),
            value(g::MOD_LFO_PITCH, 0.0).clamp(-12_000.0, 12_000.0),
            value(g::MOD_LFO_FILTER, 0.0).clamp(-12_000.0, 12_000.0),
            value(g::MOD_LFO_VOLUME, 0.0).clamp(-960.0, 960.0) / 10.0,
        ),
        vib_lfo: (
            seconds(value(g::VIB_LFO_DELAY, -12_000.0)),
            hertz(value(g::VIB_LFO_RATE, 0.0)).min(100.0),
            value(g::VIB_LFO_PITCH, 0.0).clamp(-12_000.0, 12_000.0),
        ),
        class: i.values[g::CLASS].map_or(0, |c| c as u16),
    })
}
