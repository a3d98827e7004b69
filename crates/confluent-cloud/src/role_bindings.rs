//! `iam/v2/role-bindings`: create, list and delete. Bindings are immutable.
//!
//! A new binding takes effect with a delay; the vendor's Terraform provider waits
//! 90 s.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::ids::RoleBindingId;
use crate::wire::Metadata;
use crate::{Client, Error, Listing};

const PATH: &str = "/iam/v2/role-bindings";

/// A role binding to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoleBinding {
    /// The principal: `User:` or `Group:` and an id, such as `User:sa-…`.
    pub principal: String,
    /// The name of the role, such as `DeveloperWrite`. The service knows which
    /// exist.
    pub role_name: String,
    /// The Confluent resource name (CRN) of a resource or, with a trailing `*`,
    /// of several.
    pub crn_pattern: String,
}

/// A role binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleBinding {
    /// Its id.
    pub id: RoleBindingId,
    /// The principal.
    pub principal: String,
    /// The name of the role.
    pub role_name: String,
    /// The resources, as a CRN pattern.
    pub crn_pattern: String,
    /// When it was created, if the answer says so.
    pub created_at: Option<Timestamp>,
}

/// Which role bindings to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleBindingFilter {
    /// The CRN pattern, which the service requires.
    pub crn_pattern: String,
    /// The principal; absent means any.
    pub principal: Option<String>,
    /// The name of the role; absent means any.
    pub role_name: Option<String>,
}

impl Client {
    /// Creates a role binding (`POST /iam/v2/role-bindings`). After an error with
    /// [`Error::outcome_unknown`], list the bindings of the principal before
    /// trying again.
    ///
    /// # Errors
    /// See [`Error`]; [`Conflict`](crate::ErrorKind::Conflict) when the binding
    /// exists.
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
        // The body is the binding or empty: both were observed.
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
