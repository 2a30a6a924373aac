//! One session of a probe that the test plays, message by message. It can misbehave.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use legator_protocol::{
    CommandId, CommandResult, End, Hello, Opener, Order, OrderKey, Output, OutputStream, ProbeId, ProbeKey, Ready,
    Sealer, ToProbe, ToServer, answer,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::soon;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A session, from the probe's side.
pub struct Link {
    pub socket: Socket,
    pub sealer: Sealer,
    pub opener: Opener,
    pub probe: ProbeId,
    key: OrderKey,
}

/// Why a session is over: the code that the server closed it with.
pub type Closed = String;

impl Link {
    /// A socket on which nothing was said yet.
    pub async fn socket(base: &str) -> Socket {
        let url = format!("{}/ws/probe", base.replacen("http", "ws", 1));
        soon("a socket", connect_async(url)).await.unwrap().0
    }

    /// The handshake up to, but without, `Ready`. `Err` is what the server said in its place.
    pub async fn greet(base: &str, probe: ProbeId, key: &ProbeKey, versions: &[u16]) -> Result<Self, String> {
        Self::greet_as(base, Hello { versions: versions.to_vec(), ..Hello::new(probe, [9; 32], &[]) }, key).await
    }

    /// The same by a probe that says which keys it holds; `key` is the one that it believes the server in.
    pub async fn greet_as(base: &str, hello: Hello, key: &ProbeKey) -> Result<Self, String> {
        let (mut socket, probe) = (Self::socket(base).await, hello.probe);
        let said = serde_json::to_string(&hello).unwrap();
        socket.send(Message::text(said.clone())).await.unwrap();
        let answered = soon("a welcome", socket.next()).await;
        let Some(Ok(Message::Text(text))) = answered else { return Err(format!("{answered:?}")) };
        let (_, sealer, opener) = answer(&said, &hello, key, &text).map_err(|fault| fault.to_string())?;
        Ok(Self { socket, sealer, opener, probe, key: OrderKey::of(key, probe) })
    }

    /// What a probe says of itself first.
    pub fn ready() -> ToServer {
        ToServer::Ready(Ready {
            agent: "0.1.0".to_owned(),
            hostname: "host".to_owned(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            table: String::new(),
            floor: Default::default(),
            clock_ahead_ms: 0,
        })
    }

    /// An open session of a probe that holds these keys, the one that it would rather use first; the server proves `proved`.
    pub async fn open_with(base: &str, probe: ProbeId, keys: &[&ProbeKey], proved: &ProbeKey) -> Result<Self, String> {
        let mut link = Self::greet_as(base, Hello::new(probe, [9; 32], keys), proved).await?;
        link.say(&Self::ready()).await;
        loop {
            match link.hear().await {
                Ok(ToProbe::Checkpoint { .. }) => return Ok(link),
                Ok(_) => {}
                Err(closed) => return Err(closed),
            }
        }
    }

    /// An open session: the server has said what the probe may do.
    pub async fn open(base: &str, probe: ProbeId, key: &ProbeKey) -> Self {
        let mut link = Self::greet(base, probe, key, legator_protocol::VERSIONS).await.unwrap();
        link.say(&Self::ready()).await;
        while !matches!(link.hear().await, Ok(ToProbe::Checkpoint { .. })) {}
        link
    }

    pub fn seal(&mut self, message: &ToServer) -> Vec<u8> {
        self.sealer.seal(&serde_json::to_vec(message).unwrap()).unwrap()
    }

    pub async fn raw(&mut self, frame: Vec<u8>) {
        // The server may have hung up; the test finds out when it reads why.
        let _ = self.socket.send(Message::Binary(frame.into())).await;
    }

    pub async fn say(&mut self, message: &ToServer) {
        let frame = self.seal(message);
        self.raw(frame).await;
    }

    /// The next message.
    pub async fn hear(&mut self) -> Result<ToProbe, Closed> {
        loop {
            match soon("a message to the probe", self.socket.next()).await {
                Some(Ok(Message::Binary(frame))) => {
                    return Ok(serde_json::from_slice(self.opener.open(&frame).unwrap()).unwrap());
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|frame| frame.reason.to_string()).unwrap_or_default());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err("broken".to_owned()),
            }
        }
    }

    /// Why the server ends the session; passes over what it says before.
    pub async fn closed(mut self) -> Closed {
        let closed = async {
            loop {
                if let Err(closed) = self.hear().await {
                    return closed;
                }
            }
        };
        soon("the session's end", closed).await
    }

    /// The next order, and from which output chunk on the server wants it told.
    pub async fn order(&mut self) -> (Order, u64) {
        loop {
            match self.hear().await {
                Ok(ToProbe::Command { sealed, next_chunk }) => return (sealed.open(&self.key).unwrap(), next_chunk),
                Ok(_) => {}
                Err(closed) => panic!("the session ended ({closed}) before there was an order"),
            }
        }
    }

    /// Reads an order as this probe.
    pub fn open_order(&self, message: &ToProbe) -> Option<(Order, u64)> {
        match message {
            ToProbe::Command { sealed, next_chunk } => Some((sealed.open(&self.key).unwrap(), *next_chunk)),
            _ => None,
        }
    }

    pub async fn accept(&mut self, command: CommandId) {
        self.say(&ToServer::Accepted { command, at_ms: 0 }).await;
    }

    pub async fn output(&mut self, command: CommandId, chunk: u64, text: &str) {
        self.say(&output(command, chunk, text)).await;
    }

    /// The end, after `chunks` pieces of output.
    pub async fn finish(&mut self, command: CommandId, chunks: u64, end: End) {
        self.say(&result(command, chunks, end)).await;
    }

    /// Waits until the server keeps the command's end.
    pub async fn settled(&mut self, command: CommandId) {
        loop {
            match self.hear().await {
                Ok(ToProbe::Settled { command: settled }) if settled == command => return,
                Ok(_) => {}
                Err(closed) => panic!("the session ended ({closed}) before the end of `{command}` was kept"),
            }
        }
    }

    /// Waits until the server says that a command is to be stopped.
    pub async fn canceled(&mut self) -> CommandId {
        loop {
            match self.hear().await {
                Ok(ToProbe::Cancel { command, .. }) => return command,
                Ok(_) => {}
                Err(closed) => panic!("the session ended ({closed}) before there was a cancel"),
            }
        }
    }

    /// Waits until the server has heard everything that was said before; passes over what it says meanwhile.
    pub async fn flush(&mut self) {
        self.socket.send(Message::Ping(b"flush".as_slice().into())).await.unwrap();
        loop {
            match soon("the server to hear", self.socket.next()).await {
                Some(Ok(Message::Pong(_))) => return,
                Some(Ok(Message::Binary(frame))) => drop(self.opener.open(&frame).unwrap().to_vec()),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("the session ended: {other:?}"),
            }
        }
    }
}

pub fn output(command: CommandId, chunk: u64, text: &str) -> ToServer {
    ToServer::Output(Output { command, chunk, stream: OutputStream::Stdout, data: BASE64.encode(text) })
}

pub fn result(command: CommandId, chunks: u64, end: End) -> ToServer {
    ToServer::Result(CommandResult {
        command,
        end,
        started_at_ms: 1,
        ended_at_ms: 2,
        chunks,
        stdout_bytes: 0,
        stderr_bytes: 0,
        truncated: false,
        seen: Vec::new(),
    })
}
