//! Lengths of time as people write them: `500ms`, `30s`, `5m`, `1h`, `2d`.

use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::parse;

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
}
