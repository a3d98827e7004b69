//! Whose turn it is: a function of the number of a request. Within a file the
//! targets come in their order; files share the turns by their weights, spread as
//! evenly as these allow.

use std::num::NonZeroU32;

/// More turns than these in one round make no finer mix.
const MOST_TURNS: u64 = 10_000;

/// The order of turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    files: Vec<File>,
    /// The file of each turn of a round, and how many turns that file had before in
    /// the round.
    round: Vec<(usize, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    first: usize,
    weight: u64,
    targets: Order,
}

/// The order of the targets of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    /// One after another, of this many.
    InTurn(u64),
    /// As their weights say, round after round.
    Weighted(Vec<usize>),
}

impl Order {
    fn new(weights: &[NonZeroU32]) -> Result<Self, String> {
        if weights.iter().all(|weight| weight.get() == 1) {
            return Ok(Self::InTurn(weights.len().max(1) as u64));
        }
        let weights: Vec<u64> = weights.iter().map(|weight| weight.get().into()).collect();
        Ok(Self::Weighted(round(&weights)?))
    }

    fn target(&self, turn: u64) -> usize {
        let place = |length: u64| usize::try_from(turn % length).unwrap_or_default();
        match self {
            Self::InTurn(targets) => place(*targets),
            Self::Weighted(round) => round[place(round.len().max(1) as u64)],
        }
    }
}

impl Turns {
    /// The order for files with the weights of their targets, none empty, and their
    /// own weights.
    ///
    /// # Errors
    /// When the weights are too large together.
    pub fn new(files: &[(Vec<NonZeroU32>, NonZeroU32)]) -> Result<Self, String> {
        let mut first = 0;
        let mut placed = Vec::with_capacity(files.len());
        for (targets, weight) in files {
            placed.push(File {
                first,
                weight: u64::from(weight.get()),
                targets: Order::new(targets)?,
            });
            first += targets.len();
        }
        let weights: Vec<u64> = placed.iter().map(|file| file.weight).collect();
        let mut before = vec![0_u64; placed.len()];
        let turns = round(&weights)?.into_iter().map(|file| {
            before[file] += 1;
            (file, before[file] - 1)
        });
        Ok(Self {
            round: turns.collect(),
            files: placed,
        })
    }

    /// The place of the target whose turn it is, in all files one after another.
    pub fn target(&self, number: u64) -> usize {
        let turns = self.round.len().max(1) as u64;
        let turn = usize::try_from(number % turns).unwrap_or_default();
        let Some((file, before)) = self.round.get(turn) else {
            return 0;
        };
        let file = &self.files[*file];
        let nth = (number / turns) * file.weight + before;
        file.first + file.targets.target(nth)
    }
}

/// Smooth weighted round robin: in each turn everybody gains their weight, and the
/// one with the most pays for the turn.
fn round(weights: &[u64]) -> Result<Vec<usize>, String> {
    let total: u64 = weights.iter().sum();
    if total > MOST_TURNS {
        return Err(format!(
            "the weights are {total} together: {MOST_TURNS} at most"
        ));
    }
    let mut credit = vec![0_i128; weights.len()];
    let mut round = Vec::new();
    for _ in 0..total {
        for (credit, weight) in credit.iter_mut().zip(weights) {
            *credit += i128::from(*weight);
        }
        let mut best = 0;
        for (place, gained) in credit.iter().enumerate() {
            if *gained > credit[best] {
                best = place;
            }
        }
        credit[best] -= i128::from(total);
        round.push(best);
    }
    Ok(round)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(files: &[(usize, u32)]) -> Turns {
        let files: Vec<_> = files
            .iter()
            .map(|(targets, weight)| {
                let weights = vec![NonZeroU32::MIN; *targets];
                (weights, NonZeroU32::new(*weight).unwrap())
            })
            .collect();
        Turns::new(&files).unwrap()
    }

    fn check(files: &[(usize, u32)], expected: &[usize]) {
        let turns = turns(files);
        let found: Vec<_> = (0..expected.len() as u64)
            .map(|number| turns.target(number))
            .collect();
        assert_eq!(found, expected, "{files:?}");
    }

    #[test]
    fn one_file_is_sent_in_its_order() {
        check(&[(3, 1)], &[0, 1, 2, 0, 1, 2]);
        check(&[(3, 2)], &[0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn files_share_the_turns_by_their_weights() {
        check(&[(2, 1), (1, 1)], &[0, 2, 1, 2, 0, 2]);
        check(&[(2, 3), (1, 1)], &[0, 1, 2, 0, 1, 0, 2, 1]);
    }

    #[test]
    fn targets_share_the_turns_of_their_file_by_their_weights() {
        let weights = [2, 1].map(|weight| NonZeroU32::new(weight).unwrap());
        let turns = Turns::new(&[(weights.to_vec(), NonZeroU32::MIN)]).unwrap();
        let found: Vec<_> = (0..6).map(|number| turns.target(number)).collect();
        assert_eq!(found, [0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn weights_have_a_limit() {
        let one = vec![NonZeroU32::MIN];
        let files = [(one.clone(), NonZeroU32::MAX), (one, NonZeroU32::MIN)];
        assert!(Turns::new(&files).unwrap_err().contains("10000 at most"));
    }

    proptest! {
        #[test]
        fn a_round_gives_each_file_its_weight(files in proptest::collection::vec((1_usize..5, 1_u32..9), 1..5)) {
            let turns = turns(&files);
            let total: u32 = files.iter().map(|(_, weight)| weight).sum();
            let mut counts = vec![0; files.len()];
            for number in 0..u64::from(total) {
                let target = turns.target(number);
                let mut first = 0;
                for (file, (targets, _)) in files.iter().enumerate() {
                    if (first..first + targets).contains(&target) {
                        counts[file] += 1;
                    }
                    first += targets;
                }
            }
            let weights: Vec<u32> = files.iter().map(|(_, weight)| *weight).collect();
            prop_assert_eq!(counts, weights);
        }
    }
}
