//! Why a request was not good, in classes that operators of Vault tell apart.

/// A class of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// There was no connection.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// There was no complete answer within the time limit.
    TimedOut,
    /// The connection broke before the answer was complete.
    Broken,
    /// 307: a standby names the active node, and following it did not help.
    Redirected,
    /// 429: too many requests, or the health of a standby.
    TooMany,
    /// 473: the health of a performance standby.
    PerformanceStandby,
    /// 503 of a server that is sealed.
    Sealed,
    /// No node leads: 503, or 500 with the words of a standby.
    NoLeader,
    /// It was not sent: a value that it needs was in no answer yet.
    NotCaptured,
    /// Any other status that is not expected.
    Other,
}

impl Class {
    /// All classes, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Connect,
        Self::Tls,
        Self::TimedOut,
        Self::Broken,
        Self::Redirected,
        Self::TooMany,
        Self::PerformanceStandby,
        Self::Sealed,
        Self::NoLeader,
        Self::NotCaptured,
        Self::Other,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::TimedOut => "time-out",
            Self::Broken => "connection broke",
            Self::Redirected => "307",
            Self::TooMany => "429",
            Self::PerformanceStandby => "473",
            Self::Sealed => "503 sealed",
            Self::NoLeader => "503 no leader",
            Self::NotCaptured => "not captured",
            Self::Other => "other",
        }
    }

    /// The class of an answer with a status that is not expected. `begin` is the
    /// beginning of its body.
    pub fn of_answer(status: u16, begin: &[u8]) -> Self {
        let says = |words: &str| {
            let words = words.as_bytes();
            begin
                .windows(words.len())
                .any(|part| part.eq_ignore_ascii_case(words))
        };
        match status {
            307 => Self::Redirected,
            429 => Self::TooMany,
            473 => Self::PerformanceStandby,
            503 if says("sealed") => Self::Sealed,
            // OpenBao 2.7.2 answers 500 with these words while nobody leads.
            500 if says("active cluster node not found") => Self::NoLeader,
            503 if says("active") || says("leader") || says("standby") => Self::NoLeader,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_not_good_are_told_apart() {
        for (status, body, expected) in [
            (503, "{\"errors\":[\"Vault is sealed\"]}", Class::Sealed),
            (503, "{\"errors\":[\"no active node\"]}", Class::NoLeader),
            (503, "upstream", Class::Other),
            (
                500,
                "local node not active but active cluster node not found",
                Class::NoLeader,
            ),
            (500, "internal error", Class::Other),
            (429, "", Class::TooMany),
            (473, "", Class::PerformanceStandby),
            (307, "", Class::Redirected),
            (404, "", Class::Other),
        ] {
            assert_eq!(
                Class::of_answer(status, body.as_bytes()),
                expected,
                "{status} {body}"
            );
        }
    }
}
