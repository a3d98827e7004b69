//! Starting, reading and ending programs, shown with a shell.

use testkit::{Launch, Program};

fn shell(script: &str) -> Program {
    Launch::new("/bin/sh").args(["-c", script]).start()
}

fn exists(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[test]
fn a_line_is_waited_for_on_either_output() {
    let mut program = shell("echo ready on 127.0.0.1; echo careful >&2; exec sleep 60");
    assert_eq!(program.wait_for_line("ready"), "ready on 127.0.0.1");
    assert_eq!(program.wait_for_line("careful"), "careful");
}

#[test]
#[should_panic(expected = "ended too early")]
fn a_program_that_ends_before_its_line_fails_the_test() {
    shell("exit 3").wait_for_line("ready");
}

#[test]
fn a_dropped_program_is_gone() {
    let mut program = shell("echo ready; exec sleep 60");
    program.wait_for_line("ready");
    let pid = program.pid();
    assert!(exists(pid));
    drop(program);
    assert!(!exists(pid));
}

#[test]
fn a_program_that_is_asked_to_stop_can_answer_with_its_code() {
    let mut program = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    program.wait_for_line("ready");
    assert_eq!(program.stop().code(), Some(7));
}

#[test]
fn a_program_sees_only_the_environment_that_it_was_given() {
    let mut program = Launch::new("/usr/bin/env").env("GIVEN", "1").start();
    program.wait_for_line("GIVEN=1");
    let text = program.stdout();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.retain(|name| !["TMPDIR", "PWD"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "HOME", "PATH"]);
}
