//! One session: the handshake, then sealed frames in both directions until something ends it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use legator_protocol::{FrameFault, Hello, MAX_FRAME, Opener, ProbeId, Refusal, Sealer, ToServer};
use tokio::time::{Instant, timeout};

use super::upgrade::{CloseCode, Message, WebSocketStream};
use super::{Greeting, Hub, Line, Proved, Switchboard};

/// A stranger has this long to say who they are, and to prove it.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A probe that is silent for this long is gone.
const SILENCE: Duration = Duration::from_secs(90);

/// The server says something at least this often, so that the probe knows too.
const PULSE: Duration = Duration::from_secs(30);

/// A peer that does not take what it is sent for this long is gone.
const STALLED: Duration = Duration::from_secs(20);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    #[error("the probe closed it")]
    Closed,
    #[error("the connection broke")]
    Broken,
    #[error("the probe was silent for {} s", SILENCE.as_secs())]
    Silent,
    #[error("it was not opened within {} s", HANDSHAKE.as_secs())]
    Slow,
    #[error("{0}")]
    Frame(#[from] FrameFault),
    #[error("a message could not be read: {0}")]
    Message(String),
    #[error("{detail}")]
    Refused { code: &'static str, detail: String },
    #[error("{0}")]
    Dropped(&'static str),
}

impl SessionEnd {
    /// Stable, for metrics and the log.
    pub const fn code(&self) -> &'static str {
        match self {
            SessionEnd::Closed => "closed",
            SessionEnd::Broken => "broken",
            SessionEnd::Silent => "silent",
            SessionEnd::Slow => "slow",
            SessionEnd::Frame(fault) => fault.code(),
            SessionEnd::Message(_) => "malformed",
            SessionEnd::Refused { code, .. } => code,
            SessionEnd::Dropped(_) => "dropped",
        }
    }

    /// Whether what came over the wire was at fault, and so goes into the audit log.
    pub const fn suspicious(&self) -> bool {
        matches!(self, SessionEnd::Frame(_) | SessionEnd::Message(_) | SessionEnd::Refused { .. })
    }
}

/// Serves a socket until its session ends.
pub async fn serve<S: Switchboard>(hub: Hub, board: &S, mut socket: WebSocketStream) {
    let opened = match timeout(HANDSHAKE, open(board, &mut socket)).await {
        Ok(opened) => opened,
        Err(_) => Err((None, SessionEnd::Slow)),
    };
    let (probe, ready, mut sealer, mut opener, proved) = match opened {
        Ok(opened) => opened,
        Err((probe, end)) => {
            board.failed(probe, &end).await;
            say_goodbye(&mut socket, &end).await;
            return;
        }
    };
    let mut line = hub.enter(probe);
    board.opened(probe, ready, proved).await;
    let end = talk(board, probe, &mut socket, &mut line, &mut sealer, &mut opener).await;
    say_goodbye(&mut socket, &end).await;
    if hub.leave(probe, line.number) {
        board.closed(probe, &end).await;
    }
}

type Opened = (ProbeId, legator_protocol::Ready, Sealer, Opener, Proved);

async fn open<S: Switchboard>(
    board: &S,
    socket: &mut WebSocketStream,
) -> Result<Opened, (Option<ProbeId>, SessionEnd)> {
    let refused = |code, detail: String| SessionEnd::Refused { code, detail };
    let text = match socket.next().await {
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(_)) => return Err((None, refused("malformed", "a session begins with a hello".to_owned()))),
        _ => return Err((None, SessionEnd::Broken)),
    };
    let hello = Hello::read(&text).map_err(|fault| (None, refused("malformed", fault.to_string())))?;
    let probe = hello.probe;
    let at = |end| (Some(probe), end);
    let Greeting { welcome, sealer, mut opener, key, can_turn } =
        board.greet(&text, &hello).await.map_err(|(code, detail)| at(refused(code, detail)))?;
    socket.send(Message::Text(welcome)).await.map_err(|_| at(SessionEnd::Broken))?;
    // The first sealed frame proves the probe: before it, nobody is connected.
    let first = match socket.next().await {
        Some(Ok(Message::Binary(frame))) => frame,
        Some(Ok(_)) => return Err(at(refused("malformed", "after the hello comes a sealed frame".to_owned()))),
        _ => return Err(at(SessionEnd::Broken)),
    };
    let payload = opener.open(&first).map_err(|fault| at(fault.into()))?;
    match serde_json::from_slice(payload) {
        Ok(ToServer::Ready(ready)) => Ok((probe, ready, sealer, opener, Proved { key, can_turn })),
        Ok(_) => Err(at(SessionEnd::Message("the first message has to be `ready`".to_owned()))),
        Err(fault) => Err(at(SessionEnd::Message(fault.to_string()))),
    }
}

