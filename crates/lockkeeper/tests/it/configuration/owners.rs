//! What an owner may change and delete, and when.

use serde_json::json;
use testkit::require_bao;

use super::{ALL_KINDS, both, with_password};

#[test]
fn prune_deletes_what_left_the_files_and_nothing_of_others() {
    let bao = require_bao!();
    for target in both(&bao) {
        let of_one = |policies: &str| format!("version: 1\nowner: one\npolicies: [{policies}]\n");
        let [a, b, c] = ["a", "b", "c"].map(|name| {
            format!(
                "{{name: {name}, rules: \"path \\\"x\\\" {{ capabilities = [\\\"read\\\"] }}\"}}"
            )
        });
        let one = target.file("one.yaml", &of_one(&format!("{a}, {b}")));
        let two = target.file("two.yaml", &of_one(&c).replace("owner: one", "owner: two"));
        target.send(
            "PUT",
            "sys/policies/acl/by-hand",
            json!({"policy": "path \"y\" {}"}),
        );
        target.ends(0, &["apply", "-f", &one]);
        target.ends(0, &["apply", "-f", &two]);

        let taken = target.file("taken.yaml", &of_one(&format!("{a}, {b}, {c}")));
        let refused = target.ends(1, &["apply", "-f", &taken]);
        assert!(
            refused.stderr.contains("is managed by the owner `two`"),
            "{refused:?}"
        );
        let by_hand = a.replace("name: a", "name: by-hand");
        let unowned = target.file("unowned.yaml", &of_one(&format!("{a}, {b}, {by_hand}")));
        let refused = target.ends(1, &["apply", "-f", &unowned]);
        assert!(refused.stderr.contains("unowned.yaml:3: `sys/policies/acl/by-hand` exists and has no owner: -adopt takes it over"), "{refused:?}");

        let unowned_path = "-adopt=sys/policies/acl/by-hand";
        let unknown = target.ends(1, &["plan", "-f", &one, unowned_path]);
        let told = "-adopt=sys/policies/acl/by-hand: the files have no object at this path";
        assert!(unknown.stderr.contains(told), "{unknown:?}");
        target.send(
            "PUT",
            "sys/policies/acl/other",
            json!({"policy": "path \"z\" {}"}),
        );
        let other = a.replace("name: a", "name: other");
        let both = target.file(
            "both.yaml",
            &of_one(&format!("{a}, {b}, {by_hand}, {other}")),
        );
        let refused = target.ends(1, &["apply", "-f", &both, unowned_path]);
        let told = "`sys/policies/acl/other` exists and has no owner";
        assert!(refused.stderr.contains(told), "{refused:?}");
        assert!(
            !refused.stderr.contains("`sys/policies/acl/by-hand`"),
            "{refused:?}"
        );
        let saved = target.ours.folder().join("one.plan");
        let out = format!("-out={}", saved.display());
        target.ends(2, &["plan", "-f", &unowned, unowned_path, &out]);
        target.ends(0, &["apply", saved.to_str().unwrap()]);
        target.ends(0, &["plan", "-f", &unowned]);
        std::fs::remove_file(saved).unwrap();

        let less = target.file("less.yaml", &of_one(&a));
        let plan = target.ends(0, &["plan", "-f", &less]);
        assert!(
            plan.stderr.contains("2 objects of the owner `one`"),
            "{plan:?}"
        );
        let pruned = target.ends(0, &["prune", "-f", &less]);
        assert!(
            pruned.stdout.contains(" - policy sys/policies/acl/b\n"),
            "{pruned:?}"
        );
        let (_, left) = target.http.request("LIST", "sys/policies/acl", None);
        let left = left["data"]["keys"].as_array().unwrap();
        for (name, is_there) in [
            ("a", true),
            ("b", false),
            ("c", true),
            ("by-hand", false),
            ("other", true),
        ] {
            assert_eq!(left.contains(&json!(name)), is_there, "{name}");
        }
        let empty = target.file("empty.yaml", &of_one(""));
        target.ends(0, &["apply", "-f", &empty, "-prune"]);
        let left = target.http.request("GET", "sys/policies/acl/a", None);
        assert_eq!(left.0, 404);
    }
}

#[test]
fn data_is_deleted_only_with_permission() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        target.ends(0, &["apply", "-f", &file]);
        let empty = target.file("empty.yaml", "version: 1\nowner: everything\n");
        let refused = target.ends(1, &["prune", "-f", &empty]);
        for part in [
            "`sys/mounts/team` is a secrets engine with data",
            "`sys/auth/machines` is an auth method",
            "-allow-destroy permits it",
        ] {
            assert!(refused.stderr.contains(part), "{part}: {refused:?}");
        }
        assert_eq!(target.http.request("GET", "sys/mounts/team", None).0, 200);
        target.ends(0, &["prune", "-f", &empty, "-allow-destroy"]);
        for path in [
            "sys/mounts/team",
            "sys/auth/machines",
            "sys/policies/acl/reader",
            "sys/policies/password/long",
            "sys/quotas/rate-limit/logins",
        ] {
            assert!(target.http.request("GET", path, None).0 >= 400, "{path}");
        }
        let record = target.data("secret/data/lockkeeper/everything");
        assert_eq!(record["data"]["objects"], json!({}));
    }
}

#[test]
fn a_lock_that_somebody_holds_keeps_others_out() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        let far = 4_102_444_800_i64;
        let lock = json!({"data": {"holder": {"who": "sally", "at": "build-7"}, "since": 1, "until": far}});
        target.send("PUT", "secret/data/lockkeeper/everything.lock", lock);
        let refused = target.ends(1, &["apply", "-f", &file]);
        assert!(
            refused.stderr.contains("held by `sally` at `build-7`"),
            "{refused:?}"
        );
        assert_eq!(target.http.request("GET", "sys/mounts/team", None).0, 400);
        let freed = target.ends(0, &["unlock", "-force", "-owner=everything"]);
        assert!(
            freed.stdout.contains("Freed the lock of `sally`"),
            "{freed:?}"
        );
        target.ends(0, &["apply", "-f", &file]);
    }
}
