//! Files that are read, and files that are refused with the place and what is
//! allowed.

use server::{ClientCertificates, JsonLimits, Timeouts, TlsSettings, TlsVersion};

use super::*;

const SMALLEST: &str = "storage \"inmem\" {}\nlistener \"tcp\" { tls_disable = true }\n";

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// A refusal of a line after the smallest file.
fn refusal_of(line: &str) -> String {
    refusal(&format!("{SMALLEST}{line}\n"))
}

fn in_the_clear(address: &str) -> Place {
    Place::Tcp {
        address: address.parse().unwrap(),
        tls: None,
    }
}

#[test]
fn every_key_is_read() {
    let config = parse(
        r#"
storage "sqlite" { path = "/var/lib/lockkeeper/store.db" }
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_cert_file = "/etc/tls/cert.pem"
  tls_key_file = "/etc/tls/key.pem"
  tls_min_version = "tls13"
  max_request_size = 1024
  max_request_duration = "30s"
  max_request_json_memory = 4096
  max_request_json_strings = 10
  http_read_header_timeout = "5s"
  http_read_timeout = 20
  http_idle_timeout = "1m"
  http_write_timeout = "2m"
  max_connections = 100
}
listener "tcp" {
  address = ":8300"
  tls_disable = "true"
}
listener "unix" {
  address = "/run/lockkeeper.sock"
  socket_mode = "0660"
  socket_user = "lockkeeper"
  socket_group = 1000
  max_connections = 7
}
api_addr = "https://vault.example:8200"
cluster_addr = "https://vault.example:8201"
disable_mlock = true
ui = false
log_level = "Debug"
log_format = "json"
default_lease_ttl = "12h"
max_lease_ttl = 172800
max_request_size = 2048
max_request_duration = 60
seal "shamir" {}
user_lockout "all" {
  lockout_threshold = "3"
  lockout_duration = "10m"
}
user_lockout "approle" {
  lockout_counter_reset = 60
  disable_lockout = "false"
}
"#,
    )
    .unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(
        config.storage,
        Storage::Sqlite("/var/lib/lockkeeper/store.db".into())
    );
    assert_eq!(
        config.api_addr.as_deref(),
        Some("https://vault.example:8200")
    );
    assert_eq!(
        (config.log_level, config.log_format),
        ("debug", LogFormat::Json)
    );
    let [tls, plain, socket] = config.listeners.as_slice() else {
        panic!("{:?}", config.listeners);
    };
    let expected = TlsSettings {
        certificate: "/etc/tls/cert.pem".into(),
        key: "/etc/tls/key.pem".into(),
        oldest: TlsVersion::Tls13,
        client_certificates: ClientCertificates::Requested,
    };
    let place = Place::Tcp {
        address: "0.0.0.0:8200".parse().unwrap(),
        tls: Some(expected),
    };
    assert_eq!(tls.place, place);
    let limits = |max_request_size, seconds| Limits {
        max_request_size,
        max_request_duration: Duration::from_secs(seconds),
        ..Limits::default()
    };
    let json = JsonLimits {
        memory: 4096,
        strings: 10,
    };
    let expected = Limits {
        json,
        timeouts: Timeouts {
            header: Duration::from_secs(5),
            body: Duration::from_secs(20),
            idle: Duration::from_mins(1),
            answer: Some(Duration::from_mins(2)),
        },
        max_connections: 100,
        ..limits(1024, 30)
    };
    assert_eq!(tls.limits, expected);
    assert_eq!(plain.limits, limits(2048, 60));
    assert_eq!(plain.place, in_the_clear("[::]:8300"));
    assert_eq!(
        socket.limits,
        Limits {
            max_connections: 7,
            ..limits(2048, 60)
        }
    );
    let expected = Socket {
        path: "/run/lockkeeper.sock".into(),
        mode: Some(0o660),
        user: Some("lockkeeper".into()),
        group: Some("1000".into()),
    };
    assert_eq!(socket.place, Place::Unix(expected));
    let ttls = LeaseTtls {
        default: Duration::from_hours(12),
        max: Duration::from_hours(48),
    };
    assert_eq!(config.lease_ttls, ttls);
    let all = LockoutTuning {
        threshold: Some(3),
        duration: Some(600),
        ..LockoutTuning::default()
    };
    let approle = LockoutTuning {
        counter_reset: Some(60),
        disable: Some(false),
        ..LockoutTuning::default()
    };
    let by_type = [("approle".to_owned(), approle)].into();
    assert_eq!(config.user_lockout, UserLockout { all, by_type });
}

