//! The layout of the pages of the desk.

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::session::Member;
use crate::staff::StaffMember;
use crate::web::error::WebError;
use crate::web::headers::content_security_policy;

/// The style sheet: that of the site and `static/desk.css`, without comments and spaces.
pub const DESK_STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/desk.css"));

/// The policy of the pages of the desk, with the hash of their style sheet.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| content_security_policy(DESK_STYLE).parse().ok());

/// The values of the template of the desk.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The style sheet.
    pub css: &'static str,
    /// Who is signed in.
    pub member: Option<&'a StaffMember>,
}

#[derive(Template)]
#[template(path = "desk/error.html")]
struct ErrorPage<'a> {
    desk: Desk<'a>,
    heading: &'a str,
    text: &'a str,
}

impl<'a> Desk<'a> {
    /// Builds the layout of a page for a member.
    pub fn new(member: &'a Member) -> Self {
        Self {
            member: Some(&member.staff),
            ..Self::signed_out()
        }
    }

    /// Builds the layout of a page for somebody who is not signed in.
    pub fn signed_out() -> Self {
        Self {
            css: DESK_STYLE,
            member: None,
        }
    }
}

/// Renders a page of the desk.
pub fn desk_page(page: &impl Template) -> Result<Response, WebError> {
    let mut response = Html(page.render()?).into_response();
    if let Some(policy) = &*POLICY {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
        .headers_mut()
        .insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    Ok(response)
}

/// Returns the response with another status.
pub fn with_status(status: StatusCode, mut response: Response) -> Response {
    *response.status_mut() = status;
    response
}

/// Answers with a page that says why something is not possible.
pub fn error_page(status: StatusCode, heading: &str, text: &str) -> Result<Response, WebError> {
    let desk = Desk::signed_out();
    let page = ErrorPage { desk, heading, text };
    Ok(with_status(status, desk_page(&page)?))
}
