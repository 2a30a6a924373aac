//! Archives that somebody uploads, and whose signature lets them in.
//! Never: believes a signature by its name; only a key of the server's own list counts.

use std::path::{Path, PathBuf};

use legator_engine::archive::{self, Limits};
use legator_engine::tlog::{KeyFault, Verifier};

use super::revision::{Files, Origin, OriginKind};
use super::{Policy, PolicyFault};

/// Why the list of keys could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UploadFault {
    #[error("could not read the keys that may sign uploads, `{}`: {why}", path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("`{}` line {line} is no key as `legatorctl bundle key` prints it: {why}", path.display())]
    Key { path: PathBuf, line: usize, why: KeyFault },
    #[error("`{}` holds no key, so that nothing could ever be published", path.display())]
    Empty { path: PathBuf },
}

/// The keys of a file: one to a line; empty lines and what follows a `#` do not count.
pub fn signers(path: Option<&Path>) -> Result<Vec<Verifier>, UploadFault> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).map_err(|why| UploadFault::Unreadable { path: path.to_owned(), why })?;
    let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(key, _)| key).trim());
    let keys = lines.zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let keys = keys
        .map(|(key, line)| Verifier::parse(key).map_err(|why| UploadFault::Key { path: path.to_owned(), line, why }));
    let keys: Vec<Verifier> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(UploadFault::Empty { path: path.to_owned() });
    }
    Ok(keys)
}

impl Policy {
    /// The files of an archive, which is what its manifest says and, where the server asks for that, signed.
    pub(super) async fn opened(&self, bytes: Vec<u8>) -> Result<(Files, Origin), PolicyFault> {
        let open = tokio::task::spawn_blocking(move || archive::open(&bytes, &Limits::default())).await;
        let opened = open.map_err(|fault| PolicyFault::Invalid(format!("the archive could not be opened: {fault}")))?;
        let archive =
            opened.map_err(|fault| PolicyFault::Refused { from: "archive".to_owned(), faults: vec![fault] })?;
        let mut origin = Origin::of(OriginKind::Upload).at(archive.manifest.name.clone());
        let signers = &self.0.needs.signers;
        origin.signer = signers.iter().find(|key| archive.signed_by(key).is_ok()).map(|key| key.name().to_owned());
        if !signers.is_empty() && origin.signer.is_none() {
            let claimed = archive.claimed_signers().join("`, `");
            let why =
                if claimed.is_empty() { "it has no signature".to_owned() } else { format!("it says `{claimed}`") };
            return Err(PolicyFault::Unsigned(why));
        }
        Ok((archive.files, origin))
    }

    /// Refuses files that come without a signature where the server asks for one.
    pub(super) fn takes_unsigned(&self) -> Result<(), PolicyFault> {
        if self.0.needs.signers.is_empty() {
            return Ok(());
        }
        Err(PolicyFault::Unsigned("files that are sent one by one carry no signature".to_owned()))
    }
}
