//! Collections of objects: how each is listed, and what answers the creation of
//! one more.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde_json::Value;

use super::call::Call;
use super::paging::{LARGEST_SIZE, Page};
use crate::{Refusal, World};

/// A collection of the API.
pub(super) struct Collection {
    path: &'static str,
    /// The version and the kind of its lists.
    types: (&'static str, &'static str),
    /// How many objects a page may have.
    largest_page: usize,
}

impl Collection {
    pub(super) const fn new(
        path: &'static str,
        api_version: &'static str,
        list_kind: &'static str,
    ) -> Self {
        Self {
            path,
            types: (api_version, list_kind),
            largest_page: LARGEST_SIZE,
        }
    }

    /// The same with larger pages.
    pub(super) const fn with_pages_of(self, largest_page: usize) -> Self {
        Self {
            largest_page,
            ..self
        }
    }

    /// Which part of the list is wanted.
    pub(super) fn page(&self, call: &Call) -> Result<Page, Refusal> {
        Page::up_to(&call.query, self.largest_page)
    }

    /// The wanted part of a list.
    pub(super) fn list<T>(
        &self,
        call: &Call,
        world: &World,
        objects: impl IntoIterator<Item = T>,
        render: impl Fn(&World, &str, T) -> Value,
    ) -> Result<Json<Value>, Refusal> {
        let numbered = objects.into_iter().enumerate();
        self.list_numbered(call, world, numbered, render)
    }

    /// The wanted part of a list whose objects carry numbers of their own, which
    /// only grow along the list.
    pub(super) fn list_numbered<T>(
        &self,
        call: &Call,
        world: &World,
        objects: impl Iterator<Item = (usize, T)>,
        render: impl Fn(&World, &str, T) -> Value,
    ) -> Result<Json<Value>, Refusal> {
        let page = self.page(call)?;
        let render = |object| render(world, &call.base, object);
        Ok(Json(page.cut(call, self.path, self.types, objects, render)))
    }

    /// The answer to the creation of an object.
    pub(super) fn created(
        &self,
        call: &Call,
        status: StatusCode,
        id: &str,
        object: Value,
    ) -> impl IntoResponse + use<> {
        let location = format!("{}{}/{id}", call.base, self.path);
        (status, [(LOCATION, location)], Json(object))
    }
}
