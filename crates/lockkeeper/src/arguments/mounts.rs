//! The settings that secrets engines and auth methods share.

use clap::Args;

/// Settings that can be changed later.
#[derive(Args)]
pub(crate) struct MountSettings {
    /// A description for people
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The time to live of leases that do not ask for another: seconds, `1h`,
    /// or `system` for the server's default
    #[arg(long, value_name = "DURATION")]
    pub(crate) default_lease_ttl: Option<String>,
    /// The longest life of a lease
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_lease_ttl: Option<String>,
    /// An option of the type; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) options: Vec<String>,
    /// The version of the type, such as 2 for `kv`: the option `version`
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
    /// `unauth` to show it to people without a token, or `hidden`
    #[arg(long, value_name = "VISIBILITY")]
    pub(crate) listing_visibility: Option<String>,
    /// A key of requests whose value audit logs show; may be repeated
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) audit_non_hmac_request_keys: Vec<String>,
    /// A key of responses whose value audit logs show; may be repeated
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) audit_non_hmac_response_keys: Vec<String>,
    /// A header of requests that is passed on; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) passthrough_request_headers: Vec<String>,
    /// A header that responses may have; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) allowed_response_headers: Vec<String>,
    /// The version of the plugin
    #[arg(long, value_name = "VERSION")]
    pub(crate) plugin_version: Option<String>,
}

/// Settings that stay as they are from the start.
#[derive(Args)]
pub(crate) struct MountKind {
    /// Not replicated to other clusters
    #[arg(long)]
    pub(crate) local: bool,
    /// Encrypt critical values with the seal, too
    #[arg(long)]
    pub(crate) seal_wrap: bool,
}
