//! Lists: `page_size`, `page_token`, and links to the next page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::call::{Call, Query};
use crate::{LastPage, Refusal};

const DEFAULT_SIZE: usize = 10;
/// How many objects a page of most lists may have.
pub(super) const LARGEST_SIZE: usize = 100;
const PARAMETERS: [&str; 2] = ["page_size", "page_token"];

/// Which part of a list is wanted.
pub(super) struct Page {
    size: usize,
    /// Where the part begins, in numbers that only grow along the list.
    from: usize,
}

impl Page {
    /// What a query wants, in pages of up to `largest` objects. A token belongs to
    /// the query that it was made for.
    pub(super) fn up_to(query: &Query, largest: usize) -> Result<Self, Refusal> {
        let size = match query.get("page_size") {
            None => DEFAULT_SIZE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|size| (1..=largest).contains(size))
                .ok_or_else(|| {
                    Refusal::filter("page_size", format!("page_size is not 1 to {largest}"))
                })?,
        };
        let Some(token) = query.get("page_token") else {
            return Ok(Self { size, from: 0 });
        };
        let refused = || Refusal::filter("page_token", "page_token is not of this list");
        let (from, size) = read_token(token, &filters(query), largest).ok_or_else(refused)?;
        Ok(Self { size, from })
    }

    /// The answer with the wanted part of `objects`, which carry the numbers
    /// that they have in the whole list. Only that part is rendered.
    pub(super) fn cut<T>(
        &self,
        call: &Call,
        path: &str,
        (api_version, kind): (&str, &str),
        objects: impl Iterator<Item = (usize, T)>,
        render: impl Fn(T) -> Value,
    ) -> Value {
        let (mut total, mut data, mut following) = (0, Vec::new(), None);
        for (number, object) in objects {
            total += 1;
            if number < self.from {
                continue;
            }
            if data.len() < self.size {
                data.push(render(object));
            } else {
                following.get_or_insert(number);
            }
        }
        let link = format!("{}{path}", call.base);
        let mut metadata = json!({ "first": link, "total_size": total });
        match (following, call.last_page) {
            (Some(number), _) => metadata["next"] = self.next(call, &link, number).into(),
            (None, LastPage::Absent) => {}
            (None, LastPage::Empty) => metadata["next"] = "".into(),
            (None, LastPage::Null) => metadata["next"] = Value::Null,
        }
        json!({
            "api_version": api_version,
            "kind": kind,
            "metadata": metadata,
            "data": data,
        })
    }

    fn next(&self, call: &Call, link: &str, from: usize) -> String {
        let token = write_token(from, self.size, &filters(&call.query));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("page_size", &self.size.to_string());
        query.append_pair("page_token", &token);
        query.extend_pairs(call.query.without(&PARAMETERS));
        format!("{link}?{}", query.finish())
    }
}

/// The query but for the paging, in one text.
fn filters(query: &Query) -> String {
    let mut filters = query.without(&PARAMETERS);
    filters.retain(|(_, value)| !value.is_empty());
    filters.sort_unstable();
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filters)
        .finish()
}

fn write_token(from: usize, size: usize, filters: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{from} {size} {filters}"))
}

fn read_token(token: &str, filters: &str, largest: usize) -> Option<(usize, usize)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.splitn(3, ' ');
    let from = parts.next()?.parse().ok()?;
    let size = parts.next()?.parse().ok()?;
    let fits = (1..=largest).contains(&size) && parts.next() == Some(filters);
    fits.then_some((from, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_query_only() {
        let token = write_token(7, 100, "spec.owner=sa-1");
        assert_eq!(read_token(&token, "spec.owner=sa-1", 100), Some((7, 100)));
        assert_eq!(read_token(&token, "", 100), None);
        assert_eq!(read_token("x", "", 100), None);
        assert_eq!(read_token(&write_token(7, 1000, ""), "", 100), None);
    }
}
