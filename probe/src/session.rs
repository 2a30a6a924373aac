//! One session: the handshake, then sealed frames both ways until something ends it.
//! Reading and writing wait for each other nowhere: a slow socket holds up output, and a cancel still comes through.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use legator_protocol::{
    FrameFault, HandshakeFault, Hello, MAX_FRAME, Opener, ProbeKey, Ready, Sealer, ToProbe, ToServer, answer_with,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::card::Card;
use crate::clock::{self, NoChance, ServerClock};
use crate::config::{Identity, Places};
use crate::courier::Courier;
use crate::hands::{Hands, Taken};
use crate::keys::Keys;
use crate::service::Pace;
use crate::tls::{self, ConnectFault, Stream};
use crate::{VERSION, heartbeat, inventory, status, witness};

/// How long a message of the handshake may take, and how long a frame may wait for the socket.
const PATIENCE: Duration = Duration::from_secs(20);
const STUCK: Duration = Duration::from_secs(90);
/// How long a probe that was told to end waits for its commands to end and to be told of.
const FAREWELL: Duration = Duration::from_secs(8);

/// Why a session is over, or never was.
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    #[error("the server opens no session: {0}")]
    Upgrade(tungstenite::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeFault),
    #[error(transparent)]
    Chance(#[from] NoChance),
    #[error("the server said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the session ended: {fault} ({})", fault.code())]
    Frame {
        #[from]
        fault: FrameFault,
    },
    #[error("the session ended: the server sent text where frames belong")]
    Text,
    #[error("the server closed the session{0}")]
    Closed(String),
    #[error("the connection broke: {0}")]
    Broken(tungstenite::Error),
    #[error("the server takes nothing in")]
    Stuck,
    #[error("the probe was told to end")]
    Stopped,
}

type Socket = WebSocketStream<Stream>;

/// Everything that a session speaks for.
#[derive(Clone)]
pub struct Voice {
    pub places: Places,
    pub identity: Identity,
    pub keys: Arc<Keys>,
    pub hands: Arc<Hands>,
    pub pace: Pace,
    pub hostname: String,
}

/// A session whose server proved itself.
pub struct Session {
    socket: Socket,
    sealer: Sealer,
    opener: Opener,
    clock: ServerClock,
    /// The key that the server proved.
    pub key: ProbeKey,
}

/// Connects and shakes hands.
pub async fn open(identity: &Identity, keys: &Keys, places: &Places) -> Result<Session, SessionEnd> {
    let card = Card::beside(places).map_err(ConnectFault::from)?;
    let stream = tls::connect(&identity.server, identity.pin, card).await?;
    // The library's buffers are 128 KiB each; a probe is quiet most of its life.
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let late = |_| SessionEnd::Silent(PATIENCE);
    let upgrade = client_async_with_config(identity.server.session_url(), stream, Some(config));
    let (mut socket, _) = timeout(PATIENCE, upgrade).await.map_err(late)?.map_err(SessionEnd::Upgrade)?;
    let held = keys.held();
    let held: Vec<&ProbeKey> = held.iter().collect();
    let hello = Hello::new(identity.probe, clock::nonce()?, &held);
    let said = serde_json::to_string(&hello).map_err(|_| HandshakeFault::Malformed("hello"))?;
    timeout(PATIENCE, socket.send(Message::text(said.clone()))).await.map_err(late)?.map_err(SessionEnd::Broken)?;
    let welcome = loop {
        match timeout(PATIENCE, socket.next()).await.map_err(late)? {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(frame))) => return Err(SessionEnd::Closed(why(frame))),
            Some(Ok(_)) => return Err(HandshakeFault::Malformed("welcome").into()),
            Some(Err(fault)) => return Err(SessionEnd::Broken(fault)),
            None => return Err(SessionEnd::Closed(String::new())),
        }
    };
    let (welcome, sealer, opener, which) = answer_with(&said, &hello, &held, &welcome)?;
    // INVARIANT: it is the place of one of those that were given.
    let key = held.get(which).copied().cloned().ok_or(HandshakeFault::Unproven)?;
    Ok(Session { socket, sealer, opener, clock: ServerClock::heard(welcome.at_ms), key })
}

