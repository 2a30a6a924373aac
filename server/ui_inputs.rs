// What the web interface is built from, as one digest. Shared, as source, by `server/build.rs` and `deploy/xtask`:
// the one puts it beside what it built, the other compares.

/// Files and folders under `server/ui`, and the document that the client is typed from.
pub const INPUTS: &[&str] = &[
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
    "../openapi.json",
];

/// FNV-1a over every input's path and bytes: it tells versions apart and protects from nothing.
pub fn digest(ui: &std::path::Path) -> String {
    let mut files = Vec::new();
    for name in INPUTS {
        collect(&ui.join(name), &mut files);
    }
    files.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in &files {
        eat(file.strip_prefix(ui).unwrap_or(file).to_string_lossy().as_bytes());
        eat(&std::fs::read(file).unwrap_or_default());
    }
    format!("{hash:016x}")
}

fn collect(path: &std::path::Path, into: &mut Vec<std::path::PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), into);
        }
    } else if path.is_file() {
        into.push(path.to_path_buf());
    }
}
