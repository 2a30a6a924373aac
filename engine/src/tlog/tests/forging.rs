//! Proofs that must not prove.

use super::*;

#[test]
fn plans_no_proof_of_what_is_not_there() {
    assert_eq!(InclusionPlan::new(5, 5).unwrap_err(), PlanFault::Beyond { index: 5, size: 5 });
    assert_eq!(ConsistencyPlan::new(6, 5).unwrap_err(), PlanFault::Shrunk { old: 6, new: 5 });
    assert_eq!(Tree::restore(3, vec![Hash::of_nothing()]), None);
}

#[test]
fn says_which_hash_is_missing() {
    let fault = InclusionPlan::new(0, 4).unwrap().finish(|_| None).unwrap_err();
    assert_eq!(fault, PlanFault::Missing { level: 0, index: 1 });
}

#[test]
fn refuses_another_leaf_another_index_another_size_and_another_root() {
    let all = entries(13);
    let grown = Grown::of(&all);
    let (root, path) = (grown.tree.root(), grown.inclusion(6, 13));
    let leaf = leaf_hash(all[6].as_bytes());
    assert_eq!(verify_inclusion(leaf, 6, 13, &path, root), Ok(()));
    assert_eq!(verify_inclusion(leaf_hash(b"forged"), 6, 13, &path, root), Err(ProofFault::Root));
    assert_eq!(verify_inclusion(leaf, 7, 13, &path, root), Err(ProofFault::Root));
    assert_eq!(verify_inclusion(leaf, 13, 13, &path, root), Err(ProofFault::Beyond));
    assert_eq!(verify_inclusion(leaf, 6, 7, &path, root), Err(ProofFault::Length { found: 4, wanted: 2 }));
    assert_eq!(verify_inclusion(leaf, 6, 13, &path, Hash::of_nothing()), Err(ProofFault::Root));
}

#[test]
fn refuses_a_proof_with_any_hash_changed_missing_or_added() {
    let grown = Grown::of(&entries(21));
    let (root, leaf) = (grown.tree.root(), grown.hashes[&Node { level: 0, index: 17 }]);
    let path = grown.inclusion(17, 21);
    let old_root = root_of(11);
    let steps = grown.consistency(11, 21);
    for n in 0..path.len() {
        let mut forged = path.clone();
        forged[n] = Hash::of_nothing();
        assert_eq!(verify_inclusion(leaf, 17, 21, &forged, root), Err(ProofFault::Root));
    }
    for n in 0..steps.len() {
        let mut forged = steps.clone();
        forged[n] = Hash::of_nothing();
        assert!(verify_consistency(11, old_root, 21, root, &forged).is_err());
    }
    let longer = |path: &[Hash]| [path, &[root]].concat();
    assert!(matches!(verify_inclusion(leaf, 17, 21, &longer(&path), root), Err(ProofFault::Length { .. })));
    assert!(matches!(verify_inclusion(leaf, 17, 21, &path[1..], root), Err(ProofFault::Length { .. })));
    assert!(matches!(verify_consistency(11, old_root, 21, root, &longer(&steps)), Err(ProofFault::Length { .. })));
    assert!(matches!(verify_consistency(11, old_root, 21, root, &steps[1..]), Err(ProofFault::Length { .. })));
}

#[test]
fn finds_a_log_that_was_cut_or_rewritten() {
    let grown = Grown::of(&entries(9));
    let root = grown.tree.root();
    let mut rewritten = entries(9);
    rewritten[2] = "another history".to_owned();
    let rewritten = Grown::of(&rewritten);
    assert_eq!(verify_consistency(9, root, 7, root_of(7), &[]), Err(ProofFault::Shrunk));
    assert_eq!(verify_consistency(9, root, 9, rewritten.tree.root(), &[]), Err(ProofFault::OldRoot));
    for old in 3..9u64 {
        let (path, kept) = (rewritten.consistency(old, 9), root_of(old as usize));
        assert!(verify_consistency(old, kept, 9, rewritten.tree.root(), &path).is_err());
    }
    assert_eq!(verify_consistency(0, root, 9, root, &[]), Err(ProofFault::OldRoot));
}

#[test]
fn passes_no_node_off_as_a_leaf() {
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let node = node_hash(a, b);
    let as_entry = [a.as_bytes().as_slice(), b.as_bytes()].concat();
    assert_ne!(leaf_hash(&as_entry), node);
}
