//! Plain files in the oldest tar that everybody reads (POSIX ustar), to the letter.
//! Never: links, devices, long-name or extended headers. What two readers might read differently is refused.

use super::{Limits, MANIFEST, REBUILD, broken};
use crate::bundle::Fault;

pub(crate) const BLOCK: usize = 512;
const MAGIC: &[u8] = b"ustar\x0000";

pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// Adds a file. Owner, time and rights are the same for all, so that only what is inside counts.
pub(crate) fn put(out: &mut Vec<u8>, path: &str, bytes: &[u8]) -> Result<(), Fault> {
    let (prefix, name) = cut(path).ok_or_else(|| {
        let fault = Fault::whole(path, format!("the path `{path}` does not fit into an archive"));
        fault.code("path-name").help("give it a shorter one")
    })?;
    let mut header = [0_u8; BLOCK];
    let mut field = |at: usize, text: &[u8]| {
        for (to, from) in header.iter_mut().skip(at).zip(text) {
            *to = *from;
        }
    };
    field(0, name.as_bytes());
    field(100, b"0000644\0");
    field(108, b"0000000\0");
    field(116, b"0000000\0");
    field(124, format!("{:011o}\0", bytes.len()).as_bytes());
    field(136, b"00000000000\0");
    field(148, b"        ");
    field(156, b"0");
    field(257, MAGIC);
    field(345, prefix.as_bytes());
    let sum = checksum(&header);
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").as_bytes()) {
        *to = *from;
    }
    out.extend_from_slice(&header);
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    Ok(())
}

pub(crate) fn end(out: &mut Vec<u8>) {
    out.resize(out.len() + 2 * BLOCK, 0);
}

/// A path as its prefix and its name, by the lengths that the header has for them.
fn cut(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let slashes =
        path.match_indices('/').map(|(at, _)| (path.get(..at).unwrap_or(""), path.get(at + 1..).unwrap_or("")));
    slashes.into_iter().find(|(prefix, name)| prefix.len() <= 155 && name.len() <= 100 && !name.is_empty())
}

/// Reads every file of a tar.
pub(crate) fn entries(tar: &[u8], limits: &Limits) -> Result<Vec<Entry>, Fault> {
    let (mut rest, mut found, mut total) = (tar, Vec::new(), 0_usize);
    loop {
        let Some((header, after)) = rest.split_at_checked(BLOCK) else {
            return Err(broken("the archive ends in the middle".to_owned()));
        };
        if header.iter().all(|byte| *byte == 0) {
            // Behind the end there is nothing but zeros, or somebody hides something there.
            return match after.iter().all(|byte| *byte == 0) {
                true => Ok(found),
                false => Err(broken("the archive goes on behind its end".to_owned())),
            };
        }
        let (path, size) = read_header(header)?;
        if size > limits.file_bytes && path != MANIFEST {
            let message = format!("the file has {size} bytes; {} are taken", limits.file_bytes);
            return Err(Fault::whole(path, message).code("too-large").help("cut it into several"));
        }
        total = total.saturating_add(size);
        if found.len() > limits.files || total > limits.unpacked_bytes {
            let (files, bytes) = (limits.files, limits.unpacked_bytes);
            let message = format!("the archive has more than {files} files or {bytes} bytes");
            return Err(Fault::whole("archive", message).code("too-large").help("is it a bundle?"));
        }
        let padded = size.next_multiple_of(BLOCK);
        let (Some(bytes), Some(next)) = (after.get(..size), after.get(padded..)) else {
            return Err(broken(format!("the archive ends in the middle of `{path}`")));
        };
        found.push(Entry { path, bytes: bytes.to_vec() });
        rest = next;
    }
}

fn read_header(header: &[u8]) -> Result<(String, usize), Fault> {
    let field = |at: usize, length: usize| header.get(at..at + length).unwrap_or_default();
    let text = |at: usize, length: usize| {
        let bytes = field(at, length).split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            let fault = Fault::whole("archive", "a path in the archive is not UTF-8 text".to_owned());
            fault.code("path-name").help(REBUILD)
        })
    };
    let stated = octal(field(148, 8)).ok_or_else(|| broken("a header's checksum is no number".to_owned()))?;
    if stated != checksum(header) as usize {
        return Err(broken("a header's checksum is wrong".to_owned()));
    }
    if field(257, 6) != b"ustar\0" && field(257, 8) != b"ustar  \0" {
        return Err(broken("it is not a POSIX tar".to_owned()));
    }
    let (name, prefix) = (text(0, 100)?, text(345, 155)?);
    let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    let refused = |code: &str, what: &str| {
        let help = "a bundle holds plain files only; build it with `legatorctl bundle build`";
        Err(Fault::whole(&path, format!("`{path}` is {what}")).code(code).help(help))
    };
    match field(156, 1) {
        b"0" | b"\0" => {}
        b"1" | b"2" => return refused("symlink", "a link"),
        b"3" | b"4" | b"6" => return refused("archive", "a device or a pipe"),
        b"5" => return refused("archive", "an entry for a folder"),
        _ => return refused("archive", "an extended header"),
    }
    let size = octal(field(124, 12)).ok_or_else(|| broken(format!("the size of `{path}` is no number")))?;
    Ok((path, size))
}

/// A number in octal digits, which a space or a zero byte ends. Other ways to write one are other readers' business.
fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    let digits = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    digits.then(|| usize::from_str_radix(text, 8).ok()).flatten()
}

/// The sum of a header's bytes, with spaces where the sum itself stands.
fn checksum(header: &[u8]) -> u32 {
    let bytes = header.iter().enumerate();
    bytes.map(|(n, byte)| u32::from(if (148..156).contains(&n) { b' ' } else { *byte })).sum()
}
