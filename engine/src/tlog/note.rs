//! Signed notes by C2SP: a text, a blank line, and lines that name a key and carry its Ed25519 signature.
//! Never: shows a secret key. `Signer` prints its name and nothing else.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The byte that stands for plain Ed25519 in key ids and in verifier keys.
const ED25519: u8 = 0x01;
const SIGNATURE_MARK: &str = "\u{2014} ";
/// A note that comes from outside is refused above this. A checkpoint is below 400 bytes, a bundle's manifest has a line
/// for each of its files.
const LONGEST_NOTE: usize = 4 << 20;

/// Why a key or its name cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error("`{0}` cannot name a key: a name is not empty and has no white space, control character or `+`")]
    Name(String),
    #[error("a verifier key reads `name+keyid+base64`, with eight hexadecimal digits as its key id")]
    Shape,
    #[error("the key id of the verifier key `{0}` is not that of its key")]
    Id(String),
    #[error("the verifier key `{0}` holds no Ed25519 public key")]
    Key(String),
}

/// Why a note was not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    #[error("the note is not a text, a blank line and signature lines")]
    Shape,
    #[error("the note has no signature by `{0}`")]
    Unsigned(String),
    #[error("the note's signature by `{0}` does not fit its text")]
    Forged(String),
}

/// A name and the secret key that signs under it.
#[derive(Clone)]
pub struct Signer {
    name: String,
    id: [u8; 4],
    key: SigningKey,
}

impl Signer {
    pub fn new(name: &str, key: SigningKey) -> Result<Self, KeyFault> {
        let verifier = Verifier::new(name, key.verifying_key())?;
        Ok(Self { name: verifier.name, id: verifier.id, key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What others check our notes with.
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), id: self.id, key: self.key.verifying_key() }
    }

    /// The note over a text, which must end in a newline (RFC: every text that we sign does).
    pub(crate) fn sign(&self, text: &str) -> String {
        cosign(text, &[self])
    }

    fn signature_line(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes());
        let mut blob = Vec::with_capacity(68);
        blob.extend_from_slice(&self.id);
        blob.extend_from_slice(&signature.to_bytes());
        format!("{SIGNATURE_MARK}{} {}\n", self.name, STANDARD.encode(blob))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

/// The note over a text by several keys, each with a line of its own.
pub(super) fn cosign(text: &str, signers: &[&Signer]) -> String {
    let lines: String = signers.iter().map(|signer| signer.signature_line(text)).collect();
    format!("{text}\n{lines}")
}

/// A name and the public key that checks what was signed under it. Its text is `name+keyid+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyFault> {
        let unfit = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(unfit) {
            return Err(KeyFault::Name(name.to_owned()));
        }
        let mut digest = Sha256::new();
        digest.update(name.as_bytes());
        digest.update([b'\n', ED25519]);
        digest.update(key.as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let [a, b, c, d, ..] = digest;
        Ok(Self { name: name.to_owned(), id: [a, b, c, d], key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Reads `name+keyid+base64`.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyFault::Shape);
        };
        let id: [u8; 4] = hex::decode(id).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(KeyFault::Shape)?;
        let blob = STANDARD.decode(key).map_err(|_| KeyFault::Shape)?;
        let Some((&ED25519, key)) = blob.split_first() else {
            return Err(KeyFault::Key(name.to_owned()));
        };
        let key = key.try_into().map_err(|_| KeyFault::Key(name.to_owned()))?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyFault::Key(name.to_owned()))?;
        let verifier = Self::new(name, key)?;
        if verifier.id != id {
            return Err(KeyFault::Id(name.to_owned()));
        }
        Ok(verifier)
    }

    /// Checks a note and gives its text. Signatures of others are passed over; ours must be there and must fit.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteFault> {
        let (text, signatures) = split(note)?;
        let mut verified = false;
        for line in signatures.lines() {
            let (name, blob) =
                line.strip_prefix(SIGNATURE_MARK).and_then(|line| line.split_once(' ')).ok_or(NoteFault::Shape)?;
            let blob = STANDARD.decode(blob).map_err(|_| NoteFault::Shape)?;
            let (id, signature) = blob.split_at_checked(4).ok_or(NoteFault::Shape)?;
            if name != self.name || id != self.id {
                continue;
            }
            let forged = || NoteFault::Forged(self.name.clone());
            let signature = Signature::from_slice(signature).map_err(|_| forged())?;
            self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| forged())?;
            verified = true;
        }
        if verified { Ok(text) } else { Err(NoteFault::Unsigned(self.name.clone())) }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = vec![ED25519];
        blob.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(blob))
    }
}

/// Text (with its last newline) and signature lines. The last blank line parts them.
pub(crate) fn split(note: &str) -> Result<(&str, &str), NoteFault> {
    let control = |c: char| c.is_control() && c != '\n';
    if note.len() > LONGEST_NOTE || note.contains(control) || !note.ends_with('\n') {
        return Err(NoteFault::Shape);
    }
    let blank = note.rfind("\n\n").ok_or(NoteFault::Shape)?;
    let (text, signatures) = note.split_at(blank + 1);
    let signatures = &signatures[1..];
    if signatures.is_empty() { Err(NoteFault::Shape) } else { Ok((text, signatures)) }
}
