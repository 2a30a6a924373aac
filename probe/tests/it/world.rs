//! A small world: one probe, and a server that the test plays by hand.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt, StreamExt};
use legator_probe::address::Address;
use legator_probe::clock;
use legator_probe::config::{Identity, Places};
use legator_probe::durable;
use legator_probe::reconnect::Backoff;
use legator_probe::service::{self, Pace, ServeFault};
use legator_protocol::{
    CommandId, CommandResult, CommandSpec, End, Hello, Level, Opener, Order, OrderKey, OutputStream, ProbeId, ProbeKey,
    Ready, RefusedBy, SealedOrder, Sealer, ToProbe, ToServer, greet,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Longer than anything here takes; what is waited for comes as a message.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub dir: TempDir,
    pub places: Places,
    pub probe: ProbeId,
    pub key: ProbeKey,
    pub pace: Pace,
    /// How far the server's clock is ahead of this host's.
    pub ahead_ms: u64,
    listener: TcpListener,
    running: Option<Running>,
    commands: u128,
}

/// A probe in this process: how to tell it to end, and its end.
type Running = (watch::Sender<bool>, JoinHandle<Result<(), ServeFault>>);

pub fn quick() -> Pace {
    let wait = Duration::from_millis(10);
    Pace {
        heartbeat: PATIENCE,
        silence: PATIENCE,
        inventory: PATIENCE,
        remind: PATIENCE,
        backoff: Backoff { first: wait, most: wait, stranger: wait },
    }
}

