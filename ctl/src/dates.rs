//! Days as people write them: `2027-01-31`, `30d`, `2w`; local dates as `2026-11-22`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Reads the end of an ignore: the first second after the day that is named, since 1970.
pub(crate) fn until(text: &str) -> Result<i64, String> {
    until_from(text, &Zoned::now())
}

/// Reads a moment in the past: `12h`, `7d`, `2w` ago, or the beginning of a day. Seconds since 1970.
pub(crate) fn since(text: &str) -> Result<i64, String> {
    since_from(text, &Zoned::now())
}

/// Reads a while, `30m`, `2h` or `1d`, in seconds: a month at most.
pub(crate) fn duration(text: &str) -> Result<u32, String> {
    const MONTH: u32 = 31 * 86_400;
    let seconds = while_of(text.trim()).ok_or("write a duration like 30m, 2h or 1d")?;
    if (60..=MONTH).contains(&seconds) { Ok(seconds) } else { Err("at least 1m, at most 31d".to_owned()) }
}

/// The local time of a moment, to the second.
pub(crate) fn moment(seconds: i64) -> String {
    local(seconds, "%Y-%m-%d %H:%M:%S")
}

/// The local time of day.
pub(crate) fn clock(seconds: i64) -> String {
    local(seconds, "%H:%M:%S")
}

fn local(seconds: i64, form: &str) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.to_zoned(TimeZone::system()).strftime(form).to_string(),
        Err(_) => "an unknown time".to_owned(),
    }
}

fn while_of(text: &str) -> Option<u32> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let number: u32 = number.parse().ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()))?;
    number.checked_mul(unit)
}

fn since_from(text: &str, now: &Zoned) -> Result<i64, String> {
    let text = text.trim();
    if let Some(seconds) = while_of(text) {
        return Ok(now.timestamp().as_second() - i64::from(seconds));
    }
    let day: Option<Date> = text.parse().ok().filter(|_| text.len() == "2027-01-31".len());
    let begin = day.and_then(|day| day.to_zoned(now.time_zone().clone()).ok());
    Ok(begin.ok_or("write 12h, 7d, 2w, or a date like 2026-11-22")?.timestamp().as_second())
}

/// The last day on which an ignore holds that ends at this second.
pub(crate) fn last_day(until: i64) -> String {
    day(until.saturating_sub(1))
}

/// Today, where the user is.
pub(crate) fn today() -> String {
    Zoned::now().date().to_string()
}

/// The local date of a moment.
pub(crate) fn day(seconds: i64) -> String {
    day_in(seconds, TimeZone::system())
}

/// A moment as the beginning of a name that sorts by time: `20261129-001500`.
pub(crate) fn stamp(seconds: i64) -> String {
    let moment = Timestamp::from_second(seconds).map(|m| m.to_zoned(TimeZone::UTC));
    moment.map_or_else(|_| "0".to_owned(), |m| m.strftime("%Y%m%d-%H%M%S").to_string())
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// The local date and time of a moment, to the minute.
pub(crate) fn minute(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "an unknown day".to_owned(),
    }
}

fn day_in(seconds: i64, zone: TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.to_zoned(zone).date().to_string(),
        Err(_) => "an unknown day".to_owned(),
    }
}

fn until_from(text: &str, now: &Zoned) -> Result<i64, String> {
    let day = named(text.trim(), now.date()).ok_or("write a date like 2027-01-31, or 30d, or 2w")?;
    if day < now.date() {
        return Err(format!("{day} is past; today is {}", now.date()));
    }
    let end = day.tomorrow().and_then(|d| d.to_zoned(now.time_zone().clone()));
    Ok(end.map_err(|_| format!("{day} is too far away"))?.timestamp().as_second())
}

fn named(text: &str, today: Date) -> Option<Date> {
    if let Some(days) = text.strip_suffix('d') {
        return days_from(today, days, 1);
    }
    if let Some(weeks) = text.strip_suffix('w') {
        return days_from(today, weeks, 7);
    }
    text.parse().ok().filter(|_| text.len() == "2027-01-31".len())
}

fn days_from(today: Date, number: &str, unit: i64) -> Option<Date> {
    let number: u32 = number.parse().ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()))?;
    let days = i64::from(number).checked_mul(unit).filter(|n| *n <= 366_000)?;
    today.checked_add(days.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        jiff::civil::date(2026, 11, 22).at(15, 30, 0, 0).to_zoned(TimeZone::UTC).unwrap()
    }

    fn last(text: &str) -> Result<String, String> {
        until_from(text, &now()).map(|end| day_in(end - 1, TimeZone::UTC))
    }

    #[test]
    fn days_weeks_and_dates() {
        assert_eq!(last("30d").unwrap(), "2026-12-22");
        assert_eq!(last("2w").unwrap(), "2026-12-06");
        assert_eq!(last("2027-01-31").unwrap(), "2027-01-31");
        assert_eq!(last("2026-11-22").unwrap(), "2026-11-22");
        assert_eq!(last("0d").unwrap(), "2026-11-22");
    }

    #[test]
    fn an_ignore_holds_to_the_end_of_its_day() {
        let end = jiff::civil::date(2026, 12, 7).to_zoned(TimeZone::UTC).unwrap();
        assert_eq!(until_from("2026-12-06", &now()).unwrap(), end.timestamp().as_second());
    }

    #[test]
    fn what_is_past_says_so() {
        assert_eq!(last("2026-11-21").unwrap_err(), "2026-11-21 is past; today is 2026-11-22");
    }

    #[test]
    fn moments_in_the_past() {
        let ago = |text: &str| since_from(text, &now()).map(|at| now().timestamp().as_second() - at);
        assert_eq!(ago("30m"), Ok(1800));
        assert_eq!(ago("12h"), Ok(43_200));
        assert_eq!(ago("2w"), Ok(14 * 86_400));
        assert_eq!(ago("2026-11-22"), Ok(15 * 3600 + 1800));
        for bad in ["", "d", "-1d", "1y", "yesterday", "99999999999d", "é"] {
            assert!(ago(bad).unwrap_err().starts_with("write 12h"), "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!((duration("30m"), duration("2h"), duration("31d")), (Ok(1800), Ok(7200), Ok(31 * 86_400)));
        assert!(duration("0m").is_err() && duration("32d").is_err() && duration("1").is_err());
    }

    #[test]
    fn anything_else_is_told_how_to_write_it() {
        for bad in [
            "",
            "d",
            "-3d",
            "+3d",
            "3m",
            "soon",
            "31.1.2027",
            "2027-02-30",
            "99999999999d",
            "4294967295w",
            "2027-01-31T10:00:00",
            "é",
        ] {
            assert!(last(bad).unwrap_err().starts_with("write a date"), "{bad}");
        }
    }

    #[test]
    fn a_moment_out_of_range_is_no_panic() {
        assert_eq!(day(i64::MAX), "an unknown day");
        assert_eq!(last_day(i64::MIN), "an unknown day");
    }
}