const AUDIT: &str = r#"
audit "file" "main" {
  description = "every request"
  options {
    file_path = "/var/log/lockkeeper/audit.log"
    log_raw   = true
    mode      = 0640
  }
}
audit "socket" "siem/" { local = true, options { address = "127.0.0.1:9000" } }
unsafe_allow_api_audit_creation = true
"#;

#[test]
fn audit_devices_are_read_in_their_order() {
    let config = parse(&format!("{SMALLEST}{AUDIT}")).unwrap();
    let [(at, main), (_, siem)] = config.audit.as_slice() else {
        panic!("{:?}", config.audit);
    };
    assert_eq!(
        (at.line, main.path.as_str(), main.kind.as_str()),
        (4, "main", "file")
    );
    assert_eq!(main.description, "every request");
    let options: Vec<_> = main.options.iter().collect();
    let expected = [
        ("file_path", "/var/log/lockkeeper/audit.log"),
        ("log_raw", "true"),
        ("mode", "0640"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(
        options
            .into_iter()
            .eq(expected.iter().map(|(name, value)| (name, value)))
    );
    assert!(siem.local && config.unsafe_allow_api_audit_creation);
    let json = r#"{
        "storage": {"inmem": {}}, "listener": {"tcp": {"tls_disable": 1}},
        "audit": [
            {"file": {"main": {"description": "every request", "options": {
                "file_path": "/var/log/lockkeeper/audit.log", "log_raw": "true", "mode": "0640"
            }}}},
            {"socket": {"siem/": {"local": true, "options": [{"address": "127.0.0.1:9000"}]}}}
        ]
    }"#;
    let devices = |config: &Config| -> Vec<AuditDevice> {
        config
            .audit
            .iter()
            .map(|(_, device)| device.clone())
            .collect()
    };
    assert_eq!(devices(&parse(json).unwrap()), devices(&config));
}

#[test]
fn audit_devices_that_would_log_nothing_are_refused() {
    for (line, expected) in [
        (
            "audit \"file\" {}",
            "line 3, column 1: `audit` needs a type and a path: `audit \"file\" \"main\" { ... }`",
        ),
        (
            "audit \"file\" { file_path = \"a\" }",
            "`audit` needs a type and a path: `audit \"file\" \"main\" { ... }`",
        ),
        (
            "audit \"file\" \"a\" { file_path = \"a\" }",
            "`file_path` is unknown here: an audit device has `description`, `local` and \
             `options { ... }`",
        ),
        (
            "audit \"file\" \"a\" {}\naudit \"file\" \"a/\" {}",
            "there are two audit devices `a/`: rename one",
        ),
        (
            "audit \"file\" \"a\" { options { mode = [] } }",
            "`mode` is a list: give a string",
        ),
    ] {
        let refusal = refusal_of(line);
        assert!(refusal.contains(expected), "{refusal}");
    }
    for (line, expected) in [
        ("audit \"file\" \"a\" {}", "file_path is required"),
        ("audit \"http\" \"a\" {}", "unknown backend type: \"http\""),
    ] {
        let config = parse(&format!("{SMALLEST}{line}\n")).unwrap();
        let refusal = super::super::audit::config(&config)
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains(expected) && refusal.starts_with("line 3"),
            "{refusal}"
        );
    }
}

#[test]
fn json_means_the_same() {
    let plain = r#"{"storage": {"inmem": {}}, "listener": {"tcp": {"tls_disable": 1}}}"#;
    let listed = r#"{"storage": [{"inmem": {}}], "listener": [{"tcp": {"tls_disable": true}}]}"#;
    let expected = parse(SMALLEST).unwrap();
    for text in [plain, listed] {
        let config = parse(text).unwrap();
        assert_eq!(config.storage, expected.storage);
        assert_eq!(config.listeners.len(), 1, "{text}");
        assert_eq!(config.listeners[0].place, expected.listeners[0].place);
    }
}

#[test]
fn the_address_is_that_of_vault_if_none_is_said() {
    let config = parse(SMALLEST).unwrap();
    assert_eq!(config.listeners[0].place, in_the_clear("127.0.0.1:8200"));
    assert_eq!(config.listeners[0].limits, Limits::default());
    assert_eq!(
        (config.log_level, config.log_format),
        ("info", LogFormat::Standard)
    );
    assert_eq!(config.lease_ttls, LeaseTtls::default());
}

