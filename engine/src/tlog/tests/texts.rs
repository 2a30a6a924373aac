//! Notes, checkpoints and proofs as text: the specifications' own examples, our own, and what is refused.

use ed25519_dalek::SigningKey;

use super::*;

/// The example of the signed-note specification.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETERS_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

const ORIGIN: &str = "legator.test/audit";

fn signer() -> Signer {
    Signer::new(ORIGIN, SigningKey::from_bytes(&[7; 32])).unwrap()
}

fn ticket(n: usize, index: u64) -> Ticket {
    let grown = Grown::of(&entries(n));
    let checkpoint = Checkpoint::sign(n as u64, grown.tree.root(), &signer());
    Ticket { index, path: grown.inclusion(index, n as u64), checkpoint }
}

#[test]
fn opens_the_specifications_example_and_nothing_that_differs_from_it() {
    let peter = Verifier::parse(PETER).unwrap();
    assert_eq!(peter.to_string(), PETER);
    assert!(peter.open(PETERS_NOTE).unwrap().ends_with("problem is.\n"));
    let changed = PETERS_NOTE.replace("cryptography", "Cryptography");
    assert_eq!(peter.open(&changed), Err(NoteFault::Forged("PeterNeumann".into())));
    assert_eq!(signer().verifier().open(PETERS_NOTE), Err(NoteFault::Unsigned(ORIGIN.into())));
}

#[test]
fn passes_over_the_signatures_of_others() {
    let note = Checkpoint::sign(3, root_of(3), &signer());
    let witness = Signer::new("witness.test", SigningKey::from_bytes(&[8; 32])).unwrap();
    let theirs = Checkpoint::sign(3, root_of(3), &witness);
    let line = theirs.rsplit_once("\n\n").unwrap().1;
    let cosigned = format!("{note}{line}");
    assert_eq!(Checkpoint::open(&cosigned, &signer().verifier()).unwrap().size, 3);
}

#[test]
fn refuses_what_is_no_note() {
    let verifier = signer().verifier();
    let note = Checkpoint::sign(3, root_of(3), &signer());
    for broken in [
        String::new(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        note.trim_end().to_owned(),
        note.replace("— ", "- "),
        note.replace('\n', "\r\n"),
        format!("{note}— no-signature\n"),
        format!("{note}— name !!!!\n"),
        format!("{note}— name AAA=\n"),
    ] {
        assert_eq!(verifier.open(&broken), Err(NoteFault::Shape), "{broken:?}");
    }
}

#[test]
fn refuses_names_and_verifier_keys_that_do_not_hold() {
    let key = || SigningKey::from_bytes(&[7; 32]);
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b"] {
        assert_eq!(Signer::new(name, key()).unwrap_err(), KeyFault::Name(name.into()));
    }
    let own = signer().verifier().to_string();
    assert_eq!(Verifier::parse(&own).unwrap(), signer().verifier());
    assert_eq!(Verifier::parse("name"), Err(KeyFault::Shape));
    assert_eq!(Verifier::parse("name+xyz+AAAA"), Err(KeyFault::Shape));
    assert_eq!(Verifier::parse("name+00000000+AgAA"), Err(KeyFault::Key("name".into())));
    assert_eq!(Verifier::parse(&PETER.replace("c74f20a3", "c74f20a4")), Err(KeyFault::Id("PeterNeumann".into())));
    assert_eq!(Verifier::parse(&PETER.replace("PeterNeumann", "Peter")), Err(KeyFault::Id("Peter".into())));
}

#[test]
fn shows_no_secret_key() {
    assert_eq!(format!("{:?}", signer()), "Signer(legator.test/audit)");
}

#[test]
fn writes_and_reads_a_checkpoint() {
    let note = Checkpoint::sign(9, root_of(9), &signer());
    let text = format!("{ORIGIN}\n9\n{}\n", root_of(9).to_base64());
    assert!(note.starts_with(&format!("{text}\n— {ORIGIN} ")), "{note}");
    let read = Checkpoint::open(&note, &signer().verifier()).unwrap();
    assert_eq!(read, Checkpoint { origin: ORIGIN.into(), size: 9, root: root_of(9) });
    assert_eq!(Checkpoint::read_unverified(&note).unwrap(), read);
}

#[test]
fn refuses_checkpoints_that_are_oddly_written_or_of_another_log() {
    let root = root_of(9).to_base64();
    let open = |text: &str| Checkpoint::open(&signer().sign(text), &signer().verifier());
    assert!(open(&format!("{ORIGIN}\n9\n{root}\nextension of another\n")).is_ok());
    for text in [
        format!("{ORIGIN}\n09\n{root}\n"),
        format!("{ORIGIN}\n+9\n{root}\n"),
        format!("{ORIGIN}\n18446744073709551616\n{root}\n"),
        format!("{ORIGIN}\n9\n{}\n", &root[4..]),
        format!("{ORIGIN}\n9\n"),
        format!("\n9\n{root}\n"),
    ] {
        assert_eq!(open(&text), Err(CheckpointFault::Shape), "{text:?}");
    }
    let other = CheckpointFault::Origin { found: "other.test".into(), wanted: ORIGIN.into() };
    assert_eq!(open(&format!("other.test\n9\n{root}\n")), Err(other));
}

#[test]
fn proves_an_entry_offline_with_its_text_alone() {
    for (n, index) in [(1, 0), (2, 1), (300, 0), (300, 255), (300, 299)] {
        let ticket = ticket(n, index);
        let text = ticket.to_string();
        assert!(text.starts_with(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n")), "{text}");
        let read = Ticket::parse(&text).unwrap();
        assert_eq!(read, ticket);
        let entry = format!("entry {index}");
        assert_eq!(read.verify(entry.as_bytes(), &signer().verifier()).unwrap().size, n as u64);
        let forged = read.verify(b"another entry", &signer().verifier());
        assert_eq!(forged, Err(TicketFault::Proof(ProofFault::Root)));
    }
}

#[test]
fn reads_a_proof_that_carries_the_extra_of_others() {
    let ticket = ticket(5, 2);
    let text = ticket.to_string().replacen("index", "extra aGVsbG8=\nindex", 1);
    assert_eq!(Ticket::parse(&text).unwrap(), ticket);
}

#[test]
fn says_at_which_line_a_text_stops_being_a_proof() {
    let text = ticket(5, 2).to_string();
    let shape = |text: &str| match Ticket::parse(text) {
        Err(TicketFault::Shape(line)) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(shape("no proof\n"), 1);
    assert_eq!(shape(""), 1);
    assert_eq!(shape(&text.replace("index 2", "index 02")), 2);
    assert_eq!(shape(&text.replace("index 2\n", "index 2\nnot base64\n")), 3);
    let endless = format!("c2sp.org/tlog-proof@v1\nindex 0\n{}", format!("{}\n", root_of(1).to_base64()).repeat(64));
    assert_eq!(shape(&endless), 66);
    let unsigned = text.replace(ORIGIN, "other.test");
    let fault = Ticket::parse(&unsigned).unwrap().verify(b"entry 2", &signer().verifier());
    assert!(matches!(fault, Err(TicketFault::Checkpoint(_))));
}
