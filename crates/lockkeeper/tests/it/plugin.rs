//! `lockkeeper plugin`, started by hand and by a real OpenBao.

use testkit::{BaoServer, Launch, bin, install, require_bao};

#[test]
fn what_it_prints_when_started_by_hand_registers_it() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let place = server.plugin("lockkeeper");
    install(&bin("lockkeeper"), place.parent().unwrap(), "lockkeeper");
    let mut by_hand = Launch::new(&place).args(["plugin"]).start();
    let line = by_hand.wait_for_line("bao plugin register");
    let enable = by_hand.wait_for_line("bao secrets enable");
    let cli = server.cli();
    for line in [line, enable] {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        cli.ok(&words);
    }
    let help = cli.ok(&["path-help", "lockkeeper"]);
    assert!(help.contains("creds/"), "{help}");
}
