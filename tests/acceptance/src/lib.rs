//! Nothing to link: the acceptance tests are in `tests/it`.
