//! What each place is made of: the table that [`super::ambience`] plays from.

use super::ambience::{Bed, Caller, Grain, Scene};

const BED: Bed = Bed {
    hz: (300.0, 600.0),
    q: 0.6,
    level: 0.1,
    gust: 0.2,
    pace_s: 3.0,
    wave_s: 0.0,
    pulse_hz: 0.0,
};
const GRAIN: Grain = Grain {
    rate: 20.0,
    hz: (2000.0, 6000.0),
    t60: (0.004, 0.02),
    level: 0.1,
    bend: 0.0,
    noisy: true,
    bunch: 0.0,
};

pub(crate) const SCENES: &[(&str, Scene)] = &[
    (
        "wind",
        Scene {
            beds: &[
                Bed {
                    hz: (180.0, 520.0),
                    q: 0.75,
                    level: 0.20,
                    gust: 0.75,
                    pace_s: 2.6,
                    ..BED
                },
                Bed {
                    hz: (420.0, 1300.0),
                    q: 0.9,
                    level: 0.09,
                    gust: 0.85,
                    pace_s: 1.7,
                    ..BED
                },
                Bed {
                    hz: (70.0, 160.0),
                    q: 0.6,
                    level: 0.18,
                    gust: 0.6,
                    pace_s: 3.5,
                    ..BED
                },
                Bed {
                    hz: (2500.0, 5000.0),
                    q: 0.5,
                    level: 0.02,
                    gust: 0.9,
                    pace_s: 1.2,
                    ..BED
                },
            ],
            grains: &[],
            callers: &[],
        },
    ),
    (
        "rain",
        Scene {
            beds: &[
                Bed {
                    hz: (5200.0, 7200.0),
                    q: 0.4,
                    level: 0.085,
                    gust: 0.18,
                    pace_s: 4.0,
                    ..BED
                },
                Bed {
                    hz: (1400.0, 2200.0),
                    q: 0.4,
                    level: 0.05,
                    gust: 0.2,
                    pace_s: 5.0,
                    ..BED
                },
                Bed {
                    hz: (250.0, 420.0),
                    q: 0.5,
                    level: 0.022,
                    gust: 0.2,
                    pace_s: 6.0,
                    ..BED
                },
            ],
            grains: &[
                Grain {
                    rate: 170.0,
                    hz: (1800.0, 9500.0),
                    t60: (0.003, 0.014),
                    level: 0.33,
                    bunch: 0.4,
                    ..GRAIN
                },
                Grain {
                    rate: 5.0,
                    hz: (500.0, 1400.0),
                    t60: (0.012, 0.035),
                    level: 0.21,
                    bend: 0.5,
                    noisy: false,
                    ..GRAIN
                },
            ],
            callers: &[],
        },
    ),
    (
        "sea",
        Scene {
            beds: &[
                Bed {
                    hz: (320.0, 700.0),
                    q: 0.5,
                    level: 0.20,
                    gust: 0.2,
                    pace_s: 4.0,
                    wave_s: 8.5,
                    ..BED
                },
                Bed {
                    hz: (1600.0, 3200.0),
                    q: 0.45,
                    level: 0.085,
                    gust: 0.25,
                    pace_s: 3.0,
                    wave_s: 8.5,
                    ..BED
                },
                Bed {
                    hz: (5000.0, 7500.0),
                    q: 0.5,
                    level: 0.035,
                    gust: 0.3,
                    pace_s: 2.0,
                    wave_s: 6.1,
                    ..BED
                },
                Bed {
                    hz: (80.0, 150.0),
                    q: 0.6,
                    level: 0.13,
                    gust: 0.4,
                    pace_s: 5.0,
                    wave_s: 12.5,
                    ..BED
                },
                Bed {
                    hz: (500.0, 1100.0),
                    q: 0.4,
                    level: 0.035,
                    gust: 0.3,
                    pace_s: 5.0,
                    ..BED
                },
            ],
            grains: &[Grain {
                rate: 25.0,
                hz: (2500.0, 8000.0),
                t60: (0.002, 0.008),
                level: 0.03,
                ..GRAIN
            }],
            callers: &[],
        },
    ),
    (
        "stream",
        Scene {
            beds: &[
                Bed {
                    hz: (700.0, 1300.0),
                    q: 0.5,
                    level: 0.05,
                    gust: 0.25,
                    pace_s: 1.2,
                    ..BED
                },
                Bed {
                    hz: (2600.0, 4600.0),
                    q: 0.5,
                    level: 0.035,
                    gust: 0.3,
                    pace_s: 0.8,
                    ..BED
                },
                Bed {
                    hz: (180.0, 300.0),
                    q: 0.5,
                    level: 0.03,
                    gust: 0.25,
                    pace_s: 2.0,
                    ..BED
                },
            ],
            grains: &[
                Grain {
                    rate: 60.0,
                    hz: (420.0, 2600.0),
                    t60: (0.012, 0.06),
                    level: 0.11,
                    bend: 0.45,
                    noisy: false,
                    bunch: 0.6,
                },
                Grain {
                    rate: 40.0,
                    hz: (2000.0, 6500.0),
                    t60: (0.003, 0.01),
                    level: 0.06,
                    ..GRAIN
                },
            ],
            callers: &[],
        },
    ),
    (
        "fire",
        Scene {
            beds: &[
                Bed {
                    hz: (90.0, 190.0),
                    q: 0.6,
                    level: 0.17,
                    gust: 0.55,
                    pace_s: 0.35,
                    ..BED
                },
                Bed {
                    hz: (350.0, 800.0),
                    q: 0.5,
                    level: 0.06,
                    gust: 0.5,
                    pace_s: 0.25,
                    ..BED
                },
                Bed {
                    hz: (3500.0, 6000.0),
                    q: 0.5,
                    level: 0.018,
                    gust: 0.6,
                    pace_s: 0.6,
                    ..BED
                },
            ],
            grains: &[
                Grain {
                    rate: 13.0,
                    hz: (900.0, 5500.0),
                    t60: (0.002, 0.012),
                    level: 0.576,
                    bunch: 0.9,
                    ..GRAIN
                },
                Grain {
                    rate: 2.2,
                    hz: (350.0, 1400.0),
                    t60: (0.008, 0.03),
                    level: 0.636,
                    bunch: 0.8,
                    ..GRAIN
                },
                Grain {
                    rate: 55.0,
                    hz: (2500.0, 9000.0),
                    t60: (0.001, 0.004),
                    level: 0.125,
                    bunch: 0.6,
                    ..GRAIN
                },
            ],
            callers: &[],
        },
    ),
    (
        "night-insects",
        Scene {
            beds: &[
                Bed {
                    hz: (5200.0, 6800.0),
                    q: 1.6,
                    level: 0.0132,
                    gust: 0.35,
                    pace_s: 3.0,
                    ..BED
                },
                Bed {
                    hz: (200.0, 420.0),
                    q: 0.5,
                    level: 0.0132,
                    gust: 0.4,
                    pace_s: 4.0,
                    ..BED
                },
            ],
            grains: &[],
            callers: &[
                Caller {
                    count: 4,
                    hz: (4100.0, 5100.0),
                    sweep: 0.008,
                    syllables: (3, 4),
                    length_s: (0.016, 0.022),
                    gap_s: (0.018, 0.024),
                    pause_s: (0.32, 0.75),
                    flutter_hz: 0.0,
                    level: 0.10,
                },
                Caller {
                    count: 2,
                    hz: (3050.0, 3600.0),
                    sweep: 0.006,
                    syllables: (14, 40),
                    length_s: (0.011, 0.014),
                    gap_s: (0.009, 0.012),
                    pause_s: (0.9, 2.6),
                    flutter_hz: 0.0,
                    level: 0.05,
                },
                Caller {
                    count: 2,
                    hz: (6200.0, 7600.0),
                    sweep: 0.01,
                    syllables: (1, 2),
                    length_s: (0.5, 1.1),
                    gap_s: (0.2, 0.5),
                    pause_s: (1.5, 4.0),
                    flutter_hz: 43.0,
                    level: 0.03,
                },
            ],
        },
    ),
    (
        "birds",
        Scene {
            beds: &[
                Bed {
                    hz: (900.0, 1800.0),
                    q: 0.4,
                    level: 0.0042,
                    gust: 0.4,
                    pace_s: 3.0,
                    ..BED
                },
                Bed {
                    hz: (160.0, 320.0),
                    q: 0.5,
                    level: 0.007,
                    gust: 0.4,
                    pace_s: 4.0,
                    ..BED
                },
                Bed {
                    hz: (3500.0, 5500.0),
                    q: 0.4,
                    level: 0.0028,
                    gust: 0.5,
                    pace_s: 2.0,
                    ..BED
                },
            ],
            grains: &[],
            callers: &[
                Caller {
                    count: 3,
                    hz: (2800.0, 5200.0),
                    sweep: 0.22,
                    syllables: (2, 7),
                    length_s: (0.05, 0.13),
                    gap_s: (0.03, 0.10),
                    pause_s: (0.9, 3.6),
                    flutter_hz: 0.0,
                    level: 0.14,
                },
                Caller {
                    count: 2,
                    hz: (2000.0, 3300.0),
                    sweep: 0.30,
                    syllables: (1, 3),
                    length_s: (0.12, 0.30),
                    gap_s: (0.08, 0.22),
                    pause_s: (1.8, 5.5),
                    flutter_hz: 0.0,
                    level: 0.12,
                },
                Caller {
                    count: 2,
                    hz: (4200.0, 6600.0),
                    sweep: 0.12,
                    syllables: (5, 16),
                    length_s: (0.025, 0.05),
                    gap_s: (0.02, 0.05),
                    pause_s: (1.6, 5.0),
                    flutter_hz: 28.0,
                    level: 0.08,
                },
            ],
        },
    ),
    (
        "engine",
        Scene {
            beds: &[
                Bed {
                    hz: (75.0, 105.0),
                    q: 0.7,
                    level: 0.24,
                    gust: 0.15,
                    pace_s: 1.5,
                    pulse_hz: 27.0,
                    ..BED
                },
                Bed {
                    hz: (190.0, 300.0),
                    q: 0.7,
                    level: 0.13,
                    gust: 0.2,
                    pace_s: 1.0,
                    pulse_hz: 27.0,
                    ..BED
                },
                Bed {
                    hz: (650.0, 1100.0),
                    q: 0.5,
                    level: 0.045,
                    gust: 0.25,
                    pace_s: 0.8,
                    pulse_hz: 54.0,
                    ..BED
                },
                Bed {
                    hz: (2400.0, 4200.0),
                    q: 0.5,
                    level: 0.014,
                    gust: 0.3,
                    pace_s: 1.2,
                    ..BED
                },
            ],
            grains: &[],
            callers: &[],
        },
    ),
    (
        "traffic",
        Scene {
            beds: &[
                Bed {
                    hz: (90.0, 180.0),
                    q: 0.5,
                    level: 0.15,
                    gust: 0.3,
                    pace_s: 3.0,
                    ..BED
                },
                Bed {
                    hz: (500.0, 950.0),
                    q: 0.45,
                    level: 0.09,
                    gust: 0.9,
                    pace_s: 2.2,
                    ..BED
                },
                Bed {
                    hz: (700.0, 1500.0),
                    q: 0.45,
                    level: 0.08,
                    gust: 0.95,
                    pace_s: 3.1,
                    ..BED
                },
                Bed {
                    hz: (2200.0, 3600.0),
                    q: 0.5,
                    level: 0.022,
                    gust: 0.9,
                    pace_s: 2.6,
                    ..BED
                },
                Bed {
                    hz: (60.0, 90.0),
                    q: 0.8,
                    level: 0.10,
                    gust: 0.6,
                    pace_s: 2.5,
                    pulse_hz: 21.0,
                    ..BED
                },
            ],
            grains: &[],
            callers: &[],
        },
    ),
    (
        "crowd",
        Scene {
            beds: &[
                Bed {
                    hz: (380.0, 760.0),
                    q: 1.1,
                    level: 0.10,
                    gust: 0.6,
                    pace_s: 0.16,
                    ..BED
                },
                Bed {
                    hz: (420.0, 700.0),
                    q: 1.2,
                    level: 0.09,
                    gust: 0.7,
                    pace_s: 0.21,
                    ..BED
                },
                Bed {
                    hz: (900.0, 1800.0),
                    q: 1.3,
                    level: 0.055,
                    gust: 0.7,
                    pace_s: 0.14,
                    ..BED
                },
                Bed {
                    hz: (1100.0, 2200.0),
                    q: 1.3,
                    level: 0.045,
                    gust: 0.75,
                    pace_s: 0.18,
                    ..BED
                },
                Bed {
                    hz: (2400.0, 3400.0),
                    q: 1.0,
                    level: 0.02,
                    gust: 0.7,
                    pace_s: 0.12,
                    ..BED
                },
                Bed {
                    hz: (180.0, 300.0),
                    q: 0.8,
                    level: 0.07,
                    gust: 0.5,
                    pace_s: 0.25,
                    ..BED
                },
            ],
            grains: &[Grain {
                rate: 2.0,
                hz: (2500.0, 6000.0),
                t60: (0.02, 0.06),
                level: 0.03,
                ..GRAIN
            }],
            callers: &[],
        },
    ),
    (
        "room-tone",
        Scene {
            beds: &[
                Bed {
                    hz: (90.0, 140.0),
                    q: 0.5,
                    level: 0.12,
                    gust: 0.15,
                    pace_s: 5.0,
                    ..BED
                },
                Bed {
                    hz: (350.0, 600.0),
                    q: 0.4,
                    level: 0.05,
                    gust: 0.15,
                    pace_s: 6.0,
                    ..BED
                },
                Bed {
                    hz: (2200.0, 3400.0),
                    q: 0.4,
                    level: 0.012,
                    gust: 0.2,
                    pace_s: 6.0,
                    ..BED
                },
            ],
            grains: &[],
            callers: &[],
        },
    ),
];
