//! The real server, killed in the middle of an activation: afterwards one revision decides, the old or the new one, and
//! the log says which.

use legator_server::fault::BUNDLE_POINTS;
use serde_json::json;
use testkit::program::Programs;
use testkit::{look_back, soon};

use crate::bundles::{FROZEN, with};
use crate::text;

const SERVER: &str = env!("CARGO_BIN_EXE_legator");

async fn revision(programs: &Programs) -> String {
    text(&programs.admin().get("/version").await.is(200), "revision").to_owned()
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_an_activation_has_one_revision_in_force() {
    let mut programs = Programs::new(SERVER);
    programs.start_server(None);
    assert!(programs.server_answers().await, "{}", programs.told());
    let mut old = revision(&programs).await;
    for (n, point) in BUNDLE_POINTS.iter().enumerate() {
        programs.start_server(Some(point));
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        let policy = FROZEN.replace("the-lab-is-frozen", &format!("the-lab-is-frozen-{n}"));
        let admin = programs.admin();
        let new = admin.post("/api/v1/bundles", with("policies/own.cedar", &policy)).await.is(201);
        let new = text(&new, "revision").to_owned();
        let path = format!("/api/v1/bundles/{new}/activate");
        let asked = admin.request(testkit::reqwest::Method::POST, &path).json(&json!({})).send();
        assert!(soon("an answer or a death", asked).await.is_err(), "{point}");
        assert!(!programs.server_ends().await.success(), "{point}");

        programs.start_server(None);
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        // Before it is durable the old one decides; from then on the new one.
        let expected = if *point == "policy.activating" { old.clone() } else { new };
        assert_eq!(revision(&programs).await, expected, "{point}");
        let history = programs.admin().get("/api/v1/bundles/history").await.is(200);
        assert_eq!(text(&history["activations"][0], "revision"), expected, "{point}");
        let log = programs.admin().get("/api/v1/audit?kind=bundle.activated&limit=1").await.is(200);
        assert_eq!(text(&log["entries"][0], "subject"), expected, "{point}");
        old = expected;
        look_back(&programs.data(), Some(&programs.admin())).await;
    }
}
