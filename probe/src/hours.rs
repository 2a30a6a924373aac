//! Spans of the day in which a floor takes changes.

use serde::Deserialize;

/// Spans of the day, `08:00-18:00` or several; one that ends before it starts goes over midnight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OneOrMore")]
pub struct Hours(Vec<(u16, u16)>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Hours {
    pub fn always(&self) -> bool {
        self.0.is_empty()
    }

    pub fn open_at(&self, minute: u16) -> bool {
        let inside = |&(from, to): &(u16, u16)| {
            if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
        };
        self.0.is_empty() || self.0.iter().any(inside)
    }

    pub fn words(&self) -> String {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let spans: Vec<_> = self.0.iter().map(|&(from, to)| format!("{}-{}", clock(from), clock(to))).collect();
        spans.join(", ")
    }
}

impl TryFrom<OneOrMore> for Hours {
    type Error = String;

    fn try_from(text: OneOrMore) -> Result<Self, String> {
        let spans = match text {
            OneOrMore::One(span) => vec![span],
            OneOrMore::More(spans) => spans,
        };
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 60 + minute)
        };
        let span = |text: &String| {
            let (from, to) = text.split_once('-')?;
            Some((minute(from)?, minute(to)?)).filter(|(from, to)| from != to)
        };
        let read = |text: &String| span(text).ok_or_else(|| format!("`{text}` is no span of hours like `08:00-18:00`"));
        spans.iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(spans: &[&str]) -> Result<Hours, String> {
        Hours::try_from(OneOrMore::More(spans.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn a_span_is_open_from_its_start_until_before_its_end_also_over_midnight() {
        let hours = hours(&["08:00-18:00", "22:30-01:00"]).unwrap();
        let open = |hour: u16, minute: u16| hours.open_at(hour * 60 + minute);
        assert!(open(8, 0) && open(17, 59) && open(22, 30) && open(23, 0) && open(0, 59));
        assert!(!open(7, 59) && !open(18, 0) && !open(1, 0) && !open(22, 29));
        assert_eq!(hours.words(), "08:00-18:00, 22:30-01:00");
        assert!(!hours.always() && Hours::default().always() && Hours::default().open_at(0));
    }

    #[test]
    fn a_day_ends_at_twenty_four() {
        assert!(hours(&["18:00-24:00"]).unwrap().open_at(23 * 60 + 59));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["8-18", "08:00-08:00", "08:00-25:00", "08:60-09:00", "24:01-03:00", "08:00", "", "a:b-c:d"] {
            assert!(hours(&[text]).is_err(), "{text}");
        }
    }
}
