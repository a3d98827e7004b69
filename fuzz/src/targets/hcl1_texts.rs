//! HCL and JSON texts: an error is inside the text, and what was formatted says
//! the same as before.

use super::texts;
use crate::input::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let document = match hcl1::parse(text) {
        Ok(document) => document,
        Err(error) => {
            assert!(error.position.offset <= text.len(), "{error}");
            assert!(!error.problem.is_empty());
            return;
        }
    };
    let Ok(formatted) = hcl1::format(text) else {
        return;
    };
    let read = hcl1::parse(&formatted).unwrap_or_else(|error| panic!("{error} in {formatted:?}"));
    assert!(read.says_the_same(&document), "{formatted:?}");
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
