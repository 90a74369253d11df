//! The watcher on films made in code.

use std::sync::LazyLock;

use proptest::prelude::*;
use synchresis_cue::{Frame, Sighting, Transition};

use super::*;

const W: usize = 128;
const H: usize = 72;
pub(super) const RATE: f64 = 25.0;

pub(super) type Planes = (Vec<u8>, Vec<u8>, Vec<u8>);

/// The sine of `turns` of a circle, from a table: the films below need a hundred million of them.
fn sine(turns: f64) -> f64 {
    static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
        (0..4096)
            .map(|i| (std::f64::consts::TAU * f64::from(i) / 4096.0).sin())
            .collect()
    });
    TABLE[((turns + 64.0) * 4096.0) as usize & 4095]
}

/// A picture with detail at every scale, different for every `seed`; moved by `(dx, dy)` pixels.
pub(super) fn scene(seed: u32, dx: f64, dy: f64) -> Planes {
    let random = |k: u32| {
        let h = (seed.wrapping_mul(0x9e37_79b9) ^ k.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        f64::from(h >> 8 & 0xffff) / 65_536.0
    };
    let waves: Vec<[f64; 4]> = (0..8)
        .map(|k| {
            let size = 1.0 + f64::from(k) * 1.1;
            let turns = |k: u32, most: f64| (random(k) - 0.5) * size * most;
            [
                turns(3 * k, 5.0) / W as f64,
                turns(3 * k + 1, 3.0) / H as f64,
                random(3 * k + 2),
                24.0 / size.sqrt(),
            ]
        })
        .collect();
    let level = 125.0 + 60.0 * (random(99) - 0.5);
    let y = (0..W * H).map(|i| {
        let (x, y) = ((i % W) as f64 - dx, (i / W) as f64 - dy);
        let sum: f64 = waves
            .iter()
            .map(|[fx, fy, phase, loud]| sine(fx * x + fy * y + phase) * loud)
            .sum();
        (level + sum).round().clamp(20.0, 230.0) as u8
    });
    let chroma = |k: u32| vec![(96.0 + 64.0 * random(k)) as u8; W / 2 * H / 2];
    (y.collect(), chroma(100), chroma(101))
}

fn plain(level: u8) -> Planes {
    (vec![level; W * H], vec![128; W / 2 * H / 2], vec![128; W / 2 * H / 2])
}

fn mix(a: &Planes, b: &Planes, t: f64) -> Planes {
    let mix = |a: &[u8], b: &[u8]| {
        a.iter()
            .zip(b)
            .map(|(&p, &q)| (f64::from(p) * (1.0 - t) + f64::from(q) * t).round() as u8)
            .collect()
    };
    (mix(&a.0, &b.0), mix(&a.1, &b.1), mix(&a.2, &b.2))
}

/// The whole way, at times of one's own.
fn watch_at(frames: &[Planes], times: &[f64], end_s: f64) -> Sighting {
    let mut watcher = Watcher::default();
    for (i, ((y, cb, cr), &time_s)) in frames.iter().zip(times).enumerate() {
        watcher
            .see(&Frame {
                index: i as u64,
                time_s,
                width: W,
                height: H,
                y,
                cb,
                cr,
            })
            .expect("whole frames");
    }
    watcher.finish(end_s)
}

pub(super) fn watch(frames: &[Planes]) -> Sighting {
    let times: Vec<f64> = (0..frames.len()).map(|i| i as f64 / RATE).collect();
    watch_at(frames, &times, frames.len() as f64 / RATE)
}

fn drift(seed: u32, n: usize) -> Vec<Planes> {
    (0..n).map(|i| scene(seed, 0.3 * i as f64, 0.0)).collect()
}

fn starts(sighting: &Sighting) -> Vec<(f64, Transition)> {
    sighting.shots.iter().map(|s| (s.start_s, s.entry)).collect()
}

#[test]
fn a_cut_is_a_frame_off_or_missed() {
    let frames = [drift(1, 30), drift(2, 40), drift(3, 30)].concat();
    let sighting = watch(&frames);
    assert_eq!(
        starts(&sighting),
        [(0.0, Transition::Start), (1.2, Transition::Cut), (2.8, Transition::Cut)]
    );
    assert_eq!(sighting.shots[1].first_frame, 30);
    assert!(sighting.shots[1].strength > 0.5);
}

#[test]
fn short_shots_are_swallowed() {
    let frames = [drift(1, 25), drift(2, 6), drift(3, 6), drift(4, 6), drift(5, 25)].concat();
    let found: Vec<u64> = watch(&frames).shots.iter().map(|s| s.first_frame).collect();
    assert_eq!(found, [0, 25, 31, 37, 43]);
}

#[test]
fn pictures_that_stand_still_are_not_told_apart() {
    let frames: Vec<Planes> = (0..5).flat_map(|k| vec![scene(k, 0.0, 0.0); 20]).collect();
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 5);
    assert!(
        sighting.curves.motion.iter().all(|&m| m < 0.02),
        "{:?}",
        sighting.curves.motion
    );
}

