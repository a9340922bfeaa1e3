//! Who is signed in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use crate::staff::{self, Session, StaffMember, Token};
use crate::web::cookies::CookieKind;
use crate::web::error::WebError;
use crate::web::site::Site;
use crate::web::time_limit::with_time_limit;

/// A signed-in member of the staff. A request without a session is redirected to the sign-in, and changes nothing.
#[derive(Clone, Debug)]
pub struct Member {
    /// The member, with the present role.
    pub staff: StaffMember,
    /// The session.
    pub session: Session,
}

impl Member {
    /// Logs what the member did, or was not permitted to do.
    pub async fn log(&self, site: &Site, action: &str, is_done: bool) -> Result<(), WebError> {
        let mut session = site.pool.session().await?;
        staff::log_member(&mut session, self.staff.id, action, is_done).await?;
        Ok(session.end().await?)
    }
}

impl FromRequestParts<Arc<Site>> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let value = site.cookies.value(&parts.headers, CookieKind::Session);
        let token = value.as_deref().and_then(Token::parse);
        let token = token.ok_or_else(to_sign_in)?;
        let found = with_time_limit(find(site, &token))
            .await
            .map_err(IntoResponse::into_response)?;
        let session = found.ok_or_else(to_sign_in)?;
        Ok(Self {
            staff: session.member.clone(),
            session,
        })
    }
}

async fn find(site: &Site, token: &Token) -> Result<Option<Session>, WebError> {
    let mut session = site.pool.session().await?;
    let found = staff::session(&mut session, token, site.second_factor).await?;
    session.end().await?;
    Ok(found)
}

pub(super) fn to_sign_in() -> Response {
    Redirect::to("/desk/sign-in").into_response()
}
