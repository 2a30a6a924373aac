//! Which answers a change makes different: the cases of both bundles and generated requests around everything that is
//! different, asked of both.
//! Never: says that nothing else changes. What was tried is part of the answer.

use legator_engine::{Bundle, Diff, Trial};

use super::revision::Files;
use super::{Policy, PolicyFault, trial};
use crate::identity::{Permit, PublishBundle};

/// The most requests that are generated for one comparison.
pub const MOST_REQUESTS: u32 = 20_000;

/// Two bundles and what is different between them.
pub struct Compared {
    pub before: String,
    pub after: String,
    pub diff: Diff,
}

impl Policy {
    /// Asks both bundles the same requests.
    pub async fn compare(
        &self,
        _: Permit<PublishBundle>,
        before: Files,
        after: Files,
        requests: u32,
    ) -> Result<Compared, PolicyFault> {
        let load = async |files: &Files, from: &str| {
            let refused = |faults| PolicyFault::Refused { from: from.to_owned(), faults };
            trial::load(files.clone(), Some(self.bundle())).await.map_err(refused)
        };
        let (old, new) = (load(&before, "before").await?, load(&after, "after").await?);
        let most = usize::try_from(requests.min(MOST_REQUESTS)).unwrap_or_default();
        let work = tokio::task::spawn_blocking(move || {
            let named = |bundle: &Bundle| bundle.revision().to_owned();
            let diff = Diff::of((&old, &before), (&new, &after), &Trial::default(), most);
            Compared { before: named(&old), after: named(&new), diff }
        });
        work.await.map_err(|fault| PolicyFault::Invalid(format!("the bundles could not be compared: {fault}")))
    }
}
