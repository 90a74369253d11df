//! The warping of the Python package `fastdtw` 0.3.4, bit for bit; the fixture is made by
//! `tests/reference/fastdtw_parity.py`.

use serde::Deserialize;
use synchresis_cue::fast_dtw;

#[derive(Deserialize)]
struct Case {
    x: Vec<f64>,
    y: Vec<f64>,
    distance: f64,
    path: Vec<(usize, usize)>,
}

#[test]
fn the_package_finds_another_path_or_distance() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/fastdtw.json")).expect("the fixture reads");
    assert!(cases.len() > 10);
    for case in cases {
        let warp = fast_dtw(&case.x, &case.y, 1).expect("two series");
        assert_eq!(
            warp.distance.to_bits(),
            case.distance.to_bits(),
            "{} by {}",
            case.x.len(),
            case.y.len()
        );
        assert_eq!(warp.path, case.path, "{} by {}", case.x.len(), case.y.len());
    }
}
