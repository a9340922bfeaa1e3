//! The accounts of staff, for administrators.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::application::Typed;
use super::form::read;
use super::fresh;
use super::layout::{Desk, desk_page, with_status};
use super::session::Member;
use crate::staff::{self, Account, AccountChange, Manager, NotDone, Role};
use crate::values::EmailAddress;
use crate::web::error::WebError;
use crate::web::site::Site;

/// The address of the page.
const PATH: &str = "/desk/staff";

/// The sentence about an address that cannot be one.
const NO_ADDRESS: &str = "Enter an email address, such as name@example.org";

#[derive(Template)]
#[template(path = "desk/staff.html")]
struct StaffPage<'a> {
    desk: Desk<'a>,
    accounts: Vec<Account>,
    typed: &'a Typed,
    /// The account whose change was refused; `None` if it was a new one.
    changed: Option<i64>,
    problem: Option<&'a str>,
}

impl StaffPage<'_> {
    /// Returns what was typed for a new account.
    fn typed(&self, field: &str) -> &str {
        let typed = self.typed.get(field).filter(|_| self.changed.is_none());
        typed.map_or("", String::as_str)
    }

    fn is_changed(&self, account: &Account) -> bool {
        self.changed == Some(account.id)
    }

    /// Returns the address of an account, or what was typed instead.
    fn address<'b>(&'b self, account: &'b Account) -> &'b str {
        let typed = self.typed.get("address").filter(|_| self.is_changed(account));
        typed.map_or(account.address.as_str(), String::as_str)
    }
}

/// Lists the accounts.
pub async fn show(State(site): State<Arc<Site>>, member: Member) -> Result<Response, WebError> {
    if let Some(answer) = refuse(&site, &member).await? {
        return Ok(answer);
    }
    page(&site, &member, &Typed::new(), None, None).await
}

/// Adds an account.
pub async fn add(State(site): State<Arc<Site>>, member: Member, request: Request) -> Result<Response, WebError> {
    let typed = read(request).await?;
    if let Some(answer) = refuse(&site, &member).await? {
        return Ok(answer);
    }
    if let Some(answer) = fresh::ask(&site, &member, PATH, &typed).await? {
        return Ok(answer);
    }
    let field = |name: &str| typed.get(name).map_or("", String::as_str);
    let Ok(address) = EmailAddress::parse(field("address").trim()) else {
        return page(&site, &member, &typed, None, Some(NO_ADDRESS)).await;
    };
    let Some(role) = Role::parse(field("role")) else {
        return page(&site, &member, &typed, None, Some("Select a role")).await;
    };
    let added = manager(&site, &member).add(field("name"), &address, role).await;
    answer(&site, &member, &typed, None, added).await
}

/// Changes an account.
pub async fn change(
    State(site): State<Arc<Site>>,
    member: Member,
    Path((id, action)): Path<(i64, String)>,
    request: Request,
) -> Result<Response, WebError> {
    let typed = read(request).await?;
    if let Some(answer) = refuse(&site, &member).await? {
        return Ok(answer);
    }
    let field = |name: &str| typed.get(name).map_or("", String::as_str).trim();
    let change = match action.as_str() {
        "role" => Role::parse(field("role"))
            .map(AccountChange::Role)
            .ok_or("Select a role"),
        "address" => EmailAddress::parse(field("address"))
            .map(AccountChange::Address)
            .map_err(|_| NO_ADDRESS),
        "disable" => Ok(AccountChange::Disable),
        "enable" => Ok(AccountChange::Enable),
        "forget" => Ok(AccountChange::Forget),
        "end-sessions" => Ok(AccountChange::EndSessions),
        "reset-second-factor" => Ok(AccountChange::ResetSecondFactor),
        _ => return Err(WebError::NotFound),
    };
    let change = match change {
        Ok(change) => change,
        Err(problem) => return page(&site, &member, &typed, Some(id), Some(problem)).await,
    };
    let path = format!("{PATH}/{id}/{action}");
    if let Some(answer) = fresh::ask(&site, &member, &path, &typed).await? {
        return Ok(answer);
    }
    let changed = manager(&site, &member).change(id, &change).await;
    answer(&site, &member, &typed, Some(id), changed).await
}

/// Refuses a member who is no administrator, and logs that.
async fn refuse(site: &Site, member: &Member) -> Result<Option<Response>, WebError> {
    if member.staff.role >= Role::Administrator {
        return Ok(None);
    }
    member.log(site, "staff", false).await?;
    Ok(Some(StatusCode::FORBIDDEN.into_response()))
}

fn manager<'a>(site: &'a Site, member: &Member) -> Manager<'a> {
    Manager {
        pool: &site.pool,
        emails: &site.desk_emails,
        administrator: Some(member.staff.id),
    }
}

async fn answer(
    site: &Site,
    member: &Member,
    typed: &Typed,
    changed: Option<i64>,
    done: Result<(), NotDone>,
) -> Result<Response, WebError> {
    match done {
        Ok(()) => {
            site.outbox.wake();
            Ok(Redirect::to(PATH).into_response())
        }
        Err(NotDone::NotPermitted) => {
            member.log(site, "staff", false).await?;
            Ok(StatusCode::FORBIDDEN.into_response())
        }
        Err(NotDone::Unknown) => Err(WebError::NotFound),
        Err(NotDone::Database(error)) => Err(WebError::Unavailable(error.into())),
        Err(NotDone::Email(error)) => Err(WebError::Internal(error)),
        Err(NotDone::Exists) => {
            page(
                site,
                member,
                typed,
                changed,
                Some("There is an account with this address."),
            )
            .await
        }
        Err(problem) => page(site, member, typed, changed, Some(&format!("{problem}."))).await,
    }
}

async fn page(
    site: &Site,
    member: &Member,
    typed: &Typed,
    changed: Option<i64>,
    problem: Option<&str>,
) -> Result<Response, WebError> {
    let mut session = site.pool.session().await?;
    let accounts = staff::list(&mut *session).await?;
    session.end().await?;
    let page = desk_page(&StaffPage {
        desk: Desk::new(member),
        accounts,
        typed,
        changed,
        problem,
    })?;
    Ok(match problem {
        Some(_) => with_status(StatusCode::UNPROCESSABLE_ENTITY, page),
        None => page,
    })
}
