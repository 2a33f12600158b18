//! The arithmetic behind the numbers: rates, rounding, spread and consistency.
//!
//! Every result is finite for every input that is. Rounding happens only where a number is stored.

/// Less time than this, a nanosecond in ms, is none: dividing by it would tell nothing and could overflow.
const NO_TIME_MS: f64 = 1e-6;

/// How many characters count as a word.
pub const CHARS_PER_WORD: f64 = 5.0;

/// Words a minute; 0 when no time has passed.
pub fn words_a_minute(chars: f64, ms: f64) -> f64 {
    if ms > NO_TIME_MS { (chars / CHARS_PER_WORD) / (ms / 60_000.0) } else { 0.0 }
}

/// `x` with two decimals, halves up.
pub fn round2(x: f64) -> f64 {
    (x * 100.0 + 0.5).floor() / 100.0
}

/// `x`, not negative, as a whole number, halves up.
pub fn half_up(x: f64) -> u64 {
    (x + 0.5).floor() as u64
}

/// Mean and population standard deviation; both 0 for no values.
pub fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// 100 for no variation falling to 0, from a coefficient of variation that is not negative. Not rounded.
pub fn kogasa(cov: f64) -> f64 {
    100.0 * (1.0 - (cov + cov.powi(3) / 3.0 + cov.powi(5) / 5.0).tanh())
}

/// How even a series is: [`kogasa`] of its spread over its mean; 0 when it is empty or all zero. Not rounded.
pub fn consistency(series: &[u64]) -> f64 {
    let values: Vec<f64> = series.iter().map(|value| *value as f64).collect();
    let (mean, sd) = mean_and_sd(&values);
    if mean > 0.0 { kogasa(sd / mean) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_gives_no_rate() {
        for ms in [0.0, -1.0, 1e-310] {
            assert_eq!(words_a_minute(10.0, ms), 0.0);
        }
        assert_eq!(words_a_minute(10.0, 60_000.0), 2.0);
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!(round2(0.125), 0.13);
        assert_eq!(round2(2.0 / 3.0), 0.67);
        assert_eq!(half_up(2.5), 3);
        assert_eq!(half_up(2.49), 2);
    }

    #[test]
    fn the_spread_is_that_of_the_whole_population() {
        assert_eq!(mean_and_sd(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), (5.0, 2.0));
        assert_eq!(mean_and_sd(&[]), (0.0, 0.0));
    }

    #[test]
    fn consistency_is_full_for_a_constant_series_and_none_for_silence() {
        assert_eq!(consistency(&[60, 60, 60]), 100.0);
        assert_eq!(consistency(&[60]), 100.0);
        assert_eq!(consistency(&[0, 0]), 0.0);
        assert_eq!(consistency(&[]), 0.0);
    }
}
