//! The kinds of resources, and what is known of each: how long the vendor's
//! programs wait for a new key, when trying it makes sense, and how many logins
//! prove it.

use std::fmt;
use std::time::Duration;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Kafka cluster, `lkc-…`.
    Kafka,
    /// A Schema Registry, `lsrc-…`.
    SchemaRegistry,
    /// A region of Flink, such as `aws.us-east-1`.
    Flink,
    /// A ksqlDB cluster, `lksqlc-…`.
    Ksqldb,
    /// `tableflow`.
    Tableflow,
    /// The control plane, `cloud`.
    Cloud,
    /// `global`.
    Global,
}

/// When a key is tried: first at an age, then at an interval up to another age,
/// then at a longer interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) first: Duration,
    often: Duration,
    often_until: Duration,
    seldom: Duration,
}

impl Schedule {
    /// How long after a probe at this age the next one is.
    pub(crate) fn interval(&self, age: Duration) -> Duration {
        if age < self.often_until {
            self.often
        } else {
            self.seldom
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Kafka,
        Self::SchemaRegistry,
        Self::Flink,
        Self::Ksqldb,
        Self::Tableflow,
        Self::Cloud,
        Self::Global,
    ];

    /// How long a new key takes, by the waits in the vendor's Terraform provider.
    pub fn documented_wait(self) -> Duration {
        Duration::from_secs(match self {
            Self::Kafka => 120,
            Self::SchemaRegistry | Self::Flink => 60,
            Self::Ksqldb => 300,
            Self::Tableflow | Self::Cloud | Self::Global => 15,
        })
    }

    /// Whether there is a call that tells whether a key works. What ksqlDB
    /// answers to an unknown key is not known.
    pub fn can_be_probed(self) -> bool {
        self != Self::Ksqldb
    }

    pub(crate) fn schedule(self) -> Schedule {
        let [first, often, often_until, seldom] = match self {
            Self::Kafka => [45, 15, 180, 60],
            _ => [5, 5, 60, 30],
        }
        .map(Duration::from_secs);
        Schedule {
            first,
            often,
            often_until,
            seldom,
        }
    }

    /// The time between two logins that prove a key; none where one is enough.
    /// Behind the address of a cluster are several servers, which learn of a key
    /// one after the other.
    pub fn confirmation(self) -> Option<Duration> {
        match self {
            Self::Kafka => Some(Duration::from_secs(10)),
            Self::SchemaRegistry => Some(Duration::from_secs(5)),
            _ => None,
        }
    }

    /// The age from which a login without rights counts. Before it the rights
    /// may be on their way.
    pub(crate) fn rights_expected_at(self) -> Duration {
        match self {
            Self::SchemaRegistry => Duration::ZERO,
            other => other.documented_wait(),
        }
    }
}

/// As in "a key of a Kafka cluster".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "a Kafka cluster",
            Self::SchemaRegistry => "a Schema Registry",
            Self::Flink => "a region of Flink",
            Self::Ksqldb => "a ksqlDB cluster",
            Self::Tableflow => "Tableflow",
            Self::Cloud => "the control plane",
            Self::Global => "the whole organization",
        })
    }
}
