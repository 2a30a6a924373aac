//! Reading a bundle's folder: only what belongs to a bundle, no links, and no more than a bundle may weigh.

use std::fs;
use std::path::Path;

use super::PolicyFault;
use super::revision::Files;

pub const MAX_FILE: u64 = 4 * 1024 * 1024;
pub const MAX_TOTAL: usize = 32 * 1024 * 1024;
pub const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 8;

/// The folders of a bundle, beside its manifest.
pub const PARTS: [&str; 3] = ["policies", "scripts", "tests"];

/// What a file of a bundle ends in.
pub const ENDINGS: [&str; 4] = ["cedar", "cedarschema", "toml", "rhai"];

pub fn files(root: &Path) -> Result<Files, PolicyFault> {
    let fault = |why: String| PolicyFault::unreadable(root.display(), why);
    let mut files = Files::new();
    if root.join("bundle.toml").is_file() {
        take(root, &root.join("bundle.toml"), &mut files).map_err(fault)?;
    }
    for part in PARTS {
        walk(root, &root.join(part), 0, &mut files).map_err(fault)?;
    }
    if files.is_empty() {
        return Err(fault("it holds no `policies` and no `scripts`".to_owned()));
    }
    Ok(files)
}

/// Whether files that somebody sends are such as a bundle may have: plain paths, and not too much.
pub fn bounded(files: &Files) -> Result<(), String> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.chars().any(char::is_control);
    for (path, bytes) in files {
        if path.len() > 512 || path.contains('\\') || !path.split('/').all(plain) {
            let shown: String = path.chars().flat_map(char::escape_debug).take(200).collect();
            return Err(format!("the path `{shown}` is not a plain one inside the bundle"));
        }
        if bytes.len() as u64 > MAX_FILE {
            return Err(format!("`{path}` has {} bytes; at most {MAX_FILE} are taken", bytes.len()));
        }
    }
    let total: usize = files.values().map(Vec::len).sum();
    if total > MAX_TOTAL || files.len() > MAX_FILES {
        return Err(format!("the bundle is larger than {MAX_TOTAL} bytes or {MAX_FILES} files"));
    }
    Ok(())
}

fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Files) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("`{}` is nested too deep", folder.display()));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(format!("`{}`: {fault}", folder.display())),
    };
    for entry in entries {
        let entry = entry.map_err(|fault| format!("`{}`: {fault}", folder.display()))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|fault| format!("`{}`: {fault}", path.display()))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let ends_in = |ending: &str| path.extension().is_some_and(|extension| extension == ending);
        if hidden {
            continue;
        } else if kind.is_symlink() {
            return Err(format!("`{}` is a link; a bundle holds plain files only", path.display()));
        } else if kind.is_dir() {
            walk(root, &path, depth + 1, files)?;
        } else if ENDINGS.into_iter().any(ends_in) {
            take(root, &path, files)?;
        }
    }
    Ok(())
}

fn take(root: &Path, path: &Path, files: &mut Files) -> Result<(), String> {
    let fault = |fault: std::io::Error| format!("`{}`: {fault}", path.display());
    let size = fs::symlink_metadata(path).map_err(fault)?.len();
    if size > MAX_FILE {
        return Err(format!("`{}` has {size} bytes; at most {MAX_FILE} are taken", path.display()));
    }
    let bytes = fs::read(path).map_err(fault)?;
    let total: usize = files.values().map(Vec::len).sum();
    if total + bytes.len() > MAX_TOTAL || files.len() >= MAX_FILES {
        return Err(format!("the bundle is larger than {MAX_TOTAL} bytes or {MAX_FILES} files"));
    }
    let inside = path.strip_prefix(root).map_err(|_| format!("`{}` lies outside", path.display()))?;
    let name = inside.to_str().ok_or_else(|| format!("`{}` is not valid UTF-8", path.display()))?;
    files.insert(name.to_owned(), bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_belongs_to_a_bundle_and_refuses_links() {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        fs::create_dir_all(policies.join("commands")).unwrap();
        fs::write(policies.join("a.cedar"), "x").unwrap();
        fs::write(policies.join("commands/own.toml"), "y").unwrap();
        fs::write(policies.join("notes.txt"), "z").unwrap();
        let found = files(folder.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["policies/a.cedar", "policies/commands/own.toml"]);
        std::os::unix::fs::symlink("/etc/passwd", policies.join("b.cedar")).unwrap();
        assert!(files(folder.path()).unwrap_err().to_string().contains("is a link"));
    }

    #[test]
    fn an_empty_folder_is_no_bundle() {
        let folder = tempfile::tempdir().unwrap();
        assert!(files(folder.path()).is_err());
    }
}
