//! Sign-in and sign-out. The browser learns nothing about an address: every request gets the same answer.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::form::read;
use super::layout::{Desk, desk_page, with_status};
use super::session::Member;
use crate::staff::{self, Asking, Entered, Known, Link, Passed, Token};
use crate::web::cookies::CookieKind;
use crate::web::error::WebError;
use crate::web::site::Site;

/// Where the code is typed.
const CONFIRM: &str = "/desk/sign-in/confirm";

/// Where the second factor is given.
pub(super) const SECOND: &str = "/desk/sign-in/second";

#[derive(Template)]
#[template(path = "desk/sign_in.html")]
struct SignInPage<'a> {
    desk: Desk<'a>,
}

#[derive(Template)]
#[template(path = "desk/code.html")]
struct CodePage<'a> {
    desk: Desk<'a>,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "desk/link.html")]
struct LinkPage<'a> {
    desk: Desk<'a>,
    link: Option<&'a Link>,
    token: &'a str,
}

/// Shows the form for the address.
pub async fn show() -> Result<Response, WebError> {
    let desk = Desk::signed_out();
    desk_page(&SignInPage { desk })
}

/// Sends a link and a code to the address, if an account has it. The answer is always the same.
pub async fn ask(State(site): State<Arc<Site>>, request: Request) -> Result<Response, WebError> {
    let (head, body) = request.into_parts();
    let client = site.proxies.client(&head);
    let headers = head.headers.clone();
    let typed = read(Request::from_parts(head, body)).await?;
    let browser = browser(&site, &headers).unwrap_or_else(Token::random);
    let known = site.cookies.value(&headers, CookieKind::Known);
    let asking = Asking {
        address: typed.get("address").map_or("", String::as_str).trim(),
        client,
        browser: &browser,
        known: known.as_deref().and_then(Known::parse),
    };
    let asked = staff::request_sign_in(&site.pool, &site.desk_emails, &asking).await;
    site.metrics.count_sign_in(asked.map_err(WebError::Unavailable)?);
    site.outbox.wake();
    let asking = site.cookies.set(CookieKind::Asking, browser.as_str());
    Ok(redirect(CONFIRM, [asking]))
}

/// Shows the form for the code.
pub async fn show_code() -> Result<Response, WebError> {
    code_page(None)
}

/// Signs in with a code, in the browser that asked for it.
pub async fn take_code(State(site): State<Arc<Site>>, request: Request) -> Result<Response, WebError> {
    let headers = request.headers().clone();
    let typed = read(request).await?;
    let code = typed.get("code").map_or("", String::as_str);
    let Some(browser) = browser(&site, &headers) else {
        return wrong("This browser did not ask to sign in, or more than ten minutes ago. Ask again.");
    };
    let passed = staff::sign_in_by_code(&site.pool, site.second_factor, code, &browser).await?;
    match passed {
        Some(passed) => go_on(&site, &headers, &passed).await,
        None => wrong("This code does not work here. Check it. After five wrong codes, ask for a new one."),
    }
}

/// Shows the button that signs in with a link. Opening the link changes nothing.
pub async fn show_link(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, WebError> {
    let browser = browser(&site, &headers);
    let link = match Token::parse(&token) {
        Some(token) => {
            let mut session = site.pool.session().await?;
            staff::link(&mut session, &token, browser.as_ref()).await?
        }
        None => None,
    };
    link_page(&token, link.as_ref())
}

/// Signs in with a link.
pub async fn take_link(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, WebError> {
    let browser = browser(&site, &headers);
    let passed = match Token::parse(&token) {
        Some(token) => staff::sign_in_by_link(&site.pool, site.second_factor, &token, browser.as_ref()).await?,
        None => None,
    };
    match passed {
        Some(passed) => go_on(&site, &headers, &passed).await,
        None => Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, link_page(&token, None)?)),
    }
}

/// Ends the session, and removes its cookie.
pub async fn sign_out(State(site): State<Arc<Site>>, member: Member) -> Result<Response, WebError> {
    let mut session = site.pool.transaction().await?;
    staff::end_session(&mut session, &member.session).await?;
    session.end().await?;
    Ok(redirect(
        "/desk/sign-in",
        [
            site.cookies.remove(CookieKind::Session),
            site.cookies.remove(CookieKind::Second),
        ],
    ))
}

/// Goes on after the first factor: to the second one, or to the desk.
async fn go_on(site: &Site, headers: &HeaderMap, passed: &Passed) -> Result<Response, WebError> {
    match passed {
        Passed::In(entered) => enter(site, headers, entered).await,
        Passed::Second(token) => Ok(redirect(
            SECOND,
            [
                site.cookies.set(CookieKind::Second, token.as_str()),
                site.cookies.remove(CookieKind::Asking),
            ],
        )),
    }
}

/// Sets the cookies of a browser that has just signed in, and ends the session that it had.
pub(super) async fn enter(site: &Site, headers: &HeaderMap, entered: &Entered) -> Result<Response, WebError> {
    let cookies = site.cookies;
    if let Some(old) = cookies
        .value(headers, CookieKind::Session)
        .as_deref()
        .and_then(Token::parse)
    {
        let mut session = site.pool.session().await?;
        staff::end_replaced(&mut *session, &old).await?;
        session.end().await?;
    }
    Ok(redirect(
        "/desk",
        [
            cookies.set(CookieKind::Session, entered.session.as_str()),
            cookies.set(CookieKind::Known, &entered.known.text()),
            cookies.remove(CookieKind::Asking),
            cookies.remove(CookieKind::Second),
        ],
    ))
}

pub(super) fn redirect<const COUNT: usize>(to: &str, cookies: [Option<HeaderValue>; COUNT]) -> Response {
    let mut response = Redirect::to(to).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Returns the token of a browser that asked to sign in.
fn browser(site: &Site, headers: &HeaderMap) -> Option<Token> {
    let value = site.cookies.value(headers, CookieKind::Asking)?;
    Token::parse(&value)
}

fn code_page(problem: Option<&str>) -> Result<Response, WebError> {
    let desk = Desk::signed_out();
    desk_page(&CodePage { desk, problem })
}

fn wrong(problem: &str) -> Result<Response, WebError> {
    Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, code_page(Some(problem))?))
}

fn link_page(token: &str, link: Option<&Link>) -> Result<Response, WebError> {
    let desk = Desk::signed_out();
    let link = link.filter(|link| link.is_for_this_browser);
    desk_page(&LinkPage { desk, link, token })
}
