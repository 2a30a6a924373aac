//! Whatever somebody sends to show who they are is read without a panic, in bounded time, and taken for nothing that it
//! is not.

use std::net::IpAddr;
use std::sync::LazyLock;

use legator_protocol::UserId;
use poem::Request;
use poem::http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;

use super::directory::{Key, KeyText};
use super::oidc::keys::{Algorithm, KeySet};
use super::oidc::provider::check_address;
use super::oidc::token::{self, Expected};
use super::oidc::{discovery, pending};
use super::passkey::cbor::Item;
use super::passkey::proof::{self, Place, Proof};
use super::session::{Session, SessionLimits, SessionText, Sessions, Visitor};
use super::{caller, device, link, name, password, totp};
use crate::clock::Clock;
use crate::config::Network;
use crate::parts::{measured, parts, text};
use crate::vault::Secret;

const NOW: i64 = 1_800_000_000_000;
const LIMITS: SessionLimits = SessionLimits { idle_ms: 1_000, longest_ms: 10_000 };
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// An API key that is good, whose text nobody knows.
static KEY: LazyLock<Key> = LazyLock::new(|| {
    let clock = Clock::manual(NOW);
    KeyText::mint(&clock, clock.born(UserId::born), "k", None, None).1
});

/// A session that is open, whose text nobody knows.
static SESSIONS: LazyLock<Sessions> = LazyLock::new(|| {
    let (clock, from) = (Clock::manual(NOW), Visitor { address: HERE, agent: String::new() });
    Sessions::new([Session::mint(&clock, clock.born(UserId::born), true, &from, LIMITS).1])
});

/// `Authorization` headers, a line each, and the API key in them.
pub fn authorization(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::AUTHORIZATION, value);
        }
    }
    let Some(found) = caller::bearer(&headers) else { return };
    assert_eq!(headers.len(), 1, "of two nobody knows which is meant");
    if let Some(read) = KeyText::read(found) {
        assert!(!KEY.opens_for(&read, NOW), "nobody knows it");
        assert!(found.len() < 200, "what is read is short");
    }
}

/// Host, origin, the site that a browser tells of, and cookies.
pub fn cookies(bytes: &[u8]) {
    let [host, origin, site, cookies] = parts::<4>(bytes);
    let mut request = Request::builder().method(Method::POST).uri_str("/api/v1/x");
    let said = [("host", host), ("origin", origin), ("sec-fetch-site", site)].into_iter();
    let lines = cookies.split(|byte| *byte == b'\n').map(|line| ("cookie", line));
    for (name, value) in said.filter(|(_, value)| !value.is_empty()).chain(lines) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request = request.header(name, value);
        }
    }
    let request = request.finish();
    let from_here = caller::from_here(&request, true).is_ok();
    let said = request.header("sec-fetch-site");
    assert!(!from_here || said.is_none_or(|site| site == "same-origin"), "another site asks for a change");
    assert!(!from_here || said.is_some() || request.header("origin").is_some(), "nobody says that it was this site");
    let _ = caller::leaving_cookie(&request);
    for found in [caller::cookie(&request), caller::leaving_cookie(&request)].into_iter().flatten() {
        assert!(!found.contains(';'), "it is one of them");
        if let Some(read) = SessionText::read(found) {
            assert!(SESSIONS.open(&read, NOW, LIMITS).is_none(), "nobody knows it");
        }
    }
}

/// Where a request comes from, by what proxies say of it.
pub fn forwarded(bytes: &[u8]) {
    static TRUSTED: LazyLock<Vec<Network>> = LazyLock::new(|| "127.0.0.0/8".parse().into_iter().collect());
    let [networks, said] = parts::<2>(bytes);
    let (networks, said) = (text(networks), text(said));
    let more: Vec<Network> = networks.split(',').filter_map(|network| network.parse().ok()).take(8).collect();
    for trusted in [&*TRUSTED, &more] {
        let seen = caller::behind(trusted, HERE, Some(&said));
        let believed = trusted.iter().any(|network| network.holds(HERE));
        assert!(believed || seen == HERE, "nobody else is believed about it");
        let _ = super::throttle::network(seen);
    }
    let stranger = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(caller::behind(&TRUSTED, stranger, Some(&said)), stranger, "a stranger says nothing of others");
}

/// Two names, and whether one could be taken for the other.
pub fn names(bytes: &[u8]) {
    let [one, two] = parts::<2>(bytes);
    let (one, two) = (text(one), text(two));
    let folded = name::folded(&one);
    assert!(folded.chars().count() <= 256);
    if name::check_person(&one).is_ok() {
        assert_eq!(name::folded(&folded), folded, "folded once and for all");
        assert!(name::look_alike(&one, &one) && name::look_alike(&one, &one.to_uppercase()));
        assert!(!one.chars().any(char::is_control));
        // What is looked up alike looks alike; otherwise two people would share a name.
        assert!(name::folded(&two) != folded || name::look_alike(&one, &two));
    }
    assert_eq!(name::look_alike(&one, &two), name::look_alike(&two, &one));
    if name::check_word("role", &one).is_ok() {
        assert!(one.is_ascii() && !one.contains(['\"', '\\', '\n']), "policies compare it");
    }
}

/// A password that somebody chooses, and their name.
pub fn passwords(bytes: &[u8]) {
    let [name, chosen] = parts::<2>(bytes);
    let (name, chosen) = (text(name), text(chosen));
    if password::check(&Secret::new(chosen.clone().into_owned()), &name).is_ok() {
        assert!(chosen.chars().count() >= 12 && chosen.len() <= 256);
    }
}

