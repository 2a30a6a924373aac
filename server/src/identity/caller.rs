//! Who a request comes from: the key in its header or the session in its cookie, and from which site and address.
//! Never: a cookie that counts for a change which another site asked for.

use std::net::{IpAddr, Ipv4Addr};

use poem::Addr;
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, Method, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::passkey::proof::Place;
use super::{Caller, Identity, Opened, Visitor};
use crate::config::Network;
use crate::error::Problem;
use crate::tls::Cards;

/// Browsers take this name only with `Secure`, for the whole host and for no other.
const SECURE_COOKIE: &str = "__Host-legator";
/// Over plain HTTP on this machine, where there is no `Secure`.
const PLAIN_COOKIE: &str = "legator";
const LONGEST_AGENT: usize = 200;

/// The caller of a request: `Authorization: Bearer lgk_…`, or the cookie of a session.
pub struct Authenticated(pub Caller);

impl<'a> ApiExtractor<'a> for Authenticated {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = |ty, description| MetaSecurityScheme {
            ty,
            description: Some(description),
            name: None,
            key_in: None,
            scheme: None,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        let key = scheme("http", "An API key");
        registry.create_security_scheme(
            "key",
            MetaSecurityScheme { scheme: Some("bearer"), bearer_format: Some("API key (`lgk_…`)"), ..key },
        );
        let session = scheme("apiKey", "The cookie of a session; over plain HTTP on loopback its name is `legator`");
        registry.create_security_scheme(
            "session",
            MetaSecurityScheme { name: Some(SECURE_COOKIE), key_in: Some("cookie"), ..session },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["key", "session"]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Self(caller(request).await?))
    }
}

async fn caller(request: &Request) -> Result<Caller, Problem> {
    let identity = request.data::<Identity>().ok_or_else(|| Problem::internal("the identity room is not wired"))?;
    let found = if request.headers().contains_key(header::AUTHORIZATION) {
        match bearer(request.headers()) {
            Some(bearer) => identity.recognize_key(bearer, visitor(request).address).await?,
            None => None,
        }
    } else if let Some(cookie) = cookie(request) {
        // Asked first: a request of another site learns nothing about the session.
        from_here(request, true)?;
        identity.recognize_session(cookie)
    } else if let Some(uri) = certified(request) {
        // A browser shows it without being asked, also when another site sends it here.
        from_here(request, false)?;
        identity.recognize_certificate(&uri, visitor(request).address).await?
    } else {
        None
    };
    let Some(caller) = found else {
        // Only who is refused is counted by address: many people may share one.
        identity.spend_address(visitor(request).address)?;
        return Err(Problem::new("unauthenticated", "no valid credential came with the request")
            .help("sign in, or send `Authorization: Bearer <API key>`; `legatorctl login` keeps either for you"));
    };
    identity.spend(&caller)?;
    narrowed(identity, request, caller)
}

/// The URI of the certificate that the connection showed, if it is for one. TLS has held it against the authority.
pub fn certified(request: &Request) -> Option<String> {
    let Addr::SocketAddr(peer) = &request.remote_addr().0 else { return None };
    request.data::<Cards>()?.of(*peer)?.uri.clone()
}

/// `?tenant=` of any request.
#[derive(serde::Deserialize)]
struct Narrow {
    tenant: Option<String>,
}

/// The caller, reaching one tenant alone where they asked for that. One that they do not reach is as unknown as none.
fn narrowed(identity: &Identity, request: &Request, caller: Caller) -> Result<Caller, Problem> {
    // Of two nobody knows which is meant, and the wider one is not guessed.
    let asked = request.params::<Narrow>();
    let asked =
        asked.map_err(|_| Problem::new("bad-request", "`tenant` is there more than once, or cannot be read"))?;
    let Narrow { tenant: Some(name) } = asked else { return Ok(caller) };
    let house = identity.tenant(&caller.reach, &name)?;
    match caller.reach.narrowed(&house.tenant) {
        Some(reach) => Ok(Caller { reach, ..caller }),
        None => Err(Problem::not_found("tenant", name)),
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, credential) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential.trim())
}

/// The session's cookie, under the name that fits the connection.
pub fn cookie(request: &Request) -> Option<&str> {
    cookie_called(request, cookie_name(request))
}

/// The cookie that tells which browser began to sign in by a provider.
pub fn leaving_cookie(request: &Request) -> Option<&str> {
    cookie_called(request, &leaving_name(request))
}

/// The header that gives a browser that cookie. Coming back is a step from another site, so it is `Lax`.
pub fn remember_leaving(request: &Request, value: &str) -> String {
    let name = leaving_name(request);
    let secure = if name.starts_with(SECURE_COOKIE) { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=600{secure}")
}

fn leaving_name(request: &Request) -> String {
    format!("{}-leaving", cookie_name(request))
}

/// Where a passkey is for: this very origin, and its host.
pub fn place(request: &Request, identity: &Identity) -> Place {
    Place::of_origin(&origin(request, identity))
}

/// Where this server is, as the browser knows it.
pub fn origin(request: &Request, identity: &Identity) -> String {
    match identity.public_url() {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("{}://{}", request.scheme(), host(request).unwrap_or("localhost")),
    }
}

fn cookie_called<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let lines = request.headers().get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines.flat_map(|line| line.split(';')).filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    // Of two one was put there by somebody else.
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The header that gives a browser its session.
pub fn remember(request: &Request, opened: &Opened) -> String {
    let lives_s = (opened.session.expires_at - opened.session.created_at).max(0) / 1000;
    set_cookie(request, opened.text.expose(), lives_s)
}

/// The header that makes a browser forget its session.
pub fn forget(request: &Request) -> String {
    set_cookie(request, "", 0)
}

fn set_cookie(request: &Request, value: &str, lives_s: i64) -> String {
    let name = cookie_name(request);
    let secure = if name == SECURE_COOKIE { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lives_s}{secure}")
}

fn cookie_name(request: &Request) -> &'static str {
    let plain = request.scheme() == &Scheme::HTTP;
    // In front of a plain server there may be one that does TLS; a browser then knows another host.
    if plain && host(request).is_some_and(is_loopback) { PLAIN_COOKIE } else { SECURE_COOKIE }
}

