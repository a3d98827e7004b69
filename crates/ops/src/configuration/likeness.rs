//! "Did you mean …?"

/// From here on, a name is like another one.
const LIKE: f64 = 0.85;

/// The name that is most like the one that was written, if one is like it.
pub(crate) fn closest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let known = known.into_iter();
    let rated = known.map(|name| (strsim::jaro_winkler(written, name), name));
    let like = rated.filter(|(likeness, _)| *likeness > LIKE);
    like.max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}
