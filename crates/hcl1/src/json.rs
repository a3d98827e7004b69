//! JSON in the places of HCL, brought into the shape of HCL's blocks.

use crate::parser::check_another_key;
use crate::scanner::{Scanner, Syntax, Token, TokenKind};
use crate::{
    Body, Document, Error, Item, Key, List, Literal, LiteralKind, MAX_DEPTH, Object, Value,
};

/// Reads JSON. Commas may follow the last element, and between the elements of
/// a list they may be missing, as in OpenBao.
pub(crate) fn parse(text: &str) -> Result<Document, Error> {
    let mut parser = Parser {
        scanner: Scanner::new(text, Syntax::Json),
        depth: 0,
    };
    let open = parser.scanner.next()?;
    let mut root = parser.object(&open)?;
    let after = parser.scanner.next()?;
    if after.kind != TokenKind::End {
        let problem = format!("expected the end of the text, found {}", after.describe());
        return Err(Error::new(after.position, problem));
    }
    flatten_body(&mut root.body)?;
    Ok(Document {
        body: root.body,
        comments: Vec::new(),
    })
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn object(&mut self, open: &Token) -> Result<Object, Error> {
        self.enter(open)?;
        let mut items = Vec::new();
        let mut token = self.scanner.next()?;
        while !token.is('}') {
            items.push(self.item(token)?);
            token = self.scanner.next()?;
            if token.is(',') {
                token = self.scanner.next()?;
            } else if !token.is('}') {
                return Err(unclosed(open, &token, "`,` or `}`"));
            }
        }
        self.depth -= 1;
        Ok(Object {
            body: Body { items },
            position: open.position,
            end: token.position,
        })
    }

    /// OpenBao takes several keys before the colon, like a block's labels.
    fn item(&mut self, first: Token) -> Result<Item, Error> {
        let mut keys = Vec::new();
        let mut token = first;
        loop {
            match token.kind {
                TokenKind::String(name) => {
                    check_another_key(&keys, token.position)?;
                    keys.push(Key {
                        name: name.into(),
                        position: token.position,
                        raw: token.raw.into(),
                    });
                }
                TokenKind::Sign(':') if !keys.is_empty() => break,
                _ => {
                    let expected = if keys.is_empty() {
                        "a key in quotes"
                    } else {
                        "`:`"
                    };
                    let problem = format!("expected {expected}, found {}", token.describe());
                    return Err(Error::new(token.position, problem));
                }
            }
            token = self.scanner.next()?;
        }
        let next = self.scanner.next()?;
        Ok(Item {
            keys,
            assign: Some(token.position),
            value: self.value(next)?,
            lead: None,
            line: None,
        })
    }

    fn value(&mut self, token: Token) -> Result<Value, Error> {
        match token.kind {
            TokenKind::Sign('{') => return Ok(Value::Object(self.object(&token)?)),
            TokenKind::Sign('[') => return Ok(Value::List(self.list(&token)?)),
            _ => {}
        }
        let Some(kind) = literal(&token) else {
            let problem = format!("expected a value of JSON, found {}", token.describe());
            return Err(Error::new(token.position, problem));
        };
        Ok(Value::Literal(Literal {
            kind,
            position: token.position,
            raw: token.raw,
            lead: None,
            line: None,
        }))
    }

    fn list(&mut self, open: &Token) -> Result<List, Error> {
        self.enter(open)?;
        let mut values = Vec::new();
        loop {
            let token = self.scanner.next()?;
            match token.kind {
                TokenKind::Sign(']') => break,
                TokenKind::Sign(',') => {}
                TokenKind::End => return Err(unclosed(open, &token, "`]`")),
                // As in OpenBao, which takes `null` for a member only.
                TokenKind::Identifier if token.raw == "null" => {
                    let problem = "a list must not contain `null`";
                    return Err(Error::new(token.position, problem));
                }
                _ => values.push(self.value(token)?),
            }
        }
        self.depth -= 1;
        Ok(List {
            values,
            position: open.position,
        })
    }

    fn enter(&mut self, open: &Token) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let problem = format!("objects and lists are nested more than {MAX_DEPTH} deep");
            return Err(Error::new(open.position, problem));
        }
        Ok(())
    }
}

fn unclosed(open: &Token, found: &Token, expected: &str) -> Error {
    let position = if found.kind == TokenKind::End {
        open.position
    } else {
        found.position
    };
    let found = found.describe();
    Error::new(position, format!("expected {expected}, found {found}"))
}

fn literal(token: &Token) -> Option<LiteralKind> {
    Some(match &token.kind {
        TokenKind::Identifier => match token.raw.as_str() {
            "true" => LiteralKind::Bool(true),
            "false" => LiteralKind::Bool(false),
            "null" => LiteralKind::Null,
            _ => return None,
        },
        TokenKind::Number => LiteralKind::Number(token.raw.clone()),
        TokenKind::Float => LiteralKind::Float(token.raw.clone()),
        TokenKind::String(text) => LiteralKind::String(text.clone()),
        _ => return None,
    })
}

/// Makes blocks with labels of objects whose members are all objects, and of
/// lists of objects several blocks, at every level.
fn flatten_body(body: &mut Body) -> Result<(), Error> {
    let mut items = Vec::with_capacity(body.items.len());
    for item in std::mem::take(&mut body.items) {
        flatten_item(item, &mut items)?;
    }
    for item in &mut items {
        flatten_value(&mut item.value)?;
    }
    body.items = items;
    Ok(())
}

fn flatten_value(value: &mut Value) -> Result<(), Error> {
    match value {
        Value::Literal(_) => Ok(()),
        Value::List(list) => list.values.iter_mut().try_for_each(flatten_value),
        Value::Object(object) => flatten_body(&mut object.body),
    }
}

fn flatten_item(item: Item, items: &mut Vec<Item>) -> Result<(), Error> {
    let is_object = |value: &Value| matches!(value, Value::Object(_));
    let Item {
        keys,
        assign,
        value,
        lead,
        line,
    } = item;
    let with = |keys: Vec<Key>, value: Value| Item {
        keys,
        assign,
        value,
        lead: lead.clone(),
        line: line.clone(),
    };
    match value {
        Value::List(list) if !list.values.is_empty() && list.values.iter().all(is_object) => {
            for value in list.values {
                flatten_item(with(keys.clone(), value), items)?;
            }
        }
        Value::Object(object)
            if !object.body.items.is_empty()
                && object.body.items.iter().all(|item| is_object(&item.value)) =>
        {
            for inner in object.body.items {
                let mut keys = keys.clone();
                for key in inner.keys {
                    check_another_key(&keys, key.position)?;
                    keys.push(key);
                }
                flatten_item(with(keys, inner.value), items)?;
            }
        }
        value => items.push(with(keys, value)),
    }
    Ok(())
}
