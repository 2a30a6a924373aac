//! The reconciler of the bundle: wakes when the folder changes, when it is told, and now and then; looks at the source,
//! and takes up what it holds if it is good.

use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Policy, PolicyFault, Source};

/// A burst of file events (an editor, a checkout) is one change.
const QUIET: Duration = Duration::from_millis(150);

/// Also without a signal: a file system may not tell.
const ROUND: Duration = Duration::from_secs(15);

/// Watches until the server ends.
pub async fn watch(policy: Policy) {
    let (_watcher, round) = match policy.source() {
        // It changes with the build only, and is looked at when a pin is taken away.
        Source::Shipped => (None, Duration::from_secs(24 * 60 * 60)),
        Source::Folder(folder) => (listen(&policy, &folder.clone()), ROUND),
        Source::Git(git) => (None, git.poll()),
    };
    loop {
        // Both ends are the same to us: look at the source.
        let _ = tokio::time::timeout(round, policy.0.nudged.notified()).await;
        while tokio::time::timeout(QUIET, policy.0.nudged.notified()).await.is_ok() {}
        match policy.follow("server").await {
            Ok(_) | Err(PolicyFault::Refused { .. }) => {}
            Err(fault) => tracing::warn!(%fault, "the bundle's source was not taken up; the last good bundle goes on"),
        }
    }
}

fn listen(policy: &Policy, folder: &std::path::Path) -> Option<RecommendedWatcher> {
    let inner = Arc::downgrade(&policy.0);
    // Our own look at the folder is an access too, and would wake us for ever.
    let told = notify::recommended_watcher(move |told: notify::Result<notify::Event>| {
        if !told.is_ok_and(|event| event.kind.is_access())
            && let Some(inner) = inner.upgrade()
        {
            inner.nudged.notify_one();
        }
    });
    match told.and_then(|mut watcher| watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher)) {
        Ok(watcher) => Some(watcher),
        Err(fault) => {
            tracing::warn!(%fault, "the bundle's folder cannot be watched; it is read every {} s", ROUND.as_secs());
            None
        }
    }
}
