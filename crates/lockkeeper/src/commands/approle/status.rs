//! `approle status`.

use std::fmt::Write as _;
use std::process::ExitCode;

use jiff::Timestamp;
use ops::approle::{IdStatus, Limits, RoleStatus, VaultServer};

use super::place::place;
use super::{client, failure};
use crate::arguments::ApproleStatus;
use crate::commands::client::{format, trimmed};
use crate::failure::Failure;
use crate::output;

/// Older secret ids than `-max-age` were found.
const TOO_OLD: u8 = 3;

pub(super) async fn run(arguments: ApproleStatus) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = client(arguments.connection)?;
    let mount = trimmed(&arguments.mount);
    let roles = if arguments.roles.is_empty() {
        VaultServer::roles(&client, mount).await.map_err(failure)?
    } else {
        arguments.roles
    };
    let limits = Limits {
        max_age: arguments.max_age,
        ends_within: arguments.ends_within,
    };
    let mut all = Vec::new();
    for role in roles {
        let place = place(mount, &role)?;
        let name = place.role.clone();
        let server = VaultServer::new(&client, place);
        let status = RoleStatus::of(&server, &name, Timestamp::now(), limits).await;
        all.push(status.map_err(failure)?);
    }
    match output::structured(&all, format)? {
        Some(text) => output::say(&text)?,
        None => output::say(&table(&all))?,
    }
    let is_too_old = all.iter().any(RoleStatus::is_too_old);
    Ok(ExitCode::from(if is_too_old { TOO_OLD } else { 0 }))
}

fn table(all: &[RoleStatus]) -> String {
    let mut rows = vec![["Role", "Accessor", "Age", "TTL", "Uses", "Note"].map(str::to_owned)];
    for status in all {
        for id in &status.secret_ids {
            rows.push(row(&status.role, id));
        }
        for accessor in &status.dead_accessors {
            let note = "dead".to_owned();
            let [none, ttl, uses] = ["-", "-", "-"].map(str::to_owned);
            rows.push([status.role.clone(), accessor.clone(), none, ttl, uses, note]);
        }
        if status.secret_ids.is_empty() && status.dead_accessors.is_empty() {
            let [accessor, age, ttl, uses] = ["-", "-", "-", "-"].map(str::to_owned);
            let note = "no secret id".to_owned();
            rows.push([status.role.clone(), accessor, age, ttl, uses, note]);
        }
    }
    let width = |column: usize| {
        let widths = rows.iter().map(|row: &[String; 6]| row[column].len());
        widths.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}    ");
        }
        line.push_str(&row[5]);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(role: &str, id: &IdStatus) -> [String; 6] {
    let notes = [(id.is_too_old, "too old"), (id.ends_soon, "ends soon")];
    let notes: Vec<&str> = notes
        .into_iter()
        .filter_map(|(applies, note)| applies.then_some(note))
        .collect();
    [
        role.to_owned(),
        id.accessor.clone(),
        id.age.map_or_else(|| "unknown".to_owned(), shortened),
        id.ttl.map_or_else(|| "none".to_owned(), shortened),
        match id.uses {
            0 => "unlimited".to_owned(),
            uses => uses.to_string(),
        },
        notes.join(", "),
    ]
}

/// A time in its largest unit.
fn shortened(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_secret_id_and_each_dead_accessor() {
        let id = IdStatus {
            accessor: "67bda42b".to_owned(),
            age: Some(91 * 86_400),
            ttl: None,
            uses: 0,
            is_too_old: true,
            ends_soon: false,
        };
        let all = [RoleStatus {
            role: "orders".to_owned(),
            secret_ids: vec![id],
            dead_accessors: vec!["c4dc05a8".to_owned()],
        }];
        assert_eq!(
            table(&all),
            "Role      Accessor    Age    TTL     Uses         Note\n\
             orders    67bda42b    91d    none    unlimited    too old\n\
             orders    c4dc05a8    -      -       -            dead\n"
        );
    }
}
