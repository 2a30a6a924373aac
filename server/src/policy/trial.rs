//! Trying a bundle: every fault of its files, and every case that does not hold.
//! Never: puts anything in force.

use std::sync::Arc;

use legator_engine::{Bundle, Fault};

use super::revision::{Files, Trial};

/// The bundle's schema, which a stored revision always carries: another build ships another one.
const SCHEMA: &str = "policies/schema.cedarschema";

/// A bundle that loads, with what its cases came to.
pub struct Tried {
    pub bundle: Arc<Bundle>,
    pub files: Files,
    pub trial: Trial,
}

/// Loads the files and runs their cases. A bundle that does not load has every fault of it. What the files share with
/// the bundle `beside` is taken over from it.
pub async fn attempt(files: Files, beside: Option<Arc<Bundle>>) -> Result<Tried, Vec<Fault>> {
    let work = tokio::task::spawn_blocking(move || {
        let bundle = read(&files, beside.as_deref())?;
        let trial = Trial::of(&bundle.check());
        Ok(Tried { bundle: Arc::new(bundle), files: complete(files), trial })
    });
    work.await.unwrap_or_else(|fault| {
        Err(vec![Fault::whole("bundle.toml", format!("the bundle could not be tried: {fault}"))])
    })
}

/// Loads the files of a revision that passed before.
pub async fn load(files: Files, beside: Option<Arc<Bundle>>) -> Result<Arc<Bundle>, Vec<Fault>> {
    let work = tokio::task::spawn_blocking(move || read(&files, beside.as_deref()).map(Arc::new));
    work.await.unwrap_or_else(|fault| {
        Err(vec![Fault::whole("bundle.toml", format!("the bundle could not be loaded: {fault}"))])
    })
}

fn read(files: &Files, beside: Option<&Bundle>) -> Result<Bundle, Vec<Fault>> {
    beside.map_or_else(|| Bundle::load(files), |beside| beside.reload(files))
}

fn complete(mut files: Files) -> Files {
    if !files.contains_key(SCHEMA)
        && let Some(shipped) = Bundle::shipped().remove(SCHEMA)
    {
        files.insert(SCHEMA.to_owned(), shipped);
    }
    files
}
