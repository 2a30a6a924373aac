//! Lengths of time as people write them: `500ms`, `30s`, `5m`, `1h`, `2d`.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::clock;
use crate::exit::Failure;

pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("`{unit}` is no unit; write `ms`, `s`, `m`, `h` or `d`")),
    };
    let number: u64 = number.parse().map_err(|_| "write a whole number and a unit, as in `30s` or `1h`".to_owned())?;
    number
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
        .ok_or_else(|| "that is longer than anything lasts".to_owned())
}

pub fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A time, as people write it: a span before now, or a time (RFC 3339).
pub fn when(text: Option<&str>) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Some(at.to_utc()));
    }
    let wrong = || Failure::Usage(format!("`{text}` is neither a span (`30d`) nor a time (`2027-01-31T08:00:00Z`)"));
    let span = parse(text).map_err(|_| wrong())?;
    let span = TimeDelta::from_std(span).map_err(|_| wrong())?;
    clock::now().checked_sub_signed(span).map(Some).ok_or_else(wrong)
}

/// The same, as the API takes it.
pub fn said(text: Option<&str>) -> Result<Option<String>, Failure> {
    Ok(when(text)?.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_with_units_and_nothing_else() {
        let ms = |text| parse(text).map(super::ms);
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("30"), Ok(30_000));
        assert_eq!(ms("5m"), Ok(300_000));
        assert_eq!(ms("2d"), Ok(172_800_000));
        for wrong in ["", "s", "-1s", "1.5h", "3 weeks", "99999999999999999999s", "9999999999999999d"] {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_spans_before_now_and_times_and_nothing_else() {
        let at = when(Some("2027-01-31T08:00:00+01:00")).unwrap().unwrap();
        assert_eq!(at.to_rfc3339_opts(SecondsFormat::Secs, true), "2027-01-31T07:00:00Z");
        let ago = clock::now() - when(Some("30d")).unwrap().unwrap();
        assert!((29..=30).contains(&ago.num_days()), "{ago}");
        assert_eq!(when(None).unwrap(), None);
        for wrong in ["yesterday", "-3d", "2027-01-31", ""] {
            assert!(when(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
