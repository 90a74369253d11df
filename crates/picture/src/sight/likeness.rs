//! Which shots look alike: a set-up that comes back gets the number that it had.

use super::glance::{Film, Tiny};
use super::shots::Found;

/// Pictures nearer than this are one set-up, levels.
const ALIKE: f32 = 14.0;
/// Set-ups that are compared with, the latest first: what was not seen for longer is new again.
const REMEMBERED: usize = 64;

/// A number for each shot, counted from 0 in order of first appearance.
pub(crate) fn classes(film: &Film<'_>, found: &Found) -> Vec<usize> {
    if film.glances.is_empty() {
        return vec![0; found.borders.len()];
    }
    // A set-up is remembered by the pictures of its latest shot.
    let mut setups: Vec<(usize, Vec<&Tiny>)> = Vec::new();
    let mut numbers = Vec::with_capacity(found.borders.len());
    let mut next = 0;
    for (i, border) in found.borders.iter().enumerate() {
        let end = found
            .borders
            .get(i + 1)
            .map_or(film.glances.len(), |b| b.reach.0.max(border.frame + 1));
        let start = border.reach.1.max(border.frame).min(end - 1);
        let keys: Vec<&Tiny> = [0, 1, 2]
            .iter()
            .map(|q| film.tiny(start + (end - 1 - start) * q / 2))
            .collect();
        let nearest = setups
            .iter()
            .enumerate()
            .map(|(k, (_, known))| (k, distance(known, &keys)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        match nearest {
            Some((k, d)) if d < ALIKE => {
                let (number, _) = setups.remove(k);
                numbers.push(number);
                setups.push((number, keys));
            }
            _ => {
                numbers.push(next);
                setups.push((next, keys));
                next += 1;
            }
        }
        if setups.len() > REMEMBERED {
            setups.remove(0);
        }
    }
    numbers
}

fn distance(a: &[&Tiny], b: &[&Tiny]) -> f32 {
    a.iter()
        .flat_map(|p| {
            b.iter()
                .map(move |q| p.layout_to(q) + 0.5 * p.mix_to(q) + 10.0 * (1.0 - p.correlation_to(q)))
        })
        .fold(f32::INFINITY, f32::min)
}
