//! The receipt of an application, in the language of the application. Its address has no language, so that a link to it
//! stays right when the language changes.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::error::WebError;
use super::layout::{Layout, Page, private_page};
use super::origin::is_cross_site;
use super::site::Site;
use crate::database::within;
use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::locale::{Element, Language, Words, date_and_time};
use crate::membership::{self, Status, words};
use crate::outbox::{self, Confirmation};

/// How long the database may take to find a receipt, or to change its language.
const RECEIPT_LIMIT: Duration = Duration::from_secs(9);

/// The most octets of a form that chooses a language.
const LONGEST_CHOICE: usize = 1024;

#[derive(Template)]
#[template(path = "membership/received.html")]
struct ReceiptPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    receipt: &'a Status,
    secret: Uuid,
    confirmation: Confirmation,
}

impl ReceiptPage<'_> {
    fn received(&self) -> String {
        self.words
            .status_received(&date_and_time(self.words, self.receipt.received_at))
    }
}

/// Shows the receipt at a secret address. It contains no personal data. Search engines do not index it, and no other site
/// learns its address.
pub async fn show(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    let (receipt, confirmation) = with_time_limit(find(&site, secret)).await?.ok_or(WebError::NotFound)?;
    let layout = Layout::unlisted(&site.info, receipt.language);
    let page = ReceiptPage {
        layout,
        words: layout.words,
        receipt: &receipt,
        secret,
        confirmation,
    };
    Ok(with_secret_headers(private_page(
        StatusCode::OK,
        receipt.language,
        page.render()?,
    )))
}

/// Changes the language of an application.
pub async fn change_language(
    State(site): State<Arc<Site>>,
    Path(secret): Path<String>,
    request: Request,
) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    if !is_urlencoded(request.headers()) {
        return Err(WebError::UnsupportedMediaType);
    }
    if is_encoded(request.headers()) {
        return Err(WebError::Compressed);
    }
    let is_foreign = is_cross_site(request.headers(), &site.info.public_url, false);
    let Ok(body) = to_bytes(request.into_body(), LONGEST_CHOICE).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let chosen = chosen(&body).filter(|language| site.info.languages.contains(language) && !is_foreign);
    if let Some(language) = chosen
        && !with_time_limit(store_language(&site, secret, language)).await?
    {
        return Err(WebError::NotFound);
    }
    Ok(redirect_to(secret))
}

/// Redirects a reader who loads the address of the form for the language.
pub async fn return_to(Path(secret): Path<String>) -> Result<Response, WebError> {
    Ok(redirect_to(parse(&secret)?))
}

/// Redirects to the receipt with this secret.
pub fn redirect_to(secret: Uuid) -> Response {
    let location = format!("/membership/received/{secret}");
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".into())];
    with_secret_headers((StatusCode::SEE_OTHER, headers).into_response())
}

/// Returns the language that a button names.
fn chosen(body: &[u8]) -> Option<Language> {
    let mut fields = form_urlencoded::parse(body);
    let (_, code) = fields.find(|(name, _)| name == "language")?;
    Language::of_code(&code)
}

fn parse(secret: &str) -> Result<Uuid, WebError> {
    Uuid::try_parse(secret).map_err(|_| WebError::NotFound)
}

async fn with_time_limit<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T, WebError> {
    let done = within(RECEIPT_LIMIT, work).await;
    done.map_err(|error| WebError::Unavailable(error.into()))
}

/// Keeps an answer out of search engines, and its address from other sites.
fn with_secret_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Returns the status at this address, and the state of the email that confirms it.
async fn find(site: &Site, secret: Uuid) -> sqlx::Result<Option<(Status, Confirmation)>> {
    let mut session = site.pool.session().await?;
    let Some(receipt) = membership::status(&mut *session, secret).await? else {
        return Ok(None);
    };
    let confirmation = outbox::confirmation(&mut *session, &receipt.reference).await?;
    Ok(Some((receipt, confirmation)))
}

async fn store_language(site: &Site, secret: Uuid, language: Language) -> sqlx::Result<bool> {
    let mut session = site.pool.session().await?;
    let is_found = membership::set_language(&mut *session, secret, language).await?;
    session.end().await?;
    Ok(is_found)
}
