//! `iam/v2/role-bindings`: create, list and delete. A binding never changes.
//!
//! It counts some time after it was made; the vendor's Terraform provider waits
//! 90 s.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::ids::RoleBindingId;
use crate::wire::Metadata;
use crate::{Client, Error, Listing};

const PATH: &str = "/iam/v2/role-bindings";

/// A role of somebody on something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoleBinding {
    /// Whose: `User:` or `Group:` and an id, such as `User:sa-…`.
    pub principal: String,
    /// Which role, such as `DeveloperWrite`. The service has them, not this
    /// crate.
    pub role_name: String,
    /// On what: the name worldwide (CRN) of one thing or, with `*` at its end,
    /// of several.
    pub crn_pattern: String,
}

/// A role binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleBinding {
    /// Its id.
    pub id: RoleBindingId,
    /// Whose.
    pub principal: String,
    /// Which role.
    pub role_name: String,
    /// On what.
    pub crn_pattern: String,
    /// When it was made, where told.
    pub created_at: Option<Timestamp>,
}

/// Which role bindings to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleBindingFilter {
    /// On what, which the service wants to be told.
    pub crn_pattern: String,
    /// Whose; absent means anybody's.
    pub principal: Option<String>,
    /// Of which role; absent means any.
    pub role_name: Option<String>,
}

impl Client {
    /// Binds a role (`POST /iam/v2/role-bindings`). Where
    /// [`Error::outcome_unknown`], list the bindings of the principal before
    /// asking again.
    ///
    /// # Errors
    /// See [`Error`]; [`Conflict`](crate::ErrorKind::Conflict) when there is
    /// such a binding.
    pub async fn create_role_binding(&self, new: &NewRoleBinding) -> Result<RoleBinding, Error> {
        let body = json!({
            "principal": new.principal,
            "role_name": new.role_name,
            "crn_pattern": new.crn_pattern,
        });
        self.object(Method::POST, PATH, &[], Some(&body), Wire::read)
            .await
    }

    /// Lists role bindings (`GET /iam/v2/role-bindings`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_role_bindings(
        &self,
        filter: &RoleBindingFilter,
    ) -> Result<Listing<RoleBinding>, Error> {
        let mut query = vec![("crn_pattern", filter.crn_pattern.as_str())];
        query.extend(filter.principal.as_deref().map(|text| ("principal", text)));
        query.extend(filter.role_name.as_deref().map(|text| ("role_name", text)));
        self.list(PATH, &query, Wire::read).await
    }

    /// Deletes a role binding (`DELETE /iam/v2/role-bindings/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; for one that is gone the service answers 403.
    pub async fn delete_role_binding(&self, id: &RoleBindingId) -> Result<(), Error> {
        let path = format!("{PATH}/{id}");
        // The answer is the binding or nothing: both were seen.
        self.send(Method::DELETE, &path, &[], None).await?;
        Ok(())
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    metadata: Option<Metadata>,
    principal: Option<String>,
    role_name: Option<String>,
    crn_pattern: Option<String>,
}

impl Wire {
    fn read(self) -> Result<RoleBinding, String> {
        Ok(RoleBinding {
            id: RoleBindingId::new(self.id).map_err(|error| error.to_string())?,
            principal: self.principal.unwrap_or_default(),
            role_name: self.role_name.unwrap_or_default(),
            crn_pattern: self.crn_pattern.unwrap_or_default(),
            created_at: self.metadata.unwrap_or_default().created_at(),
        })
    }
}
