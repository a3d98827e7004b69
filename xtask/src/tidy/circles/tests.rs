//! Small crates, and the circles that are found in them.

use super::*;

/// Files as `path: source`, below `crates/a/src/`.
fn files(sources: &[(&str, &str)]) -> Vec<File> {
    let files = sources
        .iter()
        .map(|(path, text)| File::new(&format!("crates/a/src/{path}"), text));
    files.collect()
}

/// The modules of each circle.
fn found(sources: &[(&str, &str)]) -> Vec<String> {
    let files = files(sources);
    let sources: Vec<&File> = files.iter().collect();
    let circles = circles(&sources).unwrap();
    let joined = circles.iter().map(|circle| {
        let names: Vec<&str> = circle.modules.iter().map(String::as_str).collect();
        names.join(" ")
    });
    joined.collect()
}

const ROOT: (&str, &str) = ("lib.rs", "mod x;\nmod y;\nmod z;\n");

#[test]
fn modules_that_use_each_other_are_found_with_the_chain() {
    let files = files(&[
        ROOT,
        ("x.rs", "use crate::y::Y;\n"),
        ("y.rs", "\nfn f() -> crate::z::Z {}\n"),
        ("z.rs", "use super::{x::X, other};\n"),
    ]);
    let findings = check(&files);
    assert_eq!(findings.len(), 1);
    let text = findings[0].to_string();
    for part in [
        "crates/a: its modules x, y, z form a circle",
        "x uses y: crates/a/src/x.rs:1 names `crate::y::Y`",
        "y uses z: crates/a/src/y.rs:2 names `crate::z::Z`",
        "z uses x: crates/a/src/z.rs:1 names `super::x::X`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn modules_that_use_each_other_one_way_are_fine() {
    let sources = [
        ROOT,
        ("x.rs", "use crate::{y::Y, z};"),
        ("y.rs", "use crate::z::Z;"),
        ("z.rs", "use std::fmt;"),
    ];
    assert!(found(&sources).is_empty());
}

#[test]
fn a_folder_counts_as_one_module_outside_and_by_its_files_inside() {
    let sources = [
        ROOT,
        ("x/mod.rs", "mod inner;\nmod other;"),
        ("x/inner.rs", "use super::other::O;\nuse crate::y::Y;"),
        ("x/other.rs", "fn f(i: super::inner::I) {}"),
        ("y.rs", "use crate::x::Facade;"),
        ("z.rs", ""),
    ];
    assert_eq!(found(&sources), ["x y", "x::inner x::other"]);
}

#[test]
fn a_parent_and_its_children_are_no_circle() {
    let sources = [
        (
            "lib.rs",
            "mod x;\nuse x::X;\npub struct Shared;\nfn f(x: x::X) {}",
        ),
        ("x.rs", "use crate::Shared;\npub struct X;"),
    ];
    assert!(found(&sources).is_empty());
}

#[test]
fn what_a_parent_re_exports_leads_to_the_sibling_that_defines_it() {
    let sources = [
        ("lib.rs", "mod x;\nmod y;\npub use y::{inner::Deep as Y};"),
        ("x.rs", "use crate::Y;\npub struct X;"),
        ("y/mod.rs", "pub mod inner;\n"),
        ("y/inner.rs", "use crate::x;\npub struct Deep;"),
    ];
    assert_eq!(found(&sources), ["x y"]);
}

#[test]
fn what_a_parent_imports_by_a_glob_leads_to_the_sibling_too() {
    let sources = [
        ("lib.rs", "mod x;\nmod y;\npub use x::*;\npub use y::*;"),
        ("x.rs", "use crate::Y;\npub struct X;"),
        ("y.rs", "use super::X;\npub struct Y;"),
    ];
    assert_eq!(found(&sources), ["x y"]);
}

#[test]
fn a_re_export_below_an_imported_module_is_followed() {
    let sources = [
        (
            "lib.rs",
            "mod x;\nmod y;\nuse y::inner;\npub use inner::Deep;",
        ),
        ("x.rs", "use crate::Deep;\npub struct X;"),
        ("y/mod.rs", "pub mod inner;\n"),
        ("y/inner.rs", "use crate::x;\npub struct Deep;"),
    ];
    assert_eq!(found(&sources), ["x y"]);
}

#[test]
fn crates_that_are_imported_or_re_exported_lead_nowhere() {
    let sources = [
        (
            "lib.rs",
            "mod x;\nmod y;\npub use serde;\nuse tokio::sync::*;\nuse time;",
        ),
        (
            "x.rs",
            "use crate::serde::de;\nuse crate::y;\nuse time;\nfn f() { time::now() }",
        ),
        ("y.rs", "use crate::Lock;\nuse super::serde::ser;"),
    ];
    assert!(found(&sources).is_empty());
}

#[test]
fn a_module_that_is_re_exported_is_entered() {
    let sources = [
        ("lib.rs", "mod x;\nmod y;\nuse y::inner as shown;"),
        ("x.rs", "fn f() { crate::shown::deep::g(); }"),
        ("y/mod.rs", "pub mod inner;\n"),
        ("y/inner/mod.rs", "pub mod deep;"),
        ("y/inner/deep.rs", "use crate::x;"),
    ];
    assert_eq!(found(&sources), ["x y"]);
}

#[test]
fn tests_do_not_count() {
    let sources = [
        ROOT,
        ("x.rs", "use crate::y::Y;"),
        (
            "y/mod.rs",
            "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more { use crate::x::X; }",
        ),
        ("y/tests.rs", "use crate::x::X;"),
        ("z.rs", ""),
    ];
    assert!(found(&sources).is_empty());
}

#[test]
fn inside_a_module_without_a_file_super_is_the_file() {
    let sources = [
        ROOT,
        (
            "x.rs",
            "use crate::y::Y;\nmod inner { use super::super::z::Z; }",
        ),
        ("y.rs", ""),
        (
            "z.rs",
            "mod inner { use super::Local; use super::super::x::X; }",
        ),
    ];
    assert_eq!(found(&sources), ["x z"]);
}
