//! Plain features of a frame.

use super::spectrum::{Framer, HOP, N_FFT, RATE, Stft};

/// `librosa.feature.rms` of samples at [`RATE`]: root mean square of each frame of [`N_FFT`] samples, no window.
pub fn rms(samples: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    let mut each = |frame: &[f32]| out.push(level(frame));
    let mut framer = Framer::new(N_FFT, HOP);
    framer.push(samples, &mut each);
    framer.finish(&mut each);
    out
}

/// Root mean square of a frame.
pub(super) fn level(frame: &[f32]) -> f32 {
    // Eight sums, which the compiler keeps side by side.
    let mut sums = [0.0f32; 8];
    for part in frame.chunks(8) {
        for (s, x) in sums.iter_mut().zip(part) {
            *s += x * x;
        }
    }
    (sums.iter().sum::<f32>() / frame.len().max(1) as f32).sqrt()
}

/// `librosa.feature.spectral_centroid` of samples at [`RATE`]: mean frequency in Hz weighted by magnitude; 0 in silence.
pub fn spectral_centroid(samples: &[f32]) -> Vec<f32> {
    let mut stft = Stft::new(N_FFT);
    let mut magnitude = vec![0.0; stft.bins()];
    let mut out = Vec::new();
    let mut each = |frame: &[f32]| {
        stft.power(frame, &mut magnitude);
        for m in &mut magnitude {
            *m = m.sqrt();
        }
        out.push(centroid(&magnitude));
    };
    let mut framer = Framer::new(N_FFT, HOP);
    framer.push(samples, &mut each);
    framer.finish(&mut each);
    out
}

/// Mean frequency of a magnitude spectrum of [`N_FFT`] samples at [`RATE`], Hz; 0 in silence.
pub(super) fn centroid(magnitude: &[f32]) -> f32 {
    let (mut sum, mut weighted) = (0.0f32, 0.0f32);
    for (i, m) in magnitude.iter().enumerate() {
        sum += m;
        weighted += m * i as f32;
    }
    if sum < f32::MIN_POSITIVE {
        0.0
    } else {
        weighted / sum * RATE as f32 / N_FFT as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_has_another_level_or_centre() {
        let samples: Vec<f32> = (0..22_050)
            .map(|i| (std::f64::consts::TAU * 1000.0 * f64::from(i) / 22_050.0).sin() as f32)
            .collect();
        let middle = 20;
        assert!((rms(&samples)[middle] - 0.5f32.sqrt()).abs() < 2e-3);
        assert!((spectral_centroid(&samples)[middle] - 1000.0).abs() < 5.0);
        assert_eq!(spectral_centroid(&[0.0; 4096])[3], 0.0);
    }
}
