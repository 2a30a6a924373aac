//! `breakglass …`: what passed because the glass was broken, and the look back at it.

use serde_json::json;
use testkit::World;

use super::{Desk, RESTART, bundle_with, has, text};

#[tokio::test]
async fn broken_glass_is_listed_until_another_person_has_looked() {
    // An API key has no second factor, which the policy that ships wants here.
    let folder = bundle_with("context.mfa &&", "");
    let world = World::plan().with_bundle(folder.path()).start().await;
    let _probe = world.host("web-1", &["prod"]).await.obey().await;
    let (kim, ben) = (world.person("kim", &["administrator"]).await, world.person("ben", &["approver"]).await);
    let vera = world.person("vera", &["viewer"]).await;
    let [kim, ben, vera] = [&kim, &ben, &vera].map(|person| Desk::of(&world, person));

    let ended = ben.types(&["breakglass"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "nothing to show\n"));
    let glass = |why: &'static str| [&["run", "web-1", "--breakglass", why, "--"], RESTART].concat();
    kim.refused(&glass("x"), 1, "8").await;
    let late = [&["run", "web-1", "--breakglass", "the site is down", "--expires-in", "16m", "--"], RESTART].concat();
    kim.refused(&late, 1, "15 minutes").await;
    let ended = kim.types(&glass("the site is down and nobody answers")).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "done\n"), "{ended:?}");

    let list = vera.json(&["breakglass"]).await;
    assert_eq!((&list["unreviewed"], &list["breaks"][0]["can_review"]), (&json!(1), &json!(false)), "{list}");
    has(
        &list["breaks"][0],
        &["command", "probe", "probe_name", "level", "line", "person", "person_name", "reason", "at"],
    );
    let id = text(&list["breaks"][0], "command").to_owned();
    let table = ben.well(&["breakglass"]).await;
    assert!(table.contains(&id) && table.contains("kim") && table.contains("open"), "{table}");

    let good = ["breakglass", "review", &id, "--verdict", "justified", "--note", "incident 12"];
    let empty = [&good[..6], &[" "]].concat();
    let odd = ["breakglass", "review", &id, "--verdict", "maybe", "--note", "x"];
    kim.refused(&good, 7, "policy does not let `kim`").await;
    vera.refused(&good, 7, "policy does not let `vera`").await;
    ben.refused(&empty, 1, "a review says why").await;
    ben.refused(&odd, 2, "--verdict").await;
    ben.refused(
        &["breakglass", "review", "cmd_nothing", "--verdict", "justified", "--note", "x"],
        1,
        "there is no command",
    )
    .await;
    let ended = ben.types(&good).await;
    assert!(ended.code == 0 && ended.stderr.contains("justified"), "{ended:?}");
    ben.refused(&good, 1, "reviewed").await;
    assert_eq!(ben.json(&["breakglass"]).await["breaks"], json!([]));
    let all = ben.json(&["breakglass", "--all"]).await;
    assert_eq!(
        (text(&all["breaks"][0]["review"], "verdict"), text(&all["breaks"][0]["review"], "note")),
        ("justified", "incident 12")
    );
    assert!(ben.well(&["breakglass", "--all"]).await.contains("justified (ben)"));
    let figures = ben.json(&["approvals", "figures"]).await;
    assert_eq!(figures["breakglass_unreviewed"], 0);
    world.end().await;
}
