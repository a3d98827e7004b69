//! Policies beside a real OpenBao: the same texts are accepted, printed and
//! obeyed the same.

pub(crate) mod random;
mod syntax;
