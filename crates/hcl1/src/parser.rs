//! Tokens of HCL to a tree, with comments attached to what they stand at.

use crate::ast::{Comment, CommentGroup};
use crate::scanner::{Scanner, Syntax, Token, TokenKind};
use crate::{
    Body, Document, Error, Item, Key, List, Literal, LiteralKind, MAX_DEPTH, MAX_KEYS, Object,
    Position, Value,
};

/// Reads HCL.
pub(crate) fn parse(text: &str) -> Result<Document, Error> {
    let text = with_unix_newlines(text);
    let mut parser = Parser {
        scanner: Scanner::new(&text, Syntax::Hcl),
        token: Token {
            kind: TokenKind::End,
            position: Position {
                line: 0,
                ..Position::START
            },
            raw: String::new(),
        },
        pushed_back: false,
        comments: Vec::new(),
        lead: None,
        line: None,
        depth: 0,
    };
    let body = parser.body(None)?;
    Ok(Document {
        body,
        comments: parser.comments,
    })
}

/// OpenBao's parser counts and prints lines this way, too, but leaves a `\r\n`
/// behind where more than one `\r` is before the newline: within a string, a
/// formatted text would then say something else when it is read again.
fn with_unix_newlines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if let Some(line) = line.strip_suffix('\n') {
            lines.push_str(line.trim_end_matches('\r'));
            lines.push('\n');
        } else {
            lines.push_str(line);
        }
    }
    lines
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    /// The token that was read last.
    token: Token,
    /// Whether it is to be read again.
    pushed_back: bool,
    comments: Vec<CommentGroup>,
    /// The comment directly above the next token.
    lead: Option<CommentGroup>,
    /// The comment behind the last token of a line.
    line: Option<CommentGroup>,
    depth: usize,
}

