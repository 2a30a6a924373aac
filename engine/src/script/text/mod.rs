//! A script as text: its tokens, its statements and its conditions with their places, and the text with calls beside
//! them. For coverage and for mutants; what runs is always compiled by Rhai itself.

mod instrument;
mod lexer;
mod outline;

pub(crate) use instrument::{Place, instrument};
pub(crate) use lexer::{Kind, Token, tokens};
pub(crate) use outline::outline;
