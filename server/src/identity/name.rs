//! Names of people, roles and groups: what may be one, and which two would be taken for each other.
//! Never: two people whose names look alike. A name is what an approver and an auditor go by.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _, skeleton};

/// Characters, as a person counts them.
const LONGEST: usize = 64;
const MARKS: &str = " -_.@+";

/// The spelling under which a name is looked up and throttled: normal form, small letters.
pub(super) fn folded(name: &str) -> String {
    name.trim().nfkc().flat_map(char::to_lowercase).nfkc().take(4 * LONGEST).collect()
}

/// A person's name: letters and digits of one script, and a few marks.
pub(super) fn check_person(name: &str) -> Result<(), String> {
    let taken = |c: char| MARKS.contains(c) || (c.is_alphanumeric() && c.identifier_allowed());
    let n_chars = name.chars().count();
    if name.is_empty() || n_chars > LONGEST || name.trim() != name || !name.chars().all(taken) {
        return Err(format!("`name` has to be 1 to {LONGEST} letters, digits, spaces or `-_.@+`"));
    }
    if !name.nfkc().eq(name.chars()) {
        return Err("`name` is not in its normal form (NFKC); write its letters the plain way".to_owned());
    }
    if !name.is_single_script() {
        return Err("`name` mixes letters of several scripts, which can be taken for another name".to_owned());
    }
    Ok(())
}

/// The name of a role, a group or a key: plain, since policies compare it.
pub(super) fn check_word(what: &str, word: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(c);
    if word.is_empty() || word.len() > LONGEST || !word.chars().all(plain) || word.trim() != word {
        return Err(format!("`{what}` has to be 1 to {LONGEST} ASCII letters, digits, spaces or `-_.@+`"));
    }
    Ok(())
}

/// Whether one could be taken for the other: in another case, or by letters that look the same.
pub(super) fn look_alike(one: &str, other: &str) -> bool {
    let sights = |name: &str| {
        let small = folded(name);
        let small_sight: String = skeleton(&small).collect();
        let sight = |name: &str| skeleton(name).flat_map(char::to_lowercase).collect::<String>();
        [sight(&name.to_uppercase()), small, small_sight, sight(name)]
    };
    sights(one).iter().zip(sights(other)).any(|(one, other)| *one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_script_and_in_its_normal_form() {
        for good in ["ana", "ana.b@example", "José", "Анна", "the viewer", "A-1_b+c"] {
            assert_eq!(check_person(good), Ok(()), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            " ana",
            "ana ",
            "a\u{202e}b",
            "аna",
            &long,
            "a\nb",
            "ﬁn",
            "a\u{200b}b",
            "ｂen",
            "ana!",
            "a/b",
            "an\u{b7}a",
            "o'neil",
            "paul\u{1c3}",
        ] {
            assert!(check_person(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_the_same() {
        for (one, other) in [
            ("ana", "Ana"),
            ("ADMIN", "ADMlN"),
            ("ana", "аnа"),
            ("cap", "сар"),
            ("paul", "pau1"),
            ("b0b", "bOb"),
            ("ADM1N", "admin"),
            ("BAM", "barn"),
            ("Im", "lrn"),
        ] {
            assert!(look_alike(one, other) && look_alike(other, one), "{one} {other}");
        }
        for (one, other) in [("ana", "anna"), ("ben", "ken"), ("user1", "user2")] {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_spelling_is_folded_once_and_for_all() {
        assert_eq!(folded(" ÅNA "), folded("a\u{30a}na"));
        assert_eq!(folded(&folded("ǅ")), folded("ǅ"));
        assert!(folded(&"x".repeat(100_000)).len() <= 4 * LONGEST);
    }

    #[test]
    fn words_of_policies_are_plain() {
        assert!(check_word("role", "policy-author").is_ok());
        for bad in ["", " a", "é", "a\"b", &"x".repeat(65)] {
            assert!(check_word("role", bad).is_err(), "{bad:?}");
        }
    }
}
