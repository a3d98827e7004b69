//! Where resources are, as far as it is known: in memory and in storage. Looking
//! one up is `places`' part.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use logical::{Clock, Error, Storage};
use readiness::Place;

use crate::ids::{ResourceId, short_name};
use crate::records::Records;

const PLACES: &str = "lockkeeper/places/";

/// Addresses in memory and in storage.
pub(crate) struct KnownPlaces {
    records: Records<Place>,
    known: Mutex<HashMap<ResourceId, Place>>,
}

impl KnownPlaces {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            records: Records::new(storage, clock, PLACES),
            known: Mutex::default(),
        }
    }

    fn in_memory(&self, resource: &ResourceId) -> Option<Place> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(resource).cloned()
    }

    /// Notes what a probe told of a place.
    pub(crate) fn note(&self, resource: &ResourceId, place: Place) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(resource.clone(), place);
    }

    /// A place, by memory or storage.
    pub(crate) async fn get(&self, resource: &ResourceId) -> Result<Option<Place>, Error> {
        if let Some(place) = self.in_memory(resource) {
            return Ok(Some(place));
        }
        let stored = self.records.read(&short_name(resource.as_str())).await?;
        if let Some(place) = &stored {
            self.note(resource, place.clone());
        }
        Ok(stored)
    }

    /// Keeps a place that was looked up.
    pub(crate) async fn keep(&self, resource: &ResourceId, place: Place) -> Result<(), Error> {
        let name = short_name(resource.as_str());
        self.records.write(&name, &place).await?;
        self.note(resource, place);
        Ok(())
    }
}
