//! A frame that is not what it should be ends the session, with the reason, and nothing of it is believed.

use futures_util::SinkExt;
use legator_protocol::{FrameFault, MAX_FRAME, ProbeKey, ToProbe, ToServer};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Link, World};

/// The probe comes back, and works.
async fn comes_back(world: &World) {
    let mut link: Link = world.accept_governed().await;
    link.say(&ToProbe::Ping { at_ms: 9 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 9 });
}

#[tokio::test]
async fn a_forged_frame_ends_the_session() {
    let (world, mut link) = World::new().await.start().await;
    let mut frame = link.seal(&ToProbe::Ping { at_ms: 1 });
    let last = frame.len() - 1;
    frame[last] ^= 1;
    link.raw(frame).await;
    assert_eq!(link.closed().await, FrameFault::Forged.code());
    comes_back(&world).await;
}

#[tokio::test]
async fn a_replayed_frame_ends_the_session() {
    let (world, mut link) = World::new().await.start().await;
    let frame = link.seal(&ToProbe::Ping { at_ms: 1 });
    link.raw(frame.clone()).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 1 });
    link.raw(frame).await;
    assert_eq!(link.closed().await, "replayed");
    comes_back(&world).await;
}

#[tokio::test]
async fn a_reordered_frame_ends_the_session() {
    let (world, mut link) = World::new().await.start().await;
    let _skipped = link.seal(&ToProbe::Ping { at_ms: 1 });
    let next = link.seal(&ToProbe::Ping { at_ms: 2 });
    link.raw(next).await;
    assert_eq!(link.closed().await, "reordered");
    comes_back(&world).await;
}

#[tokio::test]
async fn a_frame_of_an_earlier_session_ends_the_session() {
    let (world, mut link) = World::new().await.start().await;
    let old = link.seal(&ToProbe::Ping { at_ms: 1 });
    drop(link);
    let mut link = world.accept_governed().await;
    link.raw(old).await;
    assert_eq!(link.closed().await, "forged");
    comes_back(&world).await;
}

#[tokio::test]
async fn a_truncated_frame_ends_the_session() {
    let (world, mut link) = World::new().await.start().await;
    link.raw(vec![0; 5]).await;
    assert_eq!(link.closed().await, "truncated");
    comes_back(&world).await;
}

#[tokio::test]
async fn an_oversized_frame_ends_the_session_before_it_is_read() {
    let (world, mut link) = World::new().await.start().await;
    // The probe hangs up in the middle of it, so sending may fail, and the reason may be lost with the connection.
    let _ = link.socket.send(Message::Binary(vec![0; MAX_FRAME + 1].into())).await;
    let why = link.closed().await;
    assert!(["oversized", "the connection broke"].contains(&why.as_str()), "{why}");
    comes_back(&world).await;
}

#[tokio::test]
async fn text_in_place_of_a_frame_ends_the_session() {
    let (world, mut link) = World::new().await.start().await;
    link.socket.send(Message::text("{\"t\":\"ping\",\"at_ms\":1}")).await.unwrap();
    assert_eq!(link.closed().await, "text");
    comes_back(&world).await;
}

#[tokio::test]
async fn a_server_without_the_probes_key_hears_nothing_of_it() {
    let mut world = World::new().await;
    world.serve();
    let (socket, ..) = world.greet(&ProbeKey::new([1; 32])).await;
    let mut heard = futures_util::StreamExt::map(socket, |message| message.is_ok_and(|message| message.is_binary()));
    while let Some(frame) = futures_util::StreamExt::next(&mut heard).await {
        assert!(!frame, "the probe must not speak to a server that has not proven itself");
    }
    comes_back(&world).await;
}

#[tokio::test]
async fn a_message_of_a_newer_server_is_passed_over() {
    let (_world, mut link) = World::new().await.start().await;
    let frame = link.sealer.seal(br#"{"t":"dance","partner":"ben"}"#).unwrap();
    link.raw(frame).await;
    link.say(&ToProbe::Ping { at_ms: 4 }).await;
    assert_eq!(link.next().await, ToServer::Pong { at_ms: 4 });
}
