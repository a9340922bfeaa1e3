//! Asks a member again for a proof, before an export or a change of accounts.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::application::Typed;
use super::layout::{Desk, desk_page, with_status};
use super::session::{Member, to_sign_in};
use crate::staff::{self, Confirmed};
use crate::web::error::WebError;
use crate::web::site::Site;

/// The field of the code. Everything else in the form is what the member wants to do.
const CODE: &str = "confirm_code";

#[derive(Template)]
#[template(path = "desk/fresh.html")]
struct FreshPage<'a> {
    desk: Desk<'a>,
    member: &'a Member,
    /// Where the form goes, and its other fields.
    path: &'a str,
    typed: Vec<(&'a str, &'a str)>,
    is_wrong: bool,
}

/// Returns the answer that asks for a proof; `None` if the member gave one in the last 15 minutes, or gives it now.
pub async fn ask(site: &Site, member: &Member, path: &str, typed: &Typed) -> Result<Option<Response>, WebError> {
    if member.session.is_fresh {
        return Ok(None);
    }
    let code = typed.get(CODE).filter(|_| member.session.has_app);
    let Some(code) = code else {
        let page = page(member, path, typed, false)?;
        return Ok(Some(with_status(StatusCode::FORBIDDEN, page)));
    };
    let confirmed = staff::confirm(&site.pool, &member.session, code).await;
    match confirmed? {
        Confirmed::Yes => Ok(None),
        Confirmed::Ended => Ok(Some(to_sign_in())),
        Confirmed::No => {
            let page = page(member, path, typed, true)?;
            Ok(Some(with_status(StatusCode::UNPROCESSABLE_ENTITY, page)))
        }
    }
}

fn page(member: &Member, path: &str, typed: &Typed, is_wrong: bool) -> Result<Response, WebError> {
    let fields = typed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    desk_page(&FreshPage {
        desk: Desk::new(member),
        member,
        path,
        typed: fields.filter(|(name, _)| *name != CODE).collect(),
        is_wrong,
    })
}
