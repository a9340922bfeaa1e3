//! The site itself: what was set, whether it answers here, and whether the world reaches it.

use axum::body::Body;
use axum::http::{StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::{Finding, PATIENCE, Verdict};
use crate::error_chain;
use crate::settings::Settings;

const SETTINGS: &str = "Settings";
const SITE: &str = "Site";
const PUBLIC: &str = "Public address";

/// What `/health/live` says.
const LIVE: &str = "live\n";

/// How what `/health/ready` says begins.
const READY: &str = "ready\n";
const NOT_READY: &str = "not ready";

/// How its line begins that counts posts whose client a proxy did not name.
const UNNAMED: &str = "posts without a client's address: ";

/// Settings that can be used and may not be meant.
pub(super) fn settings(settings: &Settings) -> Vec<Finding> {
    let address = &settings.public_url;
    let is_public = address.starts_with("https:");
    let doubts = [
        (
            !is_public,
            format!("the site takes {address} for its address, and links in mails lead there."),
            "Set NPOC_PUBLIC_URL to the https address of the site.",
        ),
        (
            // The site itself speaks no TLS.
            is_public && settings.trusted_proxies.is_empty(),
            "no proxy is trusted, so all visitors count as one and share one limit.".into(),
            "Set NPOC_TRUSTED_PROXIES, to 127.0.0.1,::1 for a proxy on this machine.",
        ),
        (
            settings.rate_limit == 0,
            "nothing limits how many applications one client sends.".into(),
            "Leave NPOC_RATE_LIMIT out, unless that is meant.",
        ),
    ];
    let doubts = doubts.into_iter().filter(|(is_so, ..)| *is_so);
    let doubts = doubts.map(|(_, says, advice)| Finding::doubtful(SETTINGS, says, advice));
    std::iter::once(Finding::good(SETTINGS, "all can be used."))
        .chain(doubts)
        .collect()
}

/// Whether it answers, here and to the world.
pub(super) async fn answers(settings: &Settings) -> Vec<Finding> {
    let mut findings = here(settings).await;
    if settings.public_url == local(settings) {
        return findings;
    }
    let public = public(settings).await;
    let is_reached = public.verdict == Verdict::Good;
    findings.push(public);
    if is_reached && let Some(address) = without_tls(&settings.public_url) {
        findings.push(redirect(&address).await);
    }
    findings
}

fn local(settings: &Settings) -> String {
    format!("http://{}", settings.listen)
}

async fn here(settings: &Settings) -> Vec<Finding> {
    let address = local(settings);
    let answer = get(&format!("{address}/health/ready")).await;
    let unnamed = answer.as_ref().ok().and_then(|answer| unnamed(&answer.body));
    std::iter::once(is_ready(&address, answer)).chain(unnamed).collect()
}

/// What the site has seen of its proxies since it was started.
fn unnamed(ready: &str) -> Option<Finding> {
    let posts = ready.lines().find_map(|line| line.strip_prefix(UNNAMED))?;
    let posts: u64 = posts.parse().ok()?;
    Some(Finding::doubtful(
        SITE,
        format!(
            "a proxy did not say from which address a post came, so NPOC_RATE_LIMIT did not hold for it; posts since the start: {posts}."
        ),
        "Have the proxy put X-Forwarded-For into each request, with its client's address (nginx: proxy_set_header \
         X-Forwarded-For $remote_addr), or take it out of NPOC_TRUSTED_PROXIES.",
    ))
}

fn is_ready(address: &str, answer: Result<Answer, String>) -> Finding {
    match answer {
        Ok(answer) if answer.body.starts_with(READY) => Finding::good(SITE, format!("it is ready at {address}.")),
        Ok(answer) if answer.body.starts_with(NOT_READY) => Finding::bad(
            SITE,
            format!("it runs at {address} and cannot reach its database."),
            "See what is said of the database above.",
        ),
        Ok(answer) => Finding::bad(
            SITE,
            format!("something else answers at {address}: {}.", answer.status),
            "Look who listens there (sudo ss -ltnp), and at NPOC_LISTEN.",
        ),
        Err(why) => Finding::bad(
            SITE,
            format!("nothing answers at {address}: {why}."),
            "Start it (sudo systemctl start npoc), and look at its log (sudo journalctl -u npoc).",
        ),
    }
}

async fn public(settings: &Settings) -> Finding {
    let address = &settings.public_url;
    match get(&format!("{address}/health/live")).await {
        Ok(answer) if answer.status == StatusCode::OK && answer.body == LIVE => {
            Finding::good(PUBLIC, format!("{address} leads to the site."))
        }
        Ok(answer) => Finding::bad(
            PUBLIC,
            format!("{address} answers, but not with this site: {}.", answer.status),
            "Look at the proxy: where it passes requests on to, and for which name.",
        ),
        Err(why) => Finding::bad(
            PUBLIC,
            format!("{address} cannot be reached from here: {why}."),
            "Look at its A and AAAA records, the firewall (80 and 443), the proxy, and its certificate, \
             which takes a minute to come at first. A machine behind NAT may not reach itself by its public name; then look from outside.",
        ),
    }
}

/// Where somebody comes to who types the name alone, if the site has TLS.
fn without_tls(public_url: &str) -> Option<String> {
    let url = Url::parse(public_url).ok().filter(|url| url.scheme() == "https")?;
    url.host().map(|host| format!("http://{host}"))
}

async fn redirect(address: &str) -> Finding {
    match get(address).await {
        Ok(answer) if answer.status.is_redirection() && answer.location.starts_with("https://") => {
            Finding::good(PUBLIC, format!("{address} leads to https."))
        }
        _ => Finding::doubtful(
            PUBLIC,
            format!("{address} does not lead to https."),
            "Have the proxy answer there with a redirect (301).",
        ),
    }
}

struct Answer {
    status: StatusCode,
    location: String,
    body: String,
}

/// One page, as anybody gets it; or why not.
async fn get(address: &str) -> Result<Answer, String> {
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    match asked {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error_chain(error.as_ref())),
        Err(_) => Err("no answer came".into()),
    }
}

async fn ask(address: &str) -> anyhow::Result<Answer> {
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let response = client.get(address.parse::<Uri>()?).await?;
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let (status, location) = (response.status(), location.unwrap_or_default().to_owned());
    let body = Limited::new(response.into_body(), 64 * 1024).collect().await;
    let body = body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec());
    Ok(Answer {
        status,
        location,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
