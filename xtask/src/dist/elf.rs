//! Checks that a program is static: it needs no loader and no library of the
//! system.

use anyhow::{Context, Result, ensure};

/// Program header: a loader that the kernel starts first (`PT_INTERP`).
const INTERPRETER: u32 = 3;
/// Program header: the dynamic section (`PT_DYNAMIC`).
const DYNAMIC: u32 = 2;
/// Dynamic entry: the name of a needed library (`DT_NEEDED`).
const NEEDED: u64 = 1;

/// Refuses a program that asks for a loader or a library.
///
/// # Errors
/// When it does, or is no 64-bit little-endian ELF program.
pub(super) fn must_be_static(program: &[u8]) -> Result<()> {
    ensure!(
        program.starts_with(b"\x7fELF\x02\x01"),
        "it is no 64-bit little-endian ELF program"
    );
    let table = number(program, 32, 8)?;
    let (size, count) = (number(program, 54, 2)?, number(program, 56, 2)?);
    for entry in 0..count {
        let at = table + entry * size;
        let kind = number(program, at, 4)?;
        ensure!(
            kind != u64::from(INTERPRETER),
            "it is not static: it asks for a loader"
        );
        if kind == u64::from(DYNAMIC) {
            let (offset, length) = (number(program, at + 8, 8)?, number(program, at + 32, 8)?);
            for place in (offset..offset + length).step_by(16) {
                ensure!(
                    number(program, place, 8)? != NEEDED,
                    "it is not static: it needs a library"
                );
            }
        }
    }
    Ok(())
}

/// The little-endian number of `length` bytes at `place`.
fn number(program: &[u8], place: u64, length: u64) -> Result<u64> {
    let start = usize::try_from(place)?;
    let bytes = start
        .checked_add(usize::try_from(length)?)
        .and_then(|end| program.get(start..end))
        .context("the program is cut off")?;
    let digits = bytes.iter().rev();
    Ok(digits.fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with one entry of a kind, and one dynamic instruction.
    fn program(kind: u32, instruction: u64) -> Vec<u8> {
        let mut program = b"\x7fELF\x02\x01".to_vec();
        program.resize(64 + 56 + 16, 0);
        program[32] = 64;
        program[54] = 56;
        program[56] = 1;
        program[64..68].copy_from_slice(&kind.to_le_bytes());
        program[72] = 64 + 56;
        program[96] = 16;
        program[120..128].copy_from_slice(&instruction.to_le_bytes());
        program
    }

    #[test]
    fn a_program_that_loads_nothing_is_static() {
        assert!(must_be_static(&program(1, NEEDED)).is_ok());
        assert!(must_be_static(&program(DYNAMIC, 7)).is_ok());
    }

    #[test]
    fn a_program_that_asks_for_a_loader_or_a_library_is_not() {
        assert!(must_be_static(&program(INTERPRETER, 0)).is_err());
        assert!(must_be_static(&program(DYNAMIC, NEEDED)).is_err());
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(must_be_static(b"#!/bin/sh\n").is_err());
        assert!(must_be_static(&program(DYNAMIC, 0)[..70]).is_err());
    }
}