async fn talk<S: Switchboard>(
    board: &S,
    probe: ProbeId,
    socket: &mut WebSocketStream,
    line: &mut Line,
    sealer: &mut Sealer,
    opener: &mut Opener,
) -> SessionEnd {
    let mut heard = Instant::now();
    let mut pulse = tokio::time::interval_at(heard + PULSE, PULSE);
    loop {
        tokio::select! {
            said = socket.next() => {
                let frame = match said {
                    Some(Ok(Message::Binary(frame))) => frame,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => { heard = Instant::now(); continue }
                    Some(Ok(Message::Close(_))) | None => return SessionEnd::Closed,
                    Some(Ok(Message::Text(_))) => return SessionEnd::Message("frames are binary".to_owned()),
                    // An oversized frame ends up here as well: the socket refuses to read it.
                    Some(Err(fault)) if fault.to_string().contains("too long") => {
                        return SessionEnd::Frame(FrameFault::Oversized(MAX_FRAME + 1));
                    }
                    Some(Err(_)) => return SessionEnd::Broken,
                };
                heard = Instant::now();
                let payload = match opener.open(&frame) {
                    Ok(payload) => payload,
                    Err(fault) => return fault.into(),
                };
                // Whoever ended the session meanwhile may have had the key in mind: nothing is heard of it any more.
                if let Some(why) = *line.end.borrow() {
                    return SessionEnd::Dropped(why);
                }
                match serde_json::from_slice(payload) {
                    Ok(message) => board.hear(probe, message).await,
                    Err(fault) => return SessionEnd::Message(fault.to_string()),
                }
            }
            message = line.messages.recv() => {
                let Some(message) = message else { return SessionEnd::Dropped("the server is going down") };
                if let Err(end) = say(socket, line, sealer, &message).await {
                    return end;
                }
            }
            _ = line.end.changed() => {
                return SessionEnd::Dropped((*line.end.borrow()).unwrap_or("the server is going down"));
            }
            _ = pulse.tick() => {
                if heard.elapsed() > SILENCE {
                    return SessionEnd::Silent;
                }
                if let Err(end) = send(socket, Message::Ping(Vec::new())).await {
                    return end;
                }
            }
        }
    }
}

async fn say(socket: &mut WebSocketStream, line: &Line, sealer: &mut Sealer, message: &[u8]) -> Result<(), SessionEnd> {
    line.waiting.fetch_sub(1, Ordering::Relaxed);
    send(socket, Message::Binary(sealer.seal(message)?)).await
}

async fn send(socket: &mut WebSocketStream, message: Message) -> Result<(), SessionEnd> {
    match timeout(STALLED, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(SessionEnd::Broken),
    }
}

/// Says why, as far as the peer may know.
async fn say_goodbye(socket: &mut WebSocketStream, end: &SessionEnd) {
    if let SessionEnd::Refused { code, detail } = end {
        let refusal = Refusal { refused: (*code).to_owned(), detail: detail.clone() };
        if let Ok(text) = serde_json::to_string(&refusal) {
            let _ = send(socket, Message::Text(text)).await;
        }
    }
    let _ = send(socket, Message::Close(Some((CloseCode::Normal, end.code().to_owned())))).await;
}
