//! The metadata of a secret: its settings and its versions. Pure: records and
//! times go in, changed records come out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use logical::{Object, duration};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many versions are kept when neither the mount nor the secret says.
const DEFAULT_MAX_VERSIONS: u32 = 10;

/// The number of a version; the first is 1.
pub(crate) type VersionNumber = u64;

/// What an operator sets for one secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// How many versions are kept; zero leaves it to the mount.
    pub(crate) max_versions: u32,
    /// Whether writes of data must say which version they expect.
    pub(crate) cas_required: bool,
    /// Whether writes of metadata must say which version they expect.
    #[serde(default)]
    pub(crate) metadata_cas_required: bool,
    /// Seconds after which a new version is deleted; zero leaves it to the
    /// mount.
    pub(crate) delete_version_after: u64,
    /// Notes of the operator.
    pub(crate) custom_metadata: BTreeMap<String, String>,
}

/// What an operator sets for all secrets of a mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountSettings {
    /// How many versions are kept; zero is ten.
    pub(crate) max_versions: u32,
    /// Whether writes of data must say which version they expect.
    pub(crate) cas_required: bool,
    /// Whether writes of metadata must say which version they expect.
    #[serde(default)]
    pub(crate) metadata_cas_required: bool,
    /// Seconds after which a new version is deleted; negative switches that
    /// off for every secret, zero leaves it to the secret.
    pub(crate) delete_version_after: i64,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    created_time: Timestamp,
    /// From when it counts as deleted. May be in the future.
    deletion_time: Option<Timestamp>,
    destroyed: bool,
}

/// A secret without its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    created_time: Timestamp,
    updated_time: Timestamp,
    /// How often the settings were written.
    settings_version: u64,
    /// The newest version, or zero when there is none.
    current_version: VersionNumber,
    /// The oldest version that is kept, or zero until there are as many as may be
    /// kept.
    oldest_version: VersionNumber,
    #[serde(flatten)]
    settings: Settings,
    versions: BTreeMap<VersionNumber, Version>,
}

impl Version {
    /// Whether its data can be read.
    pub(crate) fn is_readable(&self, now: Timestamp) -> bool {
        !self.destroyed && !self.is_deleted(now)
    }

    fn is_deleted(&self, now: Timestamp) -> bool {
        self.deletion_time.is_some_and(|time| time <= now)
    }

    fn insert_into(&self, shown: &mut Object) {
        let deletion_time = self.deletion_time.map(|time| time.to_string());
        shown.insert("created_time".into(), self.created_time.to_string().into());
        shown.insert(
            "deletion_time".into(),
            deletion_time.unwrap_or_default().into(),
        );
        shown.insert("destroyed".into(), self.destroyed.into());
    }
}

impl Metadata {
    /// A secret without versions.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            created_time: now,
            updated_time: now,
            settings_version: 0,
            current_version: 0,
            oldest_version: 0,
            settings: Settings::default(),
            versions: BTreeMap::new(),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn settings_version(&self) -> u64 {
        self.settings_version
    }

    pub(crate) fn current_version(&self) -> VersionNumber {
        self.current_version
    }