/// Digits of an app, recovery codes, one-time links, the codes of programs, and where to go on after a sign-in.
pub fn codes(bytes: &[u8]) {
    let typed = text(bytes);
    if let Some(step) = totp::step_of(b"12345678901234567890", &typed, NOW, 0) {
        assert!((NOW / 30_000 - 1..=NOW / 30_000 + 1).contains(&step));
        assert_eq!(totp::step_of(b"12345678901234567890", &typed, NOW, step), None, "once");
    }
    let _ = totp::recovery_hash(&typed);
    let _ = link::hash_of(&typed);
    assert!(device::plain(&typed).len() <= 16);
    let page = pending::own_page(&typed);
    assert!(page.starts_with('/') && !page.starts_with("//") && !page.contains(['\\', '\n', '\r']), "{page:?}");
}

/// Public keys of the kinds that providers sign with; the private halves were thrown away.
static PROVIDER: LazyLock<KeySet> = LazyLock::new(|| {
    let keys = serde_json::from_str(include_str!("../../fuzz/keys.json")).unwrap_or(Value::Null);
    KeySet::read(&keys).unwrap_or_default()
});

const EXPECTED: Expected<'static> =
    Expected { issuer: "https://id.example", client_id: "legator", nonce: "n-1", now: NOW };

/// An ID token. Nobody has the keys, so none is good.
pub fn id_token(bytes: &[u8]) {
    assert!(PROVIDER.knows(Some("p256")) && PROVIDER.knows(Some("rsa")) && PROVIDER.knows(Some("ed25519")));
    let refused = token::read(&text(bytes), &PROVIDER, &EXPECTED);
    assert!(refused.is_err(), "nobody signed it");
}

/// What an ID token says, after its signature was found to be good.
pub fn claims(bytes: &[u8]) {
    let Ok(all) = serde_json::from_slice::<serde_json::Map<String, Value>>(bytes) else { return };
    for path in ["groups", "realm.roles", "a.b.c.d", "", "."] {
        assert!(token::words(&all, path).len() <= 1000);
    }
    let Ok(good) = token::check(all, &EXPECTED) else { return };
    assert!(!good.subject.is_empty() && good.subject.len() <= 255);
    assert_eq!(good.all["iss"], "https://id.example");
    assert_eq!(good.all["nonce"], "n-1");
    assert!(good.all["aud"].to_string().contains("\"legator\""));
    assert!(good.all["exp"].as_f64().is_some_and(|at| at > (NOW / 1000 - 61) as f64), "{}", good.all["exp"]);
}

/// The keys that a provider publishes, and signatures by them.
pub fn key_set(bytes: &[u8]) {
    let [signature, document] = measured::<2>(bytes);
    let Ok(document) = serde_json::from_slice::<Value>(document) else { return };
    let Some(keys) = KeySet::read(&document) else { return };
    for algorithm in Algorithm::ALL {
        let _ = keys.signed(None, algorithm, b"message", signature);
        assert!(
            !keys.signed(Some("no such key \u{1}"), algorithm, b"message", signature)
                || document.to_string().contains("no such key")
        );
    }
}

/// What a provider says of itself.
pub fn discovery(bytes: &[u8]) {
    let Ok(said) = serde_json::from_slice::<discovery::Description>(bytes) else { return };
    for address in [&said.issuer, &said.authorization_endpoint, &said.token_endpoint, &said.jwks_uri] {
        if check_address("x", address).is_ok() {
            assert!(!address.chars().any(|c| c.is_control() || c.is_whitespace()));
            let good = reqwest::Url::parse(address).is_ok_and(|url| {
                let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
                let nobody = url.username().is_empty() && url.password().is_none();
                nobody && (url.scheme() == "https" || url.scheme() == "http" && here)
            });
            assert!(good, "{address}");
        }
    }
}

fn place() -> Place {
    Place { rp_id: "legator.example".to_owned(), origin: "https://legator.example".to_owned() }
}

/// A passkey that was made.
pub fn passkey_made(bytes: &[u8]) {
    let [client, attestation] = measured::<2>(bytes);
    let _ = proof::challenge_of(client);
    let Ok(made) = proof::made(client, attestation, &[7; 32], &place()) else { return };
    assert!(!made.id.is_empty() && made.id.len() <= 1023);
    assert!(Item::read(&made.public).is_some_and(|(_, rest)| rest.is_empty()), "what is kept is one key");
    assert_eq!(proof::challenge_of(client).as_deref(), Some(&[7; 32][..]));
}

/// A proof by a passkey. Nobody has the key.
pub fn passkey_shown(bytes: &[u8]) {
    let [client_data, authenticator_data, signature, public] = measured::<4>(bytes).map(<[u8]>::to_vec);
    let proof = Proof { id: b"key".to_vec(), client_data, authenticator_data, signature };
    let point = hex::decode(include_str!("../../fuzz/point.hex").trim()).unwrap_or_default();
    let own = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], &point[1..33], &[0x22, 0x58, 32], &point[33..]];
    assert!(proof::shown(&proof, &own.concat(), 0, &[7; 32], &place()).is_err(), "nobody has the key");
    let _ = proof::shown(&proof, &public, 0, &[7; 32], &place());
}

/// CBOR as authenticators write it.
pub fn cbor(bytes: &[u8]) {
    let Some((item, rest)) = Item::read(bytes) else { return };
    let own = &bytes[..bytes.len() - rest.len()];
    assert!(!own.is_empty() && Item::read(own) == Some((item.clone(), &[][..])), "it ends where it ends");
    let _ = (item.named("authData"), item.numbered(-2), item.number(), item.bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
}
