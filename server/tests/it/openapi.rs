//! The document that describes the API is the one that is checked in.

use std::path::Path;

use serde_json::Value;
use testkit::World;

#[tokio::test]
async fn the_document_in_the_repository_is_the_one_that_the_server_generates() {
    let world = World::start().await;
    let generated = legator_server::http::document(world.app());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept.trim_end(), generated.trim_end(), "run `legator openapi > server/openapi.json`");
    assert_eq!(world.stranger().get("/openapi.json").await.text.trim_end(), generated.trim_end());
    world.end().await;
}

#[tokio::test]
async fn every_operation_has_a_name_a_sentence_and_says_how_it_refuses() {
    let world = World::start().await;
    let document: Value = serde_json::from_str(&legator_server::http::document(world.app())).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for operation in crate::identity::operations(&document) {
        let at = format!("{} {}", operation.method, operation.path);
        assert!(names.insert(operation.name.clone()), "{at} shares its name");
        assert!(!operation.spec["summary"].as_str().unwrap_or_default().is_empty(), "{at} has no summary");
        let refusals = operation.spec["responses"].to_string();
        let silent = ["get_health", "get_version"];
        assert!(refusals.contains("application/problem+json") || silent.contains(&operation.name.as_str()), "{at}");
    }
    assert!(names.len() > 30, "{names:?}");
    world.end().await;
}
