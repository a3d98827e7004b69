//! From the text of an expression to the bits of its fields.

use super::{CronFields, FIVE_FIELDS};
use crate::error::quoted;

/// What a field takes.
struct Unit {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
    /// How errors say what it takes.
    takes: &'static str,
}

const MINUTE: Unit = Unit {
    name: "minute",
    min: 0,
    max: 59,
    names: &[],
    takes: "0 to 59",
};
const HOUR: Unit = Unit {
    name: "hour",
    min: 0,
    max: 23,
    names: &[],
    takes: "0 to 23",
};
const DAY: Unit = Unit {
    name: "day of the month",
    min: 1,
    max: 31,
    names: &[],
    takes: "1 to 31",
};
const MONTH: Unit = Unit {
    name: "month",
    min: 1,
    max: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
    takes: "1 to 12, or jan to dec",
};
/// Sunday is 0 and 7 while ranges are read, and bit 0 in the end.
const WEEKDAY: Unit = Unit {
    name: "day of the week",
    min: 0,
    max: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    takes: "0 to 7, or sun to sat",
};

/// The values of a field, and whether it is no restriction.
struct Values {
    bits: u64,
    any: bool,
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, without the expression itself.
pub(super) fn fields(text: &str) -> Result<CronFields, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    refuse_other_forms(&words)?;
    let [minutes, hours, days, months, weekdays] = words[..] else {
        let seconds = if words.len() == 6 {
            " (there are no seconds)"
        } else {
            ""
        };
        return Err(format!(
            "it has {} fields: give five, {FIVE_FIELDS}{seconds}",
            words.len()
        ));
    };
    let minutes = MINUTE.read(minutes)?;
    let hours = HOUR.read(hours)?;
    let days = DAY.read(days)?;
    let months = MONTH.read(months)?;
    let weekdays = WEEKDAY.read(weekdays)?;
    let fields = CronFields {
        minutes: minutes.bits,
        hours: hours.bits,
        days: days.bits,
        months: months.bits,
        weekdays: (weekdays.bits | weekdays.bits >> 7) & 0x7f,
        any_day: days.any,
        any_weekday: weekdays.any,
    };
    if never_fires(&fields) {
        return Err(
            "none of its months has such a day, so it never fires: give another day".into(),
        );
    }
    Ok(fields)
}

/// Forms that other programs read, with what to write instead.
fn refuse_other_forms(words: &[&str]) -> Result<(), String> {
    let Some(first) = words.first() else {
        return Ok(());
    };
    if first.starts_with("TZ=") || first.starts_with("CRON_TZ=") {
        return Err("give the zone in `rotation_timezone`".into());
    }
    if !first.starts_with('@') {
        return Ok(());
    }
    let same = match first.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        "@every" => return Err("give a `rotation_period` in its place".into()),
        _ => return Err(format!("give five fields, {FIVE_FIELDS}")),
    };
    Err(format!("write it in five fields, `{same}`"))
}

/// Whether the days exist in none of the months.
fn never_fires(fields: &CronFields) -> bool {
    let longest = |month: u32| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    // Where the day of the week is restricted too, it is enough.
    fields.any_weekday
        && (1..=12)
            .filter(|month| fields.months & 1 << month != 0)
            .all(|month| fields.days.trailing_zeros() > longest(month))
}

impl Unit {
    fn read(&self, field: &str) -> Result<Values, String> {
        let mut values = Values {
            bits: 0,
            any: false,
        };
        for item in field.split(',') {
            let read = self.item(item, field)?;
            values.bits |= read.bits;
            values.any |= read.any;
        }
        Ok(values)
    }

