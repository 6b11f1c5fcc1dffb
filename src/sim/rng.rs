//! Portable random numbers: a PCG stream per use, so that one thing's draws never shift another's.

use rand_core::Rng as _;
use rand_pcg::Pcg32;

/// What a stream is for. The number is part of every frame ever rendered: add, never renumber.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub enum Stream {
    Scene = 1,
    Backdrop = 2,
    Noise = 3,
    Vehicle = 4,
    Drop = 5,
}

pub struct Rng(Pcg32);

impl Rng {
    /// `index` tells apart streams of one kind: the vehicle's or the frame's number.
    pub fn new(seed: u64, stream: Stream, index: u64) -> Self {
        Self(Pcg32::new(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15), stream as u64))
    }

    pub fn next(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 0–1, 24 bits, so that the conversion is exact.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 8) as f32 / 16_777_216.0
    }

    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// 0 … `count` − 1; 0 for none.
    pub fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.next()) * count as u64) >> 32) as usize
    }

    pub fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    pub fn pick<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        const { assert!(N > 0) };
        choices[self.below(N)]
    }

    /// One of the characters; a space for none.
    pub fn letter(&mut self, letters: &str) -> char {
        letters.chars().nth(self.below(letters.chars().count())).unwrap_or(' ')
    }

    /// Mean 0, standard deviation 1: twelve uniform draws (Irwin–Hall), exact everywhere.
    pub fn gauss(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}
