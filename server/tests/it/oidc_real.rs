//! Signing in by a certified provider, a program of its own, as a person's browser walks through it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;
use testkit::World;
use testkit::reqwest::{self, Url};

use crate::oidc::Traveller;

/// The provider's process. It ends with its standard input, so also when this one dies.
struct Real {
    issuer: String,
    child: Child,
    /// Stays open: the provider ends when nobody hears what it has to say.
    _out: BufReader<ChildStdout>,
}

impl Real {
    fn start(base: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider");
        assert!(
            folder.join("node_modules/oidc-provider").is_dir(),
            "the provider is not installed: run `npm ci` in server/tests/provider, or `cargo xtask test`"
        );
        let child = Command::new("node")
            .arg(folder.join("provider.mjs"))
            .arg(format!("{base}/api/v1/auth/oidc/callback"))
            .arg(format!("{base}/api/v1/auth/oidc/real/backchannel-logout"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("Node is needed to start the provider: install `nodejs`");
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        let issuer = said.trim().strip_prefix("up ").unwrap_or_else(|| panic!("it said {said:?}")).to_owned();
        Self { issuer, child, _out: out }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser at the provider: it keeps cookies and follows redirects while they stay there.
struct There {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl There {
    fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // A connection of its own for each step: an idle one may be closed just when it is used.
        Self { http: http.pool_max_idle_per_host(0).build().unwrap(), cookies: BTreeMap::new() }
    }

    async fn ask(&mut self, url: &Url, form: Option<&str>) -> (Option<Url>, String) {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match form {
            None => self.http.get(url.clone()),
            Some(form) => self
                .http
                .post(url.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
        };
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let next = answer.headers().get("location").map(|next| url.join(next.to_str().unwrap()).unwrap());
        (next, answer.text().await.unwrap())
    }

    /// Signs in as `who` and agrees to everything; gives the address that leads back.
    async fn agree(&mut self, address: &str, issuer: &str, who: &str) -> String {
        let mut url = Url::parse(address).unwrap();
        for _ in 0..20 {
            if !url.as_str().starts_with(issuer) {
                return url.into();
            }
            let (next, page) = self.ask(&url, None).await;
            url = match next {
                Some(next) => next,
                None if page.contains("value=\"login\"") => {
                    self.ask(&url, Some(&format!("prompt=login&login={who}&password=x"))).await.0.unwrap()
                }
                None => self.ask(&url, Some("prompt=consent")).await.0.unwrap_or_else(|| panic!("{page}")),
            };
        }
        panic!("it goes round in circles at {url}");
    }
}

fn described(real: &Real) -> serde_json::Value {
    json!({
        "name": "Certified", "issuer": real.issuer, "client_id": "legator",
        "client_secret": "hush-hush-hush-hush-hush-hush-32", "scopes": ["openid", "email", "profile", "groups"],
        "roles": { "idp-admins": "administrator", "idp-ops": "operator" }, "groups": { "*": "*" },
    })
}

#[tokio::test]
async fn who_signs_out_at_a_certified_provider_is_signed_out_here_and_was_of_the_tenant_that_it_gave() {
    let world = World::start().await;
    world.tenant("blue").await;
    let real = Real::start(&world.base());
    let mut described = described(&real);
    described["grants"] = json!({ "idp-ops": ["tenant:blue"] });
    world.admin().put("/api/v1/auth/providers/real", described).await.ok();
    let (mut there, mut elsewhere) = (There::new(), There::new());
    let (mut here, mut other) = (Traveller::new(&world), Traveller::new(&world));
    for (here, there, who) in [(&mut here, &mut there, "ana"), (&mut other, &mut elsewhere, "ben")] {
        let address = here.leave(&world, "real").await;
        let back = there.agree(&address, &real.issuer, who).await;
        assert_eq!(here.step(&back).await, "/fleet?q=a");
    }
    let id = here.me().await.is(200)["id"].as_str().unwrap().to_owned();
    let seen = world.admin().get(&format!("/api/v1/users/{id}")).await.is(200);
    assert_eq!(seen["grants"], json!(["tenant:blue"]));
    // Its own page for signing out, and the button on it.
    let url = Url::parse(&format!("{}/session/end", real.issuer)).unwrap();
    let (_, page) = there.ask(&url, None).await;
    let secret = page.split("name=\"xsrf\" value=\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    let form = format!("xsrf={}&logout=yes", secret.split('"').next().unwrap());
    there.ask(&url.join("/session/end/confirm").unwrap(), Some(&form)).await;
    here.me().await.problem("unauthenticated");
    other.me().await.is(200);
    let refused = world.entries("logout.refused").await;
    assert!(refused.is_empty(), "{refused:?}");
    world.end().await;
}

#[tokio::test]
async fn a_certified_provider_lets_people_in_and_out() {
    let world = World::start().await;
    let real = Real::start(&world.base());
    world.admin().put("/api/v1/auth/providers/real", described(&real)).await.ok();
    let checked = world.admin().post("/api/v1/auth/providers/real/check", json!({})).await.is(200);
    assert_eq!((&checked["good"], &checked["pkce"], &checked["signs_out"]), (&json!(true), &json!(true), &json!(true)));
    for (who, role, group) in [("ana", "operator", "idp-ops"), ("ben", "administrator", "idp-admins")] {
        let mut here = Traveller::new(&world);
        let mut there = There::new();
        let address = here.leave(&world, "real").await;
        let back = there.agree(&address, &real.issuer, who).await;
        assert!(back.contains("iss="), "the provider names itself, and that is looked at: {back}");
        assert_eq!(here.step(&back).await, "/fleet?q=a");
        let me = here.me().await.is(200);
        assert_eq!((&me["name"], &me["roles"], &me["groups"]), (&json!(who), &json!([role]), &json!([group])));
        // The same answer again is nothing, here and there.
        assert_eq!(here.step(&back).await, "/sign-in?refused=expired");
        // An answer without the provider's name is not taken from one that says that it gives it.
        let address = here.leave(&world, "real").await;
        let back = there.agree(&address, &real.issuer, who).await;
        let nameless = back.split("&iss=").next().unwrap();
        assert_eq!(here.step(nameless).await, "/sign-in?refused=refused");
    }
    assert_eq!(world.entries("person.added").await.len(), 3);
    world.end().await;
}