    /// One item of a list: `*`, `N` or `N-M`, and any of them with `/S`.
    fn item(&self, item: &str, field: &str) -> Result<Values, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let all = range == "*" || range == "?";
        let (first, last) = if all {
            (self.min, self.end())
        } else if let Some((first, last)) = range.split_once('-') {
            self.range(first, last, field)?
        } else {
            let first = self.value(range, field)?;
            // `N/S` is "from `N` on, each `S`".
            let last = if step.is_some() {
                self.end().max(first)
            } else {
                first
            };
            (first, last)
        };
        let step = step.unwrap_or(1);
        let bits = (first..=last)
            .step_by(step as usize)
            .fold(0, |bits: u64, value| bits | 1 << value);
        Ok(Values {
            bits,
            any: all && step == 1,
        })
    }

    /// The last value, which is not Sunday again.
    fn end(&self) -> u32 {
        if self.max == 7 { 6 } else { self.max }
    }

    fn range(&self, first: &str, last: &str, field: &str) -> Result<(u32, u32), String> {
        let from = self.value(first, field)?;
        let mut to = self.value(last, field)?;
        // `fri-sun`, as people say it.
        if to == 0 && last.eq_ignore_ascii_case("sun") && from > 0 {
            to = 7;
        }
        if from > to {
            let (start, end) = (self.min, self.end());
            return Err(format!(
                "the range `{first}-{last}` of the {} runs backwards: give `{first}-{end},{start}-{last}`",
                self.name
            ));
        }
        Ok((from, to))
    }

    fn value(&self, text: &str, field: &str) -> Result<u32, String> {
        let named = self
            .names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name))
            .and_then(|index| u32::try_from(index).ok())
            .map(|index| index + self.min);
        named
            .or_else(|| number(text))
            .filter(|value| (self.min..=self.max).contains(value))
            .ok_or_else(|| {
                let which = if text == field {
                    String::new()
                } else {
                    format!(", not {}", quoted(text))
                };
                format!("the {} is {}{which}", self.name, self.takes)
            })
    }

    fn step(&self, text: &str) -> Result<u32, String> {
        let most = self.end() - self.min;
        number(text)
            .filter(|step| (1..=most).contains(step))
            .ok_or_else(|| {
                format!(
                    "the step of the {} is 1 to {most}, not {}",
                    self.name,
                    quoted(text)
                )
            })
    }
}

