//! Values of options, as argh wants them read: an error says what was expected.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Reads a number from `MIN` to `MAX`.
pub fn within<T, const MIN: u64, const MAX: u64>(text: &str) -> Result<T, String>
where
    T: FromStr + Copy + TryInto<u64>,
{
    let number = text.parse::<T>().ok();
    let allowed = |number: &T| (*number).try_into().is_ok_and(|it| (MIN..=MAX).contains(&it));
    number.filter(allowed).ok_or_else(|| format!("expected a number from {MIN} to {MAX}"))
}

/// Reads seconds, with or without a fraction.
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|it: &f64| (0.0..=1e6).contains(it));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, up to 1000000".into())
}

/// Reads the name of one of some things.
pub fn one_of<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let names = || all.iter().map(|it| name(*it)).collect::<Vec<_>>().join(" ");
    let found = all.iter().copied().find(|it| name(*it) == text);
    found.ok_or_else(|| format!("expected one of {}", names()))
}

/// Reads a list of things between commas.
pub fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(read).collect()
}

/// Reads what reads itself.
pub fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_with_what_was_expected() {
        assert_eq!(within::<usize, 1, 10>("10"), Ok(10));
        for text in ["0", "11", "x", "-1", ""] {
            let error = within::<u32, 1, 10>(text).expect_err(text);
            assert_eq!(error, "expected a number from 1 to 10");
        }
        assert_eq!(duration("0.25"), Ok(Duration::from_millis(250)));
        assert!(duration("-1").is_err() && duration("NaN").is_err() && duration("1e9").is_err());
        let name = |it: bool| if it { "yes" } else { "no" };
        assert_eq!(one_of("no", &[true, false], name), Ok(false));
        assert_eq!(one_of("?", &[true, false], name), Err("expected one of yes no".into()));
    }
}
