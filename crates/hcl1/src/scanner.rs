//! Characters to tokens.

use crate::unquote::unquote;
use crate::{Error, Position};

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    End,
    Comment,
    /// A key without quotes, or a word of JSON.
    Identifier,
    Number,
    Float,
    /// With its value.
    String(String),
    Heredoc(String),
    /// `{ } [ ] , = :`
    Sign(char),
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) position: Position,
    /// As it is written.
    pub(crate) raw: String,
}

impl Token {
    /// How an error names it.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            TokenKind::End => "the end of the text".to_owned(),
            TokenKind::Heredoc(_) => "a `<<` text".to_owned(),
            TokenKind::String(_) => "a string".to_owned(),
            _ => format!("`{}`", self.raw),
        }
    }

    pub(crate) fn is(&self, sign: char) -> bool {
        self.kind == TokenKind::Sign(sign)
    }
}

/// Which of the two syntaxes is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Hcl,
    Json,
}

/// Reads tokens from a text, each character once.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    syntax: Syntax,
    at: Position,
}

impl<'a> Scanner<'a> {
    /// Lines of `text` end in `\n`.
    pub(crate) fn new(text: &'a str, syntax: Syntax) -> Self {
        Self {
            text,
            syntax,
            at: Position::START,
        }
    }

    /// The next token; [`TokenKind::End`] again and again after the last one.
    pub(crate) fn next(&mut self) -> Result<Token, Error> {
        self.skip_while(|next| matches!(next, ' ' | '\t' | '\n' | '\r'))?;
        let position = self.at;
        let json = self.syntax == Syntax::Json;
        let kind = match self.peek() {
            None => TokenKind::End,
            Some('"') => self.string()?,
            Some('#' | '/') if !json => self.comment()?,
            Some('<') if !json => self.heredoc()?,
            Some(sign @ ('{' | '}' | '[' | ']' | ',')) => self.sign(sign)?,
            Some('=') if !json => self.sign('=')?,
            Some(':') if json => self.sign(':')?,
            Some(first) if is_letter(first) => self.identifier()?,
            Some(first) if first.is_ascii_digit() => self.number()?,
            Some('-') if self.second().is_some_and(|next| next.is_ascii_digit()) => {
                self.take()?;
                self.number()?
            }
            Some('.') if self.second().is_some_and(|next| next.is_ascii_digit()) => {
                self.take()?;
                self.digits()?;
                TokenKind::Float
            }
            Some(other) => {
                return self.fail(format!("`{}` is not expected here", other.escape_debug()));
            }
        };
        let raw = self.text[position.offset..self.at.offset].to_owned();
        Ok(Token {
            kind,
            position,
            raw,
        })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    /// Moves over one character.
    fn take(&mut self) -> Result<Option<char>, Error> {
        let Some(next) = self.peek() else {
            return Ok(None);
        };
        if next == '\0' {
            return self.fail("a text must not contain the character U+0000");
        }
        // OpenBao's printer marks lines with it, so its scanner refuses it.
        if next == '\u{e123}' && self.syntax == Syntax::Hcl {
            return self.fail("a text must not contain the character U+E123");
        }
        self.at.offset += next.len_utf8();
        if next == '\n' {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += 1;
        }
        Ok(Some(next))
    }

    fn skip_while(&mut self, belongs: impl Fn(char) -> bool) -> Result<(), Error> {
        while self.peek().is_some_and(&belongs) {
            self.take()?;
        }
        Ok(())
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, Error> {
        Err(Error::new(self.at, problem))
    }

    fn sign(&mut self, sign: char) -> Result<TokenKind, Error> {
        self.take()?;
        Ok(TokenKind::Sign(sign))
    }

    fn identifier(&mut self) -> Result<TokenKind, Error> {
        let dots = self.syntax == Syntax::Hcl;
        self.skip_while(|next| {
            is_letter(next) || next.is_numeric() || next == '-' || (dots && next == '.')
        })?;
        Ok(TokenKind::Identifier)
    }

    fn digits(&mut self) -> Result<(), Error> {
        self.skip_while(|next| next.is_ascii_digit())
    }

    fn number(&mut self) -> Result<TokenKind, Error> {
        let start = self.at.offset;
        let json = self.syntax == Syntax::Json;
        if !json && self.peek() == Some('0') && matches!(self.second(), Some('x' | 'X')) {
            self.take()?;
            self.take()?;
            if !self.peek().is_some_and(|next| next.is_ascii_hexdigit()) {
                return self.fail("`0x` must be followed by a hexadecimal digit");
            }
            self.skip_while(|next| next.is_ascii_hexdigit())?;
            return Ok(TokenKind::Number);
        }
        self.digits()?;
        let digits = &self.text[start..self.at.offset];
        let mut kind = TokenKind::Number;
        if self.peek() == Some('.') {
            self.take()?;
            self.digits()?;
            kind = TokenKind::Float;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.take()?;
            if matches!(self.peek(), Some('+' | '-')) {
                self.take()?;
            }
            if !self.peek().is_some_and(|next| next.is_ascii_digit()) {
                return self.fail("an exponent must have a digit");
            }
            self.digits()?;
            kind = TokenKind::Float;
        }
        if kind == TokenKind::Number && digits.starts_with('0') {
            if json && digits.len() > 1 {
                return self.fail("a number of JSON must not begin with `0`");
            }
            // The digit after the 0 is not checked by OpenBao either: whoever
            // needs the value finds that `08` is no number.
            if digits.chars().skip(2).any(|digit| digit > '7') {
                return self.fail("a number that begins with `0` is octal: its digits are 0 to 7");
            }
        }
        Ok(kind)
    }

    fn comment(&mut self) -> Result<TokenKind, Error> {
        let rest = self.rest();
        if rest.starts_with("/*") {
            let start = self.at;
            self.take()?;
            self.take()?;
            let mut last = '\0';
            while let Some(next) = self.take()? {
                if last == '*' && next == '/' {
                    return Ok(TokenKind::Comment);
                }
                last = next;
            }
            return Err(Error::new(start, "this comment has no `*/`"));
        }
        if rest.starts_with('/') && !rest.starts_with("//") {
            return self.fail("a comment begins with `#`, `//` or `/*`");
        }
        self.skip_while(|next| next != '\n')?;
        Ok(TokenKind::Comment)
    }

    fn string(&mut self) -> Result<TokenKind, Error> {
        let start = self.at;
        let interpolates = self.syntax == Syntax::Hcl;
        self.take()?;
        // Quotes and line ends between `${` and its `}` belong to the string.
        let mut braces = 0_usize;
        loop {
            let before = self.at;
            match self.take()? {
                None => return Err(Error::new(start, "this string has no closing quote")),
                Some('\n') if braces == 0 => {
                    let problem = "this string has no closing quote on its line";
                    return Err(Error::new(start, problem));
                }
                Some('"') if braces == 0 => break,
                Some('\\') => self.escape(before)?,
                Some('$') if interpolates && braces == 0 && self.peek() == Some('{') => {
                    self.take()?;
                    braces = 1;
                }
                Some('{') if braces > 0 => braces += 1,
                Some('}') if braces > 0 => braces -= 1,
                Some(_) => {}
            }
        }
        let inner = &self.text[start.offset + 1..self.at.offset - 1];
        let Some(text) = unquote(inner, interpolates) else {
            let problem = "the escapes of this string do not stand for characters";
            return Err(Error::new(start, problem));
        };
        Ok(TokenKind::String(text))
    }

    fn escape(&mut self, start: Position) -> Result<(), Error> {
        let (radix, count) = match self.take()? {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"') => return Ok(()),
            Some('0'..='7') => (8, 2),
            Some('x') => (16, 2),
            Some('u') => (16, 4),
            Some('U') => (16, 8),
            _ => {
                let allowed = r#"`\a`, `\b`, `\f`, `\n`, `\r`, `\t`, `\v`, `\\`, `\"`, `\x41`, `\u0041`, `\U00000041` or `\101`"#;
                return Err(Error::new(start, format!("an escape is one of {allowed}")));
            }
        };
        for _ in 0..count {
            if !self.peek().is_some_and(|next| next.is_digit(radix)) {
                return Err(Error::new(start, "this escape is too short"));
            }
            self.take()?;
        }
        Ok(())
    }

    /// `<<EOF`, or `<<-EOF` with lines indented as the closing mark is.
    fn heredoc(&mut self) -> Result<TokenKind, Error> {
        let start = self.at;
        self.take()?;
        if self.take()? != Some('<') {
            return Err(Error::new(
                start,
                "a text of several lines begins with `<<`",
            ));
        }
        let indented = self.peek() == Some('-');
        if indented {
            self.take()?;
        }
        let from = self.at.offset;
        self.skip_while(|next| is_letter(next) || next.is_numeric())?;
        let mark = &self.text[from..self.at.offset];
        if self.peek() == Some('\r') && self.second() == Some('\n') {
            self.take()?;
        }
        if mark.is_empty() && !indented || self.peek() != Some('\n') {
            return self
                .fail("`<<` is followed by a mark of letters and digits and the end of the line");
        }
        self.take()?;
        let body = self.at.offset;
        loop {
            let line_start = self.at.offset;
            self.skip_while(|next| next != '\n')?;
            let line = &self.text[line_start..self.at.offset];
            if self.take()?.is_none() {
                let problem = format!("this text is not closed by a line `{mark}`");
                return Err(Error::new(start, problem));
            }
            let stripped = line.trim_start_matches(is_space).trim_end_matches('\r');
            // OpenBao compares lengths with the `-`: the closing mark of an
            // indented text must be indented.
            if stripped == mark && line.len() >= mark.len() + usize::from(indented) {
                let indent = &line[..line.len() - line.trim_start_matches(is_space).len()];
                let text = &self.text[body..line_start];
                return Ok(TokenKind::Heredoc(if indented {
                    unindent(text, indent)
                } else {
                    format!("{text}{indent}")
                }));
            }
        }
    }
}

/// Removes the indentation of the closing mark if all lines have it.
fn unindent(text: &str, indent: &str) -> String {
    let lines = || text.split_inclusive('\n');
    if lines().all(|line| line.starts_with(indent)) {
        lines().map(|line| &line[indent.len()..]).collect()
    } else {
        text.to_owned()
    }
}

fn is_letter(next: char) -> bool {
    next == '_' || next.is_alphabetic()
}

fn is_space(next: char) -> bool {
    matches!(next, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heredoc(text: &str) -> String {
        let token = Scanner::new(text, Syntax::Hcl).next().unwrap();
        match token.kind {
            TokenKind::Heredoc(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_heredoc_is_the_lines_before_its_mark() {
        assert_eq!(heredoc("<<E\na\n b\nE\n"), "a\n b\n");
        assert_eq!(heredoc("<<E\na\n  E\n"), "a\n  ");
        assert_eq!(heredoc("<<E\nEE\nE\n"), "EE\n");
    }

    #[test]
    fn an_indented_heredoc_loses_the_indentation_of_its_mark() {
        assert_eq!(heredoc("<<-E\n  a\n   b\n  E\n"), "a\n b\n");
        assert_eq!(heredoc("<<-E\n a\n  E\n"), " a\n");
    }
}
