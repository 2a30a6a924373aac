//! From a date and a time of day, as TOML writes them, to milliseconds since 1970. There is no clock in it.

use toml::value::{Datetime, Offset};

/// A moment: date, time and offset all have to be there, and it is not before 1970.
pub(super) fn unix_ms(written: &Datetime) -> Option<u64> {
    let (date, time, offset) = (written.date?, written.time?, written.offset?);
    let minutes_east = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = days * 24 * 60 + i64::from(time.hour) * 60 + i64::from(time.minute) - minutes_east;
    let second = i64::from(time.second.unwrap_or_default());
    let ms = (minutes * 60 + second) * 1000 + i64::from(time.nanosecond.unwrap_or_default() / 1_000_000);
    u64::try_from(ms).ok()
}

/// Days since 1970-01-01 in the Gregorian calendar; a year is counted from March, so that a leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_days_leap_days_and_offsets() {
        let of = |text: &str| unix_ms(&text.parse().unwrap());
        assert_eq!(of("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(of("2000-02-29T12:00:00Z"), Some(951_825_600_000));
        assert_eq!(of("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(of("2023-11-14T23:13:20.5+01:00"), Some(1_700_000_000_500));
        assert_eq!(of("1969-12-31T23:59:59Z"), None);
        assert_eq!(of("2023-11-14"), None);
    }
}
