//! The second factor: six digits from an authenticator app (RFC 6238), and the codes for when the phone is gone.
//! Never: the same digits twice.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::vault::Secret;

const STEP_MS: i64 = 30_000;
/// Clocks differ: the step before and the step after count too.
const SLACK: i64 = 1;
/// What RFC 4226 asks for, and what apps take.
pub(super) const SECRET_BYTES: usize = 20;
const N_RECOVERY_CODES: usize = 10;
/// Without letters that are read as others.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step whose digits these are, if it is near `now` and later than `used`.
pub(super) fn step_of(secret: &[u8], code: &str, now: i64, used: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_ascii_whitespace()).take(16).collect();
    if code.len() != 6 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let present = now.div_euclid(STEP_MS);
    // All are looked at, so that the time it takes says nothing.
    (present - SLACK..=present + SLACK).fold(None, |found, step| {
        let same: bool = digits(secret, step)?.as_bytes().ct_eq(code.as_bytes()).into();
        found.or((same && step > used).then_some(step))
    })
}

fn digits(secret: &[u8], step: i64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac.last()? & 0x0f);
    let four: [u8; 4] = mac.get(at..at + 4)?.try_into().ok()?;
    Some(format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000))
}

/// What an app is given, as text.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut n_bits) = (0u32, 0u32);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        n_bits += 8;
        while n_bits >= 5 {
            n_bits -= 5;
            text.push(char::from(BASE32[(held >> n_bits & 31) as usize]));
        }
    }
    if n_bits > 0 {
        text.push(char::from(BASE32[(held << (5 - n_bits) & 31) as usize]));
    }
    text
}

/// The address that a picture for the app's camera holds.
pub(super) fn uri(secret: &[u8], name: &str) -> String {
    let label: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("otpauth://totp/Legator:{label}?secret={}&issuer=Legator&algorithm=SHA1&digits=6&period=30", base32(secret))
}

/// Codes that each let somebody in once: 80 bits, so one fast hash is enough.
pub(super) fn recovery_codes(clock: &Clock) -> Vec<Secret<String>> {
    let code = |_| {
        let chance = Zeroizing::new(clock.secret());
        let text = base32(&chance[..10]);
        let parts: Vec<&str> = text.as_bytes().chunks(4).filter_map(|part| std::str::from_utf8(part).ok()).collect();
        Secret::new(parts.join("-"))
    };
    (0..N_RECOVERY_CODES).map(code).collect()
}

/// The hash of a recovery code; `None` for what cannot be one.
pub(super) fn recovery_hash(code: &str) -> Option<[u8; 32]> {
    let plain: Zeroizing<String> =
        Zeroizing::new(code.chars().filter(|c| *c != '-' && !c.is_whitespace()).take(32).collect());
    let plain = Zeroizing::new(plain.to_ascii_uppercase());
    let whole = plain.len() == 16 && plain.bytes().all(|byte| BASE32.contains(&byte));
    whole.then(|| Sha256::digest(plain.as_bytes()).into())
}

#[cfg(test)]
pub(super) fn digits_at(secret: &[u8], now: i64) -> String {
    digits(secret, now.div_euclid(STEP_MS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, its SHA-1 rows, the last six digits.
    #[test]
    fn gives_the_digits_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, wanted) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(digits_at(secret, seconds * 1000), wanted);
        }
    }

    #[test]
    fn digits_count_once_and_only_near_their_time() {
        let (secret, now) = (b"12345678901234567890", 1_111_111_111_000);
        let step = step_of(secret, "050 471", now, 0).unwrap();
        assert_eq!(step_of(secret, "050471", now, step), None, "used");
        assert_eq!(step_of(secret, "050471", now + STEP_MS, 0), Some(step));
        assert_eq!(step_of(secret, "050471", now - STEP_MS, 0), Some(step));
        assert_eq!(step_of(secret, "050471", now + 2 * STEP_MS, 0), None);
        for bad in ["", "05047", "0504711", "05047a", "٠٥٠٤٧١", &"0".repeat(100_000)] {
            assert_eq!(step_of(secret, bad, now, 0), None, "{bad:.10}");
        }
    }

    /// RFC 4648, section 10, without its padding.
    #[test]
    fn writes_base_32_as_the_standard_does() {
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert!(uri(b"foobar", "ana b?").starts_with("otpauth://totp/Legator:ana%20b%3F?secret=MZXW6YTBOI&"));
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_typed() {
        let codes = recovery_codes(&Clock::system());
        assert_eq!(codes.len(), N_RECOVERY_CODES);
        let code = codes[0].expose();
        assert_eq!(code.len(), 19, "four groups of four");
        let hash = recovery_hash(code).unwrap();
        assert_eq!(recovery_hash(&code.to_lowercase().replace('-', " ")), Some(hash));
        assert_ne!(recovery_hash(codes[1].expose()), Some(hash));
        for bad in ["", "0000-0000-0000-0000", "050471", &"A".repeat(100_000)] {
            assert_eq!(recovery_hash(bad), None, "{bad:.10}");
        }
    }
}
