//! Which part of an artwork fills the frame.

use super::artwork::ArtInfo;

/// A tight crop shows this share of the widest one's sides.
const TIGHT: [f64; 3] = [0.74, 0.66, 0.80];
/// Fewest artwork pixels on a side of a crop, as a share of the film's: below it a picture is visibly soft.
const SHARPEST: f64 = 0.40;

/// The `n`th way to frame `art` in a film of `width` by `height` pixels, as left, top, right, bottom (shares of the
/// artwork's sides): 0 the widest, odd ones tight on what draws the eye, even ones the widest again.
pub(crate) fn crop(art: &ArtInfo, width: u32, height: u32, n: usize) -> [f64; 4] {
    let widest = widest(art, width, height);
    if n.is_multiple_of(2) {
        return widest;
    }
    let which = n / 2;
    let peaks = art.saliency.peaks();
    let Some((px, py)) = peaks.get(which % peaks.len().max(1)).copied() else {
        return widest;
    };
    let share = TIGHT[which % TIGHT.len()];
    // A small artwork is not enlarged beyond what it holds.
    let pixels = (widest[2] - widest[0]) * f64::from(art.width);
    let share = share.max((SHARPEST * f64::from(width) / pixels).min(0.85)).min(0.85);
    let (w, h) = ((widest[2] - widest[0]) * share, (widest[3] - widest[1]) * share);
    let (room_x, room_y) = (
        (widest[2] - widest[0] - w).max(0.0),
        (widest[3] - widest[1] - h).max(0.0),
    );
    const STEPS: usize = 14;
    let mut best = (f64::NEG_INFINITY, widest);
    for j in 0..=STEPS {
        for i in 0..=STEPS {
            let left = widest[0] + room_x * i as f64 / STEPS as f64;
            let top = widest[1] + room_y * j as f64 / STEPS as f64;
            let at = [left, top, left + w, top + h];
            // The eye rests a little above the middle of a frame; what draws it is not to be cut through, least of all
            // by the upper edge, where heads are.
            let off = ((px - left) / w - 0.5).hypot((py - top) / h - 0.46);
            let worth = art.saliency.within(at) + 2.0 * art.saliency.faces_within(at)
                - 0.35 * off
                - 1.2 * cut_through(art, widest, at);
            if worth > best.0 {
                best = (worth, at);
            }
        }
    }
    best.1
}

/// How much of what draws the eye lies on the edges that `crop` adds to those of the `widest`.
fn cut_through(art: &ArtInfo, widest: [f64; 4], crop: [f64; 4]) -> f64 {
    let band = |edge: [f64; 4]| art.saliency.within(edge);
    const REACH: f64 = 0.035;
    let [l, t, r, b] = crop;
    let mut sum = 0.0;
    if l > widest[0] + 1e-6 {
        sum += band([l - REACH, t, l + REACH, b]);
    }
    if r < widest[2] - 1e-6 {
        sum += band([r - REACH, t, r + REACH, b]);
    }
    if t > widest[1] + 1e-6 {
        sum += 2.0 * band([l, t - REACH, r, t + REACH]);
    }
    if b < widest[3] - 1e-6 {
        sum += band([l, b - REACH, r, b + REACH]);
    }
    sum
}

/// The largest part of the frame's shape, laid where most of what draws the eye is within it.
fn widest(art: &ArtInfo, width: u32, height: u32) -> [f64; 4] {
    let frame = f64::from(width.max(1)) / f64::from(height.max(1));
    let own = f64::from(art.width) / f64::from(art.height);
    let (w, h) = if own > frame {
        (frame / own, 1.0)
    } else {
        (1.0, own / frame)
    };
    let (room_x, room_y) = (1.0 - w, 1.0 - h);
    let mut best = (
        f64::NEG_INFINITY,
        [room_x / 2.0, room_y / 2.0, room_x / 2.0 + w, room_y / 2.0 + h],
    );
    const STEPS: usize = 40;
    for i in 0..=STEPS {
        let t = i as f64 / STEPS as f64;
        let (x, y) = (room_x * t, room_y * t);
        let at = [x, y, x + w, y + h];
        // Between equals the middle, and rather too high than too low: heads are above.
        let held = art.saliency.within(at) - 0.05 * (t - if room_y > 0.0 { 0.42 } else { 0.5 }).abs();
        if held > best.0 {
            best = (held, at);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::super::artwork::Artwork;
    use super::*;
    use proptest::prelude::*;

    fn with_dot(w: u32, h: u32, x: u32, y: u32) -> ArtInfo {
        let mut rgb = vec![100u8; (w * h * 3) as usize];
        for j in y..(y + h / 8).min(h) {
            for i in x..(x + w / 12).min(w) {
                rgb[((j * w + i) * 3) as usize..][..3].copy_from_slice(&[240, 30, 30]);
            }
        }
        Artwork::from_rgb8("art", w, h, rgb).expect("fits").info().clone()
    }

    #[test]
    fn what_matters_is_cropped_away() {
        let art = with_dot(400, 100, 330, 40);
        let [l, t, r, b] = crop(&art, 100, 100, 0);
        assert!((r - l - 0.25).abs() < 1e-9 && (b - t - 1.0).abs() < 1e-9);
        assert!(l < 330.0 / 400.0 && r > 360.0 / 400.0, "{l} {r}");
        let tight = crop(&art, 100, 100, 1);
        assert!(tight[0] <= 0.84 && tight[2] >= 0.88 && tight[2] - tight[0] < 0.2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn a_crop_leaves_the_artwork_or_the_frames_shape(
            aw in 1u32..300, ah in 1u32..300, w in 2u32..2000, h in 2u32..2000, n in 0usize..9,
        ) {
            let art = Artwork::from_rgb8("art", aw, ah, vec![9; (aw * ah * 3) as usize]).expect("fits");
            let c = crop(art.info(), w, h, n);
            prop_assert!(c[0] >= -1e-9 && c[1] >= -1e-9 && c[2] <= 1.0 + 1e-9 && c[3] <= 1.0 + 1e-9);
            let shape = (c[2] - c[0]) * f64::from(aw) / ((c[3] - c[1]) * f64::from(ah));
            prop_assert!((shape / (f64::from(w) / f64::from(h)) - 1.0).abs() < 1e-6);
        }
    }
}
