//! The stages of a rotation and their order. A stage in the journal means: the
//! earlier ones are complete, and this one may have begun.

use serde::{Deserialize, Serialize};

/// A stage of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A new secret id is made.
    Make,
    /// It is written to the targets.
    Deliver,
    /// It is tried.
    Canary,
    /// Its users are waited for.
    Consumers,
    /// The old ones are destroyed.
    Destroy,
    /// The tokens that were got with the old ones are revoked.
    Revoke,
    /// It is proven that the new one logs in and an old one does not.
    Prove,
    /// Nothing is left to do.
    Done,
    /// An operator ended the rotation before anything was destroyed.
    Aborted,
}

/// In which order the stages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The old secret ids live until the new one is in use.
    #[default]
    Overlap,
    /// The old secret ids are destroyed first: somebody else has one.
    Emergency,
}

impl Order {
    /// The first stage.
    pub fn first(self) -> Stage {
        match self {
            Self::Overlap => Stage::Make,
            Self::Emergency => Stage::Destroy,
        }
    }

    /// The stage after a complete one.
    pub fn after(self, stage: Stage) -> Stage {
        match (self, stage) {
            (_, Stage::Make) => Stage::Deliver,
            (_, Stage::Deliver) => Stage::Canary,
            (Self::Overlap, Stage::Canary) => Stage::Consumers,
            (Self::Emergency, Stage::Canary) | (Self::Overlap, Stage::Revoke) => Stage::Prove,
            (_, Stage::Consumers) => Stage::Destroy,
            (_, Stage::Destroy) => Stage::Revoke,
            (Self::Emergency, Stage::Revoke) => Stage::Make,
            (_, Stage::Prove | Stage::Done) => Stage::Done,
            (_, Stage::Aborted) => Stage::Aborted,
        }
    }

    /// Whether old secret ids may be gone at this stage, so that there is no way
    /// back.
    pub fn is_past_return(self, stage: Stage) -> bool {
        match self {
            Self::Emergency => true,
            Self::Overlap => matches!(
                stage,
                Stage::Destroy | Stage::Revoke | Stage::Prove | Stage::Done
            ),
        }
    }
}

impl Stage {
    /// Whether the rotation has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Aborted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(order: Order) -> Vec<Stage> {
        let mut stages = vec![order.first()];
        while let Some(&last) = stages.last().filter(|stage| !stage.is_final()) {
            stages.push(order.after(last));
        }
        stages
    }

    #[test]
    fn old_ids_are_destroyed_only_after_the_new_one_is_in_use() {
        use Stage::{Canary, Consumers, Deliver, Destroy, Done, Make, Prove, Revoke};
        assert_eq!(
            all(Order::Overlap),
            [
                Make, Deliver, Canary, Consumers, Destroy, Revoke, Prove, Done
            ]
        );
    }

    #[test]
    fn in_an_emergency_old_ids_and_their_tokens_end_first() {
        use Stage::{Canary, Deliver, Destroy, Done, Make, Prove, Revoke};
        assert_eq!(
            all(Order::Emergency),
            [Destroy, Revoke, Make, Deliver, Canary, Prove, Done]
        );
    }

    #[test]
    fn there_is_a_way_back_until_something_is_destroyed() {
        for stage in [Stage::Make, Stage::Deliver, Stage::Canary, Stage::Consumers] {
            assert!(!Order::Overlap.is_past_return(stage));
        }
        assert!(Order::Overlap.is_past_return(Stage::Destroy));
        assert!(Order::Emergency.is_past_return(Stage::Make));
    }
}