#[test]
fn a_dissolve_is_missed_or_far_from_its_middle() {
    let (a, b) = (scene(1, 0.0, 0.0), scene(2, 0.0, 0.0));
    let mut frames = vec![a.clone(); 30];
    frames.extend((1..=20).map(|i| mix(&a, &b, f64::from(i) / 21.0)));
    frames.extend(vec![b; 30]);
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 2, "{:?}", starts(&sighting));
    assert_eq!(sighting.shots[1].entry, Transition::Dissolve);
    assert!(
        (sighting.shots[1].start_s - 40.0 / RATE).abs() <= 0.08,
        "{}",
        sighting.shots[1].start_s
    );
}

#[test]
fn a_wipe_is_missed() {
    let (a, b) = (scene(1, 0.0, 0.0), scene(2, 0.0, 0.0));
    let mut frames = vec![a.clone(); 30];
    frames.extend((1..=20).map(|i| {
        let mut y = a.0.clone();
        for row in 0..H {
            let edge = W * i / 21;
            y[row * W..row * W + edge].copy_from_slice(&b.0[row * W..row * W + edge]);
        }
        (y, a.1.clone(), a.2.clone())
    }));
    frames.extend(vec![(b.0, a.1.clone(), a.2.clone()); 30]);
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 2, "{:?}", starts(&sighting));
    assert!((sighting.shots[1].start_s - 40.0 / RATE).abs() <= 0.12);
}

#[test]
fn a_fade_through_black_makes_two_shots_of_the_black_or_none() {
    let (a, b, black) = (scene(1, 0.0, 0.0), scene(2, 0.0, 0.0), plain(16));
    let mut frames = vec![a.clone(); 30];
    frames.extend((1..=15).map(|i| mix(&a, &black, f64::from(i) / 15.0)));
    frames.extend(vec![black.clone(); 5]);
    frames.extend((1..=15).map(|i| mix(&black, &b, f64::from(i) / 15.0)));
    frames.extend(vec![b; 30]);
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 2, "{:?}", starts(&sighting));
    assert_eq!(sighting.shots[1].entry, Transition::Fade);
    assert!(
        (sighting.shots[1].start_s - 47.0 / RATE).abs() <= 0.12,
        "{}",
        sighting.shots[1].start_s
    );
}

#[test]
fn a_flash_is_taken_for_a_cut() {
    for length in 1..=3 {
        let mut frames = drift(1, 60);
        for frame in &mut frames[30..30 + length] {
            frame.0.iter_mut().for_each(|p| *p = p.saturating_add(90).min(235));
        }
        let sighting = watch(&frames);
        assert_eq!(sighting.shots.len(), 1, "{length}: {:?}", starts(&sighting));
        assert_eq!(
            sighting.flashes.iter().map(|f| f.time_s).collect::<Vec<_>>(),
            [1.2],
            "{length}"
        );
    }
}

#[test]
fn a_strobe_is_taken_for_cuts() {
    let mut frames = drift(1, 80);
    for frame in frames[20..60].chunks_mut(2).step_by(2).flatten() {
        frame.0.iter_mut().for_each(|p| *p = 16 + (*p - 16) / 4);
    }
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 1, "{:?}", starts(&sighting));
}

