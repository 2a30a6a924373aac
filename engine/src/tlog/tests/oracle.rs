//! Whatever the size: the same roots and proofs as another implementation of RFC 6962.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

fn theirs(leaves: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    leaves.iter().for_each(|leaf| tree.push(leaf.clone()));
    tree
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn leaves() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_on_the_root(leaves in leaves()) {
        let (ours, theirs) = (Grown::of(&leaves), theirs(&leaves));
        prop_assert_eq!(bytes(&[ours.tree.root()]), theirs.root().as_bytes().to_vec());
    }

    #[test]
    fn agrees_on_inclusion_and_verifies_it(leaves in leaves(), at in any::<prop::sample::Index>()) {
        let (ours, theirs) = (Grown::of(&leaves), theirs(&leaves));
        let at = at.index(leaves.len());
        let path = ours.inclusion(at as u64, leaves.len() as u64);
        prop_assert_eq!(bytes(&path), theirs.prove_inclusion(at).as_bytes().to_vec());
        let verified = verify_inclusion(leaf_hash(&leaves[at]), at as u64, leaves.len() as u64, &path, ours.tree.root());
        prop_assert_eq!(verified, Ok(()));
    }

    #[test]
    fn agrees_on_consistency_and_verifies_it(leaves in leaves(), old in any::<prop::sample::Index>()) {
        let (ours, theirs) = (Grown::of(&leaves), theirs(&leaves));
        let old = old.index(leaves.len()) + 1;
        let path = ours.consistency(old as u64, leaves.len() as u64);
        prop_assert_eq!(bytes(&path), theirs.prove_consistency(leaves.len() - old).as_bytes().to_vec());
        let old_root = Grown::of(&leaves[..old]).tree.root();
        let verified = verify_consistency(old as u64, old_root, leaves.len() as u64, ours.tree.root(), &path);
        prop_assert_eq!(verified, Ok(()));
    }

    #[test]
    fn takes_a_tree_up_where_it_was_left(leaves in leaves(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(leaves.len());
        let before = Grown::of(&leaves[..cut]);
        let peaks = Tree::peaks_of(cut as u64).iter().map(|node| before.hashes[node]).collect();
        let mut restored = Tree::restore(cut as u64, peaks).unwrap();
        prop_assert_eq!(&restored, &before.tree);
        leaves[cut..].iter().for_each(|leaf| restored.append(leaf_hash(leaf), |_, _| {}));
        prop_assert_eq!(restored, Grown::of(&leaves).tree);
    }
}

#[test]
fn every_proof_of_every_small_tree_verifies() {
    let all = entries(40);
    let grown = Grown::of(&all);
    for new in 1..=40u64 {
        let root = root_of(new as usize);
        for index in 0..new {
            let leaf = leaf_hash(all[index as usize].as_bytes());
            assert_eq!(verify_inclusion(leaf, index, new, &grown.inclusion(index, new), root), Ok(()));
        }
        for old in 0..=new {
            let path = grown.consistency(old, new);
            assert_eq!(verify_consistency(old, root_of(old as usize), new, root, &path), Ok(()), "{old} to {new}");
        }
    }
}
