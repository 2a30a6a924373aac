//! Reading an ID token: whose it is, for whom, since when, and whether the provider signed it.
//! Never: a claim that is looked at before the signature is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::keys::{Algorithm, KeySet};

/// Clocks of providers differ from ours.
const SLACK_S: i64 = 60;
/// In bytes. Groups of a large directory fit; what is longer is no token.
const LONGEST: usize = 64 * 1024;
const LONGEST_SUBJECT: usize = 255;

/// What a token has to say to be good.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    pub issuer: &'e str,
    pub client_id: &'e str,
    pub nonce: &'e str,
    /// UTC milliseconds.
    pub now: i64,
}

/// What a good token says.
#[derive(Clone, Debug)]
pub struct Claims {
    pub subject: String,
    pub all: Map<String, Value>,
}

/// Why a token is refused. The log gets this; whoever brought the token does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the token cannot be read")]
    Malformed,
    #[error("the token's algorithm is not one that only the provider can use")]
    Algorithm,
    #[error("the token names a key that the provider does not publish")]
    UnknownKey,
    #[error("the token's signature is not the provider's")]
    Signature,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is for somebody else")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    Early,
    #[error("the token's nonce is not the one of this sign-in")]
    Nonce,
    #[error("the token names no subject")]
    Subject,
}

/// Reads a token and takes nothing of it for granted.
pub fn read(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, TokenFault> {
    check(signed(token, keys)?.claims, expected)
}

/// A token that the provider signed, whatever it says.
#[derive(Clone, Debug)]
pub struct Signed {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

/// Reads a token that the provider signed.
pub fn signed(token: &str, keys: &KeySet) -> Result<Signed, TokenFault> {
    let (header, claims, signature, message) = parts(token)?;
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::read).ok_or(TokenFault::Algorithm)?;
    // An extension that has to be understood and is not, or a token within a token.
    if header.contains_key("crit") || header.contains_key("b64") || header.contains_key("zip") {
        return Err(TokenFault::Malformed);
    }
    let key = match header.get("kid") {
        None => None,
        Some(Value::String(key)) => Some(key.as_str()),
        Some(_) => return Err(TokenFault::Malformed),
    };
    if !keys.knows(key) {
        return Err(TokenFault::UnknownKey);
    }
    if !keys.signed(key, algorithm, message, &signature) {
        return Err(TokenFault::Signature);
    }
    Ok(Signed { header, claims })
}

/// The claims of a token that was found good when it came.
pub fn claims(token: &str) -> Option<Map<String, Value>> {
    parts(token).ok().map(|(_, claims, ..)| claims)
}

/// When a token was made, of one whose times are sound.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// In UTC seconds.
    pub issued_at: Option<i64>,
}

type Parts<'t> = (Map<String, Value>, Map<String, Value>, Vec<u8>, &'t [u8]);

