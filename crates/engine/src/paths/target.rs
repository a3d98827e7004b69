//! The fields for the owner and resource of keys, shared by several paths.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};

use crate::control_plane::Target;
use crate::ids::{EnvironmentId, OwnerId, ResourceId, ResourceKind};

pub(super) fn fields() -> [Field; 3] {
    [
        Field::new(
            "owner",
            FieldKind::Text,
            "Id of the service account (sa-…) or user (u-…) that owns the keys.",
        ),
        Field::new(
            "resource",
            FieldKind::Text,
            "Id of what the keys give access to: lkc-…, lsrc-…, lksqlc-…, a Flink region such as \
             aws.us-east-1, tableflow, cloud or global. Default: cloud.",
        ),
        Field::new(
            "resource_env",
            FieldKind::Text,
            "Id of the resource's environment. Needed for Flink regions.",
        ),
    ]
}

pub(super) fn show(target: &Target, data: &mut Object) {
    let environment = target.environment.as_ref();
    data.insert("owner".into(), target.owner.as_str().into());
    data.insert("resource".into(), target.resource.as_str().into());
    data.insert("resource_env".into(), environment_text(environment).into());
}

/// Whether a new target gets the default of `resource`.
pub(super) fn defaults_resource(fields: &Fields) -> bool {
    fields.text("resource").trim().is_empty()
}

/// Merges the fields of a request into the stored record.
pub(super) fn parse(current: Option<&Target>, fields: &Fields) -> Result<Target, Error> {
    let owner = fields
        .text_given("owner")
        .or_else(|| current.map(|target| target.owner.as_str()))
        .unwrap_or("")
        .trim();
    if owner.is_empty() {
        return Err(Error::bad_request(
            "`owner` is missing: give the id of a service account (sa-…) or user (u-…)",
        ));
    }
    let owner = OwnerId::parse(owner).ok_or_else(|| {
        Error::bad_request(format!(
            "`owner` is {owner:?}, which is no id of a service account (sa-…) or user (u-…)"
        ))
    })?;
    let resource = fields
        .text_given("resource")
        .or_else(|| current.map(|target| target.resource.as_str()))
        .map(str::trim)
        .filter(|resource| !resource.is_empty())
        .unwrap_or("cloud");
    let resource = ResourceId::parse(resource).ok_or_else(|| {
        Error::bad_request(format!(
            "`resource` is {resource:?}, which is no id of a Kafka cluster (lkc-…), Schema Registry \
             (lsrc-…), ksqlDB cluster (lksqlc-…) or Flink region (aws.us-east-1), and none of \
             tableflow, cloud and global"
        ))
    })?;
    let environment = parse_environment(
        "resource_env",
        current.and_then(|target| target.environment.as_ref()),
        fields,
    )?;
    if resource.kind() == Some(ResourceKind::FlinkRegion) && environment.is_none() {
        return Err(Error::bad_request(format!(
            "`resource_env` is missing: Flink region `{resource}` needs the id of its environment \
             (env-…)"
        )));
    }
    Ok(Target {
        owner,
        resource,
        environment,
    })
}

/// Merges an environment given in a field into the stored one.
pub(super) fn parse_environment(
    field: &str,
    current: Option<&EnvironmentId>,
    fields: &Fields,
) -> Result<Option<EnvironmentId>, Error> {
    let Some(given) = fields.text_given(field).map(str::trim) else {
        return Ok(current.cloned());
    };
    if given.is_empty() {
        return Ok(None);
    }
    let environment = EnvironmentId::parse(given).ok_or_else(|| {
        Error::bad_request(format!(
            "`{field}` is {given:?}, which is no id of an environment (env-…)"
        ))
    })?;
    Ok(Some(environment))
}

pub(super) fn environment_text(environment: Option<&EnvironmentId>) -> &str {
    environment.map_or("", EnvironmentId::as_str)
}
