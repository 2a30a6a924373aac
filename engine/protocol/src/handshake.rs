//! The handshake: who speaks, which version, and a proof from each side that it holds the probe's key.
//!
//! 1. probe → server, text: [`Hello`] with its nonce and the versions that it speaks
//! 2. server → probe, text: [`Welcome`] with its own nonce, its clock and a tag over both messages; or a [`Refusal`]
//! 3. probe → server, binary: the first sealed frame. It opens only if the probe holds the key, and proves the probe.
//!
//! No I/O here: texts go in and come out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::seal::{Nonce, SessionKeys};
use crate::{Opener, ProbeId, ProbeKey, Sealer, VERSIONS};

/// The most bytes of a handshake message.
const MAX_TEXT: usize = 4096;

/// What a probe says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub probe: ProbeId,
    /// The versions of the wire that it speaks.
    pub versions: Vec<u16>,
    #[serde(with = "base64_nonce")]
    pub nonce: Nonce,
    /// The marks of the keys that it holds, the one that it would rather use first. A probe that says none has one key, and
    /// cannot be given another in a session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub version: u16,
    #[serde(with = "base64_nonce")]
    pub nonce: Nonce,
    /// The server's clock, UTC milliseconds. Expiries are judged by it, so that a host's clock may be off.
    pub at_ms: u64,
    /// Base 64 of a tag over the hello's exact bytes and the fields above.
    pub proof: String,
}

/// Why the server ends the handshake. It says no more than a stranger may know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub refused: String,
    pub detail: String,
}

/// Why a handshake failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFault {
    #[error("the {0} is not well-formed")]
    Malformed(&'static str),
    #[error("no common version: this build speaks {VERSIONS:?}, the other side {0:?}")]
    Version(Vec<u16>),
    #[error("the server does not hold this probe's key")]
    Unproven,
    #[error("the server refused: {detail}")]
    Refused { code: String, detail: String },
}

impl Hello {
    /// From whoever holds these keys, the one that it would rather use first.
    pub fn new(probe: ProbeId, nonce: Nonce, keys: &[&ProbeKey]) -> Self {
        let keys = keys.iter().map(|key| key.mark(probe)).collect();
        Self { probe, versions: VERSIONS.to_vec(), nonce, keys }
    }

    pub fn read(text: &str) -> Result<Self, HandshakeFault> {
        read(text, "hello")
    }
}

/// The server's side of step 2: what to send, and the session's two halves.
pub fn greet(
    hello_text: &str,
    hello: &Hello,
    key: &ProbeKey,
    nonce: Nonce,
    at_ms: u64,
) -> Result<(String, Sealer, Opener), HandshakeFault> {
    let common = VERSIONS.iter().rev().find(|version| hello.versions.contains(version));
    let version = *common.ok_or_else(|| HandshakeFault::Version(hello.versions.clone()))?;
    let keys = SessionKeys::derive(key, hello.probe, version, &nonce, &hello.nonce);
    let proof = keys.to_probe.tag(&transcript(hello_text, version, &nonce, at_ms).each_ref().map(Vec::as_slice));
    let welcome = Welcome { version, nonce, at_ms, proof: BASE64.encode(proof) };
    let text = serde_json::to_string(&welcome).map_err(|_| HandshakeFault::Malformed("welcome"))?;
    Ok((text, Sealer::new(keys.to_probe, version), Opener::new(keys.to_server, version)))
}

/// The probe's side of step 3: checks the server's proof and opens the session's two halves.
pub fn answer(
    hello_text: &str,
    hello: &Hello,
    key: &ProbeKey,
    welcome_text: &str,
) -> Result<(Welcome, Sealer, Opener), HandshakeFault> {
    answer_with(hello_text, hello, &[key], welcome_text).map(|(welcome, sealer, opener, _)| (welcome, sealer, opener))
}

/// The same for a probe that holds several keys: also, which of them the server proved.
pub fn answer_with(
    hello_text: &str,
    hello: &Hello,
    keys: &[&ProbeKey],
    welcome_text: &str,
) -> Result<(Welcome, Sealer, Opener, usize), HandshakeFault> {
    if let Ok(refusal) = read::<Refusal>(welcome_text, "refusal") {
        return Err(HandshakeFault::Refused { code: refusal.refused, detail: refusal.detail });
    }
    let welcome: Welcome = read(welcome_text, "welcome")?;
    if !VERSIONS.contains(&welcome.version) {
        return Err(HandshakeFault::Version(vec![welcome.version]));
    }
    let proof = BASE64.decode(&welcome.proof).map_err(|_| HandshakeFault::Malformed("welcome"))?;
    let transcript = transcript(hello_text, welcome.version, &welcome.nonce, welcome.at_ms);
    let parts = transcript.each_ref().map(Vec::as_slice);
    let derived =
        keys.iter().map(|key| SessionKeys::derive(key, hello.probe, welcome.version, &welcome.nonce, &hello.nonce));
    let mut proved = derived.enumerate().filter(|(_, keys)| keys.to_probe.verify(&parts, &proof).is_ok());
    let (which, keys) = proved.next().ok_or(HandshakeFault::Unproven)?;
    let version = welcome.version;
    Ok((welcome, Sealer::new(keys.to_server, version), Opener::new(keys.to_probe, version), which))
}

