//! Reading and changing one secret in storage.

use logical::effects::NamedGuard;
use logical::{Error, Object, Write};

use super::Versioned;
use super::metadata::{Metadata, VersionNumber};
use crate::store;

/// Where the metadata of secrets is, below their hidden names.
pub(super) const METADATA: &str = "metadata/";
/// Where the data of versions is, below the id of their secret.
const DATA: &str = "data/";

/// The places of one secret in storage.
#[derive(Debug, Clone)]
pub(super) struct Place {
    metadata: String,
    data: String,
}

impl Place {
    /// Where the data of a version is.
    fn data_of(&self, number: VersionNumber) -> String {
        format!("{}{number}", self.data)
    }
}

/// A secret whose lock is held.
pub(super) struct Changing<'a> {
    engine: &'a Versioned,
    place: Place,
    _locked: NamedGuard<'a>,
}

impl Versioned {
    /// The places of a secret in storage.
    pub(super) async fn place(&self, path: &str) -> Result<Place, Error> {
        let names = self.store.names().await?;
        Ok(Place {
            metadata: format!("{METADATA}{}", names.seal(path)?),
            data: format!("{DATA}{}/", names.id(path)),
        })
    }

    /// The metadata of a secret.
    pub(super) async fn metadata(&self, place: &Place) -> Result<Option<Metadata>, Error> {
        self.store.read(&place.metadata).await
    }

    /// The metadata of a secret with the data of a version, which is `None`
    /// when it cannot be read any more. `choose` picks the version. `None` when
    /// there is no such version.
    pub(super) async fn version(
        &self,
        path: &str,
        choose: impl Fn(&Metadata) -> VersionNumber,
    ) -> Result<Option<(Metadata, VersionNumber, Option<Object>)>, Error> {
        let place = self.place(path).await?;
        let found = match self.try_version(&place, &choose).await? {
            Found::Changed => {
                // A write removed the version between the two reads.
                let _locked = self.changing.lock(path).await;
                self.try_version(&place, &choose).await?
            }
            found => found,
        };
        match found {
            Found::Nothing => Ok(None),
            Found::Version(metadata, number, data) => Ok(Some((*metadata, number, data))),
            Found::Changed => Err(Error::internal(format!(
                "storage has lost the data of a version of `{path}`: restore it from a backup"
            ))),
        }
    }

    async fn try_version(
        &self,
        place: &Place,
        choose: impl Fn(&Metadata) -> VersionNumber,
    ) -> Result<Found, Error> {
        let Some(metadata) = self.metadata(place).await? else {
            return Ok(Found::Nothing);
        };
        let number = choose(&metadata);
        let Some(version) = metadata.version(number) else {
            return Ok(Found::Nothing);
        };
        if !version.is_readable(self.clock.now()) {
            return Ok(Found::Version(Box::new(metadata), number, None));
        }
        let data = self.store.read(&place.data_of(number)).await?;
        Ok(match data {
            None => Found::Changed,
            data => Found::Version(Box::new(metadata), number, data),
        })
    }

    /// Takes the lock of a secret.
    pub(super) async fn change(&self, path: &str) -> Result<Changing<'_>, Error> {
        let place = self.place(path).await?;
        Ok(Changing {
            engine: self,
            place,
            _locked: self.changing.lock(path).await,
        })
    }
}

/// What a look at a version found.
enum Found {
    Nothing,
    Version(Box<Metadata>, VersionNumber, Option<Object>),
    /// The metadata names data that is not there.
    Changed,
}

impl Changing<'_> {
    /// The metadata as it is stored.
    pub(super) async fn metadata(&self) -> Result<Option<Metadata>, Error> {
        self.engine.metadata(&self.place).await
    }

    /// The data of a version.
    pub(super) async fn data(&self, number: VersionNumber) -> Result<Option<Object>, Error> {
        self.engine.store.read(&self.place.data_of(number)).await
    }

    /// Stores the metadata.
    pub(super) async fn save(&self, metadata: &Metadata) -> Result<(), Error> {
        self.save_without(metadata, &[]).await
    }

    /// Stores the metadata, and removes the data of some versions.
    pub(super) async fn save_without(
        &self,
        metadata: &Metadata,
        removed: &[VersionNumber],
    ) -> Result<(), Error> {
        let mut batch = self.removals(removed);
        batch.push(store::put(self.place.metadata.clone(), metadata)?);
        self.engine.store.apply(batch).await
    }

    /// Stores a new version with the metadata that names it.
    pub(super) async fn save_version(
        &self,
        metadata: &Metadata,
        number: VersionNumber,
        data: &Object,
        pruned: &[VersionNumber],
    ) -> Result<(), Error> {
        let batch = self.version(metadata, number, data, pruned)?;
        self.engine.store.apply(batch).await
    }

    /// The changes that store a new version with the metadata that names it.
    pub(super) fn version(
        &self,
        metadata: &Metadata,
        number: VersionNumber,
        data: &Object,
        pruned: &[VersionNumber],
    ) -> Result<Vec<Write>, Error> {
        // The data comes first and removals last, for stores whose readers may
        // see the beginning of a batch.
        let mut batch = vec![
            store::put(self.place.data_of(number), data)?,
            store::put(self.place.metadata.clone(), metadata)?,
        ];
        batch.extend(self.removals(pruned));
        Ok(batch)
    }

    /// Removes the secret with all its versions.
    pub(super) async fn remove(&self, metadata: &Metadata) -> Result<(), Error> {
        let versions: Vec<_> = metadata.versions().collect();
        let mut batch = vec![Write::delete(self.place.metadata.clone())];
        batch.extend(self.removals(&versions));
        self.engine.store.apply(batch).await
    }

    fn removals(&self, numbers: &[VersionNumber]) -> Vec<Write> {
        let removals = numbers
            .iter()
            .map(|number| Write::delete(self.place.data_of(*number)));
        removals.collect()
    }
}
