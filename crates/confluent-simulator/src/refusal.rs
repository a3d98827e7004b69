//! Errors of the control plane, in the vendor's words.

use serde_json::{Value, json};

use crate::UnknownTarget;

const WRONG_KEY: &str = "invalid API key: make sure you're using a Cloud API Key and not a Cluster \
                         API Key: https://docs.confluent.io/cloud/current/security/authenticate/\
                         workload-identities/service-accounts/api-keys/overview.html";

/// A refusal of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The status in the body, where it differs from the HTTP status.
    body_status: Option<u16>,
    /// The object in the way, whose path `Location` names.
    pub(crate) other: Option<String>,
    /// Whether the body has the shape of Kafka's APIs, with a number.
    kafka_code: Option<u32>,
    /// The service's code; some refusals have none.
    pub code: Option<&'static str>,
    /// A short title; most refusals have none.
    pub title: Option<&'static str>,
    /// Human-readable description.
    pub detail: String,
    /// What in the request was wrong.
    pub source: Source,
}

/// What in a request was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Not said: an empty object.
    Empty,
    /// The member is not there at all.
    Absent,
    /// A member of the body, as a JSON pointer.
    Pointer(&'static str),
    /// A parameter of the query.
    Parameter(&'static str),
}

impl Refusal {
    /// 401: no credential, or a key that is not known (any more).
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, None, "Unauthorized")
    }

    /// 401: a wrong secret, or a key that is not for the control plane.
    pub(crate) fn wrong_key() -> Self {
        Self::new(401, None, WRONG_KEY)
    }

    /// 403: no right to it, or nothing there. The service does not tell which.
    pub(crate) fn forbidden() -> Self {
        Self::new(403, Some("forbidden_access"), "Forbidden Access")
    }

    /// 404 for a global key that is gone.
    pub(crate) fn key_not_found(id: &str) -> Self {
        Self {
            title: Some("Not Found"),
            source: Source::Absent,
            ..Self::new(
                404,
                Some("api_key_not_found"),
                format!("The API Key (id={id}) does not exist"),
            )
        }
    }

    /// 404 for a service account.
    pub(crate) fn service_account_not_found() -> Self {
        Self::new(
            404,
            Some("service_account_not_found"),
            "Service Account Not Found",
        )
    }

    /// 404 for an environment, and for paths that lead nowhere.
    pub(crate) fn not_found() -> Self {
        Self::new(404, Some("resource_not_found"), "Resource Not Found")
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, None, "Method Not Allowed")
    }

    /// 400: a body that is not a JSON object.
    pub(crate) fn not_json() -> Self {
        Self::new(
            400,
            Some("invalid_request"),
            "the body is not a JSON object",
        )
    }

    /// 400 of the simulator's own paths.
    pub(crate) fn unusable(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalid_request"), detail)
    }

    /// 400: a parameter of the query that cannot be used.
    pub(crate) fn filter(parameter: &'static str, detail: impl Into<String>) -> Self {
        Self {
            source: Source::Parameter(parameter),
            ..Self::new(400, Some("invalid_filter"), detail)
        }
    }

    /// 422: a member of the body that cannot be used.
    pub(crate) fn member(pointer: &'static str, detail: impl Into<String>) -> Self {
        Self {
            title: Some("Invalid Configuration"),
            source: Source::Pointer(pointer),
            ..Self::new(422, Some("invalid_configuration"), detail)
        }
    }

    /// 400: a member of the body whose value is not one of those that there are.
    pub(crate) fn value(pointer: &'static str, value: &str, remedy: &str) -> Self {
        let value: String = value.chars().take(64).collect();
        let detail = format!("`{}` is `{value}`: {remedy}", dotted(pointer));
        Self::bad_member(pointer, detail)
    }

    /// 400: a member of the body that Confluent Cloud would not change.
    pub(crate) fn immutable(pointer: &'static str) -> Self {
        let detail = format!("`{}` cannot be changed: leave it out", dotted(pointer));
        Self::bad_member(pointer, detail)
    }

    /// 400: a member of the body that Confluent Cloud sets by itself.
    pub(crate) fn read_only(pointer: &'static str) -> Self {
        let detail = format!("`{}` is read-only: leave it out", dotted(pointer));
        Self::bad_member(pointer, detail)
    }

    /// 400: a member of the body that Confluent Cloud knows and the simulator
    /// does not carry out.
    pub(crate) fn not_simulated(pointer: &'static str) -> Self {
        let detail = format!(
            "`{}` is known to Confluent Cloud but not simulated: leave it out",
            dotted(pointer)
        );
        Self {
            code: Some("not_simulated"),
            ..Self::bad_member(pointer, detail)
        }
    }

    /// 400: a limit that clusters of another type have.
    pub(crate) fn wrong_kind(pointer: &'static str) -> Self {
        let detail = format!(
            "`{}` does not exist for the type in `spec.config.kind`: leave it out",
            dotted(pointer)
        );
        Self::bad_member(pointer, detail)
    }

    /// 400: the text that the vendor's command line recognizes.
    pub(crate) fn unknown_cloud() -> Self {
        Self::bad_member(
            "/spec/cloud",
            "Service provider must be set to AWS, GCP or AZURE.",
        )
    }

    /// 400: a region that the cloud provider does not have.
    pub(crate) fn unknown_region(region: &str) -> Self {
        Self::value(
            "/spec/region",
            region,
            "use a region of the provider in `spec.cloud`",
        )
    }

    /// 409: a cluster with deletion protection. The code and the detail are
    /// those that the vendor's clients look for; the status was not seen.
    pub(crate) fn protected() -> Self {
        Self::new(
            409,
            Some("deletion_protection_enabled"),
            "Cluster deletion is blocked by deletion protection.",
        )
    }

    fn bad_member(pointer: &'static str, detail: impl Into<String>) -> Self {
        Self {
            source: Source::Pointer(pointer),
            ..Self::new(400, Some("invalid_request"), detail)
        }
    }

    /// An owner that cannot have the new key, in the one wording that was seen.
    pub(crate) fn invalid_account(how: UnknownTarget) -> Self {
        Self::unknown(how, "/spec/owner", "service account is not valid")
    }

    /// An unknown owner or resource of a new key.
    pub(crate) fn unknown(
        how: UnknownTarget,
        pointer: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        match how {
            UnknownTarget::Forbidden => Self::forbidden(),
            UnknownTarget::BadRequest => Self {
                source: Source::Pointer(pointer),
                ..Self::new(400, Some("invalid_request"), detail)
            },
            UnknownTarget::NotFound => Self::not_found(),
            UnknownTarget::Unprocessable => Self::member(pointer, detail),
        }
    }

    /// 402, or 400 where the switch says so: a quota is reached.
    pub(crate) fn quota(who: &str, limit: u64, what: &str, bad_request: bool) -> Self {
        Self::new(
            if bad_request { 400 } else { 402 },
            Some("quota_exceeded"),
            format!("{who} is currently limited to {limit} {what}"),
        )
    }

    /// 409: another service account has the name.
    pub(crate) fn name_in_use(other: &str) -> Self {
        Self {
            other: Some(format!("/iam/v2/service-accounts/{other}")),
            ..Self::new(
                409,
                Some("resource_already_exists"),
                "Service name is already in use",
            )
        }
    }

    /// 409: there is such a role binding.
    pub(crate) fn exists_already(other: &str) -> Self {
        Self {
            other: Some(format!("/iam/v2/role-bindings/{other}")),
            ..Self::new(
                409,
                Some("resource_already_exists"),
                "Role binding exists already",
            )
        }
    }

    /// 409: an environment that still holds clusters.
    pub(crate) fn not_empty() -> Self {
        Self::new(
            409,
            Some("resource_conflict"),
            "the environment still has clusters",
        )
    }

    /// 400: a role that there is not.
    pub(crate) fn invalid_role(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        Self::new(
            400,
            Some("invalid-role"),
            format!("Invalid role name : {name}"),
        )
    }

    /// 403 for a role binding that is gone.
    pub(crate) fn no_binding() -> Self {
        Self::kafka(403, 40301, "Forbidden Access")
    }

    /// A refusal in the shape of Kafka's APIs.
    pub(crate) fn kafka(status: u16, code: u32, detail: impl Into<String>) -> Self {
        Self {
            kafka_code: Some(code),
            ..Self::new(status, None, detail)
        }
    }

    /// 429.
    pub(crate) fn rate_limited() -> Self {
        Self::new(429, None, "Too Many Requests")
    }

    /// 500, as the service answers when something of its own fails.
    pub(crate) fn failed() -> Self {
        Self::new(500, Some("out_of_gas"), "Internal Server Error")
    }

    /// The same body under another status.
    pub(crate) fn with_http_status(self, status: u16) -> Self {
        Self {
            body_status: Some(self.status),
            status,
            ..self
        }
    }

    /// The body of the answer: the JSON:API-like shape of most of the API.
    pub(crate) fn body(&self, trace_id: &str) -> Value {
        if let Some(code) = self.kafka_code {
            return json!({ "error_code": code, "message": self.detail });
        }
        let mut error = json!({
            "id": trace_id,
            "status": self.body_status.unwrap_or(self.status).to_string(),
            "detail": self.detail,
        });
        if let Some(code) = self.code {
            error["code"] = code.into();
        }
        if let Some(title) = self.title {
            error["title"] = title.into();
        }
        match self.source {
            Source::Absent => {}
            Source::Empty => error["source"] = json!({}),
            Source::Pointer(pointer) => error["source"] = json!({ "pointer": pointer }),
            Source::Parameter(parameter) => error["source"] = json!({ "parameter": parameter }),
        }
        json!({ "errors": [error] })
    }

    fn new(status: u16, code: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self {
            status,
            body_status: None,
            other: None,
            kafka_code: None,
            code,
            title: None,
            detail: detail.into(),
            source: Source::Empty,
        }
    }
}

/// A JSON pointer as people write it: `spec.owner.id`.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
