//! Many probes in one process, each a socket and a key: they say what a probe says and run nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use legator_protocol::{
    CommandResult, End, FloorSummary, Heartbeat, Hello, Order, OrderKey, Output, OutputStream, ProbeId, ProbeKey,
    Ready, ToProbe, ToServer, answer,
};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A probe's identity, as enrollment gave it.
#[derive(Clone)]
pub struct Member {
    pub probe: ProbeId,
    pub key: ProbeKey,
}

/// What the swarm has seen so far.
#[derive(Default)]
pub struct Seen {
    pub connected: AtomicUsize,
    pub ran: AtomicUsize,
    /// Results of which the server said that they are durable.
    pub settled: AtomicUsize,
}

/// Enrolls `n` machines with a token of many uses.
pub async fn enroll(base: &str, token: &str, n: usize) -> anyhow::Result<Vec<Member>> {
    let client = reqwest::Client::new();
    let one = |i: usize| {
        let (client, url, token) = (client.clone(), format!("{base}/api/v1/register"), token.to_owned());
        async move {
            let body = serde_json::json!({
                "token": token, "hostname": format!("swarm-{i}"), "os": "linux", "arch": "x86_64",
                "version": "0", "machine_id": format!("swarm-machine-{i}"),
            });
            let answer: serde_json::Value = client.post(url).json(&body).send().await?.json().await?;
            let text = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| answer.to_string());
            let key: [u8; 32] =
                BASE64.decode(text("key")?)?.try_into().map_err(|_| anyhow::anyhow!("a key has 32 bytes"))?;
            anyhow::Ok(Member { probe: text("probe_id")?.parse()?, key: ProbeKey::new(key) })
        }
    };
    futures_util::stream::iter((0..n).map(one)).buffer_unordered(64).collect::<Vec<_>>().await.into_iter().collect()
}

/// Keeps a member connected until the task is dropped, coming back with jitter when the server goes away.
pub async fn live(address: String, member: Member, seen: Arc<Seen>) {
    let mut wait = Duration::from_millis(50);
    loop {
        if let Ok(mut session) = Session::open(&address, &member).await {
            seen.connected.fetch_add(1, Ordering::Relaxed);
            wait = Duration::from_millis(50);
            let _ = session.serve(&member, &seen).await;
            seen.connected.fetch_sub(1, Ordering::Relaxed);
        }
        // Full jitter, from the id: the swarm needs no chance of its own.
        let share = member.probe.to_string().bytes().rev().take(2).fold(0u32, |sum, byte| sum * 31 + u32::from(byte));
        tokio::time::sleep(wait * (share % 100) / 100).await;
        wait = (wait * 2).min(Duration::from_secs(10));
    }
}

struct Session {
    socket: WebSocketStream<TcpStream>,
    sealer: legator_protocol::Sealer,
    opener: legator_protocol::Opener,
}

impl Session {
    async fn open(address: &str, member: &Member) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let small = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let url = format!("ws://{address}/ws/probe");
        let (mut socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(small)).await?;
        // A nonce need not be secret, only new; a swarm that tests nothing of it may count.
        let hello = Hello::new(member.probe, [7; 32], &[]);
        let text = serde_json::to_string(&hello)?;
        socket.send(Message::text(text.clone())).await?;
        let Some(Message::Text(welcome)) = socket.next().await.transpose()? else { bail!("no welcome") };
        let (_, sealer, opener) = answer(&text, &hello, &member.key, &welcome)?;
        let mut session = Self { socket, sealer, opener };
        let table = legator_engine::Table::shipped().digest().to_owned();
        session
            .say(&ToServer::Ready(Ready {
                agent: "swarm".to_owned(),
                hostname: "swarm".to_owned(),
                os: "linux".to_owned(),
                arch: "x86_64".to_owned(),
                table,
                floor: FloorSummary::default(),
                clock_ahead_ms: 0,
            }))
            .await?;
        let beat = Heartbeat { cpus: 4, mem_total_bytes: 1 << 33, disk_total_bytes: 1 << 38, ..Heartbeat::default() };
        session.say(&ToServer::Heartbeat(beat)).await?;
        Ok(session)
    }

    async fn say(&mut self, message: &ToServer) -> anyhow::Result<()> {
        let frame = self.sealer.seal(&serde_json::to_vec(message)?)?;
        Ok(self.socket.send(Message::binary(frame)).await?)
    }

    async fn serve(&mut self, member: &Member, seen: &Seen) -> anyhow::Result<()> {
        let key = OrderKey::of(&member.key, member.probe);
        while let Some(message) = self.socket.next().await {
            let Message::Binary(frame) = message? else { continue };
            let sealed = match serde_json::from_slice(self.opener.open(&frame)?)? {
                ToProbe::Command { sealed, .. } => sealed,
                ToProbe::Settled { .. } => {
                    seen.settled.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                _ => continue,
            };
            let order = sealed.open(&key).map_err(|_| anyhow::anyhow!("a seal did not match"))?;
            self.pretend(&order).await?;
            seen.ran.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What a real probe says of a command that prints a line and ends well.
    async fn pretend(&mut self, order: &Order) -> anyhow::Result<()> {
        let command = order.command;
        self.say(&ToServer::Accepted { command, at_ms: order.issued_at_ms }).await?;
        let data = BASE64.encode("up 3 days\n");
        self.say(&ToServer::Output(Output { command, chunk: 0, stream: OutputStream::Stdout, data })).await?;
        self.say(&ToServer::Result(CommandResult {
            command,
            end: End::Exited { code: 0 },
            started_at_ms: order.issued_at_ms,
            ended_at_ms: order.issued_at_ms,
            chunks: 1,
            stdout_bytes: 10,
            stderr_bytes: 0,
            truncated: false,
            seen: Vec::new(),
        }))
        .await
    }
}
