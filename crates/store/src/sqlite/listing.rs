//! The names of a folder, found by seeking from one to the next.

use rusqlite::Connection;

/// The rows from a path on, in their order.
pub(super) const FROM: &str = "SELECT path FROM kv WHERE path >= ?1 ORDER BY path";
/// The rows after a path.
pub(super) const AFTER: &str = "SELECT path FROM kv WHERE path > ?1 ORDER BY path";

/// How many rows of a folder below are passed one by one before a seek to its
/// end is cheaper.
const PATIENCE: usize = 8;

/// Names, and how many rows were looked at for them.
pub(super) struct Listing {
    pub(super) names: Vec<String>,
    pub(super) rows: usize,
}

/// At most `limit` names directly below `prefix` that sort after `after`.
///
/// The order of paths is that of names: what lies below the folder `a/` comes
/// where `a/` sorts among its neighbours.
pub(super) fn list(
    connection: &Connection,
    prefix: &str,
    after: &str,
    limit: usize,
) -> rusqlite::Result<Listing> {
    let mut listing = Listing {
        names: Vec::new(),
        rows: 0,
    };
    let mut seek = match after.strip_suffix('/') {
        Some(folder) => Seek::From(behind(prefix, folder)),
        None => Seek::After(format!("{prefix}{after}")),
    };
    while listing.names.len() < limit {
        match walk(connection, &seek, prefix, after, limit, &mut listing)? {
            Some(next) => seek = next,
            None => break,
        }
    }
    Ok(listing)
}

/// Where to go on.
enum Seek {
    From(String),
    After(String),
}

/// The first path behind all that is below the folder: `0` follows `/` in ASCII.
fn behind(prefix: &str, folder: &str) -> String {
    format!("{prefix}{folder}0")
}

/// Collects names until a large folder is better jumped over.
fn walk(
    connection: &Connection,
    seek: &Seek,
    prefix: &str,
    after: &str,
    limit: usize,
    listing: &mut Listing,
) -> rusqlite::Result<Option<Seek>> {
    let (sql, from) = match seek {
        Seek::From(path) => (FROM, path),
        Seek::After(path) => (AFTER, path),
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([from])?;
    let mut passed = 0;
    while let Some(row) = rows.next()? {
        listing.rows += 1;
        let path = row.get_ref(0)?.as_str()?;
        let Some(rest) = path.strip_prefix(prefix) else {
            return Ok(None);
        };
        let Some(slash) = rest.find('/') else {
            listing.names.push(rest.to_owned());
            if listing.names.len() == limit {
                return Ok(None);
            }
            continue;
        };
        let name = &rest[..=slash];
        if name <= after || listing.names.last().is_some_and(|last| last == name) {
            passed += 1;
            if passed >= PATIENCE {
                return Ok(Some(Seek::From(behind(prefix, &rest[..slash]))));
            }
            continue;
        }
        passed = 0;
        listing.names.push(name.to_owned());
        if listing.names.len() == limit {
            return Ok(None);
        }
    }
    Ok(None)
}
