//! Delay lines that are read and written in chunks, so that every loop over them runs in the processor's lanes.

use crate::lanes::Arithmetic;

/// Most frames that are processed at a time; every delay is longer.
pub(super) const CHUNK: usize = 64;

/// Samples between two moves of the history to the front of the buffer.
const SLACK: usize = 6144;

/// One signal's past, contiguous in memory: the write head runs through a buffer and is moved back at its end.
#[derive(Debug, Clone)]
pub(super) struct Delay {
    buffer: Vec<f32>,
    history: usize,
    head: usize,
}

impl Delay {
    /// Remembers `history` samples at least.
    pub(super) fn new(history: usize) -> Self {
        Self {
            buffer: vec![0.0; history + SLACK],
            history,
            head: history,
        }
    }

    /// The `n` samples that begin `delay` samples before the head; `n ≤ delay ≤ history`.
    #[inline(always)]
    pub(super) fn past(&self, delay: usize, n: usize) -> &[f32] {
        let start = self.head - delay;
        &self.buffer[start..start + n]
    }

    /// Room for the next `n ≤ CHUNK` samples at the head, which moves behind them.
    #[inline(always)]
    pub(super) fn advance(&mut self, n: usize) -> &mut [f32] {
        if self.head + n > self.buffer.len() {
            self.buffer.copy_within(self.head - self.history..self.head, 0);
            self.head = self.history;
        }
        self.head += n;
        &mut self.buffer[self.head - n..self.head]
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.buffer.fill(0.0);
    }
}

/// An all-pass (M. R. Schroeder, 1961): spreads an onset in time and leaves the spectrum as it is.
#[derive(Debug, Clone)]
pub(super) struct AllPass {
    line: Delay,
    delay: usize,
    gain: f32,
}

impl AllPass {
    pub(super) fn new(delay: usize, gain: f32) -> Self {
        let delay = delay.max(CHUNK);
        Self {
            line: Delay::new(delay),
            delay,
            gain,
        }
    }

    /// In place.
    #[inline(always)]
    pub(super) fn process<U: Arithmetic>(&mut self, x: &mut [f32; CHUNK]) {
        let mut old = [0.0; CHUNK];
        old.copy_from_slice(self.line.past(self.delay, CHUNK));
        let Ok(new) = <&mut [f32; CHUNK]>::try_from(self.line.advance(CHUNK)) else {
            return;
        };
        for t in 0..CHUNK {
            let v = U::fused(-self.gain, old[t], x[t]);
            x[t] = U::fused(self.gain, v, old[t]);
            new[t] = v;
        }
    }

    pub(super) fn clear(&mut self) {
        self.line.clear();
    }
}
