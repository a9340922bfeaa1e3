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
use crate::staff::{self, LogLine, LogPage, Role};
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
struct LogTemplate<'a> {
    desk: Desk<'a>,
    page: LogPage,
}

impl LogTemplate<'_> {
    /// Returns the words for an action.
    fn what(line: &LogLine) -> &'static str {
        match line.action.as_str() {
            "sign-in" => "Signed in",
            "sign-in-link" => "Printed a link to sign in",
            "sign-out" => "Signed out",
            "second-factor" => "Gave a code of the app",
            "second-factor-set" => "Set up an authenticator app",
            "end-own-sessions" => "Ended other sessions of their own",
            "add" => "Added an account",
            "role" => "Changed a role",
            "address" => "Changed an address",
            "disable" => "Disabled an account",
            "enable" => "Enabled an account",
            "forget" => "Erased name and address of an account",
            "end-sessions" => "Signed somebody out everywhere",
            "reset-second-factor" => "Removed an authenticator app",
            "export" => "Downloaded all applications",
            "send-link" => "Sent the link to the status page again",
            "state-conflict" => "Stated a conflict of interest",
            "take-back-conflict" => "Took back a conflict of interest",
            "staff" => "Opened the page of staff",
            "log" => "Opened the log",
            // What was refused on the page of an application.
            _ => "Acted on an application",
        }
    }
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
    let mut session = site.pool.transaction().await?;
    let hidden = hidden_from(&mut session, &member.staff).await?;
    let page = staff::log_lines(&mut *session, place.before.parse().ok(), &hidden).await?;
    session.end().await?;
    let desk = Desk::new(&member);
    desk_page(&LogTemplate { desk, page })
}
