//! A provider's public keys (RFC 7517), and whether one of them signed something.
//! Never: a shared secret, or no algorithm at all: what anybody could have made proves nothing.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;

/// A provider publishes a handful; a long list would make every wrong signature dear.
const MOST_KEYS: usize = 32;
/// In bytes. The library takes 2048 to 8192 bits; a longer text is not even decoded.
const LONGEST_FIELD: usize = 2048;

/// A signature algorithm that tokens may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// `none` and the shared-secret algorithms are not among them, so a public key is never taken for a secret.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }
}

/// The keys that a provider signs with.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<PublicKey>);

#[derive(Clone, Debug)]
struct PublicKey {
    id: Option<String>,
    /// The only algorithm that it is for, where its owner says one.
    only: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl KeySet {
    /// Reads what can be used of a JWK set; a key of another kind or for another use is passed over.
    pub fn read(document: &Value) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().filter_map(PublicKey::read).take(MOST_KEYS).collect()))
    }

    /// Whether some key could have made a signature under this id.
    pub fn knows(&self, id: Option<&str>) -> bool {
        self.fitting(id).next().is_some()
    }

    /// Whether a key under this id made this signature. Without an id every key is asked.
    pub fn signed(&self, id: Option<&str>, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.fitting(id).any(|key| key.signed(algorithm, message, signature))
    }

    fn fitting(&self, id: Option<&str>) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter(move |key| id.is_none() || key.id.as_deref() == id)
    }
}

impl PublicKey {
    fn read(key: &Value) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |name: &str| {
            let field = text(name).filter(|field| field.len() <= LONGEST_FIELD)?;
            BASE64.decode(field.trim_end_matches('=')).ok()
        };
        let point = |half: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            (x.len() == half && y.len() == half).then(|| [&[4][..], &x, &y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let plain = |field: Vec<u8>| {
                    let begin = field.iter().position(|byte| *byte != 0)?;
                    Some(field[begin..].to_vec())
                };
                Material::Rsa { n: plain(bytes("n")?)?, e: plain(bytes("e")?)? }
            }
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), only: text("alg").map(str::to_owned), material })
    }

    fn signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if self.only.as_deref().is_some_and(|only| only != algorithm.as_str()) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, algorithm) => algorithm
                .rsa()
                .is_some_and(|rsa| RsaPublicKeyComponents { n, e }.verify(rsa, message, signature).is_ok()),
            (Material::P256(point), Algorithm::Es256) => {
                verified(&signature::ECDSA_P256_SHA256_FIXED, point, message, signature)
            }
            (Material::P384(point), Algorithm::Es384) => {
                verified(&signature::ECDSA_P384_SHA384_FIXED, point, message, signature)
            }
            (Material::Ed25519(key), Algorithm::EdDsa) => verified(&signature::ED25519, key, message, signature),
            _ => false,
        }
    }
}

fn verified(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn neither_none_nor_a_shared_secret_is_an_algorithm() {
        for bad in ["none", "None", "NONE", "HS256", "HS384", "HS512", "", "rs256", "ES256K", "RSA-OAEP"] {
            assert_eq!(Algorithm::read(bad), None, "{bad}");
        }
        assert!(Algorithm::ALL.into_iter().all(|one| Algorithm::read(one.as_str()) == Some(one)));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_passed_over() {
        let good = json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode([1; 32]), "y": BASE64.encode([2; 32]) });
        let with = |name: &str, value: &str| {
            let mut key = good.clone();
            key[name] = value.into();
            key
        };
        let n_keys = |key: Value| KeySet::read(&json!({ "keys": [key] })).unwrap().0.len();
        assert_eq!(n_keys(good.clone()), 1);
        assert_eq!(n_keys(with("use", "sig")), 1);
        for bad in [
            with("use", "enc"),
            with("kty", "oct"),
            with("crv", "secp256k1"),
            with("x", "AQ"),
            with("y", &"A".repeat(1_000_000)),
            json!({ "kty": "RSA", "n": "", "e": "AQAB" }),
            json!({ "kty": "oct", "k": "AAAA" }),
            json!("x"),
        ] {
            assert_eq!(n_keys(bad.clone()), 0, "{bad:.100}");
        }
        assert!(KeySet::read(&json!({})).is_none() && KeySet::read(&json!({ "keys": "x" })).is_none());
    }
}