#[test]
fn a_jump_of_light_is_a_cut_or_goes_unseen() {
    let mut frames = drift(1, 60);
    for frame in &mut frames[30..] {
        frame.0.iter_mut().for_each(|p| *p = p.saturating_add(40).min(235));
    }
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 1, "{:?}", starts(&sighting));
    assert_eq!(sighting.flashes.len(), 1);
    assert!(
        (sighting.flashes[0].time_s - 1.2).abs() < 0.05,
        "{:?}",
        sighting.flashes
    );
}

#[test]
fn light_that_grows_slowly_is_a_shot_or_a_flash() {
    let frames: Vec<Planes> = (0..75)
        .map(|i| mix(&plain(16), &scene(1, 0.0, 0.0), 0.3 + 0.7 * f64::from(i) / 75.0))
        .collect();
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 1, "{:?}", starts(&sighting));
    assert!(sighting.flashes.is_empty());
    let light = &sighting.curves.light;
    assert!(light.windows(2).all(|w| w[1] >= w[0]) && light[light.len() - 1] > light[0] + 0.15);
}

#[test]
fn a_fast_pan_is_cut_up() {
    // Four cells a frame: three quarters of the width a second.
    let frames: Vec<Planes> = (0..60).map(|i| scene(7, -4.0 * f64::from(i), 0.0)).collect();
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 1, "{:?}", starts(&sighting));
}

#[test]
fn a_pan_is_measured_wrong_way_or_wrong_size() {
    // Content goes left and up by half a cell and a quarter of a cell a frame: the camera goes right and down.
    let frames: Vec<Planes> = (0..50)
        .map(|i| scene(7, -0.5 * f64::from(i), -0.25 * f64::from(i)))
        .collect();
    let shot = &watch(&frames).shots[0];
    let (right, down) = (0.5 * RATE / W as f64, 0.25 * RATE / W as f64);
    assert!((shot.pan.0 - right).abs() < 0.15 * right, "{:?} for {right}", shot.pan);
    assert!((shot.pan.1 - down).abs() < 0.25 * down, "{:?} for {down}", shot.pan);
    assert!(shot.camera > 0.8, "{}", shot.camera);
    assert!((shot.motion - 3.0 * right.hypot(down)).abs() < 0.06, "{}", shot.motion);
}

#[test]
fn an_object_is_taken_for_the_camera() {
    let (still, thing) = (scene(3, 0.0, 0.0), scene(8, 0.0, 0.0));
    let frames: Vec<Planes> = (0..40)
        .map(|i| {
            let mut y = still.0.clone();
            for row in 20..44 {
                let x = 10 + i;
                y[row * W + x..row * W + x + 32].copy_from_slice(&thing.0[row * W..row * W + 32]);
            }
            (y, still.1.clone(), still.2.clone())
        })
        .collect();
    let sighting = watch(&frames);
    let shot = &sighting.shots[0];
    assert_eq!(sighting.shots.len(), 1);
    assert!(
        shot.camera < 0.35 && shot.motion > 0.03,
        "{} {}",
        shot.camera,
        shot.motion
    );
    assert!(shot.pan.0.abs() < 0.03);
}

#[test]
fn repeated_frames_make_motion_stutter() {
    // 24 in 30: every fourth frame twice, the motion as steady as before.
    let frames: Vec<Planes> = (0..60)
        .flat_map(|i| vec![scene(7, -0.8 * f64::from(i), 0.0); if i % 4 == 3 { 2 } else { 1 }])
        .collect();
    let sighting = watch(&frames);
    assert_eq!(sighting.shots.len(), 1);
    let (low, high) = sighting.curves.motion[1..sighting.curves.motion.len() - 1]
        .iter()
        .fold((1f32, 0f32), |(a, b), &m| (a.min(m), b.max(m)));
    assert!(low > 0.5 * high, "{low} to {high}");
}

