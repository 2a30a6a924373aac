//! What an authenticator shows (WebAuthn, level 2): a new key, or that it has one, for this place and this challenge.
//! Never: a proof for another site, for another challenge, or from a copy of the key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::cbor::Item;

/// In bytes; what authenticators send is far below.
const LONGEST: usize = 16 * 1024;
const LONGEST_ID: usize = 1023;

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

/// Where a key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The host's name.
    pub rp_id: String,
    /// As a browser writes it.
    pub origin: String,
}

impl Place {
    /// The place of an origin: passkeys are for its host.
    pub fn of_origin(origin: &str) -> Self {
        let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        let rp_id = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        Self { rp_id: rp_id.to_owned(), origin: origin.to_owned() }
    }
}

/// A key that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub id: Vec<u8>,
    /// COSE.
    pub public: Vec<u8>,
    pub counter: u32,
}

/// What a right proof says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub counter: u32,
    /// The authenticator asked for a finger, a face or a PIN.
    pub verified: bool,
}

/// A proof, as a browser sends it.
#[derive(Clone, Debug)]
pub struct Proof {
    pub id: Vec<u8>,
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub signature: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    #[error("passkey cannot be read")]
    Malformed,
    #[error("passkey challenge")]
    Challenge,
    #[error("passkey of another site")]
    Place,
    #[error("passkey without a touch")]
    Absent,
    #[error("passkey of a kind that is not taken")]
    Kind,
    #[error("passkey signature")]
    Signature,
    #[error("passkey counter went back: it may be a copy")]
    Copy,
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

/// What a browser says of a ceremony: the challenge that it was for, before anything else is known.
pub fn challenge_of(client_data: &[u8]) -> Option<Vec<u8>> {
    let said: ClientData = serde_json::from_slice(client_data.get(..client_data.len().min(LONGEST))?).ok()?;
    BASE64.decode(said.challenge).ok()
}

/// The place that a browser says a ceremony was at: its origin, and the host of it. Whether it is the right one is for
/// whoever asks to know; that the authenticator was asked for the same host is checked with the proof.
pub fn place_of(client_data: &[u8]) -> Option<Place> {
    let said: ClientData = serde_json::from_slice(client_data.get(..client_data.len().min(LONGEST))?).ok()?;
    Some(Place::of_origin(&said.origin))
}

/// Reads a key that was made. Who made the authenticator is not asked.
pub fn made(client_data: &[u8], attestation: &[u8], challenge: &[u8], place: &Place) -> Result<Made, ProofFault> {
    check_client(client_data, "webauthn.create", challenge, place)?;
    if attestation.len() > LONGEST {
        return Err(ProofFault::Malformed);
    }
    let (object, rest) = Item::read(attestation).ok_or(ProofFault::Malformed)?;
    let data = object.named("authData").and_then(Item::bytes).ok_or(ProofFault::Malformed)?;
    let (shown, flags, rest_of_data) = check_data(data, place)?;
    if !rest.is_empty() || flags & HAS_KEY == 0 {
        return Err(ProofFault::Malformed);
    }
    if !shown.verified {
        return Err(ProofFault::Absent);
    }
    let (_maker, rest) = rest_of_data.split_at_checked(16).ok_or(ProofFault::Malformed)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(ProofFault::Malformed)?;
    let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(ProofFault::Malformed)?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(ProofFault::Malformed);
    }
    let (key, after) = Item::read(rest).ok_or(ProofFault::Malformed)?;
    PublicKey::of(&key).ok_or(ProofFault::Kind)?;
    let public = &rest[..rest.len() - after.len()];
    Ok(Made { id: id.to_vec(), public: public.to_vec(), counter: shown.counter })
}

/// Reads a proof that somebody has a key.
pub fn shown(proof: &Proof, public: &[u8], counter: u32, challenge: &[u8], place: &Place) -> Result<Shown, ProofFault> {
    check_client(&proof.client_data, "webauthn.get", challenge, place)?;
    let (shown, ..) = check_data(&proof.authenticator_data, place)?;
    let (key, _) = Item::read(public).ok_or(ProofFault::Kind)?;
    let key = PublicKey::of(&key).ok_or(ProofFault::Kind)?;
    let message = [&proof.authenticator_data[..], &Sha256::digest(&proof.client_data)].concat();
    if !key.signed(&message, &proof.signature) {
        return Err(ProofFault::Signature);
    }
    // An authenticator that does not count says 0 for ever.
    if (shown.counter, counter) != (0, 0) && shown.counter <= counter {
        return Err(ProofFault::Copy);
    }
    Ok(shown)
}

