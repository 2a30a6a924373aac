//! `bundle build`: a bundle as one file, with a digest of each of its files, that a key may sign.

use std::path::PathBuf;

use clap::Args;
use legator_engine::tlog::Verifier;
use legator_engine::{Bundle, archive};
use serde_json::json;

use super::source::{self, Source};
use super::{findings, key};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Pack a bundle into one file that a server takes; the same files give the same bytes.
#[derive(Args)]
pub struct Build {
    #[command(flatten)]
    source: Source,
    /// Sign it with this key, which `bundle key` made.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the archive goes; `NAME.bundle.tar.gz` if absent.
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Build nothing: check that the archive was signed by this verifier key.
    #[arg(long, value_name = "VERIFIER", conflicts_with_all = ["key", "file", "rev"])]
    verify: Option<String>,
}

impl Build {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        if let Some(verifier) = &self.verify {
            return self.verify(verifier, screen);
        }
        let files = self.source.read()?;
        let looked = Bundle::inspect(&files);
        let Some(bundle) = looked.bundle else {
            findings::show(screen, &json!({ "ok": false, "faults": looked.findings }), &looked.findings);
            return Ok(Exit::FAILED);
        };
        let name = bundle.name().unwrap_or("unnamed");
        let signer = self.key.as_deref().map(key::read).transpose()?;
        let bytes = archive::pack(&files, name, signer.as_ref()).map_err(Failure::Bundle)?;
        let path = self.file.unwrap_or_else(|| PathBuf::from(format!("{name}.bundle.tar.gz")));
        // What a server would refuse is not handed out.
        archive::open(&bytes, &archive::Limits::default()).map_err(|fault| Failure::Bundle(vec![fault]))?;
        std::fs::write(&path, &bytes).map_err(|source| Failure::File { verb: "write", path: path.clone(), source })?;
        let signed = signer.map(|signer| signer.name().to_owned());
        let said = json!({
            "file": path,
            "name": name,
            "revision": bundle.revision(),
            "bytes": bytes.len(),
            "signed_by": signed,
        });
        screen.either(&said, || {
            let by = signed.as_ref().map_or_else(|| "not signed".to_owned(), |name| format!("signed by `{name}`"));
            let (revision, n) = (bundle.revision(), bytes.len());
            screen.data(&format!("{}{} ({n} bytes), {by}, revision {revision}", word("ok"), path.display()));
        });
        Ok(Exit::OK)
    }

    fn verify(&self, verifier: &str, screen: Screen) -> Result<Exit, Failure> {
        let verifier = Verifier::parse(verifier).map_err(|fault| Failure::Usage(fault.to_string()))?;
        let archive = source::open(&self.source.place)?;
        archive.signed_by(&verifier).map_err(|fault| Failure::Log(fault.to_string()))?;
        let archive::Manifest { name, revision, .. } = &archive.manifest;
        screen.either(&json!({ "ok": true, "name": name, "revision": revision, "signed_by": verifier.name() }), || {
            screen.data(&format!("{}`{name}` is signed by `{}`, revision {revision}", word("ok"), verifier.name()));
        });
        Ok(Exit::OK)
    }
}
