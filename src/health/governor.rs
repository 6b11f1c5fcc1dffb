//! The thermal governor: works less before the processor throttles itself, and says how much less. Pure.
//!
//! A processor that throttles slows everything, the camera's driver and the outbox too. Looking at fewer frames costs reads
//! of the fastest vehicles only, and is counted.

/// Never less than this share of the time, percent: a hot box still reads.
pub const FLOOR_PERCENT: u8 = 25;
/// °C that it must cool down before more is allowed again.
const HYSTERESIS: f64 = 3.0;
/// Steps of the share, percent: it changes seldom, so that each change is worth a line in the log.
const STEP: f64 = 25.0;

/// Decides which share of the time the models may work.
#[derive(Debug, Clone, PartialEq)]
pub struct Governor {
    warm: f64,
    hot: f64,
    percent: u8,
}

impl Governor {
    /// All is allowed up to `warm` °C; at `hot` only the floor is left.
    pub fn new(warm: f64, hot: f64) -> Self {
        Self { warm, hot: hot.max(warm + 1.0), percent: 100 }
    }

    /// The share allowed at this temperature. A box without a sensor is never slowed.
    pub fn allow(&mut self, celsius: Option<f64>) -> u8 {
        let Some(celsius) = celsius.filter(|celsius| celsius.is_finite()) else {
            self.percent = 100;
            return self.percent;
        };
        let (now, cooler) = (self.share(celsius), self.share(celsius + HYSTERESIS));
        // Less at once; more only when it would be allowed a little hotter, too.
        self.percent = if now < self.percent { now } else { self.percent.max(cooler) };
        self.percent
    }

    fn share(&self, celsius: f64) -> u8 {
        let heat = ((celsius - self.warm) / (self.hot - self.warm)).clamp(0.0, 1.0);
        let range = f64::from(100 - FLOOR_PERCENT);
        let steps = (heat * range / STEP).ceil();
        (100.0 - steps * STEP).clamp(f64::from(FLOOR_PERCENT), 100.0) as u8
    }
}

/// How long to rest after work of `busy_ms`, so that it takes no more than `percent` of the time.
pub fn rest_ms(busy_ms: f64, percent: u8) -> u64 {
    let share = f64::from(percent.clamp(1, 100)) / 100.0;
    (busy_ms.max(0.0) * (1.0 / share - 1.0)).min(60_000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_slows_down_in_steps_and_speeds_up_only_when_cooler() {
        let mut governor = Governor::new(75.0, 85.0);
        let mut allow = |celsius| governor.allow(Some(celsius));
        assert_eq!([70.0, 75.0, 76.0, 79.0, 82.0, 90.0].map(&mut allow), [100, 100, 75, 50, 25, 25]);
        assert_eq!([81.0, 79.0, 77.0, 74.0, 73.0, 72.0].map(&mut allow), [25, 25, 50, 75, 75, 100]);
    }

    #[test]
    fn half_the_time_is_as_much_rest_as_work() {
        assert_eq!((rest_ms(80.0, 50), rest_ms(80.0, 100), rest_ms(80.0, 25)), (80, 0, 240));
    }

    proptest! {
        #[test]
        fn whatever_the_sensor_says_the_share_keeps_its_bounds(
            readings in prop::collection::vec(prop::option::of(prop_oneof![any::<f64>(), 60.0..100.0f64]), 1..100),
            warm in 40.0..90.0f64, span in -5.0..30.0f64,
        ) {
            let mut governor = Governor::new(warm, warm + span);
            for reading in readings {
                let percent = governor.allow(reading);
                prop_assert!((FLOOR_PERCENT..=100).contains(&percent));
                if reading.is_some_and(|celsius| celsius <= warm - HYSTERESIS) {
                    prop_assert_eq!(percent, 100, "cool again");
                }
                if reading.is_some_and(|celsius| celsius.is_finite() && celsius >= warm + span.max(1.0)) {
                    prop_assert_eq!(percent, FLOOR_PERCENT);
                }
            }
        }

        #[test]
        fn a_trembling_temperature_does_not_make_the_rate_flap(base in 60.0..95.0f64, noise in prop::collection::vec(-1.4..1.4f64, 50)) {
            let mut governor = Governor::new(75.0, 85.0);
            let shares: Vec<u8> = noise.iter().map(|n| governor.allow(Some(base + n))).collect();
            // It may fall to where the hottest reading puts it, and stays there.
            prop_assert!(shares.windows(2).all(|pair| pair[1] <= pair[0]), "{shares:?}");
        }
    }
}