fn check_client(bytes: &[u8], kind: &str, challenge: &[u8], place: &Place) -> Result<(), ProofFault> {
    if bytes.len() > LONGEST {
        return Err(ProofFault::Malformed);
    }
    let said: ClientData = serde_json::from_slice(bytes).map_err(|_| ProofFault::Malformed)?;
    if said.kind != kind {
        return Err(ProofFault::Malformed);
    }
    let answered = BASE64.decode(&said.challenge).map_err(|_| ProofFault::Challenge)?;
    let same: bool = answered.ct_eq(challenge).into();
    if !same {
        return Err(ProofFault::Challenge);
    }
    if said.origin != place.origin || said.cross_origin {
        return Err(ProofFault::Place);
    }
    Ok(())
}

fn check_data<'d>(data: &'d [u8], place: &Place) -> Result<(Shown, u8, &'d [u8]), ProofFault> {
    let (hash, rest) = data.split_first_chunk::<32>().ok_or(ProofFault::Malformed)?;
    let (flags, rest) = rest.split_first().ok_or(ProofFault::Malformed)?;
    let (counter, rest) = rest.split_first_chunk::<4>().ok_or(ProofFault::Malformed)?;
    if hash[..] != Sha256::digest(&place.rp_id)[..] {
        return Err(ProofFault::Place);
    }
    if flags & PRESENT == 0 {
        return Err(ProofFault::Absent);
    }
    Ok((Shown { counter: u32::from_be_bytes(*counter), verified: flags & VERIFIED != 0 }, *flags, rest))
}

/// A COSE key (RFC 9053) of a kind that is asked for.
enum PublicKey<'k> {
    P256([u8; 65]),
    Ed25519(&'k [u8]),
    Rsa { n: &'k [u8], e: &'k [u8] },
}

impl<'k> PublicKey<'k> {
    fn of(key: &Item<'k>) -> Option<Self> {
        let number = |at: i64| key.numbered(at).and_then(Item::number);
        let bytes = |at: i64| key.numbered(at).and_then(Item::bytes);
        match (number(1)?, number(3)?, number(-1)) {
            (2, -7, Some(1)) => {
                let mut point = [4; 65];
                point[1..33].copy_from_slice(bytes(-2).filter(|x| x.len() == 32)?);
                point[33..].copy_from_slice(bytes(-3).filter(|y| y.len() == 32)?);
                Some(Self::P256(point))
            }
            (1, -8, Some(6)) => Some(Self::Ed25519(bytes(-2).filter(|x| x.len() == 32)?)),
            (3, -257, _) => Some(Self::Rsa { n: bytes(-1).filter(|n| n.len() >= 256)?, e: bytes(-2)? }),
            _ => None,
        }
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use proptest::prelude::*;
    use serde_json::json;

    const CHALLENGE: &[u8] = &[7; 32];

    fn place() -> Place {
        Place { rp_id: "legator.example".to_owned(), origin: "https://legator.example".to_owned() }
    }

    fn cose(point: &[u8]) -> Vec<u8> {
        [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], &point[1..33], &[0x22, 0x58, 32], &point[33..]].concat()
    }

