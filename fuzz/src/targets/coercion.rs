//! Paths and fields of the framework: any value is taken or refused as a bad
//! request that names the field.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use logical::framework::{
    Call, Definition, Field, FieldKind, Framework, Hooks, Path, answer, generic_name,
};
use logical::{Backend, ErrorClass, Object, Operation, Request, Response};
use serde_json::Value;

use crate::input::{Input, text};

struct Engine;

#[async_trait]
impl Hooks for Engine {}

/// One field of each kind, all of them called `value`.
fn framework() -> Framework<Engine> {
    let paths = FieldKind::ALL
        .into_iter()
        .enumerate()
        .map(|(number, kind)| {
            Path::new(format!("{number}/{}", generic_name("name")))
                .fields([
                    Field::new("name", FieldKind::Name, "A name."),
                    Field::new("value", kind, "A value."),
                ])
                .on(Operation::Read, answer(echo))
                .on_write(answer(echo))
        });
    let definition = Definition::new("One path for each kind of field.").paths(paths);
    Framework::new(Arc::new(Engine), definition).expect("the table is sound")
}

async fn echo(_: Arc<Engine>, call: Call) -> Result<Option<Response>, logical::Error> {
    Ok(Some(Response::with_data(call.fields.to_object())))
}

pub(super) fn run(bytes: &[u8]) {
    static FRAMEWORK: OnceLock<Framework<Engine>> = OnceLock::new();
    let framework = FRAMEWORK.get_or_init(framework);

    let mut input = Input::new(bytes);
    let operation = input.one_of(&[
        Operation::Update,
        Operation::Read,
        Operation::Help,
        Operation::List,
    ]);
    let Some(path) = text(input.line()) else {
        return;
    };
    let value = match serde_json::from_slice(input.rest()) {
        Ok(value) => value,
        // As a form sends it.
        Err(_) => Value::from(String::from_utf8_lossy(input.rest()).into_owned()),
    };
    let data = Object::from_iter([("value".to_owned(), value)]);
    let request = Request::new(operation, path).with_data(data);
    let answered = framework.handle(request.clone()).now_or_never();
    let Err(error) = answered.expect("the framework waits for nothing") else {
        return;
    };
    match error.class() {
        ErrorClass::BadRequest => {
            let names = error.message().contains("value") || error.message().contains("name");
            assert!(names, "{error}");
        }
        ErrorClass::UnsupportedPath | ErrorClass::UnsupportedOperation => {}
        class => panic!("{class:?} for {request:?}: {error}"),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let values = [
        "\"text\"",
        "1",
        "-1.5e3",
        "true",
        "null",
        "\"1h\"",
        "[1,\"a\",null]",
        "{\"a\":1}",
        "{\"a\":{\"b\":[]}}",
        "\"a=b,c=d\"",
        "a:b",
        "\"2027-01-15T08:00:00Z\"",
        "99999999999999999999",
        "\"0x10\"",
        "[\"a:b\",\"a:c\"]",
    ];
    let mut seeds = Vec::new();
    for number in 0..FieldKind::ALL.len() {
        for value in values {
            seeds.push(format!("\0{number}/name\n{value}").into_bytes());
        }
    }
    seeds.push(b"\x02".to_vec());
    seeds.push(b"\x023/name".to_vec());
    seeds
}
