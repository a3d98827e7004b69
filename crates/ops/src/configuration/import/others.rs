//! What belongs to no mount: policies, quotas, policies for passwords.

use serde_json::{Map, Value, json};

use super::{Import, Part, settings};
use crate::configuration::place::Problem;
use crate::configuration::plan::is_built_in;

const QUOTAS: &str = "sys/quotas/rate-limit";
const PASSWORDS: &str = "sys/policies/password";

impl Import<'_> {
    /// `policies`.
    pub(super) async fn policies(&self) -> Result<Vec<Value>, Problem> {
        let mut policies = Vec::new();
        if !self.has(Part::Policies) {
            return Ok(policies);
        }
        for name in self.list("sys/policies/acl").await? {
            let path = format!("sys/policies/acl/{name}");
            if is_built_in(&path) {
                continue;
            }
            if let Some(answer) = self.read(&path).await? {
                let rules = answer.get("policy").cloned().unwrap_or_default();
                policies.push(json!({ "name": name, "rules": rules }));
            }
        }
        Ok(policies)
    }

    /// `quotas`.
    pub(super) async fn quotas(&self) -> Result<Vec<Value>, Problem> {
        let mut quotas = Vec::new();
        if !self.has(Part::Quotas) {
            return Ok(quotas);
        }
        for name in self.list(QUOTAS).await? {
            let Some(answer) = self.read(&format!("{QUOTAS}/{name}")).await? else {
                continue;
            };
            let mut quota = Map::new();
            quota.insert("name".to_owned(), json!(name));
            quota.extend(settings(answer, &["counter", "name", "type"]));
            quotas.push(Value::Object(quota));
        }
        Ok(quotas)
    }

    /// Policies for passwords, as `raw`.
    pub(super) async fn passwords(&self) -> Result<Vec<Value>, Problem> {
        let mut policies = Vec::new();
        if !self.has(Part::Passwords) {
            return Ok(policies);
        }
        for name in self.list(PASSWORDS).await? {
            let path = format!("{PASSWORDS}/{name}");
            if let Some(answer) = self.read(&path).await? {
                let data = settings(answer, &[]);
                policies.push(json!({ "path": path, "data": data }));
            }
        }
        Ok(policies)
    }
}