fn transcript(hello: &str, version: u16, nonce: &Nonce, at_ms: u64) -> [Vec<u8>; 5] {
    // A frame starts with its version, 1 or more; this starts with zeros, so a tag of one never passes for the other.
    [
        vec![0, 0],
        hello.as_bytes().to_vec(),
        version.to_be_bytes().to_vec(),
        nonce.to_vec(),
        at_ms.to_be_bytes().to_vec(),
    ]
}

fn read<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, HandshakeFault> {
    if text.len() > MAX_TEXT {
        return Err(HandshakeFault::Malformed(what));
    }
    serde_json::from_str(text).map_err(|_| HandshakeFault::Malformed(what))
}

mod base64_nonce {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(nonce: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(nonce))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(serde::de::Error::custom)?;
        bytes.try_into().map_err(|_| serde::de::Error::custom("a nonce has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(key: &ProbeKey) -> (String, Hello, String, Sealer, Opener) {
        let hello = Hello::new(ProbeId::born(9, 9), [3; 32], &[key]);
        let text = serde_json::to_string(&hello).unwrap();
        let (welcome, sealer, opener) = greet(&text, &hello, key, [4; 32], 1_000).unwrap();
        (text, hello, welcome, sealer, opener)
    }

    #[test]
    fn both_sides_prove_the_key_and_then_understand_each_other() {
        let key = ProbeKey::new([5; 32]);
        let (text, said, welcome, mut server_seals, mut server_opens) = hello(&key);
        let (welcome, mut probe_seals, mut probe_opens) = answer(&text, &said, &key, &welcome).unwrap();
        assert_eq!(welcome.at_ms, 1_000);
        assert_eq!(server_opens.open(&probe_seals.seal(b"ready").unwrap()), Ok(&b"ready"[..]));
        assert_eq!(probe_opens.open(&server_seals.seal(b"go").unwrap()), Ok(&b"go"[..]));
    }

    #[test]
    fn a_server_without_the_key_is_unproven() {
        let (text, said, welcome, ..) = hello(&ProbeKey::new([5; 32]));
        let fault = answer(&text, &said, &ProbeKey::new([6; 32]), &welcome).err();
        assert_eq!(fault, Some(HandshakeFault::Unproven));
    }

    #[test]
    fn a_changed_clock_or_hello_is_noticed() {
        let key = ProbeKey::new([5; 32]);
        let (text, said, welcome, ..) = hello(&key);
        let later = welcome.replace("1000", "9000");
        assert_eq!(answer(&text, &said, &key, &later).err(), Some(HandshakeFault::Unproven));
        assert_eq!(answer(&(text + " "), &said, &key, &welcome).err(), Some(HandshakeFault::Unproven));
    }

    #[test]
    fn versions_that_do_not_meet_are_named() {
        let said = Hello { versions: vec![99], ..Hello::new(ProbeId::born(9, 9), [3; 32], &[]) };
        let fault = greet("", &said, &ProbeKey::new([5; 32]), [4; 32], 0).err();
        assert_eq!(fault, Some(HandshakeFault::Version(vec![99])));
    }

    #[test]
    fn a_probe_with_two_keys_learns_which_one_the_server_holds() {
        let (old, new, other) = (ProbeKey::new([5; 32]), ProbeKey::new([6; 32]), ProbeKey::new([7; 32]));
        for (n, key) in [&new, &old].into_iter().enumerate() {
            let said = Hello::new(ProbeId::born(9, 9), [3; 32], &[&new, &old]);
            assert_eq!(said.keys[n], key.mark(said.probe));
            let text = serde_json::to_string(&said).unwrap();
            let (welcome, ..) = greet(&text, &said, key, [4; 32], 1_000).unwrap();
            assert_eq!(answer_with(&text, &said, &[&new, &old], &welcome).unwrap().3, n);
            assert_eq!(answer_with(&text, &said, &[&other], &welcome).err(), Some(HandshakeFault::Unproven));
        }
        assert_ne!(old.mark(ProbeId::born(9, 9)), old.mark(ProbeId::born(9, 8)), "a mark is of one probe");
    }

    #[test]
    fn a_probe_of_before_says_no_keys() {
        let old = r#"{"probe":"PROBE","versions":[1],"nonce":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="}"#;
        let probe = ProbeId::born(9, 9);
        let hello = Hello::read(&old.replace("PROBE", &probe.to_string())).unwrap();
        assert_eq!(hello, Hello::new(probe, [3; 32], &[]));
        assert!(!serde_json::to_string(&hello).unwrap().contains("keys"));
    }

    #[test]
    fn garbage_is_malformed_and_a_refusal_is_said() {
        assert_eq!(Hello::read("{"), Err(HandshakeFault::Malformed("hello")));
        assert_eq!(Hello::read(&"x".repeat(MAX_TEXT + 1)), Err(HandshakeFault::Malformed("hello")));
        let (text, said, ..) = hello(&ProbeKey::new([5; 32]));
        let no = r#"{"refused":"unknown-probe","detail":"enroll again"}"#;
        let fault = answer(&text, &said, &ProbeKey::new([5; 32]), no).err();
        assert!(matches!(fault, Some(HandshakeFault::Refused { code, .. }) if code == "unknown-probe"));
    }
}