    /// The kept versions, oldest first.
    pub(crate) fn versions(&self) -> impl Iterator<Item = VersionNumber> + '_ {
        self.versions.keys().copied()
    }

    /// A version that is kept, deleted or destroyed ones included.
    pub(crate) fn version(&self, number: VersionNumber) -> Option<&Version> {
        self.versions.get(&number)
    }

    /// Changes the settings.
    pub(crate) fn set(&mut self, settings: Settings, now: Timestamp) {
        self.settings = settings;
        self.settings_version += 1;
        self.updated_time = now;
    }

    /// Adds a version, and returns its number and those that are no longer
    /// kept.
    pub(crate) fn add_version(
        &mut self,
        mount: &MountSettings,
        now: Timestamp,
    ) -> (VersionNumber, Vec<VersionNumber>) {
        let number = self.current_version + 1;
        let version = Version {
            created_time: now,
            deletion_time: self.deletion_time(mount, now),
            destroyed: false,
        };
        self.versions.insert(number, version);
        self.current_version = number;
        self.updated_time = now;
        (number, self.prune(mount))
    }

    fn prune(&mut self, mount: &MountSettings) -> Vec<VersionNumber> {
        let limit = match self.settings.max_versions.max(mount.max_versions) {
            0 => DEFAULT_MAX_VERSIONS,
            limit => limit,
        };
        let first_kept = (self.current_version + 1).saturating_sub(limit.into());
        if first_kept == 0 {
            return Vec::new();
        }
        self.oldest_version = self.oldest_version.max(first_kept);
        let kept = self.versions.split_off(&first_kept);
        let pruned = std::mem::replace(&mut self.versions, kept);
        pruned.into_keys().collect()
    }

    /// When a version that is made or restored now will be deleted.
    fn deletion_time(&self, mount: &MountSettings, now: Timestamp) -> Option<Timestamp> {
        let mount = u64::try_from(mount.delete_version_after).ok()?;
        let secret = self.settings.delete_version_after;
        let after = match (mount, secret) {
            (0, after) | (after, 0) => after,
            (mount, secret) => mount.min(secret),
        };
        let after = i64::try_from(after).ok().filter(|after| *after > 0)?;
        let time = now.checked_add(SignedDuration::from_secs(after));
        Some(time.unwrap_or(Timestamp::MAX))
    }

    /// Deletes versions, which can be restored. Unknown ones, and those that
    /// are deleted or destroyed, stay as they are.
    pub(crate) fn delete(&mut self, numbers: &[VersionNumber], now: Timestamp) {
        self.change(numbers, |version| {
            if version.is_readable(now) {
                version.deletion_time = Some(now);
            }
        });
    }

    /// Restores versions; their time until deletion begins anew.
    pub(crate) fn undelete(
        &mut self,
        numbers: &[VersionNumber],
        mount: &MountSettings,
        now: Timestamp,
    ) {
        let deletion_time = self.deletion_time(mount, now);
        self.change(numbers, |version| {
            if !version.destroyed {
                version.deletion_time = deletion_time;
            }
        });
    }

    /// Marks versions as destroyed, and returns those whose data must go.
    pub(crate) fn destroy(&mut self, numbers: &[VersionNumber]) -> Vec<VersionNumber> {
        self.change(numbers, |version| version.destroyed = true);
        let known = |number: &VersionNumber| self.versions.contains_key(number);
        numbers.iter().copied().filter(known).collect()
    }

    fn change(&mut self, numbers: &[VersionNumber], change: impl Fn(&mut Version)) {
        for number in numbers {
            if let Some(version) = self.versions.get_mut(number) {
                change(version);
            }
        }
    }

    /// A version as answers of `data/` show it.
    pub(crate) fn show_version(&self, number: VersionNumber) -> Object {
        let mut shown = Object::new();
        if let Some(version) = self.versions.get(&number) {
            version.insert_into(&mut shown);
        }
        shown.insert("custom_metadata".into(), self.show_custom_metadata());
        shown.insert("version".into(), number.into());
        shown
    }

    /// The secret as answers of `metadata/` show it.
    pub(crate) fn show(&self) -> Object {
        let versions: Object = self
            .versions
            .iter()
            .map(|(number, version)| {
                let mut shown = Object::new();
                version.insert_into(&mut shown);
                (number.to_string(), shown.into())
            })
            .collect();
        let settings = &self.settings;
        let delete_after = std::time::Duration::from_secs(settings.delete_version_after);
        let members = [
            ("cas_required", Value::from(settings.cas_required)),
            ("created_time", self.created_time.to_string().into()),
            ("current_metadata_version", self.settings_version.into()),
            ("current_version", self.current_version.into()),
            ("custom_metadata", self.show_custom_metadata()),
            ("delete_version_after", duration::go(delete_after).into()),
            ("max_versions", settings.max_versions.into()),
            (
                "metadata_cas_required",
                settings.metadata_cas_required.into(),
            ),
            ("oldest_version", self.oldest_version.into()),
            ("updated_time", self.updated_time.to_string().into()),
            ("versions", versions.into()),
        ];
        members
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }

    fn show_custom_metadata(&self) -> Value {
        match &self.settings.custom_metadata {
            notes if notes.is_empty() => Value::Null,
            notes => json!(notes),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn mount() -> MountSettings {
        MountSettings::default()
    }

    fn shown(metadata: &Metadata, member: &str) -> Value {
        metadata.show()[member].clone()
    }

    #[test]
    fn the_newest_versions_are_kept_and_numbers_only_grow() {
        let mut metadata = Metadata::new(at(0));
        metadata.set(
            Settings {
                max_versions: 2,
                ..Settings::default()
            },
            at(0),
        );
        assert_eq!(metadata.add_version(&mount(), at(1)), (1, vec![]));
        assert_eq!(shown(&metadata, "oldest_version"), 0);
        assert_eq!(metadata.add_version(&mount(), at(2)), (2, vec![]));
        assert_eq!(shown(&metadata, "oldest_version"), 1);
        assert_eq!(metadata.add_version(&mount(), at(3)), (3, vec![1]));
        assert_eq!(shown(&metadata, "oldest_version"), 2);
        assert_eq!(shown(&metadata, "current_version"), 3);
        assert!(metadata.version(1).is_none() && metadata.version(2).is_some());
    }

    #[test]
    fn the_larger_of_both_limits_counts_and_ten_without_any() {
        for (secret, of_mount, kept) in [(0, 0, 10), (2, 0, 2), (2, 5, 5), (7, 5, 7), (0, 3, 3)] {
            let mut metadata = Metadata::new(at(0));
            metadata.settings.max_versions = secret;
            let mount = MountSettings {
                max_versions: of_mount,
                ..mount()
            };
            for second in 0..20 {
                metadata.add_version(&mount, at(second));
            }
            assert_eq!(metadata.versions().count(), kept, "{secret} {of_mount}");
        }
    }

    #[test]
    fn the_shorter_time_counts_and_a_negative_one_of_the_mount_switches_it_off() {
        for (of_mount, secret, expected) in [
            (0, 0, None),
            (0, 60, Some(60)),
            (30, 0, Some(30)),
            (30, 60, Some(30)),
            (90, 60, Some(60)),
            (-1, 60, None),
        ] {
            let mut metadata = Metadata::new(at(0));
            metadata.settings.delete_version_after = secret;
            let mount = MountSettings {
                delete_version_after: of_mount,
                ..mount()
            };
            metadata.add_version(&mount, at(0));
            let deletion_time = metadata.version(1).unwrap().deletion_time;
            assert_eq!(deletion_time, expected.map(at), "{of_mount} {secret}");
        }
    }

    #[test]
    fn a_version_is_readable_until_its_deletion_time_and_again_once_it_is_restored() {
        let mut metadata = Metadata::new(at(0));
        metadata.settings.delete_version_after = 10;
        metadata.add_version(&mount(), at(0));
        let readable = |metadata: &Metadata, second| {
            metadata
                .version(1)
                .is_some_and(|version| version.is_readable(at(second)))
        };
        assert!(readable(&metadata, 9) && !readable(&metadata, 10));
        metadata.undelete(&[1, 7], &mount(), at(20));
        assert!(readable(&metadata, 29) && !readable(&metadata, 30));
        metadata.delete(&[1, 7], at(25));
        assert!(!readable(&metadata, 25));
    }

    #[test]
    fn a_second_deletion_keeps_the_time_of_the_first() {
        let mut metadata = Metadata::new(at(0));
        metadata.add_version(&mount(), at(0));
        metadata.delete(&[1], at(5));
        metadata.delete(&[1], at(9));
        assert_eq!(metadata.version(1).unwrap().deletion_time, Some(at(5)));
    }

    #[test]
    fn what_is_destroyed_stays_destroyed() {
        let mut metadata = Metadata::new(at(0));
        metadata.add_version(&mount(), at(0));
        assert_eq!(metadata.destroy(&[1, 2]), [1]);
        metadata.undelete(&[1], &mount(), at(1));
        metadata.delete(&[1], at(2));
        let version = metadata.version(1).unwrap();
        assert!(version.destroyed && !version.is_readable(at(3)));
        assert_eq!(version.deletion_time, None);
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was(versions in 0_u8..20, max_versions in 0_u32..5) {
            let mut metadata = Metadata::new(at(0));
            metadata.settings.max_versions = max_versions;
            for second in 0..versions {
                metadata.add_version(&mount(), at(second.into()));
            }
            let stored = serde_json::to_vec(&metadata).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Metadata>(&stored).unwrap(), metadata);
        }
    }
}