#[test]
fn a_time_out_of_zero_is_the_usual_one() {
    let names = ["read_header", "read", "idle", "write"];
    let lines = names.map(|name| format!("http_{name}_timeout = \"0\""));
    let lines = lines.join("\n");
    let text = format!("{SMALLEST}listener \"tcp\" {{\ntls_disable = true\n{lines}\n}}\n");
    let config = parse(&text).unwrap();
    assert_eq!(config.listeners[1].limits, Limits::default());
}

#[test]
fn an_unknown_key_is_a_warning_with_its_line() {
    let text = "storage \"inmem\" { size = 5 }\nlistener \"tcp\" {\n  tls_disable = true\n  adress = \"x\"\n}\ntelemetry {}\nui = true\n";
    let config = parse(text).unwrap();
    let shown: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 1, column 19: `size`: unknown key, which has no effect",
            "line 6, column 1: `telemetry`: this server collects and sends no metrics",
            "line 7, column 1: `ui`: this server has no user interface",
            "line 4, column 3: `adress`: unknown key, which has no effect",
        ]
    );
}

#[test]
fn keys_of_vault_without_effect_say_what_is_not_done() {
    let said = |line: &str| {
        let warnings = parse(&format!("{SMALLEST}{line}\n")).unwrap().warnings;
        let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        shown.join(" ")
    };
    for (line, what) in [
        ("ui = true", "no user interface"),
        ("telemetry { statsd_address = \"x:1\" }", "no metrics"),
        ("cluster_name = \"a\"", "names its cluster itself"),
        ("pid_file = \"/run/a.pid\"", "process id"),
        ("plugin_directory = \"/x\"", "no plugin is read"),
        ("raw_storage_endpoint = true", "no `sys/raw`"),
        ("introspection_endpoint = true", "no `sys/internal/inspect`"),
        ("log_file = \"/var/log/a\"", "standard error"),
        ("log_requests_level = \"info\"", "audit"),
        ("disable_cache = true", "no secrets in memory"),
    ] {
        let said = said(line);
        assert!(said.contains(what) && !said.contains(UNKNOWN), "{said}");
    }
    for nothing in [
        "ui = false",
        "raw_storage_endpoint = false",
        "introspection_endpoint = \"0\"",
        "disable_mlock = true",
        "api_addr = \"http://a:1\"",
    ] {
        assert_eq!(said(nothing), "");
    }
    assert!(refusal_of("raw_storage_endpoint = 5").contains("`true` or `false`"));
}

#[test]
fn a_wrong_value_is_an_error_with_its_place_and_what_is_allowed() {
    for (line, expected) in [
        (
            "log_level = \"loud\"",
            "`log_level` is `loud`: give `trace`, `debug`, `info`, `warn` or `error`",
        ),
        (
            "log_format = \"xml\"",
            "`log_format` is `xml`: give `standard` or `json`",
        ),
        (
            "api_addr = \"vault.example\"",
            "`api_addr` is `vault.example`: give an address such as `https://vault.example:8200`",
        ),
        (
            "max_lease_ttl = \"1h\"",
            "`default_lease_ttl`, 2764800 s, is longer than `max_lease_ttl`, 3600 s: set both, and the default to at most the maximum",
        ),
        (
            "default_lease_ttl = \"800h\"",
            "`default_lease_ttl`, 2880000 s, is longer than `max_lease_ttl`, 2764800 s: set both, and the default to at most the maximum",
        ),
        (
            "max_request_duration = \"0s\"",
            "`max_request_duration` is `0`: give a duration above zero, such as `90s`",
        ),
    ] {
        assert_eq!(refusal_of(line), format!("line 3, column 1: {expected}"));
    }
    for (line, expected) in [
        (
            "ui = \"maybe\"",
            "line 3, column 6: `ui` must be `true` or `false`",
        ),
        (
            "log_level = []",
            "line 3, column 13: `log_level` is a list: give a string",
        ),
        (
            "max_request_size = 0",
            "line 3, column 20: `max_request_size` must be a number of bytes above zero",
        ),
        (
            "user_lockout \"all\" { lockout_threshold = \"many\" }",
            "line 3, column 42: `lockout_threshold` must be a number that is not negative",
        ),
        (
            "max_request_json_strings = 0",
            "line 3, column 28: `max_request_json_strings` must be a number above zero",
        ),
        (
            "max_request_duration = \"soon\"",
            "line 3, column 24: `max_request_duration`: invalid duration \"soon\": use seconds or units such as \"90s\", \"1h30m\" or \"7d\"",
        ),
        (
            "listener \"unix\" { address = \"s.sock\" }",
            "line 3, column 19: `address` is `s.sock`: give the whole path of a socket",
        ),
        (
            "listener \"unix\" { socket_mode = \"rw\" }",
            "line 3, column 19: `socket_mode` is `rw`: give the mode of a file in octal, such as `0660`",
        ),
        (
            "listener \"unix\" { socket_mode = \"1777\" }",
            "line 3, column 19: `socket_mode` is `1777`: give the mode of a file in octal, such as `0660`",
        ),
        (
            "listener \"unix\" {}",
            "line 3, column 10: a listener `unix` needs the path of its socket as `address`",
        ),
        (
            "listener \"udp\" {}",
            "line 3, column 10: listener `udp` is not supported: use `tcp` or `unix`",
        ),
        (
            "listener \"tcp\" { address = \"here\" tls_disable = true }",
            "line 3, column 18: `address` is `here`: give an IP address or `localhost`, and a port: `127.0.0.1:8200`",
        ),
    ] {
        assert_eq!(refusal_of(line), expected);
    }
}

