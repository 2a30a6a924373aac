//! Archives that are uploaded: what is in them, who signed them, and what is refused.

use legator_engine::tlog::Signer;
use legator_engine::{Bundle, archive};
use legator_server::config::Bundles;
use serde_json::json;
use testkit::{Answer, Person, World};

use crate::bundles::{FROZEN, with};
use crate::text;

fn packed(signer: Option<&Signer>) -> Vec<u8> {
    let mut files = Bundle::shipped();
    files.insert("policies/own.cedar".to_owned(), FROZEN.as_bytes().to_vec());
    archive::pack(&files, "acme/fleet", signer).unwrap()
}

async fn upload(person: &Person, query: &str, bytes: Vec<u8>) -> Answer {
    let request = person.request(reqwest::Method::POST, &format!("/api/v1/bundles{query}"));
    person.send(request.header("content-type", "application/gzip").body(bytes)).await
}

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, ed25519_dalek::SigningKey::from_bytes(&[seed; 32])).unwrap()
}

#[tokio::test]
async fn an_archive_is_published_under_the_revision_that_its_manifest_says() {
    let world = World::start().await;
    let admin = world.admin();
    let bytes = packed(None);
    let revision = archive::open(&bytes, &archive::Limits::default()).unwrap().manifest.revision;
    let checked = upload(&admin, "?check_only=true", bytes.clone()).await.is(200);
    assert_eq!((text(&checked, "revision"), &checked["stored"]), (revision.as_str(), &json!(false)));
    let out = upload(&admin, "?message=freeze", bytes.clone()).await.is(201);
    assert_eq!((text(&out, "revision"), &out["passed"]), (revision.as_str(), &json!(true)));
    let kept = admin.get(&format!("/api/v1/bundles/{revision}")).await.is(200);
    assert_eq!((text(&kept, "message"), text(&kept["origin"], "place")), ("freeze", "acme/fleet"));
    upload(&admin, "", bytes).await.is(200);

    let viewer = world.person("vic", &["viewer"]).await;
    upload(&viewer, "", packed(None)).await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn an_archive_that_was_altered_or_is_none_is_refused_and_nothing_is_kept() {
    let world = World::start().await;
    let admin = world.admin();
    let mut altered = packed(None);
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let bomb = {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..200 {
            gzip.write_all(&[0; 1024 * 1024]).unwrap();
        }
        gzip.finish().unwrap()
    };
    for bytes in [altered, bomb, b"policies".to_vec(), Vec::new()] {
        let refused = upload(&admin, "", bytes).await.problem("bundle-refused");
        assert!(!refused["faults"].as_array().unwrap().is_empty(), "{refused}");
    }
    let request = admin.request(reqwest::Method::POST, "/api/v1/bundles").header("content-type", "text/plain");
    admin.send(request.body("x")).await.problem("unsupported-media-type");
    assert_eq!(admin.get("/api/v1/bundles").await.is(200)["bundles"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn where_the_server_lists_signers_only_what_one_of_them_signed_is_published() {
    let (good, other) = (signer("acme/release", 1), signer("acme/release", 2));
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("signers");
    std::fs::write(&list, format!("# who may\n\n{}  # the release key\n", good.verifier())).unwrap();
    let world = World::plan().with_bundles(Bundles { signers: Some(list), ..Bundles::default() }).start().await;
    let admin = world.admin();
    // The one who says the same name has another key.
    upload(&admin, "", packed(Some(&other))).await.problem("bundle-refused");
    let refused = upload(&admin, "", packed(None)).await.problem("bundle-refused");
    assert!(text(&refused, "detail").contains("no signature"), "{refused}");
    let refused = admin.post("/api/v1/bundles", with("policies/own.cedar", FROZEN)).await.problem("bundle-refused");
    assert!(text(&refused, "detail").contains("one by one"), "{refused}");
    admin.post("/api/v1/bundles?check_only=true", with("policies/own.cedar", FROZEN)).await.is(200);
    let out = upload(&admin, "", packed(Some(&good))).await.is(201);
    let entry = world.entry("bundle.published", |entry| entry["subject"] == out["revision"]).await;
    assert_eq!(entry["body"]["origin"]["signer"], "acme/release");
    world.end().await;
}

#[test]
fn a_list_of_signers_that_cannot_be_meant_does_not_start_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("signers");
    for (written, said) in [("# nobody\n", "holds no key"), ("ssh-ed25519 AAAA ana\n", "line 1 is no key")] {
        std::fs::write(&list, written).unwrap();
        let fault = legator_server::policy::signers(Some(&list)).unwrap_err().to_string();
        assert!(fault.contains(said), "{fault}");
    }
    assert!(legator_server::policy::signers(Some(&folder.path().join("none"))).is_err());
}
