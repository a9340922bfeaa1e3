//! The second step of a sign-in: the code of an authenticator app, which is set up here if there is none.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::form::read;
use super::layout::{Desk, desk_page, with_status};
use super::session::to_sign_in;
use super::sign_in::enter;
use crate::membership::in_utc;
use crate::staff::{self, Drawing, SecondStep, Token};
use crate::web::cookies::CookieKind;
use crate::web::error::WebError;
use crate::web::site::Site;

/// The sentence about a wrong code.
const WRONG: &str = "This code is not right. Each code works for half a minute, and once. Type the next one.";

#[derive(Template)]
#[template(path = "desk/second.html")]
struct SecondPage<'a> {
    desk: Desk<'a>,
    step: &'a SecondStep,
    problem: Option<&'a str>,
}

impl SecondPage<'_> {
    fn drawing(&self) -> Option<Drawing> {
        let key = self.step.new_key.as_ref()?;
        Drawing::of(&key.address(&self.step.address))
    }

    fn clock(&self) -> String {
        in_utc(self.step.now)
    }
}

/// Shows the form for the code, with the key if an app has to be set up.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, WebError> {
    form(&site, &headers, None).await
}

/// Signs in with the code.
pub async fn take(State(site): State<Arc<Site>>, request: Request) -> Result<Response, WebError> {
    let headers = request.headers().clone();
    let typed = read(request).await?;
    let Some(token) = token(&site, &headers) else {
        return Ok(to_sign_in());
    };
    let code = typed.get("code").map_or("", String::as_str);
    let entered = staff::pass_second_step(&site.pool, &site.desk_emails, &token, code).await;
    match entered.map_err(WebError::Unavailable)? {
        Some(entered) => {
            site.outbox.wake();
            enter(&site, &headers, &entered).await
        }
        None => form(&site, &headers, Some(WRONG)).await,
    }
}

async fn form(site: &Site, headers: &HeaderMap, problem: Option<&str>) -> Result<Response, WebError> {
    let Some(step) = find(site, headers).await? else {
        return Ok(to_sign_in().into_response());
    };
    let desk = Desk::signed_out();
    let step = &step;
    let page = desk_page(&SecondPage { desk, step, problem })?;
    Ok(match problem {
        Some(_) => with_status(StatusCode::UNPROCESSABLE_ENTITY, page),
        None => page,
    })
}

async fn find(site: &Site, headers: &HeaderMap) -> Result<Option<SecondStep>, WebError> {
    let Some(token) = token(site, headers) else {
        return Ok(None);
    };
    let mut session = site.pool.session().await?;
    let step = staff::second_step(&mut session, &token).await?;
    session.end().await?;
    Ok(step)
}

fn token(site: &Site, headers: &HeaderMap) -> Option<Token> {
    let value = site.cookies.value(headers, CookieKind::Second)?;
    Token::parse(&value)
}
