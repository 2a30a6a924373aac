//! A passkey's signature over a text: the challenge that the authenticator was asked with is the text's SHA-256.
//! Never: takes one that was given without a finger, a face or a PIN, or for a place that is not the key's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::SignatureFault;
use crate::webauthn::proof::{self, Proof, ProofFault};

/// What a passkey's signature is over: what its authenticator and the browser say of the moment. Both are in base 64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    pub authenticator_data: String,
    /// The browser's own JSON, with the challenge and the origin.
    pub client_data: String,
}

/// What an authenticator is asked with so that it signs a text.
pub fn challenge(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Whether this is a passkey's signature over a text, and the host that the key was made for.
pub fn check(public_key: &str, text: &str, assertion: &Assertion, signature: &str) -> Result<String, SignatureFault> {
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| SignatureFault::Passkey(ProofFault::Malformed));
    let public = STANDARD.decode(public_key).map_err(|_| SignatureFault::Key)?;
    let proof = Proof {
        id: Vec::new(),
        client_data: bytes(&assertion.client_data)?,
        authenticator_data: bytes(&assertion.authenticator_data)?,
        signature: bytes(signature)?,
    };
    let place = proof::place_of(&proof.client_data).ok_or(SignatureFault::Passkey(ProofFault::Malformed))?;
    // Counters say something to a server, which sees every use; the log has only some of them.
    let shown = proof::shown(&proof, &public, 0, &challenge(text), &place).map_err(SignatureFault::Passkey)?;
    if shown.verified { Ok(place.rp_id) } else { Err(SignatureFault::Unverified) }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// A passkey and its COSE key in base 64.
    pub fn pair() -> (EcdsaKeyPair, String) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let cose = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], &point[1..33], &[0x22, 0x58, 32], &point[33..]];
        let public = STANDARD.encode(cose.concat());
        (pair, public)
    }

    /// What an authenticator answers when it is asked to sign a text.
    pub fn signed(pair: &EcdsaKeyPair, text: &str, rp_id: &str, origin: &str, flags: u8) -> (Assertion, String) {
        let challenge = URL_SAFE_NO_PAD.encode(challenge(text));
        let client = serde_json::json!({ "type": "webauthn.get", "challenge": challenge, "origin": origin });
        let client = client.to_string();
        let data = [&Sha256::digest(rp_id)[..], &[flags], &9_u32.to_be_bytes()].concat();
        let message = [&data[..], &Sha256::digest(&client)].concat();
        let signature = pair.sign(&SystemRandom::new(), &message).unwrap();
        let (authenticator_data, client_data) = (STANDARD.encode(data), STANDARD.encode(client));
        (Assertion { authenticator_data, client_data }, STANDARD.encode(signature))
    }

    #[test]
    fn a_passkey_signs_one_text_and_says_for_which_host() {
        let (pair, public) = pair();
        let (assertion, signature) = signed(&pair, "a text", "legator.example", "https://legator.example", 0x05);
        assert_eq!(check(&public, "a text", &assertion, &signature).unwrap(), "legator.example");
        let other = check(&public, "another text", &assertion, &signature);
        assert_eq!(other, Err(SignatureFault::Passkey(ProofFault::Challenge)));
        assert_eq!(check("é", "a text", &assertion, &signature), Err(SignatureFault::Key));
        let unreadable = check(&public, "a text", &assertion, "é");
        assert_eq!(unreadable, Err(SignatureFault::Passkey(ProofFault::Malformed)));
        let nothing = Assertion { client_data: String::new(), ..assertion.clone() };
        assert_eq!(check(&public, "a text", &nothing, &signature), Err(SignatureFault::Passkey(ProofFault::Malformed)));
        let strange = check(&STANDARD.encode([0xa0]), "a text", &assertion, &signature);
        assert_eq!(strange, Err(SignatureFault::Passkey(ProofFault::Kind)));
    }
}
