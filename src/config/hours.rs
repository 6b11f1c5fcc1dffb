//! The hours of a day at which a camera is looked at: `06:00-22:00`. Pure.

use super::Fault;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// From one minute of the day until another; one that ends before it begins goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: u16,
    until: u16,
}

impl Span {
    /// `HH:MM-HH:MM`; 24:00 is the end of the day.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let span = Self { from: minute(from)?, until: minute(until)? };
        (span.from < DAY && span.from != span.until).then_some(span)
    }

    fn contains(self, minute: u16) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two = |text: &str| {
        if text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u16>().ok() } else { None }
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

/// Is a camera with these hours looked at in this minute of the day? Without hours, always. What is no span counts as none.
pub fn is_looked_at(hours: &[String], minute_of_day: u16) -> bool {
    hours.is_empty() || hours.iter().filter_map(|text| Span::parse(text)).any(|span| span.contains(minute_of_day))
}

pub(super) fn check_hours(faults: &mut Vec<Fault>, key: &str, hours: &[String]) {
    for text in hours {
        if Span::parse(text).is_none() {
            let message =
                format!("\"{text}\" are no hours; write e.g. \"06:00-22:00\", or \"22:00-06:00\" over midnight");
            faults.push(Fault::new(key, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hours_hold_from_their_first_minute_to_before_their_last() {
        let at = |hours: &[&str], hour: u16, minute: u16| {
            let hours: Vec<String> = hours.iter().map(|text| (*text).to_owned()).collect();
            is_looked_at(&hours, hour * 60 + minute)
        };
        assert!(at(&["06:00-22:00"], 6, 0) && at(&["06:00-22:00"], 21, 59));
        assert!(!at(&["06:00-22:00"], 5, 59) && !at(&["06:00-22:00"], 22, 0));
        assert!(at(&["22:00-06:00"], 23, 0) && at(&["22:00-06:00"], 5, 59) && !at(&["22:00-06:00"], 12, 0));
        assert!(at(&["06:00-09:00", "16:00-24:00"], 23, 59) && !at(&["06:00-09:00", "16:00-24:00"], 10, 0));
        assert!(at(&[], 3, 0));
        for wrong in ["", "6:00-22:00", "06:00", "06:00-25:00", "24:00-06:00", "06:60-07:00", "06:00-06:00", "a-b"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_span_and_its_opposite_share_the_day(from in 0u16..1440, until in 0u16..1440, minute in 0u16..1440) {
            prop_assume!(from != until);
            let (one, other) = (Span { from, until }, Span { from: until, until: from });
            prop_assert!(one.contains(minute) != other.contains(minute));
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,16}") {
            let _ = Span::parse(&text);
        }
    }
}
