//! Where an offline command takes a bundle's files from.

use std::collections::BTreeMap;
use std::path::Path;

use crate::exit::Failure;

/// More than any bundle has; a wrong folder is noticed instead of read.
const MOST_FILES: usize = 4096;

/// Every file below a folder, by its path from there; dot files are editors' and git's.
pub fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let fault = |source| Failure::File { verb: "read", path: next.clone(), source };
        for entry in std::fs::read_dir(&next).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(fault)?);
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(|source| Failure::File { verb: "read", path, source })?;
            files.insert(name, bytes);
            if files.len() > MOST_FILES {
                return Err(Failure::Usage(format!(
                    "`{}` has more than {MOST_FILES} files; is it a bundle?",
                    folder.display()
                )));
            }
        }
    }
    Ok(files)
}
