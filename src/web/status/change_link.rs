//! Asks for a link to correct the answers. The page shows no address: anybody may have its own.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::message::{Message, message_page};
use super::secret::{parse, redirect_to};
use crate::locale::{Element, Language, Words};
use crate::membership::review::{self, LinkAsked, NotChanged};
use crate::web::error::WebError;
use crate::web::origin::is_cross_site;
use crate::web::site::Site;
use crate::web::time_limit::with_time_limit;

/// Sends a link to correct the answers. A form from another site is shown the page of the application.
pub async fn ask_for_link(
    State(site): State<Arc<Site>>,
    Path(secret): Path<String>,
    request: Request,
) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    if is_cross_site(request.headers(), &site.info.public_url, false) {
        return Ok(redirect_to(secret));
    }
    let language = with_time_limit(language(&site, secret)).await?;
    let language = language.ok_or(WebError::NotFound)?;
    match with_time_limit(review::ask_for_link(&site.pool, &site.review, secret)).await {
        Ok(asked) => {
            site.outbox.wake();
            page(&site, secret, language, asked)
        }
        Err(NotChanged::NotFound) => Err(WebError::NotFound),
        Err(NotChanged::Refused(_)) => Ok(redirect_to(secret)),
        Err(NotChanged::Database(error)) => Err(error.into()),
        Err(NotChanged::Email(error)) => Err(error.into()),
    }
}

async fn language(site: &Site, secret: Uuid) -> sqlx::Result<Option<Language>> {
    let mut session = site.pool.session().await?;
    let standing = review::standing(&mut session, secret).await?;
    Ok(standing.map(|standing| standing.language))
}

fn page(site: &Site, secret: Uuid, language: Language, asked: LinkAsked) -> Result<Response, WebError> {
    let words = Words::of(language);
    let (status, heading, text) = match asked {
        LinkAsked::Sent => (StatusCode::OK, words.change_sent_heading, words.change_sent_text.into()),
        LinkAsked::Limited => (
            StatusCode::TOO_MANY_REQUESTS,
            words.change_limited_heading,
            words.change_limited_text(Element::mail()),
        ),
        LinkAsked::Unreachable => (
            StatusCode::CONFLICT,
            words.change_unreachable_heading,
            words.change_unreachable_text(Element::mail()),
        ),
    };
    message_page(site, status, language, Message::new(heading, text, Some(secret)))
}