    fn client(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
        json!({ "type": kind, "challenge": BASE64.encode(challenge), "origin": origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    fn data(rp_id: &str, flags: u8, counter: u32) -> Vec<u8> {
        [&Sha256::digest(rp_id)[..], &[flags], &counter.to_be_bytes()].concat()
    }

    fn attested(rp_id: &str, flags: u8, public: &[u8]) -> Vec<u8> {
        let data = [&data(rp_id, flags, 1)[..], &[0; 16], &[0, 3], b"key", public].concat();
        let length = u8::try_from(data.len()).unwrap();
        [
            &[0xa3, 0x63][..],
            b"fmt",
            &[0x64],
            b"none",
            &[0x67],
            b"attStmt",
            &[0xa0, 0x68],
            b"authData",
            &[0x58, length],
            &data,
        ]
        .concat()
    }

    fn proof(pair: &EcdsaKeyPair, client_data: Vec<u8>, authenticator_data: Vec<u8>) -> Proof {
        let message = [&authenticator_data[..], &Sha256::digest(&client_data)].concat();
        let signature = pair.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec();
        Proof { id: b"key".to_vec(), client_data, authenticator_data, signature }
    }

    #[test]
    fn takes_a_key_that_was_made_here_and_for_this_challenge() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = cose(pair.public_key().as_ref());
        let create = client("webauthn.create", CHALLENGE, "https://legator.example");
        let good = attested("legator.example", 0x45, &public);
        let made_key = made(&create, &good, CHALLENGE, &place()).unwrap();
        assert_eq!((made_key.id.as_slice(), &made_key.public, made_key.counter), (&b"key"[..], &public, 1));
        let refused =
            |client_data: &[u8], attestation: &[u8]| made(client_data, attestation, CHALLENGE, &place()).unwrap_err();
        assert_eq!(
            refused(&client("webauthn.get", CHALLENGE, "https://legator.example"), &good),
            ProofFault::Malformed
        );
        assert_eq!(
            refused(&client("webauthn.create", &[8; 32], "https://legator.example"), &good),
            ProofFault::Challenge
        );
        assert_eq!(refused(&client("webauthn.create", CHALLENGE, "https://evil.example"), &good), ProofFault::Place);
        assert_eq!(refused(&create, &attested("evil.example", 0x45, &public)), ProofFault::Place);
        assert_eq!(refused(&create, &attested("legator.example", 0x44, &public)), ProofFault::Absent);
        assert_eq!(refused(&create, &attested("legator.example", 0x41, &public)), ProofFault::Absent, "not verified");
        assert_eq!(refused(&create, &attested("legator.example", 0x05, &public)), ProofFault::Malformed, "no key");
        assert_eq!(refused(&create, &attested("legator.example", 0x45, &[0xa0])), ProofFault::Kind);
        for end in 0..good.len() {
            assert!(made(&create, &good[..end], CHALLENGE, &place()).is_err(), "{end}");
        }
    }

    #[test]
    fn takes_a_proof_that_is_fresh_and_of_this_key() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = cose(pair.public_key().as_ref());
        let get = || client("webauthn.get", CHALLENGE, "https://legator.example");
        let read = |proof: &Proof, counter: u32| shown(proof, &public, counter, CHALLENGE, &place());
        let good = proof(&pair, get(), data("legator.example", 0x05, 5));
        assert_eq!(read(&good, 4), Ok(Shown { counter: 5, verified: true }));
        for counter in [5, 6, u32::MAX] {
            assert_eq!(read(&good, counter), Err(ProofFault::Copy));
        }
        let uncounted = proof(&pair, get(), data("legator.example", 0x01, 0));
        assert_eq!(read(&uncounted, 0), Ok(Shown { counter: 0, verified: false }));
        assert_eq!(read(&uncounted, 3), Err(ProofFault::Copy), "it counted before");
        for (bad, fault) in [
            (proof(&pair, get(), data("evil.example", 0x05, 5)), ProofFault::Place),
            (proof(&pair, get(), data("legator.example", 0x04, 5)), ProofFault::Absent),
            (
                proof(
                    &pair,
                    client("webauthn.get", &[8; 32], "https://legator.example"),
                    data("legator.example", 5, 5),
                ),
                ProofFault::Challenge,
            ),
            (
                proof(
                    &pair,
                    client("webauthn.get", CHALLENGE, "http://legator.example"),
                    data("legator.example", 5, 5),
                ),
                ProofFault::Place,
            ),
            (
                proof(
                    &pair,
                    client("webauthn.create", CHALLENGE, "https://legator.example"),
                    data("legator.example", 5, 5),
                ),
                ProofFault::Malformed,
            ),
            (Proof { signature: Vec::new(), ..good.clone() }, ProofFault::Signature),
            (Proof { authenticator_data: data("legator.example", 0x05, 6), ..good.clone() }, ProofFault::Signature),
        ] {
            assert_eq!(read(&bad, 4), Err(fault));
        }
        let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        assert_eq!(read(&proof(&other, get(), data("legator.example", 5, 5)), 4), Err(ProofFault::Signature));
    }

    proptest! {
        #[test]
        fn nothing_that_somebody_sends_is_taken_or_makes_it_panic(one in proptest::collection::vec(any::<u8>(), 0..400), two in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(made(&one, &two, CHALLENGE, &place()).is_err());
            let create = client("webauthn.create", CHALLENGE, "https://legator.example");
            prop_assert!(made(&create, &two, CHALLENGE, &place()).is_err());
            let proof = Proof { id: one.clone(), client_data: client("webauthn.get", CHALLENGE, "https://legator.example"), authenticator_data: one, signature: two.clone() };
            prop_assert!(shown(&proof, &two, 0, CHALLENGE, &place()).is_err());
        }
    }
}
