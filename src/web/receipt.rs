//! The receipt of an application, in the language of the application. Its address has no language, so that a link to it
//! stays right when the language changes.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::error::WebError;
use super::layout::{Layout, Page, private_page};
use super::origin::is_cross_site;
use super::site::Site;
use crate::database::within;
use crate::locale::{Element, Language, Words, date_and_time};
use crate::membership::{self, Status, words};
use crate::outbox::{self, Confirmation};

/// How long the database may take to find a receipt, or to change its language.
const RECEIPT_LIMIT: Duration = Duration::from_secs(9);

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
    let (receipt, confirmation) = in_time(find(&site, secret)).await?.ok_or(WebError::NotFound)?;
    let layout = Layout::unlisted(&site.info, receipt.language);
    let page = ReceiptPage {
        layout,
        words: layout.words,
        receipt: &receipt,
        secret,
        confirmation,
    };
    Ok(secretly(private_page(StatusCode::OK, receipt.language, page.render()?)))
}

/// Changes the language of an application, and of later emails to its applicant.
pub async fn change_language(
    State(site): State<Arc<Site>>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    let chosen = form_urlencoded::parse(&body).find(|(name, _)| name == "language");
    let chosen = chosen.and_then(|(_, code)| Language::of_code(&code));
    let language = chosen.filter(|language| site.info.languages.contains(language));
    let language = language.filter(|_| !is_cross_site(&headers, &site.info.public_url, false));
    if let Some(language) = language {
        let is_found = in_time(membership_language(&site, secret, language)).await?;
        is_found.then_some(()).ok_or(WebError::NotFound)?;
    }
    let location = format!("/membership/received/{secret}");
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".into())];
    Ok(secretly((StatusCode::SEE_OTHER, headers).into_response()))
}

fn parse(secret: &str) -> Result<Uuid, WebError> {
    Uuid::try_parse(secret).map_err(|_| WebError::NotFound)
}

async fn in_time<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T, WebError> {
    let done = within(RECEIPT_LIMIT, work).await;
    done.map_err(|error| WebError::Unavailable(error.into()))
}

/// Keeps an answer out of search engines, and its address from other sites.
fn secretly(mut response: Response) -> Response {
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

async fn membership_language(site: &Site, secret: Uuid, language: Language) -> sqlx::Result<bool> {
    let mut session = site.pool.session().await?;
    let is_found = membership::set_language(&mut *session, secret, language).await?;
    session.end().await?;
    Ok(is_found)
}
