//! A real `bao agent` that logs in with AppRole, and renders through a rotation.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Bao, Launch, Program, eventually, require_bao};

use super::{Rotations, at_both};

const PATIENCE: Duration = Duration::from_secs(30);
/// The oldest that what is rendered may ever be: the agent looks each second, and
/// begins anew after each login.
const GAP: Duration = Duration::from_secs(10);
/// For how long it is watched after the rotation: longer than its token lives, so
/// that it must have logged in with the new secret id again.
const AFTERWARDS: Duration = Duration::from_secs(12);

#[test]
fn an_agent_renders_through_a_rotation_without_a_gap() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        rotations.post("sys/mounts/notes", &json!({ "type": "kv" }));
        rotations.post(
            "sys/policies/acl/notes",
            &json!({ "policy": "path \"notes/app\" { capabilities = [\"read\"] }" }),
        );
        rotations.post("notes/app", &json!({ "value": "0" }));
        let old = rotations.role("agent");
        rotations.post(
            "auth/approle/role/agent",
            &json!({ "policies": "default,notes", "token_ttl": "4s", "token_max_ttl": "8s" }),
        );
        let agent = agent(&bao, rotations);
        let rendered = agent.folder().join("rendered");
        eventually("the agent renders", PATIENCE, || {
            fs::read_to_string(&rendered).ok()
        });
        thread::scope(|scope| {
            let rotation = scope.spawn(|| {
                rotations.ok(&[
                    "approle",
                    "rotate",
                    "agent",
                    &rotations.deliver("agent"),
                    "-consumers=1",
                    "-quiet=20s",
                    "-canary-read=notes/app",
                ])
            });
            let mut written = vec![Instant::now()];
            let mut ends = None;
            while ends.is_none_or(|end| Instant::now() < end) {
                if ends.is_none() && rotation.is_finished() {
                    ends = Some(Instant::now() + AFTERWARDS);
                }
                rotations.post("notes/app", &json!({ "value": written.len().to_string() }));
                written.push(Instant::now());
                thread::sleep(Duration::from_millis(500));
                let seen = fs::read_to_string(&rendered).unwrap();
                // What was written after it is not rendered yet.
                let next = written.get(seen.trim().parse::<usize>().unwrap() + 1);
                let age = next.map_or(Duration::ZERO, Instant::elapsed);
                assert!(
                    age < GAP,
                    "rendered {seen} {age:?} late: {}",
                    agent.stdout()
                );
            }
            let said = rotation.join().unwrap().stderr;
            assert!(
                said.contains("1 of 1 tokens of the new secret id"),
                "{said}"
            );
        });
        rotations.check_rotated("agent", &old);
    });
}

fn agent(bao: &Bao, rotations: &Rotations) -> Program {
    let path = "auth/approle/role/agent/role-id";
    let (_, answer) = rotations.http.request("GET", path, None);
    let launch = Launch::new(bao.path());
    let folder = launch.folder();
    let role_id = answer["data"]["role_id"].as_str().unwrap();
    fs::write(folder.join("role-id"), role_id).unwrap();
    let configuration = format!(
        r#"
vault {{
  address = "{address}"
}}
auto_auth {{
  method "approle" {{
    config = {{
      role_id_file_path                   = "role-id"
      secret_id_file_path                 = "{secret_id}"
      remove_secret_id_file_after_reading = false
    }}
  }}
}}
template_config {{
  static_secret_render_interval = "1s"
}}
template {{
  contents    = "{{{{ with secret \"notes/app\" }}}}{{{{ .Data.value }}}}{{{{ end }}}}"
  destination = "rendered"
}}
"#,
        address = rotations.http.address(),
        secret_id = rotations.file("agent").display(),
    );
    fs::write(folder.join("agent.hcl"), configuration).unwrap();
    launch.args(["agent", "-config=agent.hcl"]).start()
}
