//! Where bundles come from by themselves, and what of it the server takes up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use legator_engine::Bundle;

use super::git::{Git, GitSettings, place};
use super::revision::{Files, Origin, OriginKind};
use super::{PolicyFault, folder};
pub use crate::config::Activate as Mode;
use crate::config::Config;
use crate::vault::Secret;

/// A place that is looked at again and again.
#[derive(Clone, Debug)]
pub enum Source {
    /// The bundle that is built in.
    Shipped,
    /// A folder, which is watched.
    Folder(PathBuf),
    /// A git repository, which is polled, and read when a webhook says so.
    Git(Arc<Git>),
}

/// What a source holds at the moment.
pub struct Found {
    pub files: Files,
    pub origin: Origin,
}

impl Source {
    /// What the server is told to follow.
    pub fn of(config: &Config) -> Result<Self, place::PlaceFault> {
        let told = config.bundles.clone();
        let Some(url) = &told.git_url else {
            return Ok(config.bundle.clone().map_or(Self::Shipped, Self::Folder));
        };
        let secret = |word: Option<crate::config::Word>| word.map(|word| Secret::new(word.into_inner()));
        Ok(Self::Git(Arc::new(Git::new(GitSettings {
            url: url.parse()?,
            reference: told.git_ref.parse()?,
            path: place::folder(&told.git_path)?,
            poll: Duration::from_secs(told.git_poll_s),
            webhook_secret: secret(told.git_webhook_secret),
            token: secret(told.git_token),
            allowed_signers: told.git_signers,
            rewrites: told.git_rewrites,
            ssh_key: told.git_ssh_key,
            known_hosts: told.git_known_hosts,
            ca: told.git_ca,
            mirror: config.data.join("bundle.git"),
        }))))
    }

    pub const fn kind(&self) -> OriginKind {
        match self {
            Self::Shipped => OriginKind::Shipped,
            Self::Folder(_) => OriginKind::Folder,
            Self::Git(_) => OriginKind::Git,
        }
    }

    /// Reads it, from the network if it is there.
    pub async fn read(&self) -> Result<Found, PolicyFault> {
        match self {
            Self::Shipped => Ok(Found { files: Bundle::shipped(), origin: Origin::of(OriginKind::Shipped) }),
            Self::Folder(root) => {
                let (root, place) = (root.clone(), root.display().to_string());
                let read = tokio::task::spawn_blocking(move || folder::files(&root)).await;
                let files = read.map_err(|fault| PolicyFault::unreadable(&place, fault))??;
                Ok(Found { files, origin: Origin::of(OriginKind::Folder).at(place) })
            }
            Self::Git(git) => git.read().await,
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shipped => f.write_str("shipped"),
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Git(git) => write!(f, "{git}"),
        }
    }
}
