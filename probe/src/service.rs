//! `run`: one session after the other, until the probe is told to end. Commands go on while there is no session.

use std::sync::Arc;
use std::time::Duration;

use legator_protocol::HandshakeFault;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::config::{ConfigFault, Identity, Places};
use crate::floor::{Floor, FloorFault};
use crate::hands::Hands;
use crate::journal::JournalFault;
use crate::keys::Keys;
use crate::reconnect::Backoff;
use crate::session::{self, SessionEnd, Voice};
use crate::{clock, durable, heartbeat, status};

/// How often, and how long; tests take shorter ones.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub heartbeat: Duration,
    /// A server that says nothing for this long is gone.
    pub silence: Duration,
    pub inventory: Duration,
    /// An end that is not settled for this long is told again.
    pub remind: Duration,
    pub backoff: Backoff,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            silence: Duration::from_secs(90),
            inventory: Duration::from_secs(15 * 60),
            remind: Duration::from_secs(60),
            backoff: Backoff::default(),
        }
    }
}

/// A session this long was a good one; the next wait starts small again.
const GOOD: Duration = Duration::from_secs(30);
/// TERM, the grace, KILL, and the journal.
const FAREWELL: Duration = Duration::from_secs(8);

#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    #[error(transparent)]
    Config(#[from] ConfigFault),
    #[error(transparent)]
    Floor(#[from] FloorFault),
    #[error(transparent)]
    Journal(#[from] JournalFault),
}

/// Serves until `stop` says so.
pub async fn serve(places: Places, pace: Pace, stop: watch::Receiver<bool>) -> Result<(), ServeFault> {
    let identity = Identity::load(&places.config())?;
    let floor = Floor::load(&places.floor())?;
    durable::private_dir(&places.state_dir)
        .map_err(|source| ConfigFault::Unwritable { path: places.state_dir.display().to_string(), source })?;
    let hands = Hands::open(&places, &identity, floor)?;
    status::begin(&places, &identity, &hands);
    tracing::info!(probe.id = %identity.probe, server = %identity.server, "the probe runs");
    let drainer = tokio::spawn(drain(Arc::clone(&hands), stop.clone()));
    let keys = Arc::new(Keys::of(identity.clone(), places.config()));
    let voice = Voice { places, identity, keys, hands, pace, hostname: heartbeat::hostname() };
    let mut attempt = 0;
    while !*stop.borrow() {
        let began = Instant::now();
        let end = Box::pin(turn(&voice, stop.clone())).await;
        let why = end.to_string();
        status::note(&voice.places, |status| status.disconnected(clock::now_ms(), &why));
        if *stop.borrow() {
            break;
        }
        attempt = if began.elapsed() >= GOOD { 0 } else { attempt };
        let wait = match &end {
            SessionEnd::Handshake(HandshakeFault::Refused { code, .. })
                if code == "unknown-probe" || code == "unknown-key" =>
            {
                tracing::error!(
                    "the server does not know this probe or its key; enroll again with `legator-probe init`"
                );
                voice.pace.backoff.wait_as_stranger(clock::unit())
            }
            _ => voice.pace.backoff.wait(attempt, clock::unit()),
        };
        attempt = attempt.saturating_add(1);
        tracing::warn!(%why, wait_ms = wait.as_millis(), "no session");
        tokio::select! {
            () = sleep(wait) => {}
            () = told(stop.clone()) => {}
        }
    }
    // Without a session there was nobody to wait with: commands end, and their ends stay in the journal.
    let _ = timeout(FAREWELL, async {
        while voice.hands.running() > 0 {
            voice.hands.changed().await;
        }
    })
    .await;
    let _ = drainer.await;
    tracing::info!("the probe ended");
    Ok(())
}

async fn turn(voice: &Voice, stop: watch::Receiver<bool>) -> SessionEnd {
    let session = tokio::select! {
        opened = session::open(&voice.identity, &voice.keys, &voice.places) => match opened {
            Ok(session) => session,
            Err(end) => return end,
        },
        () = told(stop.clone()) => return SessionEnd::Stopped,
    };
    tracing::info!("session open");
    voice.hands.orders_by(&session.key);
    voice.keys.proved(&session.key);
    status::note(&voice.places, |status| status.connected(clock::now_ms()));
    session.hold(voice, stop).await
}

/// Ends what runs once the probe is told to end.
async fn drain(hands: Arc<Hands>, stop: watch::Receiver<bool>) {
    told(stop).await;
    hands.drain();
}

/// Until the word to end; for ever, if whoever could give it is gone.
async fn told(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
