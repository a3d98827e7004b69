//! Policies beside a real OpenBao: the same texts are accepted, printed and
//! obeyed the same.

mod matrix;
pub(crate) mod random;
mod syntax;
