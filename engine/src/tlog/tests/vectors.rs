//! The vectors that implementations of certificate transparency share.

use super::*;

const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves() -> Vec<Vec<u8>> {
    LEAVES.iter().map(|hex| hex::decode(hex).unwrap()).collect()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| Hash::from_slice(&hex::decode(text).unwrap()).unwrap()).collect()
}

#[test]
fn names_the_known_root_at_every_size() {
    assert_eq!(Tree::new().root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (n, root) in ROOTS.iter().enumerate() {
        assert_eq!(&Grown::of(&leaves()[..=n]).tree.root().to_string(), root);
    }
}

#[test]
fn makes_the_known_inclusion_proof() {
    let path = Grown::of(&leaves()).inclusion(5, 8);
    let known = hashes(&[
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(path, known);
}

#[test]
fn makes_the_known_consistency_proof() {
    let path = Grown::of(&leaves()).consistency(6, 8);
    let known = hashes(&[
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(path, known);
}

#[test]
fn covers_a_range_with_the_fewest_complete_subtrees() {
    let nodes = |range| complete_nodes(range).into_iter().map(|node| (node.level, node.index)).collect::<Vec<_>>();
    assert_eq!(nodes(0..0), []);
    assert_eq!(nodes(0..1), [(0, 0)]);
    assert_eq!(nodes(0..7), [(2, 0), (1, 2), (0, 6)]);
    assert_eq!(nodes(3..8), [(0, 3), (2, 1)]);
    assert_eq!(nodes(256..1024), [(8, 1), (9, 1)]);
}