#[test]
fn what_would_weaken_the_server_when_it_is_ignored_is_refused() {
    assert_eq!(
        refusal_of("ha_storage \"raft\" {}"),
        "line 3, column 1: `ha_storage`: this server runs alone, without others that could take \
         over; remove it"
    );
    assert_eq!(
        refusal_of("seal \"awskms\" {}"),
        "line 3, column 6: seal `awskms` is not supported: use `shamir`, or remove `seal`"
    );
    assert_eq!(
        refusal_of("listener \"tcp\" {}"),
        "line 3, column 10: a listener needs `tls_cert_file` and `tls_key_file`, or `tls_disable = true`"
    );
    assert_eq!(
        refusal_of(
            "listener \"tcp\" { tls_disable = true proxy_protocol_behavior = \"use_always\" }"
        ),
        "line 3, column 37: `proxy_protocol_behavior` is not supported by this server: remove it"
    );
}

#[test]
fn a_storage_that_is_not_there_is_refused_by_name() {
    let listener = "listener \"tcp\" { tls_disable = true }";
    for (storage, expected) in [
        (
            "",
            "line 1, column 1: there is no `storage`: add `storage \"sqlite\" { path = \"...\" }`",
        ),
        (
            "storage \"postgresql\" {}",
            "line 1, column 9: `postgresql` is not supported by this release: use `sqlite`, and move with the API later",
        ),
        (
            "storage \"raft\" {}",
            "line 1, column 9: storage `raft` is unknown: use `sqlite` or `inmem`",
        ),
        (
            "backend \"sqlite\" {}",
            "line 1, column 9: `sqlite` needs the `path` of its file",
        ),
        (
            "storage \"sqlite\" { path = \"\" }",
            "line 1, column 20: `path` is ``: give the path of a file",
        ),
        (
            "storage \"inmem\" {} backend \"inmem\" {}",
            "line 1, column 20: there are two storages: remove one",
        ),
        (
            "storage = \"inmem\"",
            "line 1, column 11: `storage` is a string: write it as a block, such as `storage \"...\" { ... }`",
        ),
    ] {
        assert_eq!(refusal(&format!("{storage}\n{listener}")), expected);
    }
    assert!(refusal("storage \"inmem\" {}").contains("there is no `listener`"));
    assert!(refusal("ui = true\nui = false").contains("set twice"));
    assert!(refusal("storage \"inmem\" {").starts_with("line 1"));
}

#[test]
fn compatibility_with_vault_switches_on_what_has_a_key_of_its_own() {
    let read = |lines: &str| {
        let config = parse(&format!("{SMALLEST}{lines}\n")).unwrap();
        let WithoutToken {
            rekey,
            generate_root,
        } = config.without_token;
        [config.unsafe_allow_api_audit_creation, rekey, generate_root]
    };
    assert_eq!(read(""), [false, false, false]);
    assert_eq!(read("compatibility = \"vault\""), [true, true, true]);
    for (line, expected) in [
        (
            "unsafe_allow_api_audit_creation = true",
            [true, false, false],
        ),
        (
            "disable_unauthed_rekey_endpoints = false",
            [false, true, false],
        ),
        (
            "disable_unauthed_generate_root_endpoints = false",
            [false, false, true],
        ),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
    let safer = "compatibility = \"vault\"\ndisable_unauthed_generate_root_endpoints = true";
    assert_eq!(read(safer), [true, true, false]);
    let refused = refusal_of("compatibility = \"openbao\"");
    assert!(
        refused.contains("`compatibility` is `openbao`: give `vault`, or leave it out"),
        "{refused}"
    );
}
