//! Wiping what may hold a secret, where a drop alone would leave it in memory.

use std::io::{self, Write};

use logical::Object;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

/// How much room a buffer has from the beginning. Most answers are smaller.
const ROOM: usize = 1024;

/// Bytes that are being written. A vector that grows by itself frees its old memory
/// as it is.
pub(crate) struct WipedBuffer(Zeroizing<Vec<u8>>);

impl WipedBuffer {
    pub(crate) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(ROOM)))
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl Write for WipedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.0.capacity())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Wipes all texts of an object. The names of its members stay.
pub(crate) fn wipe(object: &mut Object) {
    object.values_mut().for_each(wipe_value);
}

fn wipe_value(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe_value),
        Value::Object(object) => wipe(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_buffer_has_all_that_was_written_however_large_it_became() {
        let mut buffer = WipedBuffer::new();
        let mut expected = Vec::new();
        for size in [1, ROOM - 1, 1, 5 * ROOM, 7] {
            let bytes = vec![u8::try_from(size % 251).unwrap(); size];
            buffer.write_all(&bytes).unwrap();
            expected.extend(bytes);
        }
        assert_eq!(*buffer.into_bytes(), expected);
    }

    #[test]
    fn all_texts_of_an_object_are_wiped() {
        let mut value = json!({"a": "canary", "b": [{"c": "canary"}, "canary", 5], "d": null});
        let Value::Object(object) = &mut value else {
            panic!("{value}");
        };
        wipe(object);
        assert_eq!(value, json!({"a": "", "b": [{"c": ""}, "", 5], "d": null}));
    }
}