impl Parser<'_> {
    fn scan(&mut self) -> Result<&Token, Error> {
        if self.pushed_back {
            self.pushed_back = false;
            return Ok(&self.token);
        }
        let previous = self.token.position.line;
        self.token = self.scanner.next()?;
        if self.token.kind == TokenKind::Comment {
            self.collect_comments(previous)?;
        }
        Ok(&self.token)
    }

    fn push_back(&mut self) {
        self.pushed_back = true;
    }

    fn collect_comments(&mut self, previous_line: usize) -> Result<(), Error> {
        if self.token.position.line == previous_line {
            let (group, end) = self.comment_group(0)?;
            if self.token.position.line != end {
                self.line = Some(group);
            }
        }
        let mut last = None;
        while self.token.kind == TokenKind::Comment {
            last = Some(self.comment_group(1)?);
        }
        if let Some((group, end)) = last
            && end + 1 == self.token.position.line
            && !self.token.is('}')
            && !self.token.is(']')
        {
            self.lead = Some(group);
        }
        Ok(())
    }

    /// Comments with at most `gap` line ends between them, and the last one's line.
    fn comment_group(&mut self, gap: usize) -> Result<(CommentGroup, usize), Error> {
        let mut group = Vec::new();
        let mut end = self.token.position.line;
        while self.token.kind == TokenKind::Comment && self.token.position.line <= end + gap {
            end = self.token.position.line + self.token.raw.matches('\n').count();
            let next = self.scanner.next()?;
            let comment = std::mem::replace(&mut self.token, next);
            group.push(Comment {
                text: comment.raw,
                position: comment.position,
            });
        }
        self.comments.push(group.clone());
        Ok((group, end))
    }

    /// The items up to the closing brace of the object that begins at `open`,
    /// or up to the end of the text.
    fn body(&mut self, open: Option<Position>) -> Result<Body, Error> {
        let mut items = Vec::new();
        loop {
            let token = self.scan()?;
            match open {
                Some(_) if token.is('}') => break,
                None if token.kind == TokenKind::End => break,
                Some(open) if token.kind == TokenKind::End => {
                    return Err(Error::new(open, "this `{` has no `}`"));
                }
                _ => self.push_back(),
            }
            items.push(self.item()?);
            if !self.scan()?.is(',') {
                self.push_back();
            }
        }
        Ok(Body { items })
    }

    fn item(&mut self) -> Result<Item, Error> {
        let keys = self.keys()?;
        let first_line = keys.first().map_or(0, |key| key.position.line);
        let lead = self.lead.take();
        let (assign, value) = if self.token.is('=') {
            (Some(self.token.position), self.value()?)
        } else {
            (None, Value::Object(self.object()?))
        };
        // A comment between `=` and a value on the next line.
        let mut line = self.line.take();
        // Looks for a comment behind the value.
        self.scan()?;
        if value.position().line == first_line
            && let Some(behind) = self.line.take()
        {
            line = Some(behind);
        }
        self.push_back();
        Ok(Item {
            keys,
            assign,
            value,
            lead,
            line,
        })
    }

    /// The keys before `=` or `{`, which is the present token afterwards.
    fn keys(&mut self) -> Result<Vec<Key>, Error> {
        let mut keys: Vec<Key> = Vec::new();
        loop {
            let token = self.scan()?;
            let name = match &token.kind {
                TokenKind::Identifier if !is_bool(&token.raw) => token.raw.clone(),
                TokenKind::String(text) => text.clone(),
                TokenKind::Sign('{') if !keys.is_empty() => return Ok(keys),
                TokenKind::Sign('=') if keys.len() == 1 => return Ok(keys),
                TokenKind::Sign('=') if keys.len() > 1 => {
                    let problem = "a block with a label takes `{`, not `=`";
                    return Err(Error::new(token.position, problem));
                }
                _ => {
                    let found = token.describe();
                    let problem = match keys.last() {
                        Some(key) => {
                            format!("expected `=` or `{{` after `{}`, found {found}", key.raw)
                        }
                        None => format!("expected a key, found {found}"),
                    };
                    return Err(Error::new(token.position, problem));
                }
            };
            check_another_key(&keys, token.position)?;
            keys.push(Key {
                name: name.into(),
                position: token.position,
                raw: token.raw.as_str().into(),
            });
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let token = self.scan()?;
        if let Some(literal) = literal(token) {
            return Ok(Value::Literal(literal));
        }
        match token.kind {
            TokenKind::Sign('{') => Ok(Value::Object(self.object()?)),
            TokenKind::Sign('[') => Ok(Value::List(self.list()?)),
            _ => {
                let found = token.describe();
                let hint = if token.kind == TokenKind::Identifier {
                    ": strings are quoted"
                } else {
                    ""
                };
                let problem = format!("expected a value after `=`, found {found}{hint}");
                Err(Error::new(token.position, problem))
            }
        }
    }

    /// The present token is the opening brace.
    fn object(&mut self) -> Result<Object, Error> {
        let position = self.token.position;
        self.enter()?;
        let body = self.body(Some(position))?;
        self.depth -= 1;
        Ok(Object {
            body,
            position,
            end: self.token.position,
        })
    }

    /// The present token is the opening bracket.
    fn list(&mut self) -> Result<List, Error> {
        let position = self.token.position;
        self.enter()?;
        let mut values = Vec::new();
        let mut needs_comma = false;
        loop {
            let token = self.scan()?.clone();
            match token.kind {
                TokenKind::Sign(']') => break,
                TokenKind::Sign(',') => {
                    self.comment_behind(&mut values)?;
                    needs_comma = false;
                }
                TokenKind::End => return Err(Error::new(position, "this `[` has no `]`")),
                _ if needs_comma => {
                    let problem = format!("expected `,` or `]`, found {}", token.describe());
                    return Err(Error::new(token.position, problem));
                }
                TokenKind::Sign('{') => {
                    values.push(Value::Object(self.object()?));
                    needs_comma = true;
                }
                // A comma after a list is optional in OpenBao.
                TokenKind::Sign('[') => values.push(Value::List(self.list()?)),
                _ => {
                    let Some(mut literal) = literal(&token) else {
                        let problem =
                            format!("expected a value or `]`, found {}", token.describe());
                        return Err(Error::new(token.position, problem));
                    };
                    literal.lead = self.lead.take();
                    values.push(Value::Literal(literal));
                    needs_comma = true;
                }
            }
        }
        self.depth -= 1;
        Ok(List { values, position })
    }

    /// Looks for a comment behind the comma of a list's last element.
    fn comment_behind(&mut self, values: &mut [Value]) -> Result<(), Error> {
        self.scan()?;
        if let Some(Value::Literal(literal)) = values.last_mut()
            && self.line.is_some()
        {
            literal.line = self.line.take();
        }
        self.push_back();
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let problem = format!("objects and lists are nested more than {MAX_DEPTH} deep");
            return Err(Error::new(self.token.position, problem));
        }
        Ok(())
    }
}

/// Checks that an item with these keys may have one more.
pub(crate) fn check_another_key(keys: &[Key], position: Position) -> Result<(), Error> {
    if keys.len() < MAX_KEYS {
        return Ok(());
    }
    let problem = format!("an item has a key and at most {} labels", MAX_KEYS - 1);
    Err(Error::new(position, problem))
}

fn is_bool(raw: &str) -> bool {
    raw == "true" || raw == "false"
}

fn literal(token: &Token) -> Option<Literal> {
    let kind = match &token.kind {
        TokenKind::Identifier if is_bool(&token.raw) => LiteralKind::Bool(token.raw == "true"),
        TokenKind::Number => LiteralKind::Number(token.raw.clone()),
        TokenKind::Float => LiteralKind::Float(token.raw.clone()),
        TokenKind::String(text) => LiteralKind::String(text.clone()),
        TokenKind::Heredoc(text) => LiteralKind::Heredoc(text.clone()),
        _ => return None,
    };
    Some(Literal {
        kind,
        position: token.position,
        raw: token.raw.clone(),
        lead: None,
        line: None,
    })
}
