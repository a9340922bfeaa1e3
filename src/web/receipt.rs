//! The receipt of an application.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use uuid::Uuid;

use super::error::WebError;
use super::layout::{Layout, private_page};
use super::site::Site;
use crate::database::within;
use crate::membership::{self, Receipt, in_utc, words};
use crate::outbox::{self, Confirmation};

/// How long the database may take to find a receipt.
const RECEIPT_LIMIT: Duration = Duration::from_secs(9);

#[derive(Template)]
#[template(path = "membership/received.html")]
struct ReceiptPage<'a> {
    layout: Layout<'a>,
    receipt: &'a Receipt,
    confirmation: Confirmation,
}

impl ReceiptPage<'_> {
    fn received_at(&self) -> String {
        in_utc(self.receipt.received_at)
    }
}

/// Shows the receipt at a secret address. It contains no personal data. Search engines do not index it, and no other site
/// learns its address.
pub async fn show(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Result<Response, WebError> {
    let secret = Uuid::try_parse(&secret).map_err(|_| WebError::NotFound)?;
    let found = within(RECEIPT_LIMIT, find(&site, secret)).await;
    let found = found.map_err(|error| WebError::Unavailable(error.into()))?;
    let (receipt, confirmation) = found.ok_or(WebError::NotFound)?;
    let page = ReceiptPage {
        layout: Layout::unlisted(&site.info),
        receipt: &receipt,
        confirmation,
    };
    let mut response = private_page(StatusCode::OK, page.render()?);
    let headers = response.headers_mut();
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Returns the receipt at this address, and the state of the email that confirms it.
async fn find(site: &Site, secret: Uuid) -> sqlx::Result<Option<(Receipt, Confirmation)>> {
    let mut session = site.pool.session().await?;
    let Some(receipt) = membership::receipt(&mut *session, secret).await? else {
        return Ok(None);
    };
    let confirmation = outbox::confirmation(&mut *session, &receipt.reference).await?;
    Ok(Some((receipt, confirmation)))
}
