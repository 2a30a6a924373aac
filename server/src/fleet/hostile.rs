//! What a machine says before it is known, and what a probe that is known may make up.

use std::collections::BTreeSet;

use legator_protocol::Inventory;

use super::enroll::check_word;
use super::probe::check_tags;
use super::token::TokenText;
use crate::parts::{parts, text};

/// A token, a name and tags. What is taken is plain enough to stand in lists, logs and policies.
pub fn enrollment(bytes: &[u8]) {
    let [token, name, tags] = parts::<3>(bytes);
    let token = text(token);
    if TokenText::read(&token).is_some() {
        let marks = token.bytes().filter(|byte| *byte == b'_').count();
        assert!(token.starts_with("lgt_") && marks >= 3 && token.len() >= 75, "{token:?}");
    }
    let name = text(name);
    if check_word("name", &name).is_ok() {
        assert!(name.is_ascii() && !name.is_empty() && name.len() <= 128);
        assert!(!name.chars().any(|c| c.is_control() || c.is_whitespace()));
    }
    let tags: BTreeSet<String> = text(tags).split(',').map(str::to_owned).collect();
    match check_tags(&tags) {
        Ok(()) => assert!(tags.iter().all(|tag| !tag.contains(['"', '\\', '\n', ' ']))),
        Err(why) => assert!(why.len() < 1_000, "a refusal is short, whatever it refuses"),
    }
}

/// What a probe says is on its host.
pub fn inventory(inventory: &Inventory) {
    let Ok(kept) = super::inventory::checked(inventory) else { return };
    assert!(kept.len() <= 6, "only sections that are known");
}
