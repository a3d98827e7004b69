//! `plugins` and `audit`: what belongs to the server and not to a mount.

use testkit::require_bao;

use super::Target;

#[test]
fn a_plugin_for_our_server_is_refused_by_it_with_the_reason() {
    let target = Target::our_own();
    let sum = "0".repeat(64);
    let file = target.file(
        "plugin.yaml",
        &format!("version: 1\nowner: platform\nplugins: [{{plugin_name: x, type: secret, command: x, sha256: {sum}}}]\n"),
    );
    let failed = target.ends(4, &["apply", "-f", &file]);
    assert!(
        failed
            .stderr
            .contains("failed sys/plugins/catalog/secret/x: "),
        "{failed:?}"
    );
}

/// A file with an audit device.
fn audit_file(target: &Target) -> String {
    let log = target.ours.folder().join("audit.log");
    let text = format!(
        "version: 1\nowner: platform\naudit:\n  - {{type: file, path: main, description: of all, \
         options: {{file_path: \"{}\", log_raw: false}}}}\n",
        log.display()
    );
    target.file("audit.yaml", &text)
}

#[test]
fn a_server_that_takes_audit_devices_from_its_configuration_alone_says_so() {
    let bao = require_bao!();
    let target = Target::openbao(&bao);
    let file = audit_file(&target);
    let failed = target.ends(4, &["apply", "-f", &file]);
    let told = "cannot enable audit device via API";
    assert!(
        failed.stderr.contains("failed sys/audit/main: "),
        "{failed:?}"
    );
    assert!(failed.stderr.contains(told), "{failed:?}");
}