#[test]
fn an_impact_is_not_a_peak() {
    // Fast, then still at once.
    let frames: Vec<Planes> = (0..60).map(|i| scene(7, -2.0 * f64::from(i.min(30)), 0.0)).collect();
    let peaks = watch(&frames).motion_peaks;
    assert_eq!(peaks.len(), 1, "{peaks:?}");
    assert!((peaks[0].time_s - 30.0 / RATE).abs() < 0.02, "{peaks:?}");
}

#[test]
fn set_ups_that_return_get_new_numbers() {
    let frames = [drift(1, 25), drift(2, 25), drift(1, 25), drift(2, 25), drift(3, 25)].concat();
    let numbers: Vec<usize> = watch(&frames).shots.iter().map(|s| s.likeness).collect();
    assert_eq!(numbers, [0, 1, 0, 1, 2]);
}

#[test]
fn uneven_times_move_cuts_or_change_speeds() {
    let frames = [drift(1, 30), drift(2, 30)].concat();
    // Frames last 20 and 60 ms in turn, and what moves moves with the time.
    let times: Vec<f64> = (0..60)
        .map(|i| 0.08 * f64::from(i / 2) + if i % 2 == 1 { 0.02 } else { 0.0 })
        .collect();
    let sighting = watch_at(&frames, &times, 2.4);
    assert_eq!(starts(&sighting), [(0.0, Transition::Start), (1.2, Transition::Cut)]);
    assert_eq!(sighting.curves.light.len(), 24);
}

#[test]
fn a_film_of_one_frame_has_no_shot() {
    let mut watcher = Watcher::default();
    watcher
        .see(&Frame {
            index: 0,
            time_s: 0.0,
            width: 2,
            height: 2,
            y: &[100; 4],
            cb: &[90],
            cr: &[200],
        })
        .expect("whole");
    let sighting = watcher.finish(5.0);
    assert_eq!(sighting.shots.len(), 1);
    assert_eq!((sighting.shots[0].start_s, sighting.shots[0].end_s), (0.0, 5.0));
    assert_eq!(
        (sighting.samples.len(), sighting.medoid, sighting.curves.light.len()),
        (6, 0, 50)
    );
    assert_eq!(sighting.words, "a red picture");
    assert_eq!(watcher.thumbnails().len(), 1);
}

#[test]
fn a_film_without_frames_panics() {
    let sighting = Watcher::default().finish(f64::NAN);
    assert_eq!(
        (sighting.frames, sighting.duration_s, sighting.shots.len()),
        (0, 0.0, 1)
    );
    assert_eq!(sighting.words, "a film without a picture");
}

#[test]
fn a_frame_with_a_short_plane_is_taken() {
    let mut watcher = Watcher::default();
    let frame = Frame {
        index: 3,
        time_s: 0.0,
        width: 4,
        height: 4,
        y: &[0; 15],
        cb: &[0; 4],
        cr: &[0; 4],
    };
    assert!(matches!(
        watcher.see(&frame),
        Err(PictureError::Frame {
            index: 3,
            needed: 16,
            found: 15,
            ..
        })
    ));
    let frame = Frame {
        index: 3,
        time_s: 0.0,
        width: 0,
        height: 4,
        y: &[],
        cb: &[],
        cr: &[],
    };
    assert!(watcher.see(&frame).is_err());
}

#[test]
fn thumbnails_bunch_up_or_grow_in_number() {
    let mut watcher = Watcher::default();
    for i in 0..2000u64 {
        let (level, chroma) = ((20 + i / 10) as u8, [128u8; 4]);
        let y = [level; 16];
        watcher
            .see(&Frame {
                index: i,
                time_s: i as f64 * 0.2,
                width: 4,
                height: 4,
                y: &y,
                cb: &chroma,
                cr: &chroma,
            })
            .expect("whole");
    }
    let strip = watcher.thumbnails();
    assert_eq!(strip.len(), Watcher::THUMBNAILS);
    let gaps: Vec<f64> = strip.windows(2).map(|w| w[1].time_s - w[0].time_s).collect();
    let (least, most) = gaps.iter().fold((f64::MAX, 0f64), |(a, b), &g| (a.min(g), b.max(g)));
    assert!(least > 0.0 && most < 3.5 * least, "{least} to {most}");
    assert!(strip[0].time_s == 0.0 && strip[47].time_s > 380.0);
    assert!((watcher.thumbnail_near(200.0).expect("some").time_s - 200.0).abs() < 10.0);
}