impl Session {
    /// Speaks and listens until something ends the session; says what.
    pub async fn hold(self, voice: &Voice, stop: watch::Receiver<bool>) -> SessionEnd {
        let Session { socket, sealer, mut opener, clock, .. } = self;
        let (sink, mut stream) = socket.split();
        let mut pen = Pen { sink, sealer };
        if let Err(end) = pen.write(&ToServer::Ready(ready(voice, &clock))).await {
            return end;
        }
        let courier = Mutex::new(Courier::of(&voice.hands));
        let (outgoing, queue) = mpsc::channel(16);
        let (known, inventory_known) = watch::channel(None);
        let ears = Ears { voice, clock, courier: &courier, outgoing: outgoing.clone(), known };
        let end = tokio::select! {
            end = ears.listen(&mut stream, &mut opener) => end,
            end = speak(&mut pen, queue, voice, &courier, stop.clone()) => end,
            end = beat(voice, clock, &courier, outgoing.clone()) => end,
            end = inventory::report(&voice.places, voice.pace, inventory_known, outgoing) => end,
            () = farewell(stop) => SessionEnd::Stopped,
        };
        pen.close(&end).await;
        end
    }
}

fn ready(voice: &Voice, clock: &ServerClock) -> Ready {
    Ready {
        agent: VERSION.to_owned(),
        hostname: voice.hostname.clone(),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        table: voice.hands.table_digest(),
        floor: voice.hands.floor(),
        clock_ahead_ms: clock.host_ahead_ms(),
    }
}

/// The writing half.
struct Pen {
    sink: SplitSink<Socket, Message>,
    sealer: Sealer,
}

impl Pen {
    async fn write(&mut self, message: &ToServer) -> Result<(), SessionEnd> {
        let Ok(payload) = serde_json::to_vec(message) else { return Ok(()) };
        let frame = self.sealer.seal(&payload)?;
        let sent = timeout(STUCK, self.sink.send(Message::Binary(frame.into()))).await;
        sent.map_err(|_| SessionEnd::Stuck)?.map_err(SessionEnd::Broken)
    }

    /// Says goodbye with the reason, as far as the socket still takes it.
    async fn close(&mut self, end: &SessionEnd) {
        let (code, reason) = match end {
            SessionEnd::Frame { fault } => (CloseCode::Policy, fault.code()),
            SessionEnd::Text => (CloseCode::Policy, "text"),
            SessionEnd::Broken(tungstenite::Error::Capacity(_)) => (CloseCode::Policy, "oversized"),
            SessionEnd::Stopped => (CloseCode::Away, "stopped"),
            SessionEnd::Silent(_) => (CloseCode::Away, "silent"),
            _ => return,
        };
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(Duration::from_secs(1), self.sink.send(close)).await;
    }
}

/// Writes what is asked for and what the courier has, in turn.
async fn speak(
    pen: &mut Pen,
    mut queue: mpsc::Receiver<ToServer>,
    voice: &Voice,
    courier: &Mutex<Courier>,
    mut stop: watch::Receiver<bool>,
) -> SessionEnd {
    loop {
        let asked = queue.try_recv().ok();
        let told = lock(courier).next(&voice.hands, clock::since_boot());
        let idle = asked.is_none() && told.is_none();
        for message in [asked, told].into_iter().flatten() {
            if let Err(end) = pen.write(&message).await {
                return end;
            }
        }
        if !idle {
            continue;
        }
        if *stop.borrow() && voice.hands.running() == 0 {
            return SessionEnd::Stopped;
        }
        let message = tokio::select! {
            message = queue.recv() => message,
            () = voice.hands.changed() => None,
            _ = stop.changed() => None,
        };
        if let Some(message) = message
            && let Err(end) = pen.write(&message).await
        {
            return end;
        }
    }
}

