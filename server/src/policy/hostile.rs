//! What comes to the bundles from outside: a repository's call, and what `git` prints of a repository that somebody else
//! writes.

use super::api::proves;
use super::git::{self, place};
use crate::parts::{measured, parts, text};

/// A call that says it is signed. Nobody knows the secret.
pub fn webhook(bytes: &[u8]) {
    let [signature, body] = parts::<2>(bytes);
    assert!(!proves("a secret that nobody was told of", body, &text(signature)));
}

/// A listing of a commit and the contents of its files, and the words that name a place.
pub fn git_listing(bytes: &[u8]) {
    let [listing, printed] = measured::<2>(bytes);
    let said = text(listing);
    if let Ok(folder) = place::folder(&said) {
        let leads_out = folder.starts_with('/') || folder.split('/').any(|part| part == "..");
        assert!(!leads_out, "{folder:?}");
    }
    assert!(!place::is_hash(&said) || said.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let _ = place::signer(&said);
    let Ok(entries) = git::tree::entries(listing) else { return };
    for entry in &entries {
        let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        assert!(entry.path.split('/').all(plain) && !entry.path.contains(['\\', '\n']), "{:?}", entry.path);
        assert!(place::is_hash(&entry.hash));
    }
    if let Ok(files) = git::tree::contents(&entries, printed) {
        assert_eq!(files.len(), entries.len());
    }
}
