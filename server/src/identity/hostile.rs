//! Whatever somebody sends as a credential is read without a panic, in bounded time, and taken for nothing that it is not.

use proptest::prelude::*;

use super::directory::KeyText;
use super::session::SessionText;
use super::{link, name, totp};
use crate::clock::Clock;
use legator_protocol::UserId;

/// Anything at all; anything with the marks of a credential; a credential with a change.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(lgk|lgs|lgl)_[0-9A-Za-z]{0,30}_?[0-9A-Za-z_\\-=+/]{0,60}",
        "lgk_[0-7][0-9A-HJKMNP-TV-Z]{25}_[A-Za-z0-9_\\-]{42,44}",
        "[0-9 ]{0,12}",
        "([A-Z2-7]{4}-?){0,6}",
    ]
}

proptest! {
    #[test]
    fn a_text_that_nobody_was_given_is_no_credential(text in text(), now in any::<i64>()) {
        let clock = Clock::manual(1_000);
        let (given, key) = KeyText::mint(&clock, clock.born(UserId::born), "k", None, None);
        prop_assume!(text != *given.expose());
        if let Some(read) = KeyText::read(&text) {
            prop_assert!(!key.opens_for(&read, now));
        }
        let _ = SessionText::read(&text);
        let _ = link::hash_of(&text);
        let _ = totp::recovery_hash(&text);
        let _ = totp::step_of(b"12345678901234567890", &text, now / 2, 0);
    }

    #[test]
    fn a_key_with_one_letter_changed_is_another_or_none(at in 0usize..70, letter in "[A-Za-z0-9_\\-]") {
        let clock = Clock::manual(1_000);
        let (given, key) = KeyText::mint(&clock, clock.born(UserId::born), "k", None, None);
        let mut changed: Vec<char> = given.expose().chars().collect();
        prop_assume!(at < changed.len());
        let letter = letter.chars().next().unwrap_or('A');
        prop_assume!(changed[at] != letter);
        changed[at] = letter;
        let changed: String = changed.into_iter().collect();
        // The id is read in either case; the secret, and whose it is, are exact.
        let opened = KeyText::read(&changed).is_some_and(|read| read.id == key.id && key.opens_for(&read, 1_000));
        prop_assert!(!opened || changed.to_uppercase() == given.expose().to_uppercase() && at < 30);
    }

    #[test]
    fn a_name_is_folded_alike_every_time_and_looks_like_itself(one in any::<String>(), two in any::<String>()) {
        let folded = name::folded(&one);
        prop_assert!(folded.chars().count() <= 256);
        if name::check_person(&one).is_ok() {
            prop_assert_eq!(name::folded(&folded), folded);
            prop_assert!(name::look_alike(&one, &one) && name::look_alike(&one, &one.to_uppercase()));
        }
        prop_assert_eq!(name::look_alike(&one, &two), name::look_alike(&two, &one));
    }
}
