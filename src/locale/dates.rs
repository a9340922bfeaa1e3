//! Days and times in the languages of the site. The digits are 0 to 9 in all of them, and times are in UTC.

use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use super::Words;

/// Returns a time as people in every time zone can read it.
#[must_use]
pub fn date_and_time(words: &Words, at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let clock = at.format(format_description!("[hour]:[minute]")).unwrap_or_default();
    let month = u8::from(at.month());
    let year = u64::try_from(at.year()).unwrap_or_default();
    words.date_and_time(
        u64::from(at.day()),
        month_name(words, month),
        u64::from(month),
        year,
        &clock,
    )
}

/// Returns a day in words.
#[must_use]
pub fn day(words: &Words, day: Date) -> String {
    let month = u8::from(day.month());
    let year = u64::try_from(day.year()).unwrap_or_default();
    words.date(u64::from(day.day()), month_name(words, month), u64::from(month), year)
}

fn month_name(words: &Words, month: u8) -> &'static str {
    match month {
        1 => words.month_1,
        2 => words.month_2,
        3 => words.month_3,
        4 => words.month_4,
        5 => words.month_5,
        6 => words.month_6,
        7 => words.month_7,
        8 => words.month_8,
        9 => words.month_9,
        10 => words.month_10,
        11 => words.month_11,
        _ => words.month_12,
    }
}
