//! The enrollment token: `lgt_<ULID>_<secret>_<pin>`, base 64 (URL) without padding; the pin is `-` where there is none.
//! The parts have fixed lengths, because base 64 (URL) itself contains `_`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

const ID: usize = 26;
/// 32 bytes in base 64 without padding.
const WORD: usize = 43;

/// What a person copies from the server onto the host, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    pub pin: Option<Pin>,
}

/// SHA-256 of the SubjectPublicKeyInfo of the server's TLS certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the token does not read `lgt_…`; copy it whole from `legatorctl token create` or the page that showed it")]
    Malformed,
    #[error("the pin is not 32 bytes of base 64 (URL); copy the token whole")]
    Pin,
}

impl Token {
    /// The whole text, to be sent once over the pinned or verified connection.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl FromStr for Token {
    type Err = TokenFault;

    fn from_str(text: &str) -> Result<Self, TokenFault> {
        let text = text.trim();
        let rest = text.strip_prefix("lgt_").ok_or(TokenFault::Malformed)?;
        let (id, rest) = rest.split_at_checked(ID).ok_or(TokenFault::Malformed)?;
        let rest = rest.strip_prefix('_').ok_or(TokenFault::Malformed)?;
        let (secret, rest) = rest.split_at_checked(WORD).ok_or(TokenFault::Malformed)?;
        let pin = rest.strip_prefix('_').ok_or(TokenFault::Malformed)?;
        let well_formed = id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && BASE64URL.decode(secret).is_ok_and(|bytes| bytes.len() == 32);
        if !well_formed {
            return Err(TokenFault::Malformed);
        }
        let pin = if pin == "-" { None } else { Some(pin.parse()?) };
        Ok(Self { text: text.to_owned(), pin })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.text.get(..4 + ID).unwrap_or_default())
    }
}

impl FromStr for Pin {
    type Err = TokenFault;

    fn from_str(text: &str) -> Result<Self, TokenFault> {
        let bytes = BASE64URL.decode(text).map_err(|_| TokenFault::Pin)?;
        bytes.try_into().map(Pin).map_err(|_| TokenFault::Pin)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01J9Z6A8Q3V5X7Y9ZBCDEFGHJK";

    #[test]
    fn reads_a_secret_and_a_pin_that_contain_the_separator() {
        let (secret, pin) = (BASE64URL.encode([0xff; 32]), BASE64URL.encode([0xfb; 32]));
        assert!(secret.contains('_'));
        let token: Token = format!("lgt_{ULID}_{secret}_{pin}\n").parse().unwrap();
        assert_eq!(token.pin, Some(Pin([0xfb; 32])));
        assert!(token.expose().ends_with(&pin));
        assert!(!format!("{token:?}").contains(&secret));
    }

    #[test]
    fn a_dash_is_no_pin() {
        let token: Token = format!("lgt_{ULID}_{}_-", BASE64URL.encode([1; 32])).parse().unwrap();
        assert_eq!(token.pin, None);
    }

    #[test]
    fn half_a_token_is_none() {
        let whole = format!("lgt_{ULID}_{}_-", BASE64URL.encode([1; 32]));
        for cut in 0..whole.len() {
            assert!(whole[..cut].parse::<Token>().is_err(), "{cut}");
        }
        assert_eq!(format!("{}x", &whole[..whole.len() - 1]).parse::<Token>(), Err(TokenFault::Pin));
        assert_eq!(whole.replace("lgt_", "ünt_").parse::<Token>(), Err(TokenFault::Malformed));
    }
}
