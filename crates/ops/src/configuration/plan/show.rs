//! A plan as text and as JSON. Values of secrets are in neither.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Action, Change, FieldChange, Plan, Shown};

/// The form of the JSON. A later program may write another.
const FORMAT: u32 = 1;
/// Where values on one line end.
const WIDTH: usize = 100;

/// A plan for people. With `drift_only`, only what somebody else has changed.
pub fn text(plan: &Plan, drift_only: bool) -> String {
    let mut text = String::new();
    let changes = plan
        .visible()
        .filter(|change| !drift_only || change.foreign);
    let mut counts = [0; 4];
    for change in changes {
        let sign = match change.action {
            Action::Create => '+',
            Action::Update => '~',
            Action::Delete => '-',
            Action::Record => ' ',
        };
        counts[change.action as usize] += 1;
        let by_other = match (change.foreign, change.action) {
            (false, _) if change.unmanaged => "   (managed by nobody)",
            (false, _) => "",
            (true, Action::Create) => "   (deleted by somebody else)",
            (true, _) => "   (changed by somebody else)",
        };
        let mark = if change.foreign { '!' } else { ' ' };
        let _ = writeln!(
            text,
            "{mark}{sign} {} {}{by_other}",
            change.kind.word(),
            change.path
        );
        for field in &change.fields {
            if !drift_only || field.foreign {
                text.push_str(&field_text(change, field));
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let [created, updated, _, deleted] = counts;
    let summary = match (drift_only, created + updated + deleted) {
        (true, 0) => "Nobody else has changed what the files manage.".to_owned(),
        (true, count) => format!("Changed by somebody else: {count}."),
        (false, 0) => format!("Nothing to do: {} as the files say.", objects(plan.count)),
        (false, _) => format!("To create: {created}, to change: {updated}, to delete: {deleted}."),
    };
    text.push_str(&summary);
    text
}

fn objects(count: usize) -> String {
    match count {
        1 => "1 object is".to_owned(),
        count => format!("{count} objects are"),
    }
}

fn field_text(change: &Change, field: &FieldChange) -> String {
    let mark = if field.foreign { '!' } else { ' ' };
    let name = &field.name;
    if change.action == Action::Create {
        return match multi_line(&field.to) {
            Some(lines) => format!("      {name}:\n{}", prefixed(&lines, "          ")),
            None => format!("      {name}: {}\n", value(&field.to)),
        };
    }
    let (from, to) = (multi_line(&field.from), multi_line(&field.to));
    if from.is_none() && to.is_none() {
        return format!(
            "   {mark}  {name}: {} → {}\n",
            value(&field.from),
            value(&field.to)
        );
    }
    let lines =
        |lines: Option<Vec<String>>, shown: &Shown| lines.unwrap_or_else(|| vec![value(shown)]);
    let (from, to) = (lines(from, &field.from), lines(to, &field.to));
    format!("   {mark}  {name}:\n{}", line_changes(&from, &to))
}

/// The lines that go and those that come, with what both begin and end with left
/// out.
fn line_changes(from: &[String], to: &[String]) -> String {
    let head = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let ends = from[head..].iter().rev().zip(to[head..].iter().rev());
    let tail = ends.take_while(|(a, b)| a == b).count();
    let gone = prefixed(&from[head..from.len() - tail], "        - ");
    gone + &prefixed(&to[head..to.len() - tail], "        + ")
}

fn prefixed(lines: &[String], prefix: &str) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{prefix}{line}");
        text
    })
}

fn multi_line(shown: &Shown) -> Option<Vec<String>> {
    match shown {
        Shown::Value(Value::String(text))
            if text.trim_end().contains('\n') || text.len() > WIDTH =>
        {
            Some(text.trim_end().lines().map(str::to_owned).collect())
        }
        _ => None,
    }
}

fn value(shown: &Shown) -> String {
    match shown {
        Shown::Absent => "(none)".to_owned(),
        Shown::Secret => "(secret)".to_owned(),
        Shown::Value(Value::String(text)) => format!("{:?}", text.trim_end()),
        Shown::Value(value) => value.to_string(),
    }
}

/// A plan for programs.
pub fn json(plan: &Plan, drift_only: bool) -> Value {
    let changes = plan
        .visible()
        .filter(|change| !drift_only || change.foreign);
    let changes: Vec<Value> = changes
        .map(|change| {
            let fields = change
                .fields
                .iter()
                .filter(|field| !drift_only || field.foreign);
            json!({
                "kind": change.kind,
                "path": change.path,
                "action": change.action,
                "foreign": change.foreign,
                "unmanaged": change.unmanaged,
                "fields": fields.map(field_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    let texts = |problems: &[super::Problem]| -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    };
    json!({
        "format": FORMAT,
        "owner": plan.state.owner,
        "objects": plan.count,
        "changes": changes,
        "notes": texts(&plan.notes),
        "problems": texts(&plan.problems),
    })
}

fn field_json(field: &FieldChange) -> Value {
    let mut object = json!({ "name": field.name, "foreign": field.foreign });
    for (side, shown) in [("from", &field.from), ("to", &field.to)] {
        match shown {
            Shown::Absent => {}
            Shown::Secret => object["secret"] = true.into(),
            Shown::Value(value) => object[side] = value.clone(),
        }
    }
    object
}
