//! What was last seen of a server's log: its key and its newest checkpoint. Whoever keeps them notices a cut.

use std::path::PathBuf;

use legator_engine::tlog::Verifier;

use crate::config::state_folder;
use crate::exit::Failure;
use crate::server::Server;

/// Two files of one server.
pub struct Kept {
    note_path: PathBuf,
    key_path: PathBuf,
}

impl Kept {
    pub fn of(server: &Server) -> Result<Self, Failure> {
        let address = server.address();
        let name = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
        let folder = state_folder()?.join("checkpoints");
        Ok(Self { note_path: folder.join(format!("{name}.txt")), key_path: folder.join(format!("{name}.key")) })
    }

    pub fn note(&self) -> Result<Option<String>, Failure> {
        read(&self.note_path)
    }

    pub fn verifier(&self) -> Result<Option<Verifier>, Failure> {
        read(&self.key_path)?.map(|text| super::verifier(&text)).transpose()
    }

    pub fn keep(&self, note: &str, verifier: &Verifier) -> Result<(), Failure> {
        if let Some(folder) = self.note_path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Failure::File {
                verb: "make",
                path: folder.to_owned(),
                source,
            })?;
        }
        super::write_file(&self.key_path, &format!("{verifier}\n"))?;
        // Put in place as a whole: half a checkpoint would look like a forged one.
        let beside = self.note_path.with_extension("new");
        super::write_file(&beside, note)?;
        std::fs::rename(&beside, &self.note_path).map_err(|source| Failure::File {
            verb: "write",
            path: self.note_path.clone(),
            source,
        })
    }

    pub fn path(&self) -> String {
        self.note_path.display().to_string()
    }
}

fn read(path: &std::path::Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Failure::File { verb: "read", path: path.to_owned(), source }),
    }
}
