//! What a bundle was made of, part by part, so that the next one reads again only what changed.
//! Never: takes over a part whose files differ by one letter.

use std::collections::BTreeMap;
use std::sync::Arc;

use legator_classify::Table;

use crate::bundle::Fault;
use crate::cases::Case;
use crate::script::{Abort, Admission, Alerts, Jobs};

/// The texts of a bundle's files, by path.
pub(crate) type Texts = BTreeMap<String, Arc<str>>;

/// Some of a bundle's files.
pub(super) type Chosen = Vec<(String, Arc<str>)>;

/// Something that was made of some files, with what was found on the way.
#[derive(Clone)]
pub(super) struct Piece<T> {
    of: Chosen,
    pub(super) made: T,
    pub(super) faults: Vec<Fault>,
}

impl<T: Clone> Piece<T> {
    /// What was made before if it was made of the same files, and else made anew.
    pub(super) fn renew(
        before: Option<&Self>,
        of: Chosen,
        make: impl FnOnce(&[(String, Arc<str>)], &mut Vec<Fault>) -> T,
    ) -> Self {
        if let Some(before) = before.filter(|before| before.of == of) {
            return before.clone();
        }
        let mut faults = Vec::new();
        let made = make(&of, &mut faults);
        Self { of, made, faults }
    }
}

/// The parts that are made of files of their own. The policies are kept by the guard, file by file.
pub(super) struct Kept {
    pub(super) texts: Texts,
    pub(super) abort: Option<Abort>,
    pub(super) table: Piece<Arc<Table>>,
    pub(super) admission: Piece<Arc<Admission>>,
    pub(super) alerts: Piece<Arc<Alerts>>,
    pub(super) jobs: Piece<Arc<Jobs>>,
    /// The cases of policies and of admission, by file.
    pub(super) cases: BTreeMap<String, Piece<Vec<Arc<Case>>>>,
}

impl Kept {
    /// The text as it is held already, where it is the same.
    pub(super) fn text(before: Option<&Self>, path: &str, text: &str) -> Arc<str> {
        let held = before.and_then(|before| before.texts.get(path)).filter(|held| ***held == *text);
        held.map_or_else(|| text.into(), Arc::clone)
    }
}
