//! A member's own account: sessions, digest, authenticator app.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::form::read;
use super::fresh;
use super::layout::{Desk, desk_page};
use super::session::{Member, to_sign_in};
use super::sign_in::{SECOND, redirect};
use crate::staff::{self, DigestEvery, OwnSession};
use crate::web::cookies::CookieKind;
use crate::web::error::WebError;
use crate::web::site::Site;

#[derive(Template)]
#[template(path = "desk/me.html")]
struct MePage<'a> {
    desk: Desk<'a>,
    member: &'a Member,
    sessions: Vec<OwnSession>,
    digest: DigestEvery,
}

impl DigestEvery {
    fn label(self) -> &'static str {
        match self {
            Self::None => "Never",
            Self::Daily => "Once a day",
            Self::Weekly => "Once a week",
        }
    }
}

/// Shows the account.
pub async fn show(State(site): State<Arc<Site>>, member: Member) -> Result<Response, WebError> {
    let mut session = site.pool.transaction().await?;
    let sessions = staff::own_sessions(&mut *session, &member.session).await?;
    let digest = staff::digest_of(&mut *session, member.staff.id).await?;
    session.end().await?;
    desk_page(&MePage {
        desk: Desk::new(&member),
        member: &member,
        sessions,
        digest,
    })
}

/// Changes the account.
pub async fn post(
    State(site): State<Arc<Site>>,
    member: Member,
    Path(action): Path<String>,
    request: Request,
) -> Result<Response, WebError> {
    let typed = read(request).await?;
    let field = |name: &str| typed.get(name).map_or("", String::as_str);
    match action.as_str() {
        "end-sessions" => {
            let id = match field("session") {
                "" => None,
                id => Some(id.parse().map_err(|_| WebError::NotFound)?),
            };
            staff::end_others(&site.pool, &member.session, id).await?;
        }
        "digest" => {
            let Some(every) = DigestEvery::parse(field("digest")) else {
                return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
            };
            staff::set_digest(&site.pool, member.staff.id, every).await?;
        }
        "second-factor" => {
            if let Some(answer) = fresh::ask(&site, &member, "/desk/me/second-factor", &typed).await? {
                return Ok(answer);
            }
            let Some(step) = staff::begin_new_key(&site.pool, &member.session).await? else {
                return Ok(to_sign_in());
            };
            return Ok(redirect(SECOND, [site.cookies.set(CookieKind::Second, step.as_str())]));
        }
        _ => return Err(WebError::NotFound),
    }
    Ok(Redirect::to("/desk/me").into_response())
}