#[test]
fn a_long_film_makes_a_long_document() {
    let mut watcher = Watcher::default();
    for i in 0..3600u64 {
        let y = [(i % 200) as u8; 4];
        watcher
            .see(&Frame {
                index: i,
                time_s: i as f64,
                width: 2,
                height: 2,
                y: &y,
                cb: &[128],
                cr: &[128],
            })
            .expect("whole");
    }
    let sighting = watcher.finish(3600.0);
    assert_eq!((sighting.curves.step_s, sighting.curves.light.len()), (0.3, 12_000));
}

/// Width, height, kind and seed and level of each frame, steps between frames.
type Film = (usize, usize, Vec<(u8, u32, u8)>, Vec<f64>);

/// Films of any content and any timing.
fn films() -> impl Strategy<Value = Film> {
    (2usize..40, 2usize..40).prop_flat_map(|(w, h)| {
        let frames = prop::collection::vec((0u8..6, any::<u32>(), any::<u8>()), 1..40);
        let steps = prop::collection::vec(prop_oneof![Just(0.04), Just(0.0), 0.001f64..3.0], 60);
        (Just(w), Just(h), frames, steps)
    })
}

fn noise(kind: u8, seed: u32, level: u8, n: usize) -> Vec<u8> {
    let mut state = u64::from(seed % 5) + 1;
    (0..n)
        .map(|i| match kind {
            0 => level,
            1 => (i as u8).wrapping_mul(level),
            2 => 255,
            3 => 0,
            _ => {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn arbitrary_films_break_a_promise((w, h, frames, steps) in films(), end_s in prop_oneof![Just(f64::NAN), 0.0f64..100.0]) {
        let mut watcher = Watcher::default();
        let mut again = Watcher::default();
        let mut time_s = 0.0;
        for (i, (&(kind, seed, level), step)) in frames.iter().zip(&steps).enumerate() {
            let n = w.div_ceil(2) * h.div_ceil(2);
            let (y, cb, cr) = (noise(kind, seed, level, w * h), noise(kind, seed ^ 1, level, n), noise(kind, seed ^ 2, 128, n));
            let frame = Frame { index: i as u64, time_s, width: w, height: h, y: &y, cb: &cb, cr: &cr };
            watcher.see(&frame).expect("whole frames");
            again.see(&frame).expect("whole frames");
            time_s += step;
        }
        let sighting = watcher.finish(end_s);
        prop_assert_eq!(&sighting, &again.finish(end_s));
        let shots = &sighting.shots;
        prop_assert_eq!(shots[0].start_s, 0.0);
        prop_assert_eq!(shots[shots.len() - 1].end_s, sighting.duration_s);
        for pair in shots.windows(2) {
            prop_assert_eq!(pair[0].end_s, pair[1].start_s);
            prop_assert!(pair[1].start_s > pair[0].start_s && pair[1].first_frame > pair[0].first_frame);
        }
        for shot in shots {
            prop_assert!(shot.end_s > shot.start_s);
            for v in [shot.strength, shot.motion, shot.camera, shot.light, shot.saturation, shot.density] {
                prop_assert!((0.0..=1.0).contains(&v), "{:?}", shot);
            }
            for v in [shot.warmth, shot.pan.0, shot.pan.1] {
                prop_assert!((-1.0..=1.0).contains(&v), "{:?}", shot);
            }
            prop_assert!(shot.palette.len() <= 3 && shot.palette.iter().map(|c| c.share).sum::<f64>() <= 1.001);
        }
        let curves = &sighting.curves;
        for curve in [&curves.motion, &curves.camera, &curves.light, &curves.saturation, &curves.density] {
            prop_assert_eq!(curve.len(), curves.light.len());
            prop_assert!(curve.iter().all(|v| (0.0..=1.0).contains(v)));
        }
        prop_assert!((curves.light.len() as f64 * curves.step_s - sighting.duration_s).abs() <= curves.step_s + 1e-6);
        for moment in sighting.flashes.iter().chain(&sighting.motion_peaks) {
            prop_assert!((0.0..=sighting.duration_s).contains(&moment.time_s) && (0.0..=1.0).contains(&moment.strength));
        }
        prop_assert!(sighting.medoid < sighting.samples.len());
        prop_assert!(sighting.samples.windows(2).all(|w| w[0].time_s <= w[1].time_s));
        prop_assert!(sighting.palette.len() <= 6 && !sighting.palette.is_empty());
        let words = &sighting.words;
        prop_assert!(words.starts_with("a ") || words.starts_with("an "), "{}", words);
        prop_assert!(!words.contains("  ") && !words.contains(" ,") && !words.ends_with(' '), "{}", words);
        prop_assert!(watcher.thumbnails().len() <= Watcher::THUMBNAILS);
    }
}

/// A picture that moves by `at(seconds)` pixels to the right, `rate` frames a second.
fn moving(rate: f64, length_s: f64, at: impl Fn(f64) -> f64) -> Sighting {
    let times: Vec<f64> = (0..(length_s * rate) as usize).map(|i| i as f64 / rate).collect();
    let frames: Vec<Planes> = times.iter().map(|t| scene(7, at(*t), 0.0)).collect();
    watch_at(&frames, &times, length_s)
}

#[test]
fn a_burst_of_motion_is_late_at_some_frame_rate() {
    for rate in [24.0f64, 25.0, 30.0, 50.0, 60.0] {
        // Jumps that fall back slowly, as a picture does on a beat, on the grid of frames.
        let jumps: Vec<f64> = [0.7, 1.4, 2.3, 3.1]
            .iter()
            .map(|t: &f64| (t * rate).round() / rate)
            .collect();
        let sighting = moving(rate, 4.0, |t| {
            let fall = |j: &f64| {
                if t > j - 1e-6 {
                    (1.0 - (t - j) / 0.3).max(0.0)
                } else {
                    0.0
                }
            };
            3.0 * jumps.iter().map(fall).sum::<f64>()
        });
        let peaks: Vec<f64> = sighting.motion_peaks.iter().map(|m| m.time_s).collect();
        assert_eq!(peaks.len(), jumps.len(), "{rate}: {peaks:?}");
        for (peak, jump) in peaks.iter().zip(&jumps) {
            assert!((peak - jump).abs() < 0.5 / rate, "{rate}: {peaks:?} for {jumps:?}");
        }
    }
}

#[test]
fn a_single_jump_is_seen_where_it_ends() {
    for rate in [24.0f64, 25.0, 30.0, 50.0, 60.0] {
        let jump = (1.5 * rate).round() / rate;
        let sighting = moving(rate, 3.0, |t| if t > jump - 1e-6 { 3.0 } else { 0.0 });
        let peaks = &sighting.motion_peaks;
        assert_eq!(peaks.len(), 1, "{rate}: {peaks:?}");
        assert!(
            (peaks[0].time_s - jump).abs() < 0.5 / rate,
            "{rate}: {peaks:?} for {jump}"
        );
    }
}

#[test]
fn a_start_or_an_impact_is_off_at_some_frame_rate() {
    for rate in [24.0f64, 25.0, 30.0, 50.0, 60.0] {
        let at = (1.5 * rate).round() / rate;
        // Forty pixels a second until the impact: the last frame that moved shows it.
        let stops = moving(rate, 3.0, |t| 40.0 * t.min(at)).motion_peaks;
        assert_eq!(stops.len(), 1, "{rate}: {stops:?}");
        assert!((stops[0].time_s - at).abs() < 0.5 / rate, "{rate}: {stops:?} for {at}");
        // From rest: the first frame that has moved.
        let starts = moving(rate, 3.0, |t| 40.0 * (t - at).max(0.0)).motion_peaks;
        assert_eq!(starts.len(), 1, "{rate}: {starts:?}");
        assert!(
            (starts[0].time_s - at - 1.0 / rate).abs() < 0.5 / rate,
            "{rate}: {starts:?} for {at}"
        );
    }
}
