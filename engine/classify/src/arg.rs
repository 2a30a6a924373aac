//! One word of a command as far as it is known before it runs.

use std::borrow::Cow;

/// A word, or what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arg<'a> {
    /// The word; where it is not exact, what it certainly begins with.
    pub text: Cow<'a, str>,
    /// Whether `text` is the whole word.
    pub exact: bool,
    /// It may turn into several words, or none.
    pub many: bool,
    /// Every word that it turns into begins with `text`.
    pub pinned: bool,
    /// The word as it was written, where that is not `text`.
    pub written: Option<Cow<'a, str>>,
}

impl<'a> Arg<'a> {
    pub fn exact(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), exact: true, many: false, pinned: true, written: None }
    }

    /// Any number of words of which nothing is known.
    pub fn anything(written: impl Into<Cow<'a, str>>) -> Self {
        Self { text: Cow::Borrowed(""), exact: false, many: true, pinned: false, written: Some(written.into()) }
    }

    /// One word that begins with `prefix`.
    pub fn open(prefix: impl Into<Cow<'a, str>>, written: impl Into<Cow<'a, str>>) -> Self {
        Self { text: prefix.into(), exact: false, many: false, pinned: true, written: Some(written.into()) }
    }

    pub fn shown(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }

    /// Whether it, or a word that it turns into, could be an option that cannot be read.
    pub fn may_be_an_option(&self) -> bool {
        !self.exact && (self.text.is_empty() || self.text.starts_with('-') || self.many && !self.pinned)
    }

    /// The part after `from` bytes of what is known.
    pub fn after(&self, from: usize) -> Arg<'a> {
        let text = match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(from..).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(from..).unwrap_or_default().to_owned()),
        };
        Arg { text, exact: self.exact, many: self.many, pinned: self.pinned, written: self.written.clone() }
    }
}