fn parts(token: &str) -> Result<Parts<'_>, TokenFault> {
    if token.len() > LONGEST {
        return Err(TokenFault::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(TokenFault::Malformed)?;
    let decoded = |part: &str| BASE64.decode(part).map_err(|_| TokenFault::Malformed);
    let object = |part: &str| serde_json::from_slice(&decoded(part)?).map_err(|_| TokenFault::Malformed);
    Ok((object(header)?, object(claims)?, decoded(signature)?, message.as_bytes()))
}

pub(in crate::identity) fn check(claims: Map<String, Value>, expected: &Expected<'_>) -> Result<Claims, TokenFault> {
    sound(&claims, expected.issuer, expected.client_id, expected.now)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let same: bool = text("nonce").unwrap_or_default().as_bytes().ct_eq(expected.nonce.as_bytes()).into();
    if !same || expected.nonce.is_empty() {
        return Err(TokenFault::Nonce);
    }
    let subject = text("sub").filter(|sub| !sub.is_empty() && sub.len() <= LONGEST_SUBJECT);
    let subject = subject.ok_or(TokenFault::Subject)?.to_owned();
    Ok(Claims { subject, all: claims })
}

/// Whether a token is of this issuer, for this client alone or first, and of now.
pub fn sound(claims: &Map<String, Value>, issuer: &str, client_id: &str, now: i64) -> Result<Times, TokenFault> {
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(TokenFault::Issuer);
    }
    let ours = |one: &Value| one.as_str() == Some(client_id);
    let alone = match claims.get("aud") {
        Some(one @ Value::String(_)) if ours(one) => true,
        Some(Value::Array(all)) if all.iter().any(ours) => all.len() == 1,
        _ => return Err(TokenFault::Audience),
    };
    match claims.get("azp") {
        Some(party) if !ours(party) => return Err(TokenFault::Audience),
        None if !alone => return Err(TokenFault::Audience),
        _ => {}
    }
    let now_s = now.div_euclid(1000);
    let moment = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(at) => seconds(at).map(Some).ok_or(TokenFault::Malformed),
    };
    if moment("exp")?.ok_or(TokenFault::Malformed)? <= now_s.saturating_sub(SLACK_S) {
        return Err(TokenFault::Expired);
    }
    for name in ["nbf", "iat"] {
        if moment(name)?.is_some_and(|at| at > now_s.saturating_add(SLACK_S)) {
            return Err(TokenFault::Early);
        }
    }
    Ok(Times { issued_at: moment("iat")? })
}

/// Some providers write seconds with a fraction.
fn seconds(at: &Value) -> Option<i64> {
    const LATEST: f64 = 1e12;
    let whole = |at: f64| (at.is_finite() && at.abs() < LATEST).then(|| format!("{at:.0}").parse().ok()).flatten();
    at.as_i64().or_else(|| at.as_f64().and_then(whole))
}

