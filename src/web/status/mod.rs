//! The page of an application for its applicant, in the language of the application: the receipt, then where it stands, and
//! what the applicant can do. Its address has no language, so that a link to it stays right when the language changes. It
//! names no person and shows no answer.

mod change;
mod change_link;
mod domain;
mod forms;
mod found;
mod language;
mod message;
mod moved;
mod page;
mod receipt;
mod secret;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::error::WebError;
use super::site::Site;
use crate::membership::review;
use crate::web::time_limit::with_time_limit;
pub use change::{post, return_to};
pub use change_link::ask_for_link;
pub use domain::{post_domain, return_to_domain, show_domain};
pub use language::{change_language, return_to as return_from_language};
pub use message::{Message, message_page};
use secret::parse;
pub use secret::{redirect_to, with_secret_headers};

/// Shows the page at a secret address. Search engines do not index it, and no other site learns its address.
pub async fn show(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    let finding = async {
        let mut session = site.pool.session().await?;
        review::standing(&mut session, secret).await
    };
    let standing = with_time_limit(finding).await?;
    let Some(standing) = standing else {
        return moved::moved(&site, secret, None).await;
    };
    page::page(&site, StatusCode::OK, &standing, secret, None).await
}
