//! What happens to a command that is out, where some of it is not written: the rest is not written either, the probe says
//! it all again, and the books have every event once and in order.

use std::task::Poll;

use futures_util::poll;
use legator_protocol::End;
use legator_server::audit::Ledger;
use serde_json::json;
use testkit::{Host, Link, Person, World, soon};
use tokio::sync::oneshot;

use crate::{RESTART, text};

async fn world() -> (World, Person, Host, Link) {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let link = host.connect().await;
    (world, ana, host, link)
}

/// Stands in the ledger's line and holds everything up from when it is run until it is let go.
struct Bar {
    reached: oneshot::Receiver<()>,
    let_go: oneshot::Sender<()>,
}

impl Bar {
    async fn put(ledger: &Ledger) -> Self {
        let ((tell, reached), (let_go, gone)) = (oneshot::channel(), oneshot::channel::<()>());
        let ledger = ledger.clone();
        let (stands, standing) = oneshot::channel();
        tokio::spawn(async move {
            let mut write = std::pin::pin!(ledger.write(0, |_| {
                Box::pin(async move {
                    let _ = tell.send(());
                    let _ = gone.await;
                    Ok(())
                })
            }));
            // Asked once, it is in the line.
            assert!(matches!(poll!(&mut write), Poll::Pending));
            let _ = stands.send(());
            write.await
        });
        soon("a place in the line", standing).await.unwrap();
        Self { reached, let_go }
    }

    async fn reach(&mut self) {
        soon("the bar to be reached", &mut self.reached).await.unwrap();
    }
}

#[tokio::test]
async fn what_follows_an_output_that_was_not_written_is_not_written_either_and_all_of_it_is_said_again() {
    let (world, ana, host, mut link) = world().await;
    let ledger = &world.app().ledger;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    link.flush().await;

    let mut database = world.database().await;
    database
        .run("CREATE TRIGGER stuck BEFORE INSERT ON command_event WHEN new.chunk = 0 BEGIN SELECT RAISE(ABORT, 'stuck'); END")
        .await;
    // The first piece shares its group with the second bar; what is said while that is reached stands in the group behind.
    let mut first = Bar::put(ledger).await;
    first.reach().await;
    link.output(order.command, 0, "one ").await;
    link.flush().await;
    let mut second = Bar::put(ledger).await;
    first.let_go.send(()).unwrap();
    second.reach().await;
    link.output(order.command, 1, "two").await;
    link.finish(order.command, 2, End::Exited { code: 0 }).await;
    link.flush().await;
    second.let_go.send(()).unwrap();
    assert_eq!(link.closed().await, "dropped");
    let command = ana.command(text(&asked, "id")).await;
    assert_eq!((text(&command, "state"), &command["stdout"]), ("running", &json!("")), "{command}");

    database.run("DROP TRIGGER stuck").await;
    let mut link = host.connect().await;
    let (again, next) = link.order().await;
    assert_eq!((again.command, next), (order.command, 0));
    link.output(order.command, 0, "one ").await;
    link.output(order.command, 1, "two").await;
    link.finish(order.command, 2, End::Exited { code: 0 }).await;
    link.settled(order.command).await;
    let command = ana.command(text(&asked, "id")).await;
    assert_eq!((text(&command, "state"), text(&command, "stdout")), ("succeeded", "one two"));
    world.end().await;
}

#[tokio::test]
async fn a_start_that_was_not_written_is_said_again() {
    let (world, ana, host, mut link) = world().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    let mut database = world.database().await;
    database
        .run("CREATE TRIGGER stuck BEFORE INSERT ON command_event WHEN new.kind = 'started' BEGIN SELECT RAISE(ABORT, 'stuck'); END")
        .await;
    link.accept(order.command).await;
    assert_eq!(link.closed().await, "dropped");
    assert_eq!(ana.command(text(&asked, "id")).await["state"], "dispatched");

    database.run("DROP TRIGGER stuck").await;
    let mut link = host.connect().await;
    assert_eq!(link.order().await.0, order);
    link.accept(order.command).await;
    link.finish(order.command, 0, End::Exited { code: 0 }).await;
    link.settled(order.command).await;
    assert_eq!(world.entries("command.started").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_cancellation_that_meets_the_end_is_told_how_it_ended() {
    let (world, ana, _host, mut link) = world().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    link.flush().await;
    let mut bar = Bar::put(&world.app().ledger).await;
    bar.reach().await;
    link.finish(order.command, 0, End::Exited { code: 0 }).await;
    link.flush().await;
    let path = format!("/api/v1/commands/{}/cancel", text(&asked, "id"));
    let mut asking = std::pin::pin!(ana.post(&path, json!({ "reason": "too late" })));
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut asking).await;
    assert!(early.is_err(), "it was told before anybody could know");
    bar.let_go.send(()).unwrap();
    let answer = soon("an answer", asking).await;
    let problem = answer.is(409);
    assert!(text(&problem, "detail").contains("succeeded"), "{problem}");
    assert_eq!(world.entries("command.cancel_requested").await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn what_a_probe_says_of_a_command_that_waits_for_people_does_not_count() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("db-1", &["prod"]).await;
    let mut link = host.connect().await;
    let held = ana.ask("db-1", RESTART).await.is(202);
    let id = text(&held, "id").parse().unwrap();
    link.accept(id).await;
    link.output(id, 0, "done already").await;
    link.finish(id, 1, End::Exited { code: 0 }).await;
    link.flush().await;
    let command = ana.command(text(&held, "id")).await;
    assert_eq!((text(&command, "state"), &command["stdout"]), ("held", &json!("")), "{command}");
    world.end().await;
}
