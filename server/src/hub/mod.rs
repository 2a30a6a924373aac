//! The switchboard: one open session for each connected probe, and a way to say something to it.
//! Never: knows what it says. It seals, numbers and bounds frames; whoever is behind [`Switchboard`] understands them.

mod session;
mod upgrade;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use legator_protocol::{Hello, Opener, ProbeId, Sealer, ToProbe, ToServer};
use parking_lot::RwLock;
use tokio::sync::{mpsc, watch};

pub use self::session::{SessionEnd, serve};

/// Messages that may wait for one probe before its session is given up.
const BACKLOG: usize = 4096;

/// Reaches connected probes. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    sessions: RwLock<HashMap<ProbeId, Session>>,
    numbers: AtomicU64,
}

struct Session {
    number: u64,
    line: mpsc::UnboundedSender<Arc<[u8]>>,
    waiting: Arc<AtomicUsize>,
    /// Set to why the session has to end.
    end: watch::Sender<Option<&'static str>>,
}

/// A session as its own task holds it.
pub(crate) struct Line {
    number: u64,
    messages: mpsc::UnboundedReceiver<Arc<[u8]>>,
    waiting: Arc<AtomicUsize>,
    end: watch::Receiver<Option<&'static str>>,
}

/// The answer to a hello: what to say, the session's two halves, and which key it was made with.
pub struct Greeting {
    pub welcome: String,
    pub sealer: Sealer,
    pub opener: Opener,
    /// The mark of the key.
    pub key: String,
    /// Whether the probe can be given another key in a session.
    pub can_turn: bool,
}

/// The key that a probe has proved by opening a session.
#[derive(Clone, Debug)]
pub struct Proved {
    pub key: String,
    pub can_turn: bool,
}

/// Who is behind the hub.
pub trait Switchboard: Send + Sync + 'static {
    /// Answers a probe's hello. `Err` is a code and a sentence for the probe.
    fn greet(&self, text: &str, hello: &Hello)
    -> impl Future<Output = Result<Greeting, (&'static str, String)>> + Send;

    /// The probe has proved itself, and said what it is.
    fn opened(&self, probe: ProbeId, ready: legator_protocol::Ready, proved: Proved)
    -> impl Future<Output = ()> + Send;

    /// The probe says something.
    fn hear(&self, probe: ProbeId, message: ToServer) -> impl Future<Output = ()> + Send;

    /// The session is over.
    fn closed(&self, probe: ProbeId, end: &SessionEnd) -> impl Future<Output = ()> + Send;

    /// A session that never opened: somebody tried.
    fn failed(&self, probe: Option<ProbeId>, end: &SessionEnd) -> impl Future<Output = ()> + Send;
}

impl Hub {
    /// Says something to a probe, if it is connected.
    pub fn send(&self, probe: ProbeId, message: &ToProbe) -> bool {
        Self::write(message).is_some_and(|bytes| self.send_bytes(probe, None, bytes))
    }

    fn write(message: &ToProbe) -> Option<Arc<[u8]>> {
        serde_json::to_vec(message)
            .inspect_err(|fault| tracing::error!(%fault, "a message could not be written"))
            .map(Into::into)
            .ok()
    }

    /// Says the same to every connected probe.
    pub fn broadcast(&self, message: &ToProbe) {
        let Some(bytes) = Self::write(message) else { return };
        let probes: Vec<ProbeId> = self.0.sessions.read().keys().copied().collect();
        for probe in probes {
            self.send_bytes(probe, None, Arc::clone(&bytes));
        }
    }

    /// In this session, or in whichever there is.
    fn send_bytes(&self, probe: ProbeId, number: Option<u64>, bytes: Arc<[u8]>) -> bool {
        let sessions = self.0.sessions.read();
        let session = sessions.get(&probe).filter(|session| number.is_none_or(|number| number == session.number));
        let Some(session) = session else { return false };
        if session.waiting.fetch_add(1, Ordering::Relaxed) >= BACKLOG {
            session.end.send_replace(Some("it does not keep up"));
            return false;
        }
        session.line.send(bytes).is_ok()
    }

    /// Says something to a probe in this session of its, and not in another.
    pub fn send_in(&self, probe: ProbeId, session: u64, message: &ToProbe) -> bool {
        Self::write(message).is_some_and(|bytes| self.send_bytes(probe, Some(session), bytes))
    }

    /// The number of a probe's session; a later one has a larger number.
    pub fn session(&self, probe: ProbeId) -> Option<u64> {
        self.0.sessions.read().get(&probe).map(|session| session.number)
    }

    pub fn connected(&self, probe: ProbeId) -> bool {
        self.0.sessions.read().contains_key(&probe)
    }

    pub fn n_connected(&self) -> usize {
        self.0.sessions.read().len()
    }

    /// Ends a probe's session; it will come back.
    pub fn drop_session(&self, probe: ProbeId, why: &'static str) {
        if let Some(session) = self.0.sessions.read().get(&probe) {
            session.end.send_replace(Some(why));
        }
    }

    /// Ends every session.
    pub fn drop_all(&self, why: &'static str) {
        for session in self.0.sessions.read().values() {
            session.end.send_replace(Some(why));
        }
    }

    /// Takes the probe's place. A session that it still had ends: the newer one is the living one.
    fn enter(&self, probe: ProbeId) -> Line {
        let (line, messages) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let waiting = Arc::new(AtomicUsize::new(0));
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let session = Session { number, line, waiting: Arc::clone(&waiting), end };
        if let Some(older) = self.0.sessions.write().insert(probe, session) {
            older.end.send_replace(Some("the probe opened another session"));
        }
        Line { number, messages, waiting, end: ended }
    }

    /// Gives the place back, unless a newer session has it. Says whether it was given back.
    fn leave(&self, probe: ProbeId, number: u64) -> bool {
        let mut sessions = self.0.sessions.write();
        let ours = sessions.get(&probe).is_some_and(|session| session.number == number);
        if ours {
            sessions.remove(&probe);
        }
        ours
    }
}
