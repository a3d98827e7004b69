//! Policies beside a real OpenBao: the same texts are accepted, printed and
//! obeyed the same.

mod random;
mod syntax;