/// Words of a claim: a list, or one word. A path with dots leads into objects, unless a claim has that very name.
pub fn words(claims: &Map<String, Value>, path: &str) -> Vec<String> {
    const MOST: usize = 1000;
    let found = claims.get(path).or_else(|| {
        let mut steps = path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |at, step| at.get(step))
    });
    match found {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).take(MOST).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000_000;
    const EXPECTED: Expected<'static> =
        Expected { issuer: "https://id.example", client_id: "legator", nonce: "n-1", now: NOW };

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
        }

        fn keys(&self) -> KeySet {
            let point = self.0.public_key().as_ref();
            let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
            KeySet::read(&json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y }] })).unwrap()
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", BASE64.encode(signature))
        }
    }

    fn header() -> Value {
        json!({ "alg": "ES256", "kid": "k1" })
    }

    fn claims() -> Value {
        json!({ "iss": "https://id.example", "aud": "legator", "sub": "u-1", "nonce": "n-1",
                "iat": NOW / 1000, "exp": NOW / 1000 + 300 })
    }

    fn with(mut value: Value, name: &str, to: Value) -> Value {
        value[name] = to;
        value
    }

    fn without(mut value: Value, name: &str) -> Value {
        value.as_object_mut().unwrap().remove(name);
        value
    }

    #[test]
    fn takes_a_good_token_and_says_why_a_bad_one_is_bad() {
        let signer = Signer::new();
        let keys = signer.keys();
        let read = |header: Value, claims: Value| {
            read(&signer.token(&header, &claims), &keys, &EXPECTED).map(|claims| claims.subject)
        };
        assert_eq!(read(header(), claims()), Ok("u-1".to_owned()));
        assert_eq!(read(without(header(), "kid"), claims()), Ok("u-1".to_owned()));
        let several = with(with(claims(), "aud", json!(["legator", "other"])), "azp", json!("legator"));
        assert!(read(header(), several.clone()).is_ok());
        let now = NOW / 1000;
        for (claims, fault) in [
            (with(claims(), "iss", json!("https://evil.example")), TokenFault::Issuer),
            (with(claims(), "iss", json!("https://id.example/")), TokenFault::Issuer),
            (without(claims(), "iss"), TokenFault::Issuer),
            (with(claims(), "aud", json!("other")), TokenFault::Audience),
            (with(claims(), "aud", json!([])), TokenFault::Audience),
            (without(several.clone(), "azp"), TokenFault::Audience),
            (with(several, "azp", json!("other")), TokenFault::Audience),
            (with(claims(), "exp", json!(now - 61)), TokenFault::Expired),
            (with(claims(), "exp", json!("soon")), TokenFault::Malformed),
            (with(claims(), "exp", json!(1e300)), TokenFault::Malformed),
            (without(claims(), "exp"), TokenFault::Malformed),
            (with(claims(), "nbf", json!(now + 120)), TokenFault::Early),
            (with(claims(), "iat", json!(now + 120)), TokenFault::Early),
            (with(claims(), "nonce", json!("n-2")), TokenFault::Nonce),
            (without(claims(), "nonce"), TokenFault::Nonce),
            (without(claims(), "sub"), TokenFault::Subject),
            (with(claims(), "sub", json!("x".repeat(256))), TokenFault::Subject),
        ] {
            assert_eq!(read(header(), claims.clone()), Err(fault), "{claims}");
        }
        for (header, fault) in [
            (with(header(), "alg", json!("none")), TokenFault::Algorithm),
            (with(header(), "alg", json!("HS256")), TokenFault::Algorithm),
            (without(header(), "alg"), TokenFault::Algorithm),
            (with(header(), "alg", json!("RS256")), TokenFault::Signature),
            (with(header(), "kid", json!("k2")), TokenFault::UnknownKey),
            (with(header(), "kid", json!(1)), TokenFault::Malformed),
            (with(header(), "crit", json!(["x"])), TokenFault::Malformed),
        ] {
            assert_eq!(read(header.clone(), claims()), Err(fault), "{header}");
        }
        let others = Signer::new().token(&header(), &claims());
        assert_eq!(super::read(&others, &keys, &EXPECTED).unwrap_err(), TokenFault::Signature);
    }

    #[test]
    fn a_token_that_is_cut_or_changed_anywhere_is_no_token() {
        let signer = Signer::new();
        let (keys, token) = (signer.keys(), signer.token(&header(), &claims()));
        for end in 0..token.len() {
            assert!(read(&token[..end], &keys, &EXPECTED).is_err(), "{end}");
        }
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(read(&changed, &keys, &EXPECTED).is_err(), "{at}");
        }
        let unsigned = token.rsplit_once('.').unwrap().0;
        assert!(read(&format!("{unsigned}."), &keys, &EXPECTED).is_err());
        assert!(read(&format!("{token}."), &keys, &EXPECTED).is_err());
        assert_eq!(read(&"a".repeat(1_000_000), &keys, &EXPECTED).unwrap_err(), TokenFault::Malformed);
    }

    #[test]
    fn words_are_found_by_name_and_by_path() {
        let claims = json!({ "groups": ["ops", 1, "dev"], "a.b": "flat", "realm": { "roles": ["x"] }, "n": 1 });
        let of = |path: &str| words(claims.as_object().unwrap(), path);
        assert_eq!(of("groups"), ["ops", "dev"]);
        assert_eq!(of("a.b"), ["flat"]);
        assert_eq!(of("realm.roles"), ["x"]);
        assert!(of("n").is_empty() && of("realm.x.y").is_empty() && of("").is_empty());
    }

    proptest! {
        #[test]
        fn nothing_that_somebody_sends_is_taken_or_makes_it_panic(text in "\\PC{0,200}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,60}", 0..5)) {
            let keys = KeySet::read(&json!({ "keys": [] })).unwrap();
            prop_assert!(read(&text, &keys, &EXPECTED).is_err());
            prop_assert!(read(&parts.join("."), &keys, &EXPECTED).is_err());
        }
    }
}
