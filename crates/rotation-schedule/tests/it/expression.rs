//! Random expressions, each with what it means: written out as sets, so that the
//! parser of the crate is compared too.

use jiff::civil::DateTime;
use proptest::prelude::*;

/// An expression and its meaning.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

#[derive(Debug, Clone)]
struct Field {
    text: String,
    values: u64,
    any: bool,
}

impl Field {
    fn has(&self, value: u8) -> bool {
        self.values & 1 << value != 0
    }
}

/// A local minute, in the numbers of the fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalMinute {
    minute: u8,
    hour: u8,
    day: u8,
    month: u8,
    weekday: u8,
}

impl From<DateTime> for LocalMinute {
    fn from(time: DateTime) -> Self {
        let number = |value: i8| value.unsigned_abs();
        Self {
            minute: number(time.minute()),
            hour: number(time.hour()),
            day: number(time.day()),
            month: number(time.month()),
            weekday: number(time.weekday().to_sunday_zero_offset()),
        }
    }
}

impl Expression {
    pub(crate) fn text(&self) -> String {
        let fields = [
            &self.minute,
            &self.hour,
            &self.day,
            &self.month,
            &self.weekday,
        ];
        fields.map(|field| field.text.as_str()).join(" ")
    }

    /// Whether a local minute is one of its times.
    pub(crate) fn matches(&self, time: LocalMinute) -> bool {
        self.minute.has(time.minute) && self.hour.has(time.hour) && self.matches_day(time)
    }

    pub(crate) fn matches_day(&self, time: LocalMinute) -> bool {
        let day = self.day.has(time.day);
        let weekday = self.weekday.has(time.weekday);
        let either = if self.day.any || self.weekday.any {
            day && weekday
        } else {
            day || weekday
        };
        self.month.has(time.month) && either
    }

    /// Whether there is such a day at all.
    fn fires(&self) -> bool {
        let days = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let exists = |month| (1..=days(month)).any(|day| self.day.has(day));
        !self.weekday.any || (1..=12).any(|month| self.month.has(month) && exists(month))
    }
}

/// One item of a list, with what it adds.
#[derive(Debug, Clone)]
enum Item {
    One(usize),
    Range(usize, usize),
    Steps(usize, usize, usize),
    From(usize, usize),
    AllSteps(usize),
}

fn item(min: usize, max: usize) -> impl Strategy<Value = Item> {
    let value = min..=max;
    let range =
        (value.clone(), value.clone()).prop_map(|(one, other)| (one.min(other), one.max(other)));
    prop_oneof![
        4 => value.clone().prop_map(Item::One),
        2 => range.clone().prop_map(|(from, to)| Item::Range(from, to)),
        1 => (range, 1..=max - min).prop_map(|((from, to), step)| Item::Steps(from, to, step)),
        1 => (value, 1..=max - min).prop_map(|(from, step)| Item::From(from, step)),
        1 => (1..=max - min).prop_map(Item::AllSteps),
    ]
}

/// A field; `names` stand for its values from `min` on.
fn field(min: usize, max: usize, names: &'static [&'static str]) -> impl Strategy<Value = Field> {
    let list = prop::collection::vec(item(min, max), 1..4);
    let restricted = (list, any::<bool>()).prop_map(move |(items, named)| {
        let mut values = 0_u64;
        let mut star = false;
        let name = |value: usize| match names.get(value - min) {
            Some(name) if named => (*name).to_owned(),
            _ => value.to_string(),
        };
        let mut texts = Vec::new();
        for item in items {
            let (from, to, step) = match item {
                Item::One(value) => {
                    texts.push(name(value));
                    (value, value, 1)
                }
                Item::Range(from, to) => {
                    texts.push(format!("{}-{}", name(from), name(to)));
                    (from, to, 1)
                }
                Item::Steps(from, to, step) => {
                    texts.push(format!("{}-{}/{step}", name(from), name(to)));
                    (from, to, step)
                }
                Item::From(from, step) => {
                    texts.push(format!("{}/{step}", name(from)));
                    (from, max, step)
                }
                Item::AllSteps(step) => {
                    texts.push(format!("*/{step}"));
                    star |= step == 1;
                    (min, max, step)
                }
            };
            let mut value = from;
            while value <= to {
                values |= 1 << value;
                value += step;
            }
        }
        Field {
            text: texts.join(","),
            values,
            any: star,
        }
    });
    let all = (min..=max).fold(0, |values: u64, value| values | 1 << value);
    let free = prop_oneof!["\\*", "\\?"].prop_map(move |text| Field {
        text,
        values: all,
        any: true,
    });
    prop_oneof![restricted, free]
}

const MONTHS: &[&str] = &[
    "jan", "Feb", "MAR", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "Tue", "WED", "thu", "fri", "sat"];

/// Expressions of every form that fire at all.
pub(crate) fn expression() -> impl Strategy<Value = Expression> {
    (
        field(0, 59, &[]),
        field(0, 23, &[]),
        field(1, 31, &[]),
        field(1, 12, MONTHS),
        field(0, 6, WEEKDAYS),
    )
        .prop_map(|(minute, hour, day, month, weekday)| Expression {
            minute,
            hour,
            day,
            month,
            weekday,
        })
        .prop_filter("it never fires", Expression::fires)
}
