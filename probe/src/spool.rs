//! A command's output on disk, in the chunks in which it goes to the server. Chunk boundaries never change once
//! written, so that sending again from chunk n works after any loss.
//!
//! A record is `stream (1 byte) · length (4, big-endian) · bytes`. A torn last record is not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use legator_protocol::{MAX_CHUNK, OutputStream};

const HEADER: usize = 5;

#[derive(Debug)]
pub struct Writer {
    file: File,
    chunks: u64,
    bytes: u64,
}

impl Writer {
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self { file, chunks: 0, bytes: 0 })
    }

    /// Adds one chunk; how many there are now.
    pub fn push(&mut self, stream: OutputStream, bytes: &[u8]) -> io::Result<u64> {
        let mut record = Vec::with_capacity(HEADER + bytes.len());
        record.push(match stream {
            OutputStream::Stdout => 1,
            OutputStream::Stderr => 2,
        });
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(bytes);
        if let Err(fault) = self.file.write_all(&record) {
            // What follows a torn record could not be read: take it back.
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
            return Err(fault);
        }
        self.bytes += record.len() as u64;
        self.chunks += 1;
        Ok(self.chunks)
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[derive(Debug)]
pub struct Reader {
    file: File,
    /// The number of the chunk that the file stands before.
    at: u64,
}

impl Reader {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, at: 0 })
    }

    /// Chunk `number`; `None` if it is not (wholly) there.
    pub fn chunk(&mut self, number: u64) -> io::Result<Option<(OutputStream, Vec<u8>)>> {
        if number < self.at {
            self.file.seek(SeekFrom::Start(0))?;
            self.at = 0;
        }
        loop {
            let start = self.file.stream_position()?;
            let Some((stream, bytes)) = self.record()? else {
                self.file.seek(SeekFrom::Start(start))?;
                return Ok(None);
            };
            self.at += 1;
            if self.at > number {
                return Ok(Some((stream, bytes)));
            }
        }
    }

    fn record(&mut self) -> io::Result<Option<(OutputStream, Vec<u8>)>> {
        let mut header = [0u8; HEADER];
        if !whole(self.file.read_exact(&mut header))? {
            return Ok(None);
        }
        let [stream, length @ ..] = header;
        let length = u32::from_be_bytes(length) as usize;
        let stream = match stream {
            1 => OutputStream::Stdout,
            2 => OutputStream::Stderr,
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        if length > MAX_CHUNK {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0u8; length];
        Ok(whole(self.file.read_exact(&mut bytes))?.then_some((stream, bytes)))
    }
}

fn whole(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(fault) if fault.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// What a spool holds: whole chunks, and bytes of standard output and of standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub chunks: u64,
    pub stdout_bytes: u64,
    pub stderr_bytes: u64,
}

/// Counts a spool that a probe left behind; what does not read is not counted.
pub fn count(path: &Path) -> Held {
    let mut held = Held::default();
    let Ok(mut reader) = Reader::open(path) else { return held };
    while let Ok(Some((stream, bytes))) = reader.chunk(held.chunks) {
        held.chunks += 1;
        match stream {
            OutputStream::Stdout => held.stdout_bytes += bytes.len() as u64,
            OutputStream::Stderr => held.stderr_bytes += bytes.len() as u64,
        }
    }
    held
}

pub fn remove(path: &Path) {
    if let Err(fault) = fs::remove_file(path)
        && fault.kind() != ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %fault, "cannot remove a settled command's output");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_any_chunk_again_in_the_same_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut writer = Writer::create(&path).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        assert_eq!(reader.chunk(0).unwrap(), None);
        writer.push(OutputStream::Stdout, b"one").unwrap();
        writer.push(OutputStream::Stderr, b"").unwrap();
        assert_eq!(writer.push(OutputStream::Stdout, b"three").unwrap(), 3);
        for (number, stream, bytes) in [
            (2, OutputStream::Stdout, &b"three"[..]),
            (0, OutputStream::Stdout, b"one"),
            (1, OutputStream::Stderr, b""),
        ] {
            assert_eq!(reader.chunk(number).unwrap(), Some((stream, bytes.to_vec())));
        }
        assert_eq!(count(&path), Held { chunks: 3, stdout_bytes: 8, stderr_bytes: 0 });
    }

    #[test]
    fn a_torn_record_is_not_there_until_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        fs::write(&path, [1, 0, 0, 0, 2, b'a', b'b', 1, 0, 0, 0, 9, b'c']).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        assert_eq!(reader.chunk(0).unwrap().unwrap().1, b"ab");
        assert_eq!(reader.chunk(1).unwrap(), None);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"defghijk").unwrap();
        assert_eq!(reader.chunk(1).unwrap().unwrap().1, b"cdefghijk");
    }

    #[test]
    fn rubbish_is_an_error_and_not_a_large_allocation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        for bytes in [[1, 255, 255, 255, 255, 0], [7, 0, 0, 0, 1, 0]] {
            fs::write(&path, bytes).unwrap();
            assert!(Reader::open(&path).unwrap().chunk(0).is_err());
            assert_eq!(count(&path), Held::default());
        }
        assert_eq!(count(&dir.path().join("absent")), Held::default());
    }
}
