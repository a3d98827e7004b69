//! Pagination, which is the same for all lists: a `page_token` from the link in
//! `metadata.next`.
//!
//! The link itself is not followed: it may point to another host, which must not
//! see the credentials.

use std::collections::HashSet;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::send::Request;
use crate::{Client, Error};

/// The largest page size that every list accepts.
const PAGE_SIZE: &str = "100";

/// The service lists at most this many objects, however many exist, according to
/// the specification of almost every list.
const LISTED_AT_MOST: usize = 500;

/// More pages than a complete list can have.
const PAGES_AT_MOST: usize = 20;

/// Objects, and whether the list is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The objects, in the order of the service.
    pub items: Vec<T>,
    /// Whether there are no more. Only then does absence mean anything.
    pub complete: bool,
}

#[derive(Deserialize)]
struct Page<W> {
    metadata: Option<PageMetadata>,
    data: Vec<W>,
}

#[derive(Deserialize)]
struct PageMetadata {
    next: Option<String>,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing.
    End,
    /// The page of this token.
    Token(String),
    /// A link without a usable token.
    Unclear,
}

impl Client {
    /// Lists all objects of a path that match a filter. All pages share the time
    /// limit of one call.
    ///
    /// # Errors
    /// See [`Error`]; also when an object cannot be parsed. Earlier pages are
    /// discarded then.
    pub(crate) async fn list<W: DeserializeOwned, T>(
        &self,
        path: &str,
        filter: &[(&str, &str)],
        read: impl Fn(W) -> Result<T, String>,
    ) -> Result<Listing<T>, Error> {
        let call = self.call(&Method::GET);
        let mut items = Vec::new();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let mut query = vec![("page_size", PAGE_SIZE)];
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            query.extend(filter);
            let request = Request {
                method: Method::GET,
                path,
                query: &query,
                body: None,
            };
            let answer = call.send(&request).await?;
            let page: Page<W> = answer.json()?;
            for wire in page.data {
                items.push(read(wire).map_err(|why| answer.malformed(why))?);
            }
            match next(page.metadata.and_then(|metadata| metadata.next)) {
                Next::End => {
                    let complete = items.len() < LISTED_AT_MOST;
                    return Ok(Listing { items, complete });
                }
                // A repeated token would loop for ever.
                Next::Token(next) if tokens.insert(next.clone()) => token = Some(next),
                Next::Token(_) | Next::Unclear => break,
            }
        }
        Ok(Listing {
            items,
            complete: false,
        })
    }
}

/// Parses the link to the next page, which may be absolute or relative.
fn next(link: Option<String>) -> Next {
    let Some(link) = link.filter(|link| !link.is_empty()) else {
        return Next::End;
    };
    let link = link.split('#').next().unwrap_or_default();
    let query = link.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "page_token" && !value.is_empty())
        .map_or(Next::Unclear, |(_, token)| Next::Token(token.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(link: &str, expected: &Next) {
        assert_eq!(&next(Some(link.into())), expected, "{link}");
    }

    #[test]
    fn a_list_ends_where_no_page_follows() {
        assert_eq!(next(None), Next::End);
        check("", &Next::End);
    }

    #[test]
    fn the_token_is_cut_from_every_form_of_link() {
        for link in [
            "https://api.example/iam/v2/api-keys?page_size=100&page_token=b%2Fc&spec.owner=sa-1",
            "/iam/v2/api-keys?page_token=b/c",
            "iam/v2/api-keys?page_token=b%2Fc#page",
            "?page_token=b%2fc",
        ] {
            check(link, &Next::Token("b/c".into()));
        }
    }

    #[test]
    fn a_link_without_a_token_is_no_end() {
        for link in [
            "https://x/iam/v2/api-keys",
            "https://x/?page_token=",
            "page_token=abc",
            "https://x/#?page_token=abc",
        ] {
            check(link, &Next::Unclear);
        }
    }
}
