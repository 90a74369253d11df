use synchresis_cue::Frame;

use super::*;

fn watch(frames: &[(Vec<u8>, f64)], w: usize, h: usize) -> Watcher {
    let mut watcher = Watcher::default();
    let c = vec![128u8; w.div_ceil(2) * h.div_ceil(2)];
    for (i, (y, time_s)) in frames.iter().enumerate() {
        let frame = Frame {
            index: i as u64,
            time_s: *time_s,
            width: w,
            height: h,
            y,
            cb: &c,
            cr: &c,
        };
        watcher.see(&frame).expect("whole frames");
    }
    watcher
}

#[test]
fn a_film_of_one_frame_has_no_shot() {
    let sighting = watch(&[(vec![100; 4], 0.0)], 2, 2).finish(5.0);
    assert_eq!(sighting.shots.len(), 1);
    assert_eq!((sighting.shots[0].start_s, sighting.shots[0].end_s), (0.0, 5.0));
    assert_eq!(sighting.samples.len(), 6);
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
}