impl World {
    /// An enrolled probe that does not run yet.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { config_dir: dir.path().join("etc"), state_dir: dir.path().join("var") };
        durable::private_dir(&places.config_dir).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let (probe, key) = (ProbeId::born(1, 7), ProbeKey::new([42; 32]));
        let identity = Identity {
            server: Address::parse(&server, false).unwrap(),
            allow_plain_http: false,
            probe,
            name: "db-1".into(),
            key: key.clone(),
            next_key: None,
            pin: None,
        };
        identity.save(&places.config()).unwrap();
        Self { dir, places, probe, key, pace: quick(), ahead_ms: 0, listener, running: None, commands: 0 }
    }

    pub fn floor(self, text: &str) -> Self {
        durable::write(&self.places.floor(), text.as_bytes()).unwrap();
        self
    }

    /// The probe runs in this process, and its first session is open under a ceiling of `destroy`.
    pub async fn start(mut self) -> (Self, Link) {
        self.serve();
        let link = self.accept_governed().await;
        (self, link)
    }

    pub fn serve(&mut self) {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Box::pin(service::serve(self.places.clone(), self.pace, stopped)));
        self.running = Some((stop, task));
    }

    /// Tells the probe to end, and waits until it did.
    pub async fn end(&mut self) {
        self.tell_to_end();
        self.ended().await;
    }

    pub fn tell_to_end(&self) {
        self.running.as_ref().unwrap().0.send_replace(true);
    }

    pub async fn ended(&mut self) {
        let (_stop, task) = self.running.take().unwrap();
        timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    }

    /// The probe as its own process, which can be killed.
    pub fn process(&self) -> Program {
        self.process_of(env!("CARGO_BIN_EXE_legator-probe"))
    }

    pub fn process_of(&self, program: &str) -> Program {
        let child = Command::new(program)
            .arg("--config-dir")
            .arg(&self.places.config_dir)
            .arg("--state-dir")
            .arg(&self.places.state_dir)
            .arg("run")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Program(child)
    }

    pub async fn accept_socket(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        timeout(PATIENCE, accept_async(stream)).await.unwrap().unwrap()
    }

    /// The handshake, with this key.
    pub async fn greet(&self, key: &ProbeKey) -> (WebSocketStream<TcpStream>, Sealer, Opener) {
        let mut socket = self.accept_socket().await;
        let said = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap().into_text().unwrap();
        let hello = Hello::read(&said).unwrap();
        assert_eq!(hello.probe, self.probe);
        let (welcome, sealer, opener) = greet(&said, &hello, key, [8; 32], clock::now_ms() + self.ahead_ms).unwrap();
        socket.send(Message::text(welcome)).await.unwrap();
        (socket, sealer, opener)
    }

    /// A whole handshake, up to and with the probe's `Ready`.
    pub async fn accept(&self) -> (Link, Ready) {
        self.accept_by(&self.key).await
    }

    /// The same by a server that holds this key, under a ceiling of `destroy`.
    pub async fn accept_with(&self, key: &ProbeKey) -> Link {
        let (mut link, _) = self.accept_by(key).await;
        link.govern(Level::Destroy).await;
        link
    }

    async fn accept_by(&self, key: &ProbeKey) -> (Link, Ready) {
        let (socket, sealer, opener) = self.greet(key).await;
        let key = OrderKey::of(key, self.probe);
        let mut link = Link { socket, sealer, opener, key };
        let ToServer::Ready(ready) = link.hear().await else { panic!("a session begins with `Ready`") };
        (link, ready)
    }

    pub async fn accept_governed(&self) -> Link {
        let (mut link, _) = self.accept().await;
        link.govern(Level::Destroy).await;
        link
    }

    /// A new order for this probe, well within every bound.
    pub fn order(&mut self, spec: CommandSpec) -> Order {
        self.commands += 1;
        let now = clock::now_ms();
        Order {
            command: CommandId::born(now, self.commands),
            probe: self.probe,
            issued_at_ms: now,
            expires_at_ms: now + 3_600_000,
            level: Level::Observe,
            spec,
            look: Vec::new(),
            max_output: 1024 * 1024,
        }
    }

    pub fn shell(&mut self, line: &str) -> Order {
        self.order(CommandSpec::shell(line))
    }

    pub fn seal(&self, order: &Order) -> SealedOrder {
        SealedOrder::seal(&OrderKey::of(&self.key, self.probe), order).unwrap()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// The probe's own process; killed when the test is over, however it is over.
pub struct Program(Child);

impl Program {
    /// `kill -9`.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server's side of one session.
pub struct Link {
    pub socket: WebSocketStream<TcpStream>,
    pub sealer: Sealer,
    opener: Opener,
    key: OrderKey,
}

impl Link {
    pub async fn say(&mut self, message: &ToProbe) {
        let frame = self.seal(message);
        self.raw(frame).await;
    }

    pub fn seal(&mut self, message: &ToProbe) -> Vec<u8> {
        self.sealer.seal(&serde_json::to_vec(message).unwrap()).unwrap()
    }

    pub async fn raw(&mut self, frame: Vec<u8>) {
        self.socket.send(Message::Binary(frame.into())).await.unwrap();
    }

    pub async fn govern(&mut self, ceiling: Level) {
        self.say(&ToProbe::Policy { ceiling, table: None, inventory: Some("as the last".into()) }).await;
    }

    pub async fn send(&mut self, order: &Order) {
        self.send_from(order, 0).await;
    }

    pub async fn send_from(&mut self, order: &Order, next_chunk: u64) {
        let sealed = SealedOrder::seal(&self.key, order).unwrap();
        self.say(&ToProbe::Command { sealed, next_chunk }).await;
    }

    pub async fn settle(&mut self, command: CommandId) {
        self.say(&ToProbe::Settled { command }).await;
    }

    /// The next message, whatever it is.
    pub async fn hear(&mut self) -> ToServer {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the probe says something").unwrap().unwrap() {
                Message::Binary(frame) => return serde_json::from_slice(self.opener.open(&frame).unwrap()).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// The next message that is like this; passes over others.
    pub async fn hear_until(&mut self, wanted: impl Fn(&ToServer) -> bool) -> ToServer {
        loop {
            let message = self.hear().await;
            if wanted(&message) {
                return message;
            }
        }
    }

    /// The next message about commands.
    pub async fn next(&mut self) -> ToServer {
        loop {
            match self.hear().await {
                ToServer::Heartbeat(_) | ToServer::Inventory(_) => {}
                message => return message,
            }
        }
    }

    /// The reason with which the probe closes the session.
    pub async fn closed(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.unwrap() {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return "the connection broke".into(),
            }
        }
    }

    /// Everything that the probe tells of one command, up to its end; checks that it comes in order and without a gap.
    pub async fn follow(&mut self, command: CommandId, mut next_chunk: u64) -> Told {
        let mut told = Told::default();
        assert!(matches!(self.next().await, ToServer::Accepted { command: id, .. } if id == command));
        loop {
            match self.next().await {
                ToServer::Output(output) => {
                    assert_eq!((output.command, output.chunk), (command, next_chunk));
                    next_chunk += 1;
                    let bytes = BASE64.decode(&output.data).unwrap();
                    match output.stream {
                        OutputStream::Stdout => told.stdout.extend(&bytes),
                        OutputStream::Stderr => told.stderr.extend(&bytes),
                    }
                    told.chunks.push(bytes);
                }
                ToServer::Result(result) => {
                    assert_eq!((result.command, result.chunks), (command, next_chunk));
                    told.result = Some(result);
                    return told;
                }
                other => panic!("expected output or the end, got {other:?}"),
            }
        }
    }

    pub async fn run(&mut self, order: &Order) -> Told {
        self.send(order).await;
        self.follow(order.command, 0).await
    }

    pub async fn refused(&mut self, order: &Order) -> RefusedBy {
        match self.next().await {
            ToServer::Refused { command, by, detail } => {
                assert_eq!(command, order.command);
                assert!(!detail.is_empty());
                by
            }
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    /// Waits until the command wrote `text` first.
    pub async fn wrote(&mut self, command: CommandId, text: &str) {
        assert!(matches!(self.next().await, ToServer::Accepted { command: id, .. } if id == command));
        match self.next().await {
            ToServer::Output(output) => assert_eq!(BASE64.decode(&output.data).unwrap(), text.as_bytes()),
            other => panic!("expected output, got {other:?}"),
        }
    }
}

#[derive(Debug, Default)]
pub struct Told {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub chunks: Vec<Vec<u8>>,
    pub result: Option<CommandResult>,
}

impl Told {
    pub fn result(&self) -> &CommandResult {
        self.result.as_ref().unwrap()
    }

    pub fn end(&self) -> &End {
        &self.result().end
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Whether a process lives; one that only waits to be reaped does not.
pub fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits until it does not: the kernel delivers a signal after `kill` returned.
pub async fn dies(pid: &str) -> bool {
    timeout(PATIENCE, async {
        while lives(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .is_ok()
}
