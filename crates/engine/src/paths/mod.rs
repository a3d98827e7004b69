//! The table of the engine's paths. Each module holds the rows of one kind of
//! object: fields, operations and help, with handlers that parse, decide,
//! perform and answer. `target` and `times` are groups of fields that several rows
//! have, each with one parser and one way to be shown.

use logical::framework::Path;

use crate::state::Engine;

pub(crate) mod config;
pub(crate) mod creds;
pub(crate) mod keys;
mod kv_face;
mod names;
mod output;
mod readiness;
pub(crate) mod reconcile;
pub(crate) mod roles;
mod rotation;
mod spares;
pub(crate) mod static_creds;
pub(crate) mod static_roles;
pub(crate) mod status;
mod target;
mod times;
pub(crate) mod usage;

/// What the engine is, for the help of the mount.
pub(crate) const HELP: &str = "\
Makes API keys of Confluent Cloud on request and deletes them when their leases
end. Write the account of your organization to `config`, describe in a `role`
for whom and for what keys are made, and read `creds/<role>`.";

/// All paths; the first that matches answers.
pub(crate) fn all() -> Vec<Path<Engine>> {
    let mut all = vec![
        config::path(),
        config::check(),
        roles::list(),
        roles::path(),
        creds::path(),
        static_roles::list(),
        static_roles::path(),
        static_roles::status(),
        static_creds::path(),
        static_creds::rotate(),
        kv_face::data(),
        kv_face::list(),
        kv_face::metadata(),
        keys::list(),
        keys::path(),
        keys::of_role(),
        reconcile::path(),
        usage::path(),
        status::status(),
        status::info(),
    ];
    all.extend(static_roles::by_hand());
    all.extend(static_creds::beside());
    all
}
