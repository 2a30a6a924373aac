//! Server-Sent Events: from bytes to events, and a stream that takes up again where its connection broke.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::exit::Failure;
use crate::server::Server;

/// How often a broken connection is taken up again without an event in between.
const MOST_RETRIES: u32 = 6;
/// Longest line; an output chunk is far below.
const LONGEST_LINE: usize = 4 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub data: String,
}

/// Puts events together from bytes that come in any pieces.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    event: Event,
    /// The id of the newest event, for `Last-Event-ID`.
    last: Option<String>,
}

impl Reader {
    /// The events that these bytes complete.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() == LONGEST_LINE {
                    return Err(Failure::Answer("an event is larger than any that a server sends".to_owned()));
                }
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.strip_suffix('\r').unwrap_or(&line);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if !event.data.is_empty() {
                    events.push(event);
                }
                continue;
            }
            self.field(line);
        }
        Ok(events)
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.last = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
    }
}

/// What whoever listens says after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    GoOn,
    Stop,
}

/// Hears a stream until the listener says stop. An end of the stream or a broken connection is taken up again after the
/// newest event; `Ok` also when the server ends the stream several times without a word.
pub async fn listen(
    server: &Server,
    path: &[&str],
    mut hear: impl FnMut(&Event) -> Result<Then, Failure>,
) -> Result<(), Failure> {
    let mut last: Option<String> = None;
    let mut retries = 0;
    loop {
        let failure = match server.stream(path, last.as_deref()).await {
            Ok(response) => {
                let mut reader = Reader::default();
                let mut bytes = response.bytes_stream();
                loop {
                    match bytes.next().await {
                        None => break None,
                        Some(Err(fault)) => break Some(server.broken(&fault)),
                        Some(Ok(bytes)) => {
                            for event in reader.take(&bytes)? {
                                retries = 0;
                                if hear(&event)? == Then::Stop {
                                    return Ok(());
                                }
                            }
                            last = reader.last.clone().or(last);
                        }
                    }
                }
            }
            Err(failure @ Failure::Unreachable { .. }) if last.is_some() => Some(failure),
            Err(failure) => return Err(failure),
        };
        retries += 1;
        if retries > MOST_RETRIES {
            return failure.map_or(Ok(()), Err);
        }
        tokio::time::sleep(Duration::from_millis(50 << retries.min(6))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Reader};

    #[test]
    fn puts_an_event_together_from_any_pieces() {
        let text =
            b": beat\n\nid: 7\nevent: output\ndata: {\"a\":1}\n\nid: 8\r\nevent: x\r\ndata: 1\r\ndata: 2\r\n\r\n";
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let events: Vec<Event> = text.chunks(size).flat_map(|piece| reader.take(piece).unwrap()).collect();
            let said = |kind: &str, data: &str| Event { kind: kind.to_owned(), data: data.to_owned() };
            assert_eq!(events, [said("output", "{\"a\":1}"), said("x", "1\n2")], "in pieces of {size}");
            assert_eq!(reader.last.as_deref(), Some("8"));
        }
    }
}
