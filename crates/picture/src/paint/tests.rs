//! The painter as a whole: what a person would see go wrong.

use proptest::prelude::*;
use synchresis_cue::{Act, Look, Pace, Rational, Storyboard};

use super::*;

/// A picture with shapes, colours and gradients; another for each `kind`.
fn picture(kind: u32, w: u32, h: u32) -> Artwork {
    let mut rgb = Vec::with_capacity((w * h * 3) as usize);
    for y in 0..h {
        for x in 0..w {
            let (u, v) = (f64::from(x) / f64::from(w), f64::from(y) / f64::from(h));
            let k = f64::from(kind);
            let wave = (9.0 * u + 3.0 * k).sin() * (7.0 * v + k).cos();
            let blob = (-((u - 0.3 - 0.2 * k % 0.5).powi(2) + (v - 0.4).powi(2)) * 40.0).exp();
            let code = |base: f64| (base + 60.0 * wave + 110.0 * blob).clamp(0.0, 255.0) as u8;
            rgb.extend([code(90.0 + 30.0 * k), code(110.0), code(140.0 - 20.0 * k)]);
        }
    }
    Artwork::from_rgb8("art", w, h, rgb).expect("fits")
}

/// A song of 120 beats a minute, struck on every beat.
fn song(duration_s: f64) -> Heard {
    let beats: Vec<f64> = (1..)
        .map(|i| f64::from(i) * 0.5)
        .take_while(|t| *t < duration_s)
        .collect();
    let steps = (duration_s * 30.0) as usize;
    let struck: Vec<f32> = (0..steps).map(|i| (-((i % 15) as f32) / 4.0).exp()).collect();
    Heard {
        duration_s,
        tempo: 120.0,
        onsets: beats
            .iter()
            .enumerate()
            .map(|(i, t)| (*t, if i % 4 == 3 { 1.0 } else { 0.8 }))
            .collect(),
        beats,
        parts_step_s: 1.0 / 30.0,
        harmonic: vec![0.5; steps],
        percussive: struck,
        step_s: 1.0 / 30.0,
        energy: vec![0.3; steps],
        ..Heard::default()
    }
}

fn plan(heard: &Heard, arts: &[Artwork], look: Look, size: (u32, u32), section: f64) -> Storyboard {
    let info: Vec<ArtInfo> = arts.iter().map(|a| a.info().clone()).collect();
    let options = FilmOptions {
        look,
        size,
        section_seconds: Some(section),
        ..FilmOptions::default()
    };
    storyboard(heard, &info, &options, &GenreTable::default())
}

