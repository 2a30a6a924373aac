//! Where a repository is and which branch of it counts: read strictly, because it ends up on a command line.

use std::fmt;
use std::str::FromStr;

/// A repository's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceFault {
    #[error("`{0}` is no address of a repository; give `https://…`, `ssh://…`, `user@host:path` or `file:///…`")]
    Url(String),
    #[error("the address carries a password; give it as `LEGATOR_BUNDLE_GIT_TOKEN`, where nobody sees it")]
    Password,
    #[error("plain HTTP lets anybody on the way change the rules; use `https://` or `ssh://`")]
    Plain,
    #[error("`{0}` is no branch or tag")]
    Reference(String),
    #[error("`{0}` is no folder of a repository")]
    Path(String),
}

impl FromStr for Url {
    type Err = PlaceFault;

    fn from_str(text: &str) -> Result<Self, PlaceFault> {
        let unfit = || PlaceFault::Url(text.chars().filter(|letter| !letter.is_control()).take(200).collect());
        if text.starts_with('-') || text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err(unfit());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.starts_with('/') || is_short(text) { Ok(Self(text.to_owned())) } else { Err(unfit()) };
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if user.contains(':') {
            return Err(PlaceFault::Password);
        }
        if user.starts_with('-') || host.starts_with('-') || (host.is_empty() && scheme != "file") {
            return Err(unfit());
        }
        match scheme {
            "https" | "ssh" => Ok(Self(text.to_owned())),
            "file" if rest.starts_with('/') => Ok(Self(text.to_owned())),
            "http" if is_loopback(host) => Ok(Self(text.to_owned())),
            "http" => Err(PlaceFault::Plain),
            _ => Err(unfit()),
        }
    }
}

/// `user@host:path`, as ssh takes it. A single letter before the colon would be a drive, and `::` another program.
fn is_short(text: &str) -> bool {
    let Some((place, path)) = text.split_once(':') else { return false };
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
    host.len() > 1 && !host.starts_with('-') && plain(place) && !path.is_empty() && !path.starts_with([':', '-'])
}

fn is_loopback(host: &str) -> bool {
    let name = if host.starts_with('[') {
        host.split(']').next().map(|name| name.trim_start_matches('['))
    } else {
        host.split(':').next()
    };
    matches!(name, Some("127.0.0.1" | "localhost" | "::1"))
}

impl FromStr for Reference {
    type Err = PlaceFault;

    fn from_str(text: &str) -> Result<Self, PlaceFault> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte));
        let parts =
            || text.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
        let good =
            plain && (1..=200).contains(&text.len()) && !text.starts_with('-') && !text.contains("..") && parts();
        if good { Ok(Self(text.to_owned())) } else { Err(PlaceFault::Reference(text.chars().take(200).collect())) }
    }
}

impl Url {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reference {
    /// What it can be called in full, likeliest first.
    pub fn candidates(&self) -> Vec<String> {
        if self.0.starts_with("refs/") {
            return vec![self.0.clone()];
        }
        vec![format!("refs/heads/{}", self.0), format!("refs/tags/{}", self.0)]
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder inside a repository: plain names, one below the other.
pub fn folder(text: &str) -> Result<String, PlaceFault> {
    let text = text.trim_matches('/');
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.contains([':', '\\', '\0'])
            && !part.chars().any(char::is_control)
    };
    if text.is_empty() || text.split('/').all(plain) {
        return Ok(text.to_owned());
    }
    Err(PlaceFault::Path(text.chars().filter(|letter| !letter.is_control()).take(200).collect()))
}

/// Whether it is an object's name.
pub fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Who signed, from what `git verify-commit` says of a good SSH signature.
pub fn signer(said: &str) -> Option<String> {
    let who = said.split_once("Good \"git\" signature for ")?.1;
    let (who, _) = who.split_once(" with ")?;
    (!who.is_empty()).then(|| who.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_address_that_git_takes_safely() {
        for good in [
            "https://example.com/policies.git",
            "https://robot@example.com:8443/policies.git",
            "ssh://git@example.com:22/policies.git",
            "git@example.com:team/policies.git",
            "file:///srv/policies.git",
            "/srv/policies.git",
            "http://127.0.0.1:8080/policies.git",
            "http://[::1]:8080/policies.git",
        ] {
            assert!(good.parse::<Url>().is_ok(), "{good}");
        }
    }

    #[test]
    fn refuses_addresses_that_would_run_something_or_tell_a_secret() {
        for bad in [
            "",
            "-oProxyCommand=id",
            "ext::sh -c id",
            "ext::id",
            "ssh://-oProxyCommand=id/x",
            "ssh://-x@host/x",
            "-x@host:path",
            "a@-x:path",
            "host:-path",
            "git://example.com/x",
            "fd::3",
            "https://",
            "file://host/x",
            "../x",
            "https://example.com/a b",
            "https://example.com/\n",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
        assert_eq!("https://a:b@example.com/x".parse::<Url>(), Err(PlaceFault::Password));
        assert_eq!("http://example.com/x".parse::<Url>(), Err(PlaceFault::Plain));
    }

    #[test]
    fn takes_names_of_branches_and_nothing_that_git_would_read_otherwise() {
        for good in ["main", "release/1.2", "refs/heads/main", "v1.0+x"] {
            assert!(good.parse::<Reference>().is_ok(), "{good}");
        }
        for bad in
            ["", "-x", "--upload-pack=id", "a..b", "a//b", "/a", "a/", "a b", "a:b", "a^", "a~1", "a.lock", ".a", "a\n"]
        {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_stays_inside() {
        assert_eq!(folder("/fleet/policies/").unwrap(), "fleet/policies");
        assert_eq!(folder("").unwrap(), "");
        for bad in ["../x", "a/../b", "a//b", ".git", "a:b", "a\\b"] {
            assert!(folder(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_good_ssh_signature_has_a_signer() {
        let good = "Good \"git\" signature for ana@example.com with ED25519 key SHA256:abc";
        assert_eq!(signer(good).as_deref(), Some("ana@example.com"));
        assert_eq!(signer("gpg: Good signature from \"ana\""), None);
        assert_eq!(signer("Good \"git\" signature with ED25519 key SHA256:abc"), None);
    }
}
