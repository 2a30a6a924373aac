//! Large answers, packed: ten thousand hosts or a page of the log weigh a tenth of what they are.
//! Never: a stream (what is said must arrive when it is said), a small answer, or one to a request that changes something.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::header::{self, HeaderMap, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Body, Response};

/// What is smaller gains nothing.
const LEAST: usize = 4 * 1024;

/// Above this another thread packs it.
const LONG: usize = 64 * 1024;

/// Most of the gain for a third of the best one's time.
const LEVEL: Compression = Compression::new(4);

/// Whether the asker takes gzip.
pub fn wanted(method: &Method, headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|said| said.to_str().ok());
    let mut codings = said.flat_map(|said| said.split(',')).map(str::trim);
    *method == Method::GET
        && codings.any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let none = weight.split_once('=').is_some_and(|(_, q)| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
            name.trim().eq_ignore_ascii_case("gzip") && !none
        })
}

/// The response packed, where that gains something.
pub async fn packed(mut response: Response) -> Response {
    if !worth(&response) {
        return response;
    }
    let Ok(raw) = response.take_body().into_bytes().await else {
        return Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish();
    };
    let smaller = if raw.len() < LEAST {
        None
    } else if raw.len() < LONG {
        gzip(&raw)
    } else {
        let raw = raw.clone();
        tokio::task::spawn_blocking(move || gzip(&raw)).await.ok().flatten()
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    match smaller {
        Some(smaller) => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.remove(header::CONTENT_LENGTH);
            response.set_body(smaller);
        }
        None => response.set_body(Body::from_bytes(raw)),
    }
    response
}

/// JSON that is there already; what is still being written has another type.
fn worth(response: &Response) -> bool {
    let kind = response.content_type().unwrap_or_default();
    response.status() == StatusCode::OK
        && (kind.starts_with("application/json") || kind.starts_with("application/problem+json"))
        && response.header(header::CONTENT_ENCODING).is_none()
}

fn gzip(raw: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(raw.len() / 6), LEVEL);
    packer.write_all(raw).ok()?;
    packer.finish().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn headers(said: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(said))])
    }

    #[test]
    fn is_wanted_where_gzip_is_taken_and_nothing_is_changed() {
        for said in ["gzip", "br, gzip;q=0.5", "deflate, GZIP"] {
            assert!(wanted(&Method::GET, &headers(said)), "{said}");
            assert!(!wanted(&Method::POST, &headers(said)), "{said}");
        }
        for said in ["", "br", "gzip;q=0", "gzipped"] {
            assert!(!wanted(&Method::GET, &headers(said)), "{said}");
        }
    }

    #[tokio::test]
    async fn packs_large_json_and_leaves_the_rest_as_it_is() {
        let large = format!("[{}0]", "1234,".repeat(20_000));
        let answer = packed(Response::builder().content_type("application/json").body(large.clone())).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        let bytes = answer.into_body().into_bytes().await.unwrap();
        assert!(bytes.len() * 5 < large.len(), "{}", bytes.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).unwrap();
        assert_eq!(text, large);

        let small = packed(Response::builder().content_type("application/json").body("[]")).await;
        assert_eq!((small.header("content-encoding"), small.header("vary")), (None, Some("accept-encoding")));
        assert_eq!(small.into_body().into_string().await.unwrap(), "[]");

        let stream = packed(Response::builder().content_type("text/event-stream").body(large)).await;
        assert_eq!((stream.header("content-encoding"), stream.header("vary")), (None, None));
    }
}
