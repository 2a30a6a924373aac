//! A bar for work that takes a while, where a person looks at it.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::screen::Screen;

/// A bar on standard error; none for programs, and none where nobody sees it.
pub struct Bar(Option<ProgressBar>);

impl Bar {
    pub fn new(screen: Screen, what: &'static str) -> Self {
        let seen = !screen.json && std::io::stderr().is_terminal();
        Self(seen.then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
            let bar = ProgressBar::new(0).with_message(what);
            if let Ok(style) = style { bar.with_style(style) } else { bar }
        }))
    }

    /// How many of how many are done.
    pub fn at(&self, done: usize, of: usize) {
        if let Some(bar) = &self.0 {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
