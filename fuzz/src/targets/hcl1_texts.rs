//! HCL and JSON texts: an error is inside the text, and what was formatted is
//! read again and formatted the same.

use super::texts;
use crate::input::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Err(error) = hcl1::parse(text) {
        assert!(error.position.offset <= text.len(), "{error}");
        assert!(!error.problem.is_empty());
    }
    let Ok(formatted) = hcl1::format(text) else {
        return;
    };
    hcl1::parse(&formatted).unwrap_or_else(|error| panic!("{error} in {formatted:?}"));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "path \"secret/*\" {\n  capabilities = [\"read\"] # why\n}\n",
        "\"path\" \"a\" { allowed_parameters { \"x\" = [1, true] } }",
        "a = <<-E\n  x\n  E\nb = \"${c{\"d\"}}\"",
        "# a\n\n/* b\n */ a {\n// c\n}\n# d",
        "{\"path\": {\"a\": {\"capabilities\": [\"\\u0072ead\"]}}}",
        "a = [[1], {b = 0x1f}, .5e3, -1,]",
    ])
}
