//! The log of the desk, for administrators.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::layout::{Desk, desk_page};
use super::list::hidden_from;
use super::session::Member;
use crate::staff::{self, LogLine, Role};
use crate::web::error::WebError;
use crate::web::site::Site;

/// Where the page begins, as its address has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Place {
    before: String,
}

#[derive(Template)]
#[template(path = "desk/log.html")]
struct LogPage<'a> {
    desk: Desk<'a>,
    lines: Vec<LogLine>,
}

/// Shows a page of the log.
pub async fn show(
    State(site): State<Arc<Site>>,
    member: Member,
    Query(place): Query<Place>,
) -> Result<Response, WebError> {
    if member.staff.role < Role::Administrator {
        member.log(&site, "log", false).await?;
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let unavailable = |error: sqlx::Error| WebError::Unavailable(error.into());
    let mut session = site.pool.transaction().await.map_err(unavailable)?;
    let hidden = hidden_from(&mut session, &member.staff).await?;
    let lines = staff::log_lines(&mut *session, place.before.parse().ok(), &hidden)
        .await
        .map_err(unavailable)?;
    session.end().await.map_err(unavailable)?;
    let desk = Desk::new(&member);
    desk_page(&LogPage { desk, lines })
}
