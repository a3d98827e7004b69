//! Errors of a server without the secrets that it was sent.

use serde_json::Value;
use zeroize::Zeroizing;

/// A text without the secrets in it, in any of the forms in which a server quotes
/// one.
pub(super) fn redacted(text: &str, secrets: &[Zeroizing<String>]) -> String {
    let mut forms: Vec<Zeroizing<String>> = secrets.iter().flat_map(forms).collect();
    forms.retain(|form| form.len() >= SHORT);
    // Parts come after the whole.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.iter().fold(text.to_owned(), |text, form| {
        text.replace(form.as_str(), "(secret)")
    })
}

/// What is shorter is part of too many words.
const SHORT: usize = 4;

/// A secret as it is, escaped as in JSON and in Go's `%q`, and line by line.
fn forms(secret: &Zeroizing<String>) -> Vec<Zeroizing<String>> {
    let mut forms = vec![secret.clone(), Zeroizing::new(secret.trim().to_owned())];
    let escaped = Zeroizing::new(Value::from(secret.as_str()).to_string());
    let inner = escaped.trim_matches('"').to_owned();
    forms.push(Zeroizing::new(inner));
    if secret.trim().contains('\n') {
        let lines = secret.lines().map(str::trim);
        forms.extend(lines.map(|line| Zeroizing::new(line.to_owned())));
    }
    forms
}
