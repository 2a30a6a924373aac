//! `bundle key`: a key that signs archives. Keys are written as C2SP signed notes write them, like the audit log's.
//! Never: shows the secret, or overwrites a key.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use ed25519_dalek::SigningKey;
use legator_engine::tlog::Signer;
use serde_json::json;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Make a key that signs archives, and print what others check them with.
#[derive(Args)]
pub struct Key {
    /// What the key is called, as in `acme/policies`.
    name: String,
    /// Where the secret goes; it must not exist.
    #[arg(short = 'f', long, value_name = "FILE", default_value = "bundle.key")]
    file: PathBuf,
    /// Make no key; print what checks the one that is there.
    #[arg(long)]
    public: bool,
}

const SECRET: &str = "PRIVATE+KEY+";
const ED25519: u8 = 1;

impl Key {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let signer = if self.public { read(&self.file)? } else { self.make()? };
        let verifier = signer.verifier().to_string();
        screen.either(&json!({ "name": signer.name(), "verifier": verifier, "file": self.file }), || {
            screen.data(&verifier);
        });
        if !self.public {
            screen.aside(&format!("the secret is in `{}`; keep it out of the repository", self.file.display()));
        }
        Ok(Exit::OK)
    }

    fn make(&self) -> Result<Signer, Failure> {
        let seed = clock::chance().map_err(|fault| Failure::Local(format!("could not make a key: {fault}")))?;
        let signer = signer(&self.name, &seed)?;
        let mut blob = vec![ED25519];
        blob.extend_from_slice(&seed);
        let verifier = signer.verifier().to_string();
        let id = verifier.split('+').nth(1).unwrap_or_default();
        let text = format!("{SECRET}{}+{id}+{}\n", self.name, STANDARD.encode(blob));
        let failed = |source| Failure::File { verb: "write", path: self.file.clone(), source };
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(signer)
    }
}

/// The key of a file that nobody else can read.
pub fn read(path: &Path) -> Result<Signer, Failure> {
    let failed = |source| Failure::File { verb: "read", path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::Usage(format!("others can read the key `{}`; `chmod 600` it", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let wrong = || Failure::Usage(format!("`{}` holds no key that `bundle key` made", path.display()));
    let parts = text.trim().strip_prefix(SECRET).ok_or_else(wrong)?;
    let mut parts = parts.splitn(3, '+');
    let (name, _, key) = (parts.next().ok_or_else(wrong)?, parts.next(), parts.next().ok_or_else(wrong)?);
    let blob = STANDARD.decode(key).map_err(|_| wrong())?;
    let seed = blob.strip_prefix(&[ED25519]).and_then(|seed| <[u8; 32]>::try_from(seed).ok()).ok_or_else(wrong)?;
    signer(name, &seed)
}

fn signer(name: &str, seed: &[u8; 32]) -> Result<Signer, Failure> {
    Signer::new(name, SigningKey::from_bytes(seed)).map_err(|fault| Failure::Usage(fault.to_string()))
}
