//! The reconciler of the bundle: wakes when the folder changes and now and then, looks at it, takes it up if it is good.

use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::{Policy, PolicyFault, Source};

/// A burst of file events (an editor, a checkout) is one change.
const QUIET: Duration = Duration::from_millis(150);

/// Also without a signal: a file system may not tell.
const ROUND: Duration = Duration::from_secs(15);

/// Watches until the server ends.
pub async fn watch(policy: Policy) {
    let Source::Folder(folder) = policy.source().clone() else { return };
    let wake = std::sync::Arc::new(Notify::new());
    let signal = std::sync::Arc::clone(&wake);
    // Our own look at the folder is an access too, and would wake us for ever.
    let told = notify::recommended_watcher(move |told: notify::Result<notify::Event>| {
        if !told.is_ok_and(|event| event.kind.is_access()) {
            signal.notify_one();
        }
    });
    let watcher = told.and_then(|mut watcher| watcher.watch(&folder, RecursiveMode::Recursive).map(|()| watcher));
    if let Err(fault) = &watcher {
        tracing::warn!(%fault, "the bundle's folder cannot be watched; it is read every {} s", ROUND.as_secs());
    }
    loop {
        // Both ends are the same to us: look at the folder.
        let _ = tokio::time::timeout(ROUND, wake.notified()).await;
        while tokio::time::timeout(QUIET, wake.notified()).await.is_ok() {}
        match policy.reconcile("server").await {
            Ok(_) | Err(PolicyFault::Refused { .. }) => {}
            Err(fault) => tracing::warn!(%fault, "the bundle's folder was not taken up; the last good bundle goes on"),
        }
    }
}
