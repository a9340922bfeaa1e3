//! The receipt: the page of an application that nobody has begun to review.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::forms::Forms;
use crate::locale::{Element, Language, Words, date_and_time};
use crate::membership::{self, Status, words};
use crate::outbox::{self, Confirmation};
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::site::Site;
use crate::web::time_limit::with_time_limit;

#[derive(Template)]
#[template(path = "membership/received.html")]
struct ReceiptPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    receipt: &'a Status,
    secret: Uuid,
    confirmation: Confirmation,
    forms: Forms,
}

impl ReceiptPage<'_> {
    fn received(&self) -> String {
        self.words
            .status_received(&date_and_time(self.words, self.receipt.received_at))
    }
}

/// Renders the receipt. It contains no personal data.
pub async fn receipt(site: &Site, status: StatusCode, secret: Uuid, forms: Forms) -> Result<Response, WebError> {
    let found = with_time_limit(find(site, secret)).await?;
    let (receipt, confirmation) = found.ok_or(WebError::NotFound)?;
    let layout = Layout::unlisted(&site.info, receipt.language);
    let page = ReceiptPage {
        layout,
        words: layout.words,
        receipt: &receipt,
        secret,
        confirmation,
        forms,
    };
    Ok(private_page(status, receipt.language, page.render()?))
}

/// Returns the status at this address, and the state of the email that confirms it.
async fn find(site: &Site, secret: Uuid) -> sqlx::Result<Option<(Status, Confirmation)>> {
    let mut session = site.pool.session().await?;
    let Some(receipt) = membership::status(&mut *session, secret).await? else {
        return Ok(None);
    };
    let confirmation = outbox::confirmation(&mut *session, &receipt.reference, &receipt.representative).await?;
    Ok(Some((receipt, confirmation)))
}