/// Digits only: no sign, as `parse` would take.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(values: impl IntoIterator<Item = u32>) -> u64 {
        values.into_iter().fold(0, |bits, value| bits | 1 << value)
    }

    #[track_caller]
    fn minutes(field: &str, expected: impl IntoIterator<Item = u32>) {
        let read = fields(&format!("{field} * * * *")).unwrap();
        assert_eq!(read.minutes, bits(expected), "{field}");
    }

    #[track_caller]
    fn weekdays(field: &str, expected: impl IntoIterator<Item = u32>) {
        let read = fields(&format!("0 0 * * {field}")).unwrap();
        assert_eq!(read.weekdays, bits(expected), "{field}");
    }

    #[track_caller]
    fn refused(text: &str, problem: &str) {
        assert_eq!(fields(text).unwrap_err(), problem, "{text}");
    }

    #[test]
    fn numbers_lists_ranges_and_steps_are_read() {
        minutes("*", 0..60);
        minutes("?", 0..60);
        minutes("5", [5]);
        minutes("05", [5]);
        minutes("1,2,40-42", [1, 2, 40, 41, 42]);
        minutes("*/15", [0, 15, 30, 45]);
        minutes("10-30/10", [10, 20, 30]);
        minutes("50/4", [50, 54, 58]);
        minutes("0/1", 0..60);
    }

    #[test]
    fn months_and_days_have_names_in_any_capitals() {
        let read = fields("0 0 1 JAN,mar-May mon").unwrap();
        assert_eq!(read.months, bits([1, 3, 4, 5]));
        weekdays("Mon-FRI", 1..6);
        weekdays("sun,3", [0, 3]);
        weekdays("mon-fri/2", [1, 3, 5]);
    }

    #[test]
    fn sunday_is_zero_and_seven_and_may_end_a_range() {
        weekdays("0", [0]);
        weekdays("7", [0]);
        weekdays("5-7", [0, 5, 6]);
        weekdays("fri-sun", [0, 5, 6]);
        weekdays("sun-tue", [0, 1, 2]);
        weekdays("*", 0..7);
        weekdays("*/2", [0, 2, 4, 6]);
        weekdays("1/5", [1, 6]);
        weekdays("7/2", [0]);
    }

    #[test]
    fn only_a_plain_star_is_no_restriction() {
        let any = |text| {
            let read = fields(text).unwrap();
            (read.any_day, read.any_weekday)
        };
        assert_eq!(any("0 0 * * *"), (true, true));
        assert_eq!(any("0 0 ? * 1"), (true, false));
        assert_eq!(any("0 0 */1 * 0-6"), (true, false));
        assert_eq!(any("0 0 */2 * *"), (false, true));
        assert_eq!(any("0 0 1,* * 1"), (true, false));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_the_range() {
        refused("61 * * * *", "the minute is 0 to 59");
        refused("0 24 * * *", "the hour is 0 to 23");
        refused("0 0 0 * *", "the day of the month is 1 to 31");
        refused("0 0 32 * *", "the day of the month is 1 to 31");
        refused("0 0 1 13 *", "the month is 1 to 12, or jan to dec");
        refused("0 0 * * 8", "the day of the week is 0 to 7, or sun to sat");
        refused("1,60 * * * *", "the minute is 0 to 59, not `60`");
        refused("99999999999999 * * * *", "the minute is 0 to 59");
    }

    #[test]
    fn what_is_no_number_is_named() {
        refused("x * * * *", "the minute is 0 to 59");
        refused("jan * * * *", "the minute is 0 to 59");
        refused("+5 * * * *", "the minute is 0 to 59");
        refused("-5 * * * *", "the minute is 0 to 59, not ``");
        refused("1,,2 * * * *", "the minute is 0 to 59, not ``");
        refused("1-2-3 * * * *", "the minute is 0 to 59, not `2-3`");
        refused("0 0 L * *", "the day of the month is 1 to 31");
        refused(
            "0 0 * * mon#1",
            "the day of the week is 0 to 7, or sun to sat",
        );
        refused("0 0 1 january *", "the month is 1 to 12, or jan to dec");
    }

    #[test]
    fn steps_that_would_do_nothing_are_refused() {
        refused("*/0 * * * *", "the step of the minute is 1 to 59, not `0`");
        refused(
            "*/90 * * * *",
            "the step of the minute is 1 to 59, not `90`",
        );
        refused("*/ * * * *", "the step of the minute is 1 to 59, not ``");
        refused("0 */24 * * *", "the step of the hour is 1 to 23, not `24`");
        refused(
            "1/2/3 * * * *",
            "the step of the minute is 1 to 59, not `2/3`",
        );
    }

    #[test]
    fn a_range_that_runs_backwards_is_refused_with_one_that_does_not() {
        refused(
            "0 22-6 * * *",
            "the range `22-6` of the hour runs backwards: give `22-23,0-6`",
        );
        refused(
            "0 0 * nov-feb *",
            "the range `nov-feb` of the month runs backwards: give `nov-12,1-feb`",
        );
    }

    #[test]
    fn five_fields_are_wanted() {
        let five = "give five, minute, hour, day of the month, month and day of the week";
        refused(
            "0 0 2 * * *",
            &format!("it has 6 fields: {five} (there are no seconds)"),
        );
        refused("0 2 * *", &format!("it has 4 fields: {five}"));
        assert!(fields("\t0   2 * *  * ").is_ok());
    }

    #[test]
    fn other_forms_are_refused_with_what_to_write() {
        refused("@hourly", "write it in five fields, `0 * * * *`");
        refused("@Weekly", "write it in five fields, `0 0 * * 0`");
        refused("@every 1h", "give a `rotation_period` in its place");
        refused(
            "@reboot",
            "give five fields, minute, hour, day of the month, month and day of the week",
        );
        refused(
            "CRON_TZ=Europe/Berlin 0 2 * * *",
            "give the zone in `rotation_timezone`",
        );
    }

    #[test]
    fn a_day_that_never_comes_is_refused() {
        let never = "none of its months has such a day, so it never fires: give another day";
        refused("0 0 31 2 *", never);
        refused("0 0 30 feb *", never);
        refused("0 0 31 4,6,9,11 *", never);
        assert!(fields("0 0 29 2 *").is_ok());
        assert!(fields("0 0 31 2,3 *").is_ok());
        // Every Monday of February.
        assert!(fields("0 0 31 2 mon").is_ok());
    }
}
