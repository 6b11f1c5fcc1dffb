//! Shapes of passenger cars and vans, one for either end.

use super::model::Strip::{self, Glass, Paint};

/// A passenger car's shape: `(depth, height)` from the bottom of the near end over the roof.
pub struct CarShape {
    pub width: f32,
    pub belt: f32,
    pub taper: f32,
    pub profile: &'static [(f32, f32)],
    pub strips: &'static [Strip],
    pub windows: &'static [&'static [(f32, f32)]],
    pub wheels: &'static [(f32, f32)],
    /// Bottom and top of the lamps.
    pub lamps: (f32, f32),
    pub plate: f32,
}

pub static SEDAN_REAR: CarShape = CarShape {
    width: 1.8,
    belt: 0.98,
    taper: 0.78,
    profile: &[
        (0.0, 0.3),
        (0.0, 0.86),
        (0.06, 1.02),
        (0.48, 1.06),
        (1.15, 1.42),
        (2.5, 1.45),
        (3.3, 1.0),
        (4.6, 0.8),
        (4.65, 0.3),
    ],
    strips: &[Paint, Paint, Paint, Glass, Paint],
    windows: &[
        &[(0.85, 1.05), (1.35, 1.36), (1.95, 1.38), (1.95, 1.02)],
        &[(2.02, 1.02), (2.02, 1.38), (2.48, 1.38), (3.0, 1.02)],
    ],
    wheels: &[(0.95, 0.32), (3.7, 0.32)],
    lamps: (0.72, 0.9),
    plate: 0.79,
};
pub static HATCH_REAR: CarShape = CarShape {
    width: 1.74,
    belt: 0.98,
    taper: 0.8,
    profile: &[(0.0, 0.3), (0.0, 0.8), (0.05, 1.0), (0.4, 1.44), (2.3, 1.5), (3.1, 1.05), (4.0, 0.85), (4.05, 0.3)],
    strips: &[Paint, Paint, Glass, Paint],
    windows: &[
        &[(0.5, 1.06), (0.6, 1.38), (1.5, 1.42), (1.5, 1.03)],
        &[(1.58, 1.03), (1.58, 1.42), (2.25, 1.42), (2.8, 1.04)],
    ],
    wheels: &[(0.6, 0.31), (3.2, 0.31)],
    lamps: (0.74, 1.0),
    plate: 0.72,
};
pub static SUV_REAR: CarShape = CarShape {
    width: 1.88,
    belt: 1.12,
    taper: 0.82,
    profile: &[(0.0, 0.38), (0.0, 0.96), (0.05, 1.14), (0.32, 1.62), (2.6, 1.7), (3.3, 1.2), (4.6, 1.02), (4.65, 0.38)],
    strips: &[Paint, Paint, Glass, Paint],
    windows: &[
        &[(0.5, 1.2), (0.55, 1.55), (1.5, 1.6), (1.5, 1.17)],
        &[(1.58, 1.17), (1.58, 1.6), (2.5, 1.6), (3.0, 1.18)],
    ],
    wheels: &[(0.9, 0.37), (3.7, 0.37)],
    lamps: (0.86, 1.14),
    plate: 0.86,
};
pub static VAN_REAR: CarShape = CarShape {
    width: 1.9,
    belt: 1.16,
    taper: 0.84,
    profile: &[(0.0, 0.34), (0.0, 1.0), (0.06, 1.18), (0.34, 1.76), (3.4, 1.84), (4.2, 1.2), (4.8, 1.0), (4.85, 0.34)],
    strips: &[Paint, Paint, Glass, Paint],
    windows: &[
        &[(0.5, 1.24), (0.56, 1.68), (1.8, 1.74), (1.8, 1.22)],
        &[(1.9, 1.22), (1.9, 1.74), (3.3, 1.74), (3.8, 1.24)],
    ],
    wheels: &[(0.9, 0.34), (3.8, 0.34)],
    lamps: (0.86, 1.2),
    plate: 0.84,
};
pub static SEDAN_FRONT: CarShape = CarShape {
    width: 1.8,
    belt: 0.96,
    taper: 0.78,
    profile: &[
        (0.0, 0.28),
        (0.0, 0.66),
        (0.14, 0.8),
        (1.15, 0.98),
        (1.9, 1.4),
        (3.2, 1.44),
        (3.9, 1.06),
        (4.55, 1.0),
        (4.6, 0.3),
    ],
    strips: &[Paint, Paint, Paint, Glass, Paint],
    windows: &[
        &[(1.5, 1.02), (2.0, 1.36), (2.55, 1.38), (2.55, 1.02)],
        &[(2.62, 1.02), (2.62, 1.38), (3.15, 1.36), (3.6, 1.04)],
    ],
    wheels: &[(0.85, 0.32), (3.6, 0.32)],
    lamps: (0.58, 0.74),
    plate: 0.45,
};
pub static HATCH_FRONT: CarShape = CarShape {
    width: 1.74,
    belt: 1.0,
    taper: 0.8,
    profile: &[(0.0, 0.28), (0.0, 0.7), (0.12, 0.84), (0.95, 1.02), (1.7, 1.44), (3.5, 1.5), (3.95, 1.0), (4.05, 0.3)],
    strips: &[Paint, Paint, Paint, Glass, Paint],
    windows: &[
        &[(1.3, 1.06), (1.8, 1.4), (2.4, 1.43), (2.4, 1.05)],
        &[(2.48, 1.05), (2.48, 1.43), (3.3, 1.43), (3.6, 1.1)],
    ],
    wheels: &[(0.8, 0.31), (3.4, 0.31)],
    lamps: (0.62, 0.8),
    plate: 0.47,
};
pub static SUV_FRONT: CarShape = CarShape {
    width: 1.88,
    belt: 1.14,
    taper: 0.82,
    profile: &[(0.0, 0.36), (0.0, 0.84), (0.12, 1.0), (1.2, 1.16), (1.9, 1.62), (4.2, 1.7), (4.55, 1.1), (4.65, 0.4)],
    strips: &[Paint, Paint, Paint, Glass, Paint],
    windows: &[
        &[(1.6, 1.2), (2.0, 1.56), (2.7, 1.6), (2.7, 1.18)],
        &[(2.78, 1.18), (2.78, 1.6), (4.0, 1.6), (4.2, 1.24)],
    ],
    wheels: &[(0.95, 0.37), (3.7, 0.37)],
    lamps: (0.74, 0.93),
    plate: 0.56,
};
pub static VAN_FRONT: CarShape = CarShape {
    width: 1.94,
    belt: 1.2,
    taper: 0.88,
    profile: &[(0.0, 0.32), (0.0, 0.8), (0.15, 1.0), (0.7, 1.2), (1.35, 1.88), (4.8, 1.98), (4.9, 0.4)],
    strips: &[Paint, Paint, Paint, Glass, Paint],
    windows: &[&[(1.1, 1.25), (1.5, 1.75), (2.2, 1.8), (2.2, 1.22)]],
    wheels: &[(0.9, 0.34), (3.9, 0.34)],
    lamps: (0.74, 0.98),
    plate: 0.5,
};