/// Beats with jitter, so that probes which started together drift apart; and keeps house at the same time.
async fn beat(
    voice: &Voice,
    clock: ServerClock,
    courier: &Mutex<Courier>,
    outgoing: mpsc::Sender<ToServer>,
) -> SessionEnd {
    let mut last = None;
    loop {
        let running = u32::try_from(voice.hands.running()).unwrap_or(u32::MAX);
        let now = heartbeat::take(running, clock.host_ahead_ms(), last.take()).await;
        last = Some(now.clone());
        if outgoing.send(ToServer::Heartbeat(now)).await.is_err() {
            return SessionEnd::Stuck;
        }
        status::note(&voice.places, |status| {
            status.last_heartbeat_at_ms = Some(clock::now_ms());
            status.ran(voice.hands.ran());
        });
        voice.hands.purge(clock.now_ms());
        lock(courier).remind(clock::since_boot(), voice.pace.remind);
        sleep(voice.pace.heartbeat.mul_f64(0.9 + clock::unit() * 0.2)).await;
    }
}

/// A probe that is told to end has this long; its commands are being stopped meanwhile.
async fn farewell(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Whoever could have said so is gone.
        std::future::pending::<()>().await;
    }
    sleep(FAREWELL).await;
}

/// The reading half.
struct Ears<'a> {
    voice: &'a Voice,
    clock: ServerClock,
    courier: &'a Mutex<Courier>,
    outgoing: mpsc::Sender<ToServer>,
    /// What the server says it has of the inventory; outer `None` until it said so.
    known: watch::Sender<Option<inventory::Known>>,
}

impl Ears<'_> {
    async fn listen(&self, stream: &mut SplitStream<Socket>, opener: &mut Opener) -> SessionEnd {
        let silence = self.voice.pace.silence;
        loop {
            let frame = match timeout(silence, stream.next()).await {
                Err(_) => return SessionEnd::Silent(silence),
                Ok(None) => return SessionEnd::Closed(String::new()),
                Ok(Some(Err(fault))) => return SessionEnd::Broken(fault),
                Ok(Some(Ok(Message::Close(frame)))) => return SessionEnd::Closed(why(frame)),
                Ok(Some(Ok(Message::Text(_)))) => return SessionEnd::Text,
                Ok(Some(Ok(Message::Binary(frame)))) => frame,
                Ok(Some(Ok(_))) => continue,
            };
            let payload = match opener.open(&frame) {
                Ok(payload) => payload,
                Err(fault) => return fault.into(),
            };
            match serde_json::from_slice(payload) {
                Ok(message) => self.hear(message).await,
                // A newer server may know more words; the frame itself is proven.
                Err(fault) => tracing::warn!(%fault, "the server sent a message that this build does not know"),
            }
        }
    }

    async fn answer(&self, taken: Taken) {
        match taken {
            Taken::Follow { command, next_chunk } => {
                lock(self.courier).follow(command, next_chunk);
                self.voice.hands.wake();
            }
            Taken::Say(message) => self.say(message).await,
            Taken::Nothing => {}
        }
    }

    async fn hear(&self, message: ToProbe) {
        let hands = &self.voice.hands;
        match message {
            ToProbe::Command { sealed, next_chunk } => {
                self.answer(hands.take(&sealed, next_chunk, self.clock.now_ms())).await;
            }
            ToProbe::Cancel { command, reason } => {
                tracing::info!(command.id = %command, reason, "the server cancels a command");
                self.answer(hands.cancel(command, self.clock.now_ms())).await;
            }
            ToProbe::Settled { command } => {
                hands.settle(command);
                lock(self.courier).settle(command);
            }
            ToProbe::Policy { ceiling, table, inventory } => {
                hands.govern(ceiling, table);
                status::note(&self.voice.places, |status| status.ceiling = Some(ceiling));
                self.known.send_replace(Some(inventory::Known { digest: inventory }));
            }
            ToProbe::Checkpoint { note } => witness::keep(&self.voice.places, &note),
            ToProbe::RotateKey { turn, public } => self.say(self.voice.keys.turn(turn, &public)).await,
            ToProbe::Ping { at_ms } => self.say(ToServer::Pong { at_ms }).await,
        }
    }

    async fn say(&self, message: ToServer) {
        // The queue closes only when the session ends, and with it this future.
        let _ = self.outgoing.send(message).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn why(frame: Option<CloseFrame>) -> String {
    match frame {
        Some(frame) if !frame.reason.is_empty() => format!(": {}", frame.reason),
        _ => String::new(),
    }
}