fn host(request: &Request) -> Option<&str> {
    request.headers().get(header::HOST)?.to_str().ok().or_else(|| request.uri().authority().map(|it| it.as_str()))
}

fn is_loopback(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Who comes, as far as the connection tells.
pub fn visitor(request: &Request) -> Visitor {
    let address = match &request.remote_addr().0 {
        Addr::SocketAddr(address) => address.ip().to_canonical(),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let address = match request.data::<Identity>() {
        None => address,
        Some(identity) => {
            let mut lines = request.headers().get_all("x-forwarded-for").iter();
            // Several lines are one list, of which the last is the nearest.
            identity.behind(address, lines.next_back().and_then(|line| line.to_str().ok()))
        }
    };
    let agent = request.header(header::USER_AGENT).unwrap_or_default();
    Visitor { address, agent: agent.chars().filter(|c| !c.is_control()).take(LONGEST_AGENT).collect() }
}

/// The last address of a list that is no trusted proxy's; the peer's own where that is none.
pub(super) fn behind(proxies: &[Network], peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
    let trusted = |address: &IpAddr| proxies.iter().any(|network| network.holds(*address));
    let mut seen = peer;
    if !trusted(&peer) {
        return peer;
    }
    for hop in forwarded.unwrap_or_default().rsplit(',').take(16) {
        // A proxy that writes what cannot be read is the last one that is known.
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return seen };
        seen = address.to_canonical();
        if !trusted(&seen) {
            return seen;
        }
    }
    seen
}

/// Refuses a change that another site asked a browser for. With a cookie the browser has to say that it was this site;
/// without one there is nothing to misuse, so only what says that it was another is refused.
pub fn from_here(request: &Request, with_cookie: bool) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let ours = match (request.header("sec-fetch-site"), request.header(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, there)| host(request).is_some_and(|host| host.eq_ignore_ascii_case(there))),
        (None, None) => !with_cookie,
    };
    if ours {
        return Ok(());
    }
    Err(Problem::new("cross-site-request", "a change with a cookie has to come from this site's own pages")
        .help("a program sends `Authorization: Bearer <API key>` instead of a cookie"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(&'static str, &str)]) -> Request {
        let mut builder = Request::builder().method(method).uri_str("/api/v1/x");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.finish()
    }

    #[test]
    fn a_change_with_a_cookie_says_that_it_is_this_sites() {
        let post = |headers: &[(&'static str, &str)]| from_here(&request(Method::POST, headers), true).is_ok();
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        assert!(post(&[("host", "legator.example:8443"), ("origin", "https://legator.example:8443")]));
        assert!(!post(&[]), "nothing said is not enough");
        assert!(!post(&[("host", "a.example")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!post(&[("sec-fetch-site", site), ("host", "a"), ("origin", "https://a")]), "{site}");
        }
        for origin in ["null", "", "https://evil.example", "https://a.example.evil.example", "https://a.example:1"] {
            assert!(!post(&[("host", "a.example"), ("origin", origin)]), "{origin}");
        }
        assert!(from_here(&request(Method::GET, &[("sec-fetch-site", "cross-site")]), true).is_ok());
        assert!(from_here(&request(Method::POST, &[]), false).is_ok());
        assert!(from_here(&request(Method::POST, &[("sec-fetch-site", "cross-site")]), false).is_err());
    }

    #[test]
    fn a_cookie_has_the_name_that_fits_the_connection() {
        let of = |host: &str, cookie_line: &str| {
            let request = request(Method::GET, &[("host", host), ("cookie", cookie_line)]);
            (cookie_name(&request), cookie(&request).map(str::to_owned))
        };
        for host in ["localhost:1", "127.0.0.1:8443", "[::1]:1"] {
            assert_eq!(of(host, "a=b; legator=x; c=d"), (PLAIN_COOKIE, Some("x".to_owned())), "{host}");
        }
        assert_eq!(of("legator.example", "legator=x; __Host-legator=y"), (SECURE_COOKIE, Some("y".to_owned())));
        assert_eq!(of("localhost.evil.example", "legator=x"), (SECURE_COOKIE, None));
        assert_eq!(of("localhost", "legator=x; legator=y"), (PLAIN_COOKIE, None), "one of both is not ours");
        assert_eq!(of("localhost", "xlegator=x"), (PLAIN_COOKIE, None));
    }

    #[test]
    fn a_bearer_is_one_header_of_its_scheme() {
        let of = |values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
            bearer(request(Method::GET, &headers).headers()).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer lgk_x"]), Some("lgk_x".to_owned()));
        assert_eq!(of(&["bearer lgk_x"]), Some("lgk_x".to_owned()));
        for bad in [&["Basic x"][..], &["Bearer"], &[""], &["Bearer a", "Bearer b"]] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }
}