fn luma(painter: &Painter, i: u64, (w, h): (usize, usize)) -> Vec<u8> {
    let mut frame = vec![0; painter.frame_bytes()];
    painter.frame(i, &mut frame).expect("painted");
    frame.truncate(w * h);
    frame
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn the_first_frame_shows_another_picture_than_the_first() {
    let arts = vec![picture(0, 96, 96), picture(1, 96, 96)];
    for look in Look::ALL.into_iter().filter(|l| *l != Look::Kaleido) {
        let painter = Painter::new(&plan(&song(8.0), &arts, look, (96, 96), 4.0), arts.clone()).expect("paints");
        let mut frame = vec![0; 96 * 96 * 3];
        painter.frame_rgb(0, &mut frame).expect("painted");
        let (own, other) = (difference(&frame, arts[0].rgb()), difference(&frame, arts[1].rgb()));
        // The seed's way shows the artwork itself; the others may move, tint and darken it.
        let allowed = if look == Look::Seed { 1.2 } else { 0.45 * other };
        assert!(own < allowed, "{look:?}: {own} from the first, {other} from the second");
    }
}

#[test]
fn the_seeds_way_does_not_arrive_at_the_second_picture() {
    let arts = vec![picture(0, 64, 64), picture(1, 64, 64)];
    let board = plan(&song(8.0), &arts, Look::Seed, (64, 64), 4.0);
    assert!(board.events.is_empty() && board.sections.len() == 2);
    let painter = Painter::new(&board, arts.clone()).expect("paints");
    let mut frame = vec![0; 64 * 64 * 3];
    for i in [119, 120] {
        painter.frame_rgb(i, &mut frame).expect("painted");
        assert!(difference(&frame, arts[1].rgb()) < 1.2, "frame {i}");
    }
}

#[test]
fn a_frame_depends_on_those_painted_before_or_on_threads() {
    let arts = vec![picture(0, 120, 80), picture(2, 70, 100)];
    for look in Look::ALL {
        let board = plan(&song(6.0), &arts, look, (66, 50), 3.0);
        let painter = Painter::new(&board, arts.clone()).expect("paints");
        let forward: Vec<Vec<u8>> = (60..100).step_by(7).map(|i| luma(&painter, i, (66, 75))).collect();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("pool");
        let again = Painter::new(&board, arts.clone()).expect("paints");
        for (k, i) in (60..100).step_by(7).enumerate().collect::<Vec<_>>().into_iter().rev() {
            assert!(
                one.install(|| luma(&again, i, (66, 75))) == forward[k],
                "{look:?}, frame {i}"
            );
        }
    }
}

#[test]
fn a_picture_at_rest_keeps_the_specks_of_the_frame_before() {
    let (arts, size) = (vec![picture(0, 120, 80), picture(2, 70, 100)], (140, 102));
    for look in [Look::Pulse, Look::Prism, Look::Film] {
        let board = plan(&song(6.0), &arts, look, size, 3.0);
        let painter = Painter::new(&board, arts.clone()).expect("paints");
        let mut frames = vec![vec![0; painter.frame_bytes()]; 60];
        for (i, frame) in (50..).zip(&mut frames) {
            painter.frame(i, frame).expect("painted");
        }
        let mut fresh = vec![0; painter.frame_bytes()];
        for (i, frame) in (50..).zip(&frames).step_by(3) {
            let alone = Painter::new(&board, arts.clone()).expect("paints");
            alone.frame(i, &mut fresh).expect("painted");
            assert!(fresh == *frame, "{look:?}, frame {i}");
        }
        let rests = frames.windows(2).filter(|w| difference(&w[0], &w[1]) < 0.2).count();
        assert!((10..60).contains(&rests), "{look:?} rests for {rests} frames");
    }
}

#[test]
fn a_beat_is_not_seen_in_its_own_frame() {
    let arts = vec![picture(0, 160, 160)];
    for look in Look::ALL.into_iter().filter(|l| *l != Look::Seed) {
        let board = plan(&song(7.0), &arts, look, (160, 160), 10.0);
        let painter = Painter::new(&board, arts.clone()).expect("paints");
        let frames: Vec<Vec<u8>> = (0..200).map(|i| luma(&painter, i, (160, 160))).collect();
        let change: Vec<f64> = frames.windows(2).map(|w| difference(&w[0], &w[1])).collect();
        let mut hits = 0;
        for event in board.events.iter().filter(|e| e.frame > 6 && e.frame < 195) {
            let k = event.frame as usize - 1;
            let around = (k - 4..k + 5)
                .filter(|j| *j != k)
                .map(|j| change[j])
                .fold(0.0, f64::max);
            hits += usize::from(change[k] > 1.15 * around);
        }
        let events = board.events.iter().filter(|e| e.frame > 6 && e.frame < 195).count();
        assert!(events >= 12 && hits == events, "{look:?}: {hits} of {events}");
    }
}

/// General flashes in any one second, by WCAG 2.3.1: pairs of opposing changes of relative luminance of a tenth or more
/// where the darker state is below 0.8, in a quarter of the picture or more.
fn most_flashes_in_a_second(luminance: &[Vec<f32>], fps: usize) -> usize {
    let cells = luminance[0].len();
    // Per cell: the frames at which a swing of a tenth, opposite to the one before, is complete.
    let mut swings: Vec<Vec<usize>> = vec![Vec::new(); cells];
    for (cell, swings) in swings.iter_mut().enumerate() {
        let (mut low, mut high, mut way) = (f32::INFINITY, f32::NEG_INFINITY, 0i8);
        for (i, frame) in luminance.iter().enumerate() {
            let v = frame[cell];
            (low, high) = (low.min(v), high.max(v));
            if way <= 0 && v - low >= 0.1 && low < 0.8 {
                (low, high, way) = (v, v, 1);
                swings.push(i);
            } else if way >= 0 && high - v >= 0.1 && v < 0.8 {
                (low, high, way) = (v, v, -1);
                swings.push(i);
            }
        }
    }
    // What at least a quarter of the cells go through within a second.
    (0..luminance.len())
        .map(|from| {
            let mut flashes: Vec<usize> = swings
                .iter()
                .map(|s| s.iter().filter(|i| (from..from + fps).contains(i)).count() / 2)
                .collect();
            flashes.sort_unstable_by(|a, b| b.cmp(a));
            flashes[cells / 4]
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn the_picture_flashes_more_than_three_times_a_second() {
    // Black and white pictures, the worst there is, and a song that strikes eleven times a second.
    let flat = |v: u8| Artwork::from_rgb8("art", 40, 40, vec![v; 4800]).expect("fits");
    for arts in [
        vec![picture(0, 60, 60), picture(1, 60, 60)],
        vec![flat(5), flat(250)],
        vec![flat(120), flat(190)],
    ] {
        for look in Look::ALL {
            let mut heard = song(9.0);
            heard.beats = (1..).map(|i| f64::from(i) * 0.09).take_while(|t| *t < 9.0).collect();
            heard.onsets = heard.beats.iter().map(|t| (*t, 1.0)).collect();
            heard.downbeats = heard.beats.clone();
            let mut board = plan(&heard, &arts, look, (32, 32), 3.0);
            // Somebody asks for everything at once.
            for event in &mut board.events {
                event.acts = vec![Act::Pulse, Act::Flash, Act::LightLeak];
                event.strength = 1.0;
            }
            let painter = Painter::new(&board, arts.clone()).expect("paints");
            let luminance: Vec<Vec<f32>> = (0..painter.frames())
                .map(|i| {
                    let y = luma(&painter, i, (32, 32));
                    y.chunks(32 * 4)
                        .flat_map(|rows| {
                            (0..8).map(|c| {
                                let cell = (0..4).flat_map(|r| &rows[r * 32 + c * 4..][..4]);
                                let code = cell.map(|v| f32::from(*v)).sum::<f32>() / 16.0;
                                super::tone::decode(((code - 16.0) / 219.0).clamp(0.0, 1.0))
                            })
                        })
                        .collect()
                })
                .collect();
            let most = most_flashes_in_a_second(&luminance, 30);
            assert!(most <= 3, "{look:?}: {most}, {} pictures", arts.len());
        }
    }
}

#[test]
fn the_measure_of_flashes_sees_none_in_a_strobe() {
    let strobe: Vec<Vec<f32>> = (0..90).map(|i| vec![if i % 6 < 3 { 0.1 } else { 0.9 }; 64]).collect();
    assert!(most_flashes_in_a_second(&strobe, 30) >= 4);
    let slow: Vec<Vec<f32>> = (0..90).map(|i| vec![if i % 30 < 15 { 0.1 } else { 0.9 }; 64]).collect();
    assert!(most_flashes_in_a_second(&slow, 30) <= 1);
}

#[test]
fn a_still_picture_shimmers() {
    let arts = vec![picture(0, 90, 90)];
    let mut heard = song(4.0);
    (heard.beats, heard.onsets) = (Vec::new(), Vec::new());
    let mut board = plan(&heard, &arts, Look::Seed, (90, 90), 10.0);
    let painter = Painter::new(&board, arts.clone()).expect("paints");
    assert!((1..100).all(|i| luma(&painter, i, (90, 90)) == luma(&painter, 0, (90, 90))));
    // In a slow zoom a pixel changes no more than the picture moves under it.
    board.look = Look::Calm;
    board.sections.iter_mut().for_each(|s| s.look = Look::Calm);
    let painter = Painter::new(&board, arts).expect("paints");
    let worst = (20..60)
        .map(|i| difference(&luma(&painter, i, (90, 90)), &luma(&painter, i + 1, (90, 90))))
        .fold(0.0, f64::max);
    assert!(worst < 0.6, "{worst}");
}

#[test]
fn a_gradient_bands() {
    // Eight codes over the frame's width: without dither each would stand as a band of twelve pixels.
    let rgb = (0..96 * 96).flat_map(|i| [60 + (i % 96 / 12) as u8; 3]).collect();
    let arts = vec![Artwork::from_rgb8("art", 96, 96, rgb).expect("fits")];
    let heard = Heard {
        duration_s: 1.0,
        ..Heard::default()
    };
    let painter = Painter::new(&plan(&heard, &arts, Look::Calm, (192, 192), 10.0), arts).expect("paints");
    let y = luma(&painter, 0, (192, 192));
    // Every column mean lies close to the straight line, and no column is of one code alone throughout.
    let mixed = (0..192)
        .filter(|x| (0..192).any(|row| y[row * 192 + x] != y[*x]))
        .count();
    assert!(mixed > 150, "{mixed}");
}

#[test]
fn a_storyboard_edited_into_nonsense_is_painted() {
    let arts = vec![picture(0, 20, 20)];
    let board = plan(&song(3.0), &arts, Look::Pulse, (32, 32), 2.0);
    let broken: [fn(&mut Storyboard); 7] = [
        |b| b.width = 33,
        |b| b.height = 0,
        |b| b.width = 1 << 20,
        |b| b.frames = 0,
        |b| b.fps = Rational { num: 30, den: 0 },
        |b| b.sections[0].shots[0].artwork = 9,
        |b| b.sections[0].shots.clear(),
    ];
    for (i, edit) in broken.into_iter().enumerate() {
        let mut board = board.clone();
        edit(&mut board);
        let err = Painter::new(&board, arts.clone())
            .err()
            .unwrap_or_else(|| panic!("edit {i} is painted"));
        assert!(err.to_string().contains("hint:"), "{err}");
    }
    assert!(Painter::new(&board, Vec::new()).is_err());
    assert!(
        Painter::new(&board, arts)
            .expect("paints")
            .frame(0, &mut [0; 5])
            .is_err()
    );
}

#[test]
fn sections_leave_a_gap_or_miss_the_turns() {
    let mut heard = song(60.0);
    heard.sections = vec![(0.0, 21.0, vec![]), (21.0, 44.0, vec![]), (44.0, 60.0, vec![])];
    for seconds in [Some(10.0), Some(4.0), None] {
        let options = FilmOptions {
            section_seconds: seconds,
            ..FilmOptions::default()
        };
        let board = storyboard(
            &heard,
            &[picture(0, 9, 9).info().clone()],
            &options,
            &GenreTable::default(),
        );
        assert_eq!((board.sections[0].start_s, board.frames), (0.0, 1800));
        assert!(board.sections.windows(2).all(|w| w[0].end_s == w[1].start_s));
        assert_eq!(board.sections.last().map(|s| s.end_s), Some(60.0));
        assert!(
            board.sections.iter().any(|s| (s.start_s - 21.0).abs() < 0.06),
            "{seconds:?}"
        );
        for s in &board.sections {
            assert_eq!((s.progress[0], s.progress.last().copied()), (0.0, Some(1.0)));
            assert!(!s.genre.is_empty() && !s.style.is_empty() && !s.words.is_empty());
        }
    }
}

#[test]
fn a_beat_at_the_last_bound_is_taken_for_the_next() {
    let heard = Heard {
        duration_s: 12.0,
        beats: vec![0.0],
        ..Heard::default()
    };
    let options = FilmOptions {
        section_seconds: Some(1.0),
        ..FilmOptions::default()
    };
    let board = storyboard(
        &heard,
        &[picture(0, 9, 9).info().clone()],
        &options,
        &GenreTable::default(),
    );
    assert_eq!(board.sections.len(), 12);
}

#[test]
fn an_artwork_whose_pixels_meet_the_frames_breaks_the_resampler() {
    // 2 × 8 on 40 × 50 was one of them.
    for (w, h) in (1u32..9).flat_map(|w| (1u32..9).map(move |h| (w, h))) {
        let art = picture(0, w, h);
        let options = FilmOptions {
            size: (40, 50),
            fps: Rational { num: 1, den: 1 },
            ..FilmOptions::default()
        };
        let board = storyboard(
            &Heard::default(),
            &[art.info().clone()],
            &options,
            &GenreTable::default(),
        );
        let painter = Painter::new(&board, vec![art]).expect("paints");
        let mut frame = vec![0; painter.frame_bytes()];
        painter.frame(0, &mut frame).expect("painted");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_strange_song_or_picture_breaks_the_painter(
        duration in prop_oneof![Just(0.0), Just(f64::NAN), 0.0f64..0.6, 1.0f64..40.0],
        sizes in proptest::collection::vec((1u32..40, 1u32..40), 1..4),
        look in 0usize..8, pace in 0usize..3, w in 1u32..40, h in 1u32..40, fps in 1u32..61,
        section in prop_oneof![Just(None), (0.01f64..30.0).prop_map(Some)],
        mut times in proptest::collection::vec(-1.0f64..45.0, 0..40), strange: f32, seed: u64,
    ) {
        times.sort_by(f64::total_cmp);
        let arts: Vec<Artwork> = sizes.iter().zip(0..).map(|((w, h), k)| picture(k, *w, *h)).collect();
        let info: Vec<ArtInfo> = arts.iter().map(|a| a.info().clone()).collect();
        let heard = Heard {
            duration_s: duration,
            tempo: f64::from(strange),
            onsets: times.iter().map(|t| (*t, strange)).collect(),
            sections: times.windows(2).map(|w| (w[0], w[1], vec!["loud".into()])).collect(),
            beats: times,
            parts_step_s: 0.01,
            harmonic: vec![strange; 50],
            percussive: vec![1.0, strange, 0.0],
            step_s: 0.2,
            energy: vec![strange, 0.5, 1.0],
            brightness: vec![strange],
            ..Heard::default()
        };
        let options = FilmOptions {
            look: Look::ALL[look],
            pace: [Pace::Energy, Pace::Linear, Pace::Constant][pace],
            section_seconds: section,
            size: (w * 2, h * 2),
            fps: Rational { num: fps, den: 1 },
            seed,
            ..FilmOptions::default()
        };
        let board = storyboard(&heard, &info, &options, &GenreTable::default());
        prop_assert!(board.frames >= 1);
        prop_assert!(board.events.windows(2).all(|e| e[0].frame <= e[1].frame));
        let painter = Painter::new(&board, arts).expect("paints");
        let mut frame = vec![0; painter.frame_bytes()];
        for i in [0, board.frames / 2, board.frames - 1, board.frames + 9] {
            painter.frame(i, &mut frame).expect("painted");
            prop_assert!(frame[..(w * h * 4) as usize].iter().all(|y| (8..=243).contains(y)));
        }
    }
}
