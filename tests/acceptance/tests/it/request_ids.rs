//! The id of a request, as the host answers it, is in the log lines of everything
//! that was done for it, down to the requests to Confluent Cloud.

use std::time::Duration;

use testkit::{eventually, require_bao};

use crate::hosts::on_both;
use crate::mounted::mounted;

#[test]
fn the_log_line_of_a_call_to_confluent_names_the_request_it_was_made_for() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let (status, answer) = host.http.request("GET", "team/creds/single", None);
        assert_eq!(status, 200, "{answer}");
        let id = answer["request_id"].as_str().unwrap();
        let line = eventually("the call is logged", Duration::from_secs(10), || {
            let log = host.log();
            let mut lines = log.lines();
            let wanted = [id, "/iam/v2/api-keys", "Confluent Cloud answered"];
            let line = lines.find(|line| wanted.iter().all(|part| line.contains(part)));
            line.map(str::to_owned)
        });
        for part in ["request_id", "POST", "single"] {
            assert!(line.contains(part), "{}: {part} in {line}", host.name());
        }
    });
}
