//! Archives: made the same everywhere, and opened only if every byte is as it should be.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use ed25519_dalek::SigningKey;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use legator_engine::archive::{self, Limits};
use legator_engine::tlog::{NoteFault, Signer};
use legator_engine::{Bundle, Fault};

use crate::small::{PERMIT, files};

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn small() -> BTreeMap<String, Vec<u8>> {
    files(&[("bundle.toml", "name = 'small'\n"), ("policies/a.cedar", PERMIT), ("README.md", "read me")])
}

fn packed() -> Vec<u8> {
    archive::pack(&small(), "small", None).unwrap()
}

fn unzipped(archive: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    tar
}

fn zipped(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

fn refused(bytes: &[u8]) -> Fault {
    archive::open(bytes, &Limits::default()).expect_err("it is refused")
}

/// The archive with the header block of the n-th entry changed, and its checksum mended.
fn with_header(n: usize, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut tar = unzipped(&packed());
    let mut at = 0;
    for _ in 0..n {
        let size = usize::from_str_radix(std::str::from_utf8(&tar[at + 124..at + 135]).unwrap(), 8).unwrap();
        at += 512 + size.next_multiple_of(512);
    }
    change(&mut tar[at..at + 512]);
    tar[at + 148..at + 156].copy_from_slice(b"        ");
    let sum: u32 = tar[at..at + 512].iter().map(|byte| u32::from(*byte)).sum();
    tar[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    zipped(&tar)
}

#[test]
fn what_is_packed_comes_out_as_the_same_revision() {
    let archive = archive::open(&packed(), &Limits::default()).unwrap();
    let (before, after) = (Bundle::load(&small()).unwrap(), Bundle::load(&archive.files).unwrap());
    assert_eq!(before.revision(), after.revision());
    assert_eq!((archive.manifest.name.as_str(), archive.manifest.revision.as_str()), ("small", before.revision()));
    assert!(!archive.files.contains_key("README.md") && archive.files.contains_key("policies/schema.cedarschema"));
    let shipped = archive::pack(&Bundle::shipped(), "shipped", None).unwrap();
    assert!(archive::open(&shipped, &Limits::default()).is_ok());
}

#[test]
fn the_same_files_make_the_same_bytes() {
    let mut windows = small();
    let text = String::from_utf8(windows["policies/a.cedar"].clone()).unwrap();
    windows.insert("policies/a.cedar".to_owned(), format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes());
    assert_eq!(packed(), archive::pack(&windows, "small", None).unwrap());
    assert_eq!(packed()[3..10], [0, 0, 0, 0, 0, 0, 255], "no name, no time, no system");
}

#[test]
fn a_signature_is_checked_with_the_key_that_is_asked_for() {
    let (ours, theirs) = (signer("acme/policies", 1), signer("acme/policies", 2));
    let bytes = archive::pack(&small(), "small", Some(&ours)).unwrap();
    let archive = archive::open(&bytes, &Limits::default()).unwrap();
    assert_eq!(archive.claimed_signers(), ["acme/policies"]);
    assert_eq!(archive.signed_by(&ours.verifier()), Ok(()));
    assert!(archive.signed_by(&theirs.verifier()).is_err());
    let unsigned = archive::open(&packed(), &Limits::default()).unwrap();
    assert!(matches!(unsigned.signed_by(&ours.verifier()), Err(NoteFault::Unsigned(_))));
    assert!(unsigned.claimed_signers().is_empty());
}

#[test]
fn a_signature_does_not_pass_to_other_files() {
    let key = signer("acme/policies", 1);
    let bytes = archive::pack(&small(), "small", Some(&key)).unwrap();
    let tar = unzipped(&bytes);
    let text = String::from_utf8_lossy(&tar).into_owned();
    let (at, line) = (text.find("name small").unwrap(), "name other");
    // The note holds one character that is not ASCII, behind this place: byte and character offsets agree here.
    let mut forged = tar.clone();
    forged[at..at + line.len()].copy_from_slice(line.as_bytes());
    let opened = archive::open(&zipped(&forged), &Limits::default()).unwrap();
    assert!(matches!(opened.signed_by(&key.verifier()), Err(NoteFault::Forged(_))));
}

#[test]
fn a_changed_byte_is_noticed() {
    let tar = unzipped(&packed());
    let at = tar.windows(7).position(|bytes| bytes == b"permit ").unwrap();
    let mut altered = tar.clone();
    altered[at..at + 6].copy_from_slice(b"forbid");
    let fault = refused(&zipped(&altered));
    assert_eq!((&*fault.code, fault.file.as_str()), ("archive-altered", "policies/a.cedar"));
    assert!(fault.help.is_some());
}

#[test]
fn a_file_that_the_manifest_does_not_name_is_refused_and_one_that_is_gone_too() {
    let tar = unzipped(&packed());
    let content = tar.len() - 1024;
    let mut twice = tar[..content].to_vec();
    let last = twice.windows(28).rposition(|bytes| bytes == b"policies/schema.cedarschema\0").unwrap();
    let entry = twice[last..].to_vec();
    twice.extend_from_slice(&entry);
    twice.extend_from_slice(&[0; 1024]);
    assert_eq!(&*refused(&zipped(&twice)).code, "archive-duplicate");
    let mut gone = tar[..last].to_vec();
    gone.extend_from_slice(&[0; 1024]);
    assert_eq!(&*refused(&zipped(&gone)).code, "archive-altered");
}

#[test]
fn links_devices_folders_and_extended_headers_are_refused() {
    for (kind, code) in [
        (b'1', "symlink"),
        (b'2', "symlink"),
        (b'3', "archive"),
        (b'5', "archive"),
        (b'x', "archive"),
        (b'L', "archive"),
    ] {
        let fault = refused(&with_header(1, |header| header[156] = kind));
        assert_eq!(&*fault.code, code, "{}: {fault}", kind as char);
    }
}

#[test]
fn paths_that_lead_out_are_refused() {
    for (path, code) in [
        ("../../etc/passwd", "path-escape"),
        ("/etc/passwd", "path-escape"),
        ("policies/../../a", "path-escape"),
        ("policies\\a.cedar", "path-escape"),
        ("policies//a.cedar", "path-name"),
        ("policies/\u{202e}a", "path-name"),
    ] {
        let bytes = with_header(1, |header| {
            header[..100].fill(0);
            header[..path.len()].copy_from_slice(path.as_bytes());
        });
        assert_eq!(&*refused(&bytes).code, code, "{path}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let limits = Limits { unpacked_bytes: 1 << 20, files: 10, ..Limits::default() };
    let bomb = zipped(&vec![0; 8 << 20]);
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    assert_eq!(&*archive::open(&bomb, &limits).unwrap_err().code, "archive-bomb");
    // Twelve gigabytes in as many megabytes: whoever unpacks first and counts then is still at it.
    let many = zipped(&vec![0; 64 << 20]).repeat(200);
    let roomy = Limits { packed_bytes: many.len(), ..limits };
    let begun = std::time::Instant::now();
    assert_eq!(&*archive::open(&many, &roomy).unwrap_err().code, "archive-bomb");
    assert!(begun.elapsed().as_secs() < 10, "it was unpacked for {:?}", begun.elapsed());
    let packed_limit = Limits { packed_bytes: 100, ..Limits::default() };
    assert_eq!(&*archive::open(&packed(), &packed_limit).unwrap_err().code, "too-large");
    let few = Limits { files: 1, ..Limits::default() };
    assert_eq!(&*archive::open(&packed(), &few).unwrap_err().code, "too-large");
    let small = Limits { file_bytes: 10, ..Limits::default() };
    assert_eq!(&*archive::open(&packed(), &small).unwrap_err().code, "too-large");
}

#[test]
fn a_size_that_is_not_true_is_refused() {
    for size in ["77777777777", "00000000001", "-0000000001", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}"]
    {
        let bytes = with_header(1, |header| header[124..135].copy_from_slice(size.as_bytes()));
        assert!(archive::open(&bytes, &Limits::default()).is_err(), "{size}");
    }
}

#[test]
fn what_is_cut_or_goes_on_is_refused() {
    let whole = packed();
    for end in 0..whole.len() {
        assert!(archive::open(&whole[..end], &Limits::default()).is_err(), "{end}");
    }
    let mut tar = unzipped(&whole);
    tar.extend_from_slice(b"hidden");
    assert_eq!(&*refused(&zipped(&tar)).code, "archive");
}

#[test]
fn a_manifest_that_cannot_be_read_is_refused_with_its_line() {
    let tar = unzipped(&packed());
    let at = tar.windows(9).position(|bytes| bytes == b"revision ").unwrap();
    let mut wrong = tar.clone();
    wrong[at] = b'R';
    let fault = refused(&zipped(&wrong));
    assert_eq!((&*fault.code, fault.line, fault.column), ("archive-manifest", 3, 1));
    let first = with_header(0, |header| header[..8].copy_from_slice(b"MANIFESt"));
    assert_eq!(&*refused(&first).code, "archive");
}

#[test]
fn no_bytes_make_it_panic() {
    use proptest::prelude::*;
    let whole = unzipped(&packed());
    proptest!(|(at in 0..whole.len(), byte: u8, cut in 0..whole.len())| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        let _ = archive::open(&zipped(&bytes), &Limits::default());
        let _ = archive::open(&zipped(&bytes[..cut]), &Limits::default());
        let _ = archive::open(&bytes, &Limits::default());
    });
}
