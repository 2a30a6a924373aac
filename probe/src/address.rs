//! Where the server is: scheme, host, port and the path that everything hangs under.
//! Never: plain HTTP to another host, unless the host's administrator said so.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub tls: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// As it stands in the URL, for the `Host` header.
    authority: String,
    /// `""` or `/prefix`, without a slash at its end.
    prefix: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    #[error("`{0}` is not a server URL; it reads like `https://legator.example.org`")]
    Malformed(String),
    #[error(
        "`{0}` is plain HTTP to another host, which anyone on the way can read; use `https://`, or say `--allow-plain-http`"
    )]
    Plain(String),
}

impl Address {
    pub fn parse(text: &str, allow_plain_http: bool) -> Result<Self, AddressFault> {
        let malformed = || AddressFault::Malformed(text.chars().take(256).collect());
        let uri: Uri = text.trim().parse().map_err(|_| malformed())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        // User information has no place here, and would end in logs.
        if authority.as_str().contains('@') || uri.query().is_some() || authority.host().is_empty() {
            return Err(malformed());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if !tls && !allow_plain_http && !loops_back(&host) {
            return Err(AddressFault::Plain(text.to_owned()));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { tls, host, port, authority: authority.as_str().to_owned(), prefix })
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn path(&self, below: &str) -> String {
        format!("{}{below}", self.prefix)
    }

    /// The URL of the session's WebSocket.
    pub fn session_url(&self) -> String {
        format!("{}://{}{}", if self.tls { "wss" } else { "ws" }, self.authority, self.path("/ws/probe"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.prefix)
    }
}

fn loops_back(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_host_only() {
        for near in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost"] {
            assert!(Address::parse(near, false).is_ok(), "{near}");
        }
        let far = "http://legator.example.org";
        assert_eq!(Address::parse(far, false), Err(AddressFault::Plain(far.into())));
        assert!(Address::parse(far, true).is_ok());
    }

    #[test]
    fn keeps_the_path_that_the_server_is_under() {
        let address = Address::parse("https://example.org/legator/", false).unwrap();
        assert_eq!(address.path("/api/v1/register"), "/legator/api/v1/register");
        assert_eq!(address.session_url(), "wss://example.org/legator/ws/probe");
        assert_eq!((address.port, address.to_string()), (443, "https://example.org/legator".into()));
        assert_eq!(Address::parse("https://[2001:db8::1]:8443", false).unwrap().host, "2001:db8::1");
    }

    #[test]
    fn refuses_what_is_no_server_url() {
        for text in
            ["", "example.org", "ftp://example.org", "https://", "https://ana:secret@example.org", "https://x/?a"]
        {
            assert!(matches!(Address::parse(text, true), Err(AddressFault::Malformed(_))), "{text}");
        }
    }
}
