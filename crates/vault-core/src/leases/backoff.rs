//! Retries of failed revocations, and when they stop (`vault/expiration.go` in
//! Vault).

use std::time::Duration;

use logical::{Entropy, Error, ErrorClass};

/// A lease becomes irrevocable after this many failures.
const ATTEMPTS: u32 = 6;
const BASE: Duration = Duration::from_secs(10);
/// The longest pause, before the last attempt.
pub(super) const LONGEST_PAUSE: Duration = BASE.saturating_mul(24);

/// What happens after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    TryAfter(Duration),
    GiveUp,
}

/// The step after failure number `attempts`, counted from one: a pause of ten
/// seconds that doubles with each failure, with 50 % jitter so that
/// simultaneous failures are not retried together.
pub(super) fn after(attempts: u32, error: &Error, entropy: &dyn Entropy) -> Next {
    if attempts >= ATTEMPTS || is_lasting(error.class()) {
        return Next::GiveUp;
    }
    let pause = BASE * 2_u32.saturating_pow(attempts.saturating_sub(1));
    let mut chance = [0_u8; 2];
    entropy.fill(&mut chance);
    let share = u32::from(u16::from_be_bytes(chance));
    Next::TryAfter(pause / 2 + pause * share / u32::from(u16::MAX))
}

/// Errors that a retry cannot fix.
fn is_lasting(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::UnsupportedPath
            | ErrorClass::UnsupportedOperation
            | ErrorClass::Unrecoverable
            | ErrorClass::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::CountingEntropy;

    #[test]
    fn pauses_double_within_half_and_end_after_six_failures() {
        let entropy = CountingEntropy::default();
        let error = Error::upstream("down");
        for attempts in 1..ATTEMPTS {
            let Next::TryAfter(pause) = after(attempts, &error, &entropy) else {
                panic!("given up after {attempts}");
            };
            let middle = BASE * 2_u32.pow(attempts - 1);
            assert!(pause >= middle / 2 && pause <= middle * 3 / 2, "{pause:?}");
        }
        assert_eq!(after(ATTEMPTS, &error, &entropy), Next::GiveUp);
    }

    #[test]
    fn what_an_engine_cannot_do_is_given_up_at_once() {
        let entropy = CountingEntropy::default();
        for error in [Error::unsupported_operation(), Error::unrecoverable("gone")] {
            assert_eq!(after(1, &error, &entropy), Next::GiveUp);
        }
    }
}
