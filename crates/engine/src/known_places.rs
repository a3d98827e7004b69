//! Where resources are, as far as it is known: in memory and in storage. Looking
//! one up is `places`' part.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logical::{Clock, Error, Storage};
use readiness::Place;

use crate::ids::{ResourceId, short_name};
use crate::records::Records;

const PLACES: &str = "lockkeeper/places/";

/// How long after a look-up for readers the next may be, whatever came of it.
const PAUSE: Duration = Duration::from_mins(5);

/// Addresses in memory and in storage.
pub(crate) struct KnownPlaces {
    records: Records<Place>,
    known: Mutex<HashMap<ResourceId, Place>>,
    /// When readers had a place looked up last, by the monotonic clock.
    looked_up: Mutex<HashMap<ResourceId, Duration>>,
}

impl KnownPlaces {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            records: Records::new(storage, clock, PLACES),
            known: Mutex::default(),
            looked_up: Mutex::default(),
        }
    }

    /// Whether a reader may have a place looked up now, by the monotonic clock.
    /// Readers poll: without a pause, each read would ask Confluent where the place
    /// cannot be found.
    pub(crate) fn begin_look_up(&self, resource: &ResourceId, now: Duration) -> bool {
        let mut looked_up = self
            .looked_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match looked_up.get(resource) {
            Some(last) if now < *last + PAUSE => false,
            _ => {
                looked_up.insert(resource.clone(), now);
                true
            }
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
        self.read_again(resource).await
    }

    /// A place as storage has it, where another process may have kept it.
    pub(crate) async fn read_again(&self, resource: &ResourceId) -> Result<Option<Place>, Error> {
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

#[cfg(test)]
mod tests {
    use runtime::SystemClock;
    use store::MemoryStorage;

    use super::*;

    #[test]
    fn readers_have_a_place_looked_up_once_in_five_minutes() {
        let storage = Arc::new(MemoryStorage::new());
        let places = KnownPlaces::new(storage, Arc::new(SystemClock::new()));
        let resource = |id: &str| ResourceId::parse(id).unwrap();
        let (one, other) = (resource("lkc-abc123"), resource("lkc-xyz789"));
        let at = |resource, seconds| places.begin_look_up(resource, Duration::from_secs(seconds));
        assert!(at(&one, 10));
        assert!(!at(&one, 309));
        assert!(at(&other, 309));
        assert!(at(&one, 310));
        assert!(!at(&one, 311));
    }
}
